"""A score of a data set: what is counted of each image, and how a set of images is summed up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pixelgbm.metrics.pixels import pixel_f1
from pixelgbm.metrics.verdicts import verdict_f1, verdict_tally

__all__ = ["METRICS", "Metric"]


@dataclass(frozen=True, slots=True)
class Metric:
    """A score of a data set: what the mean over its units of their tallies is worth.

    tally(tp, predicted, actual) -> (..., k): what counts of one unit, from its pixels marked rightly, marked, and truly
    defect, counts of any one shape. worth(tally (..., k)) -> (...): the score of a mean tally. heads: `apart`, the mean
    over heads of their scores; `pooled`, every image and head counts alike; `merged`, the counts of all heads of an
    image and of all views of an object are added up first, and a unit is an object.
    """

    name: str
    tally: Callable[[ArrayLike, ArrayLike, ArrayLike], NDArray[np.float64]]
    worth: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    heads: Literal["apart", "pooled", "merged"]

    @property
    def merges(self) -> bool:
        """Whether units are objects, all heads together, and not images head by head."""
        return self.heads == "merged"

    def per_image(self, tp: ArrayLike, predicted: ArrayLike, actual: ArrayLike) -> NDArray[np.float64]:
        """The score of each image, or unit, were it the only one; counts of any one shape."""
        return self.worth(self.tally(tp, predicted, actual))

    def overall(self, tallies: NDArray[np.float64], weights: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """The score of a set, (draws,), or () without weights; NaN when nothing is labelled.

        tallies: (units, heads, k), NaN where a head is not labelled. weights: (draws, units) how often each counts.
        """
        known = ~np.isnan(tallies[..., 0])
        times = np.ones(len(tallies)) if weights is None else weights
        sums = np.tensordot(times, np.where(known[..., np.newaxis], tallies, 0.0), axes=1)
        counts = np.asarray(times @ known.astype(np.float64))
        if self.heads == "pooled":
            sums, counts = sums.sum(axis=-2, keepdims=True), counts.sum(axis=-1, keepdims=True)
        there = counts > 0
        worth = self.worth(sums / np.where(there, counts, 1.0)[..., np.newaxis])
        heads = there.sum(axis=-1)
        summed = np.where(there, worth, 0.0).sum(axis=-1)
        return np.asarray(np.where(heads > 0, summed / np.maximum(heads, 1), np.nan))


def _pixel_tally(tp: ArrayLike, predicted: ArrayLike, actual: ArrayLike) -> NDArray[np.float64]:
    return pixel_f1(tp, predicted, actual)[..., np.newaxis]


def _only(tally: NDArray[np.float64]) -> NDArray[np.float64]:
    return tally[..., 0]


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("macro-f1", _pixel_tally, _only, "apart"),
        Metric("dice", _pixel_tally, _only, "pooled"),
        Metric("verdict-f1", verdict_tally, verdict_f1, "merged"),
    )
}
"""The metrics by name; a layout names its own."""
