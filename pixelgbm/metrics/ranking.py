"""How well a map ranks pixels, whatever rule cuts it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["average_precision"]


def average_precision(defect: ArrayLike, other: ArrayLike) -> float:
    """The area under precision over recall, as a sum over the levels of a map: sum (R_k - R_k+1) P_k.

    defect, other: (levels,) how many pixels with and without defect have each level, the lowest level first. Pixels of
    one level are called together, so a map of one level alone gets the share of defect pixels. NaN without defects.
    """
    found = np.asarray(defect, np.float64)[::-1]
    called = np.cumsum(found + np.asarray(other, np.float64)[::-1])
    total = found.sum()
    return float((found * np.cumsum(found) / np.maximum(called, 1.0)).sum() / total) if total else float("nan")
