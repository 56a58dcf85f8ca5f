"""What LightGBM itself says of a booster: how far each column moves a row's log-odds, and what splits on it gained."""

from __future__ import annotations

import lightgbm
import numpy as np
from numpy.typing import NDArray

from pixelgbm.errors import ModelError
from pixelgbm.forest import Trees

__all__ = ["contributions", "gains"]


def contributions(trees: Trees, rows: NDArray[np.uint8], *, threads: int = 1) -> NDArray[np.float64]:
    """TreeSHAP values, in log-odds, which add up to the log-odds of the row.

    rows: (n, columns) uint8 in the order of `trees.columns`. Returns (n, columns + 1) float64; the last column is the
    base, what the booster expects of a row it knows nothing of. Some milliseconds a row. Raises ModelError when
    LightGBM refuses the booster.

    Notes
    -----
    Lundberg et al. 2020, doi:10.1038/s42256-019-0138-9, in the form that follows the trees' own counts of rows.
    """
    if not len(rows):  # which LightGBM refuses
        return np.zeros((0, len(trees.columns) + 1))
    found = _booster(trees).predict(rows.astype(np.float64), pred_contrib=True, num_threads=threads)
    return np.asarray(found, dtype=np.float64).reshape(len(rows), len(trees.columns) + 1) * trees.sigmoid


def gains(trees: Trees) -> NDArray[np.float64]:
    """(columns,) float64: how much the loss fell, in training, by the splits on each column."""
    return np.asarray(_booster(trees).feature_importance("gain"), dtype=np.float64)


def _booster(trees: Trees) -> lightgbm.Booster:
    try:
        return lightgbm.Booster(model_str=trees.to_text())
    except lightgbm.basic.LightGBMError as error:
        raise ModelError(f"LightGBM refuses a booster of the model: {str(error).splitlines()[0]}") from None
