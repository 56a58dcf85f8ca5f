"""How well maps rank pixels, whatever rule cuts them.

Everything is computed from pixels counted by level of the map, so millions of them cost no more than the levels there
are, and counts of images, heads or groups add up.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["aupro", "auroc", "average_precision", "best_f1", "count_levels"]

FALSE_POSITIVES = 0.3
"""The rate up to which `aupro` integrates, as its authors do: beyond it a map segments nothing."""


def count_levels(
    levels: NDArray[np.integer], defect: NDArray[np.bool_], usable: NDArray[np.bool_], *, size: int
) -> NDArray[np.float64]:
    """(3, size) by level: pixels with defect, without, and the shares of true regions.

    levels: (rows, cols), 0..size-1. usable: (rows, cols), False where nothing counts. A true region, 8-connected, has
    the sum 1 in the last row, whatever its area.
    """
    _, region = cv2.connectedComponents((defect & usable).astype(np.uint8), connectivity=8, ltype=cv2.CV_32S)
    inside = np.asarray(region) > 0
    labels = np.asarray(region)[inside]
    share = 1.0 / np.bincount(labels)[labels] if labels.size else np.zeros(0)
    return np.stack(
        [
            np.bincount(levels[inside], minlength=size).astype(np.float64),
            np.bincount(levels[~defect & usable], minlength=size).astype(np.float64),
            np.bincount(levels[inside], weights=share, minlength=size).astype(np.float64),
        ]
    )


def average_precision(defect: ArrayLike, other: ArrayLike) -> float:
    """The area under precision over recall, as a sum over the levels of a map: sum (R_k - R_k+1) P_k.

    defect, other: (levels,) how many pixels with and without defect have each level, the lowest level first. Pixels of
    one level are called together, so a map of one level alone gets the share of defect pixels. NaN without defects.
    """
    found = np.asarray(defect, np.float64)[::-1]
    called = np.cumsum(found + np.asarray(other, np.float64)[::-1])
    total = found.sum()
    return float((found * np.cumsum(found) / np.maximum(called, 1.0)).sum() / total) if total else float("nan")


def auroc(defect: ArrayLike, other: ArrayLike) -> float:
    """The area under the ROC curve: how often a pixel with defect has a higher level than one without, ties half.

    That is the Mann-Whitney statistic (Hanley and McNeil 1982, doi:10.1148/radiology.143.1.7063747). defect, other: as
    for `average_precision`. NaN without defects, and without anything else.
    """
    found, clean = np.asarray(defect, np.float64), np.asarray(other, np.float64)
    below = np.cumsum(clean) - clean / 2
    pairs = found.sum() * clean.sum()
    return float((found * below).sum() / pairs) if pairs else float("nan")


def aupro(overlap: ArrayLike, other: ArrayLike) -> float:
    """The area under the per-region overlap over the false positive rate, up to `FALSE_POSITIVES` and divided by it.

    The overlap at a level is the mean over true regions of the share of each that is called, so a small region counts
    as much as a large one (Bergmann et al. 2021, doi:10.1007/s11263-020-01400-4); between levels the curve is straight.
    overlap: (levels,) the shares of regions as `count_levels` gives them. other: as for `average_precision`. NaN
    without regions, and without anything else.
    """
    shares, clean = np.asarray(overlap, np.float64)[::-1], np.asarray(other, np.float64)[::-1]
    if not shares.sum() or not clean.sum():
        return float("nan")
    rate = np.concatenate([[0.0], np.cumsum(clean) / clean.sum()])
    height = np.concatenate([[0.0], np.cumsum(shares) / shares.sum()])
    # Where the rate stands still the curve rises straight up: the last point of a rate is where it goes on from.
    end = int(np.searchsorted(rate, FALSE_POSITIVES, side="right"))
    rate, height = np.append(rate[:end], FALSE_POSITIVES), np.append(height[:end], _at(rate, height, end))
    return float((np.diff(rate) * (height[1:] + height[:-1]) / 2).sum() / FALSE_POSITIVES)


def _at(rate: NDArray[np.float64], height: NDArray[np.float64], end: int) -> float:
    """The height at `FALSE_POSITIVES`, between the points end - 1 and end."""
    if end == len(rate):
        return float(height[-1])
    way = (FALSE_POSITIVES - rate[end - 1]) / (rate[end] - rate[end - 1])
    return float(height[end - 1] + way * (height[end] - height[end - 1]))


def best_f1(defect: ArrayLike, other: ArrayLike) -> float:
    """The highest F1 of all pixels together that any level gives as a threshold; chosen with the truth in sight.

    defect, other: as for `average_precision`. NaN without defects.
    """
    found = np.asarray(defect, np.float64)[::-1]
    called = np.cumsum(found + np.asarray(other, np.float64)[::-1])
    total = found.sum()
    return float((2 * np.cumsum(found) / np.maximum(called + total, 1.0)).max()) if total else float("nan")
