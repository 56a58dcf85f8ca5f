"""Growing one LightGBM booster, the same bytes every time: the only place that imports lightgbm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

from pixelgbm.config import BoosterConfig

__all__ = ["grow"]


class _Rows(lightgbm.Sequence):  # type: ignore[misc]
    """Rows of a matrix for LightGBM, converted batch by batch: no float copy of the whole matrix exists."""

    batch_size = 65536

    def __init__(self, matrix: NDArray[Any], index: NDArray[np.intp]) -> None:
        self.matrix, self.index = matrix, index

    def __len__(self) -> int:
        return int(self.index.size)

    def __getitem__(self, key: Any) -> NDArray[np.float64]:
        return self.matrix[self.index[key]].astype(np.float64)


def grow(
    matrix: NDArray[Any],
    labels: NDArray[np.float32],
    weights: NDArray[np.float32],
    *,
    index: NDArray[np.intp],
    names: Sequence[str],
    config: BoosterConfig,
    seed: int,
    trees: int | None = None,
) -> str:
    """Train on the rows `index` of `matrix` and return LightGBM's text model.

    matrix: (n, columns) of any real type, read in the order of `index`, which must be canonical.
    labels: (n,) in 0..1, so soft truth is used as it is (objective `cross_entropy`). Bytes get one bin
    per value (`max_bin` 256, `min_data_in_bin` 1): the trees split the very values prediction sees.
    """
    parameters = {
        "objective": "cross_entropy",
        "metric": "none",
        "num_leaves": config.num_leaves,
        "learning_rate": config.learning_rate,
        "min_data_in_leaf": config.min_data_in_leaf,
        "feature_fraction": config.feature_fraction,
        "bagging_fraction": config.bagging_fraction,
        "bagging_freq": 1 if config.bagging_fraction < 1 else 0,
        "lambda_l2": config.lambda_l2,
        "max_bin": 256,
        "min_data_in_bin": 1,
        "num_threads": config.threads,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    data = lightgbm.Dataset(
        _Rows(matrix, index),
        label=labels[index],
        weight=weights[index],
        feature_name=list(names),
        params=parameters,
        free_raw_data=True,
    )
    booster = lightgbm.train(parameters, data, num_boost_round=config.trees if trees is None else trees)
    return str(booster.model_to_string())
