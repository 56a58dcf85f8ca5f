"""The objective of tuning around the chosen rule: over the low threshold and the region cut."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pixelgbm.decision import Rule
from pixelgbm.mapstore import Tables
from pixelgbm.metrics import Metric
from pixelgbm.regions import GRID
from pixelgbm.tuning.objective import Outcome, judge, plateau, split_points

__all__ = ["Surface", "surface_around"]

CUTS: tuple[float, ...] = tuple(round(0.05 * k, 2) for k in range(20))


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """worth: (lows, cuts), what `tune` maximises. lows: bytes. rule: the chosen one. chosen: what it gives, None when
    its threshold is not among the grid's.
    """

    lows: tuple[int, ...]
    cuts: tuple[float, ...]
    worth: NDArray[np.float64]
    rule: Rule
    chosen: Outcome | None


def surface_around(tables: Tables, rule: Rule, metric: Metric) -> Surface:
    """Vary `low` and `region_cut` of a rule, everything else as it is, on out-of-fold tables of at least one image."""
    points = split_points(tables)
    lows = tuple(low for low, operation in GRID if operation == rule.operation)
    worth = np.array(
        [
            [
                plateau(points[low, rule.operation], tables, replace(rule, low=low, region_cut=cut), metric)
                for cut in CUTS
            ]
            for low in lows
        ]
    )
    point = points.get((rule.low, rule.operation))
    return Surface(lows, CUTS, worth, rule, None if point is None else judge(point, tables, rule, metric))
