"""A monotone map from raw region scores to probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelgbm.errors import ModelError

__all__ = ["IDENTITY", "Calibration", "fit_calibration"]


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
    from scipy.optimize import isotonic_regression  # half a second of imports that prediction does without

    if len(scores) == 0:
        return IDENTITY
    weight = np.ones(len(scores)) if weights is None else np.asarray(weights, dtype=np.float64)
    distinct, group = np.unique(np.asarray(scores, dtype=np.float64), return_inverse=True)
    total = np.bincount(group, weight)
    mean = np.bincount(group, weight * targets) / total
    fit = isotonic_regression(mean, weights=total)
    blocks = fit.blocks
    knots = [np.average(distinct[a:b], weights=total[a:b]) for a, b in pairwise(blocks)]
    levels = np.clip(fit.x[blocks[:-1]], 0, 1)
    return Calibration(tuple(map(float, knots)), tuple(map(float, levels)))
