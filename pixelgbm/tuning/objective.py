"""What a decision rule is worth on region tables, without touching a pixel.

The tables know area and true pixels of every candidate region at every grid point, so a rule's score is arithmetic on
them, through the same `decision.accepted` that prediction uses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pixelgbm.decision import Layer, Rule, accepted, trimmed
from pixelgbm.mapstore import Tables
from pixelgbm.metrics import Metric, pixel_f1, summed
from pixelgbm.regions import GRID, LOW_GRID

__all__ = [
    "FALSE_ALARM_COST",
    "JITTERS",
    "MASK_WEIGHT",
    "Outcome",
    "Point",
    "judge",
    "marked",
    "plateau",
    "split_points",
    "unit_counts",
    "weights_of",
]

JITTERS = ((0.0, 1.0), (-0.05, 1.0), (-0.025, 1.0), (0.025, 1.0), (0.05, 1.0), (0.0, 0.75), (0.0, 1.33))
"""(move of region cut and gate, factor on the minimum area): an objective is averaged over them, so that tuning takes
the plateau and not the peak."""

FALSE_ALARM_COST = 0.15
"""Taken off the objective per share of clean images with a false pixel. The metric already counts each false alarm
once; tuned without this, false alarms wandered between 0 and .11 for the same score. On 791 printed pairs, out of fold:
.03 gave .762 with 3.4 % of the clean images marked, .15 .763 with 3.0 %, .4 .758 with 1.9 %."""


MASK_WEIGHT = 0.02
"""What the mean pixel F1 of the dirty counts beside a metric that asks for verdicts alone: of the many rules that give
the same verdicts the one with the better masks is taken. Such a metric has no further price for a false alarm: it
weighs both classes itself. On drawn scores of 100 good and 100 bad objects .15 cost .0015 of macro-F1 on others, and
with 226 good ones for each bad it changed no choice; `JITTERS` gained .002 and, with 8 bad objects, .006 over the
peak."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a rule gives on tables, without jitter.

    score: the metric. dirty_score: the mean over the dirty images, NaN without any. false_alarms: share of the clean
    images with a false pixel, NaN without any. clean, dirty: how many images are. Where the metric judges objects, of
    objects in place of images.
    """

    score: float
    dirty_score: float
    false_alarms: float
    clean: int
    dirty: int


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """The regions of all images at one grid point, (n,) each; see `mapstore.Tables`.

    parent: row in the point of the next lower threshold, or -1. above: the point of the next higher threshold; both
    only where no operation is done.
    """

    image: NDArray[np.int64]
    area: NDArray[np.int64]
    filled_area: NDArray[np.int64]
    tp: NDArray[np.int64]
    filled_tp: NDArray[np.int64]
    score: NDArray[np.float64]
    parent: NDArray[np.int64]
    above: Point | None = None


def split_points(tables: Tables) -> Mapping[tuple[int, str], Point]:
    """The regions of `tables` by (low, operation), for every pair of `regions.GRID`."""
    names = ("image", "area", "filled_area", "tp", "filled_tp", "score", "parent")
    order = np.argsort(tables.grid, kind="stable")
    ends = np.searchsorted(tables.grid[order], np.arange(len(GRID) + 1))
    points = {
        pair: Point(*(getattr(tables, name)[order[ends[place] : ends[place + 1]]] for name in names))
        for place, pair in enumerate(GRID)
    }
    ladder = [points[low, "none"] for low in LOW_GRID]
    rows = [ladder[0], *(_with_rows(point, below) for point, below in zip(ladder[1:], ladder, strict=False))]
    above: Point | None = None
    for low, point in zip(reversed(LOW_GRID), reversed(rows), strict=True):
        above = points[low, "none"] = replace(point, above=above)
    return points


def _with_rows(point: Point, below: Point) -> Point:
    """`point` with parents as rows of `below` instead of rows of each image's own table."""
    start = np.searchsorted(below.image, point.image)
    return replace(point, parent=np.where(point.parent >= 0, point.parent + start, -1))


