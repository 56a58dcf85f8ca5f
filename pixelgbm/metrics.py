"""Metrics of masks against truth, per image and over images, with their uncertainty."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["METRICS", "Metric", "average_precision", "bootstrap_interval", "mean_over_heads", "pixel_f1"]


def pixel_f1(tp: ArrayLike, predicted: ArrayLike, actual: ArrayLike) -> NDArray[np.float64]:
    """F1 of pixels: 2 tp / (predicted + actual), for counts of any one shape.

    tp: pixels marked and truly defect. predicted: pixels marked. actual: pixels truly defect.
    Nothing marked where nothing is defect is 1; otherwise no hit is 0.
    """
    hits = np.asarray(tp, np.float64)
    total = np.asarray(predicted, np.float64) + np.asarray(actual, np.float64)
    return np.where(total == 0, 1.0, 2.0 * hits / np.maximum(total, 1.0))


@dataclass(frozen=True, slots=True)
class Metric:
    """A score of a data set: the mean over images of `per_image(tp, predicted, actual)`, counts in pixels."""

    name: str
    per_image: Callable[[ArrayLike, ArrayLike, ArrayLike], NDArray[np.float64]]


METRICS: dict[str, Metric] = {metric.name: metric for metric in (Metric("macro-f1", pixel_f1),)}
"""The metrics by name; a layout names its own."""


def average_precision(defect: ArrayLike, other: ArrayLike) -> float:
    """The area under precision over recall, as a sum over the levels of a map: sum (R_k - R_k+1) P_k.

    defect, other: (levels,) how many pixels with and without defect have each level, the lowest level first. Pixels of
    one level are called together, so a map of one level alone gets the share of defect pixels. NaN without defects.
    """
    found = np.asarray(defect, np.float64)[::-1]
    called = np.cumsum(found + np.asarray(other, np.float64)[::-1])
    total = found.sum()
    return float((found * np.cumsum(found) / np.maximum(called, 1.0)).sum() / total) if total else float("nan")


def mean_over_heads(values: NDArray[np.float64]) -> float:
    """The mean over heads of the mean over images of (images, heads) values; NaN is not labelled.

    NaN when nothing is labelled.
    """
    labelled = ~np.isnan(values)
    counts = labelled.sum(axis=0)
    sums = np.where(labelled, values, 0.0).sum(axis=0)
    return float((sums[counts > 0] / counts[counts > 0]).mean()) if counts.any() else float("nan")


def bootstrap_interval(
    values: NDArray[np.float64], *, seed: int, resamples: int = 2000, level: float = 0.95
) -> tuple[float, float]:
    """The percentile bootstrap interval of `mean_over_heads` when images are drawn again with replacement.

    values: (images,) or (images, heads), NaN where a head is not labelled. (NaN, NaN) without values.
    The images of one group resemble each other: where there are few groups, the true interval is wider.
    """
    table = values[:, np.newaxis] if values.ndim == 1 else values
    table = table[~np.isnan(table).all(axis=1)]
    if len(table) == 0:
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    means = [mean_over_heads(table[rng.integers(len(table), size=len(table))]) for _ in range(resamples)]
    low, high = np.nanquantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
