"""What maps and region scores promise against what is true: precision over recall, and calibration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelgbm.decision import Rule
from pixelgbm.mapstore import Tables
from pixelgbm.regions import GRID

__all__ = ["BINS", "Calibrated", "calibration", "precision_recall", "region_calibration"]

BINS, FEWEST_PIXELS, FEWEST_REGIONS = 10, 50, 10
"""Bins of equal width of a calibration curve, and what a bin needs to be drawn."""


@dataclass(frozen=True, slots=True, eq=False)
class Calibrated:
    """Per bin that holds enough, (bins,) each: the mean probability, and the share that is defect."""

    promised: NDArray[np.float64]
    true: NDArray[np.float64]


def precision_recall(counts: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(recall, precision) of calling every pixel from a level on a defect, from the highest level down.

    counts: (2, levels) pixels with and without defect, the lowest level first; at least one has a defect.
    """
    found, other = (np.cumsum(row[::-1], dtype=np.float64) for row in counts)
    called = found + other
    some = called > 0
    return found[some] / found[-1], found[some] / called[some]


def calibration(
    probability: NDArray[np.float64], pixels: NDArray[np.float64], defect: NDArray[np.float64]
) -> Calibrated:
    """How often pixels of a probability are defects; (n,) each: pixels that were promised it, how much is defect."""
    return _binned(probability, defect, pixels, fewest=FEWEST_PIXELS)


def region_calibration(tables: Tables, rule: Rule) -> Calibrated:
    """The mean share of defect pixels of candidate regions of a score; empty when the rule is off the grid."""
    place = GRID.index((rule.low, rule.operation)) if (rule.low, rule.operation) in GRID else -1
    here = (tables.grid == place) & (tables.area >= rule.min_area)
    true = tables.tp[here] / np.maximum(tables.area[here], 1)
    return _binned(tables.score[here], true, np.ones(len(true)), fewest=FEWEST_REGIONS)


def _binned(probability: NDArray[np.float64], true: NDArray[Any], weight: NDArray[Any], *, fewest: int) -> Calibrated:
    """probability, true, weight: (n,); of `weight` pixels or regions, `true` are right."""
    place = np.minimum((probability * BINS).astype(np.int64), BINS - 1)
    total, promised, right = (np.bincount(place, w, minlength=BINS) for w in (weight, weight * probability, true))
    some = total >= fewest
    return Calibrated(promised[some] / total[some], right[some] / total[some])