def marked(point: Point, rule: Rule, images: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Per image the true and all marked pixels, (images,) each."""
    kept = accepted(point.area, point.score, point.image, rule, images=images)
    counts = np.zeros((2, images))
    points = list(_ladder(point)) if rule.trim is not None else [point]
    chosen = [kept]
    if rule.trim is not None:
        chosen = trimmed([Layer(p.area, p.score, p.parent) for p in points], kept, rule.trim)
    for part, taken in zip(points, chosen, strict=True):
        tp, area = (part.filled_tp, part.filled_area) if rule.fill_holes else (part.tp, part.area)
        image = part.image[taken]
        counts[0] += np.bincount(image, tp[taken], minlength=images)
        counts[1] += np.bincount(image, area[taken], minlength=images)
    return counts[0], counts[1]


def _ladder(point: Point) -> Iterator[Point]:
    """A point and those of all higher thresholds."""
    step: Point | None = point
    while step is not None:
        yield step
        step = step.above


def unit_counts(
    point: Point, tables: Tables, rule: Rule, metric: Metric
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Per unit of the metric, an image or an object, the true, the marked and the defect pixels, (units,) each."""
    tp, predicted = marked(point, rule, len(tables.ids))
    if not metric.merges:
        return tp, predicted, tables.actual.astype(np.float64)
    return summed(tp, tables.object), summed(predicted, tables.object), summed(tables.actual, tables.object)


def weights_of(dirty: NDArray[np.bool_], clean_share: float | None) -> NDArray[np.float64]:
    """(units,) what each unit counts, 1 in the mean, so that the clean ones have the share `clean_share` of all.

    None, or where all units are of one class: 1 each.
    """
    clean = float(np.mean(~dirty)) if dirty.size else 0.0
    if clean_share is None or not 0 < clean < 1:
        return np.ones(dirty.size)
    return np.where(dirty, (1 - clean_share) / (1 - clean), clean_share / clean)


def judge(point: Point, tables: Tables, rule: Rule, metric: Metric, *, clean_share: float | None = None) -> Outcome:
    """What `rule` gives. point: of `rule.low` and `rule.operation`. clean_share: see `weights_of`.

    Raises nothing; needs at least one image.
    """
    tp, predicted, actual = unit_counts(point, tables, rule, metric)
    tallies, dirty = metric.tally(tp, predicted, actual), actual > 0
    values, clean = metric.worth(tallies), ~dirty
    return Outcome(
        score=_worth(metric, tallies, dirty, clean_share),
        dirty_score=float(values[dirty].mean()) if dirty.any() else float("nan"),
        false_alarms=float((predicted[clean] > 0).mean()) if clean.any() else float("nan"),
        clean=int(clean.sum()),
        dirty=int(dirty.sum()),
    )


def plateau(point: Point, tables: Tables, rule: Rule, metric: Metric, *, clean_share: float | None = None) -> float:
    """The score averaged over `JITTERS`, less `FALSE_ALARM_COST` times the share of clean images marked.

    For a metric of verdicts there is no such cost, and masks count by `MASK_WEIGHT`. clean_share: see `weights_of`.
    """
    values = []
    for move, factor in JITTERS:
        moved = replace(
            rule,
            region_cut=rule.region_cut + move,
            min_area=round(rule.min_area * factor),
            gate=None if rule.gate is None else rule.gate + move,
            trim=None if rule.trim is None else rule.trim + move,
        )
        tp, predicted, actual = unit_counts(point, tables, moved, metric)
        dirty = actual > 0
        values.append(_worth(metric, metric.tally(tp, predicted, actual), dirty, clean_share))
        if metric.merges:
            values[-1] += MASK_WEIGHT * _mean(pixel_f1(tp, predicted, actual)[dirty])
        else:
            values[-1] -= FALSE_ALARM_COST * _mean(predicted[~dirty] > 0)
    return float(np.mean(values))


def _worth(metric: Metric, tallies: NDArray[np.float64], dirty: NDArray[np.bool_], clean_share: float | None) -> float:
    return float(metric.worth(np.average(tallies, axis=0, weights=weights_of(dirty, clean_share))))


def _mean(values: NDArray[np.generic]) -> float:
    """0 for nothing."""
    return float(values.mean()) if values.size else 0.0
