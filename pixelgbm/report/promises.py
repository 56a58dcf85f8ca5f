"""How far the probabilities of pixels can be believed: what they promise beside what is true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pixelgbm.calibration import fit_map_calibration
from pixelgbm.report.curves import BINS
from pixelgbm.report.survey import LEVELS, Seen

__all__ = ["Promises", "promised", "promised_by_other_folds"]


@dataclass(frozen=True, eq=False)
class Promises:
    """Pixels by what they were promised, (n,) float64 each.

    probability: 0..1. pixels: how many were promised it. defect: the sum of their truth, 0..1 a pixel.
    """

    probability: NDArray[np.float64]
    pixels: NDArray[np.float64]
    defect: NDArray[np.float64]

    @cached_property
    def brier(self) -> float:
        """The mean of (p - y)^2 over pixels (Brier 1950, doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2).

        y is 1 with the probability that a soft truth says, so the order of pixels and their calibration are in it.
        """
        p = self.probability
        return float((self.pixels * p**2 - 2 * p * self.defect + self.defect).sum() / self.pixels.sum())

    @cached_property
    def constant_brier(self) -> float:
        """That of the share of defect pixels as the only answer."""
        share = self.defect.sum() / self.pixels.sum()
        return float(share * (1 - share))

    @cached_property
    def calibration_error(self) -> float:
        """The mean over pixels of how far the promise of their bin is from its truth: `BINS` bins of equal width."""
        place = np.minimum((self.probability * BINS).astype(np.int64), BINS - 1)
        gaps = np.bincount(place, self.pixels * self.probability - self.defect)
        return float(np.abs(gaps).sum() / self.pixels.sum())


def promised(seen: Sequence[Seen], head: str) -> Promises | None:
    """What the maps of all images of a head promise as they are; None without maps or without a pixel."""
    maps = [item.mapped for item in seen if item.head == head and item.mapped is not None]
    if not maps:
        return None
    pixels, defect = np.sum([counted.labels for counted in maps], axis=0)
    said = np.sum([counted.said for counted in maps], axis=0)
    there = pixels > 0
    return Promises(said[there] / pixels[there], pixels[there], defect[there] / 255) if there.any() else None


def promised_by_other_folds(seen: Sequence[Seen], head: str, folds: Mapping[str, int]) -> Promises | None:
    """What out-of-fold maps promise after calibration, each fold's by the maps of all other folds.

    folds: image -> fold. None without maps of two folds.
    """
    counts: dict[int, NDArray[np.int64]] = {}
    for item in seen:
        if item.head == head and item.mapped is not None:
            fold = folds[item.sample.id]
            counts[fold] = counts.get(fold, np.zeros((2, LEVELS), np.int64)) + item.mapped.labels
    if len(counts) < 2:
        return None
    total = np.sum(list(counts.values()), axis=0)
    levels = np.arange(LEVELS) / (LEVELS - 1)
    by_fold = [fit_map_calibration(total - own)(levels) for own in counts.values()]
    pixels, defect = np.concatenate(list(counts.values()), axis=1)
    return Promises(np.concatenate(by_fold), pixels.astype(np.float64), defect / 255)
