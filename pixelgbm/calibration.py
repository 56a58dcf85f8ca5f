"""Monotone maps from what boosters say, of regions or of pixels, to probabilities that can be believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelgbm.errors import ModelError

__all__ = ["IDENTITY", "Calibration", "calibrated_map", "count_labels", "fit_calibration", "fit_map_calibration"]

_LEVELS = 256


@dataclass(frozen=True, slots=True)
class Calibration:
    """Straight lines between knots, level outside them.

    scores: strictly increasing. probabilities: not decreasing, 0..1, one per score.
    Raises ModelError for knots that are not such a map.
    """

    scores: tuple[float, ...] = (0.0, 1.0)
    probabilities: tuple[float, ...] = (0.0, 1.0)

    def __post_init__(self) -> None:
        scores, probabilities = np.array(self.scores, dtype=float), np.array(self.probabilities, dtype=float)
        if scores.shape != probabilities.shape or scores.size == 0:
            raise ModelError(f"calibration: {scores.size} scores and {probabilities.size} probabilities")
        if not (np.isfinite(scores).all() and (np.diff(scores) > 0).all()):
            raise ModelError("calibration: the scores must be finite and strictly increasing")
        if not ((probabilities >= 0) & (probabilities <= 1)).all() or (np.diff(probabilities) < 0).any():
            raise ModelError("calibration: the probabilities must lie in 0..1 and not decrease")

    def __call__(self, scores: NDArray[np.floating]) -> NDArray[np.float64]:
        """Calibrated probabilities, of the shape of `scores`."""
        return np.asarray(np.interp(scores, self.scores, self.probabilities), dtype=np.float64)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"scores": list(self.scores), "probabilities": list(self.probabilities)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Calibration:
        """The inverse of `to_dict`. Raises ModelError for anything else."""
        try:
            return cls(tuple(map(float, values["scores"])), tuple(map(float, values["probabilities"])))
        except (KeyError, TypeError, ValueError):
            raise ModelError("calibration: scores and probabilities expected, two lists of numbers") from None


IDENTITY = Calibration()


def fit_calibration(
    scores: NDArray[np.floating], targets: NDArray[np.floating], *, weights: NDArray[np.floating] | None = None
) -> Calibration:
    """Isotonic regression of `targets` (0..1) on out-of-fold `scores`, both (n,).

    Each level of the fit becomes one knot at its mean score. Lines between the knots keep the ranks that steps would
    throw away, so a threshold can still part two regions of the same level. No scores, no opinion: the identity.
    """
    if len(scores) == 0:
        return IDENTITY
    weight = np.ones(len(scores)) if weights is None else np.asarray(weights, dtype=np.float64)
    distinct, group = np.unique(np.asarray(scores, dtype=np.float64), return_inverse=True)
    total = np.bincount(group, weight)
    levels, blocks = _isotonic(np.bincount(group, weight * targets) / total, total)
    knots = [np.average(distinct[a:b], weights=total[a:b]) for a, b in pairwise(blocks)]
    return Calibration(tuple(map(float, knots)), tuple(map(float, levels)))


def _isotonic(mean: NDArray[np.float64], total: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """The levels that do not fall and are nearest to `mean`, weighted by `total`; (levels,) and where each begins,
    (levels + 1,) with the end.
    """
    from scipy.optimize import isotonic_regression  # half a second of imports that prediction does without

    fit = isotonic_regression(mean, weights=total)
    return np.clip(fit.x[fit.blocks[:-1]], 0, 1), fit.blocks


def count_labels(levels: NDArray[np.uint8], truth: NDArray[np.uint8], usable: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(2, 256): how many pixels each byte of a map has, and the sum of their truth, 255 a pixel that is all defect.

    levels, truth: (rows, cols) uint8. usable: (rows, cols) bool. Counts of images add up.
    """
    seen = levels[usable]
    sums = np.bincount(seen, weights=truth[usable], minlength=_LEVELS)  # whole numbers below 2**53 are exact
    return np.stack([np.bincount(seen, minlength=_LEVELS), sums.astype(np.int64)])


def fit_map_calibration(counts: NDArray[np.int64]) -> Calibration:
    """Isotonic regression of the truth of pixels on the bytes of their out-of-fold map; 1.0 is byte 255.

    counts: (2, 256), as `count_labels` gives them. One defect pixel more at byte 0 and one clean pixel more at byte 255
    keep few pixels from promising 0 or 1. A level that several bytes share becomes a line through its mean, over at
    most a third of the way to the next levels: every byte promises more than the one below, and over the pixels of the
    level, and so over all, the promises still add up to the truth. No pixels, no opinion: the identity.
    """
    if not counts[0].any():
        return IDENTITY
    counts = counts.copy()
    counts[:, 0] += 1, 255
    counts[0, -1] += 1
    there = np.flatnonzero(counts[0])
    total = counts[0, there].astype(np.float64)
    levels, blocks = _isotonic(counts[1, there] / (255 * total), total)
    room = np.diff(levels, prepend=0.0, append=1.0) / 3
    knots: dict[float, float] = {}
    for level, below, above, (a, b) in zip(levels, room[:-1], room[1:], pairwise(blocks), strict=True):
        first, last = int(there[a]), int(there[b - 1])
        middle = float(np.average(there[a:b], weights=total[a:b]))
        slope = min(below / (middle - first), above / (last - middle)) if first < last else 0.0
        knots |= {byte / 255: float(level + slope * (byte - middle)) for byte in (first, last)}
    return Calibration(tuple(knots), tuple(knots.values()))


def calibrated_map(calibration: Calibration, probability: NDArray[np.float32]) -> NDArray[np.float32]:
    """What a map promises, (rows, cols) float32, by a calibration of `fit_map_calibration`.

    Its knots are bytes, so a table of them and straight lines between give the same in an eighth of the time of
    `numpy.interp`: 0.6 ms for 390x390 pixels.
    """
    table = calibration(np.arange(_LEVELS + 1) / 255).astype(np.float32)
    place = probability * np.float32(255)
    byte = place.astype(np.uint8)
    found: NDArray[np.float32] = np.diff(table)[byte] * (place - byte) + table[byte]
    return found
