"""F1 of pixels, which is also their Dice coefficient."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["pixel_f1"]


def pixel_f1(tp: ArrayLike, predicted: ArrayLike, actual: ArrayLike) -> NDArray[np.float64]:
    """F1 of pixels: 2 tp / (predicted + actual), for counts of any one shape.

    tp: pixels marked and truly defect. predicted: pixels marked. actual: pixels truly defect.
    Nothing marked where nothing is defect is 1; otherwise no hit is 0.
    """
    hits = np.asarray(tp, np.float64)
    total = np.asarray(predicted, np.float64) + np.asarray(actual, np.float64)
    return np.where(total == 0, 1.0, 2.0 * hits / np.maximum(total, 1.0))
