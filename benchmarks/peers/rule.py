"""Threshold, least area, region cut and image gate of a peer's map, searched for the metric of the data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelgbm.metrics import Metric

__all__ = ["PROBABILITIES", "Labelled", "Rule", "Table", "Tables", "apply", "join", "search", "tabulate"]

Bytes = NDArray[np.uint8]
Bools = NDArray[np.bool_]
Labelled = tuple[Bytes, Bools, Bools]
"""The map of an image, its truth, and where it is ignored."""

AREAS = (0, 5, 8, 12, 18, 27, 40, 60, 90, 135)
CUTS = (0.0, 1.15, 1.3, 1.6, 2.0, 2.5)
GATES = (0.0, 1.2, 1.5, 1.9, 2.4, 3.0, 4.0)
"""Both in units of the threshold."""
PROBABILITIES = tuple(range(14, 244, 12))
"""Thresholds to try on a map of probabilities."""
SPECK = 3
"""Regions below so many pixels are dropped whatever the rule, so that tables stay small."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How a byte map becomes a mask.

    Pixels >= threshold are candidates; a region is kept with at least min_area px and a mean byte of at least cut; an
    image none of whose kept regions has a byte of at least gate is clean.
    """

    threshold: int
    min_area: int
    cut: float
    gate: float

    def to_dict(self) -> dict[str, float]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Table:
    """All regions of many images at one threshold, (n,) each; marked and tp leave ignored pixels out."""

    threshold: int
    image: NDArray[np.int64]
    area: NDArray[np.int64]
    mean: NDArray[np.float64]
    peak: NDArray[np.int64]
    marked: NDArray[np.int64]
    tp: NDArray[np.int64]


def apply(score: Bytes, rule: Rule) -> Bools:
    """The mask of one map."""
    labels, area, mean, peak = _regions(score, rule.threshold)
    kept = (area >= max(rule.min_area, SPECK)) & (mean >= rule.cut)
    if not kept.any() or peak[kept].max() < rule.gate:
        return np.zeros(score.shape, bool)
    return np.concatenate([[False], kept])[labels]


def _regions(
    score: Bytes, threshold: int
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Labels of the regions, and the area, mean and highest byte of each."""
    count, labels = cv2.connectedComponents((score >= threshold).astype(np.uint8), connectivity=8)
    inside = labels > 0
    ids, values = labels[inside] - 1, score[inside]
    area = np.bincount(ids, minlength=count - 1)
    peak = np.zeros(count - 1, np.int64)
    np.maximum.at(peak, ids, values)
    return labels, area, np.bincount(ids, values, minlength=count - 1) / np.maximum(area, 1), peak


Tables = tuple[list[Table], NDArray[np.int64]]
"""The regions of some images at every threshold, and how many pixels of each image are truly defect."""


def join(parts: Sequence[Tables]) -> Tables:
    """Tables of several lots of images as one, the images numbered on."""
    firsts = np.cumsum([0, *(len(actual) for _, actual in parts)])
    tables = []
    for same in zip(*(tables for tables, _ in parts), strict=True):
        image = np.concatenate([table.image + first for table, first in zip(same, firsts, strict=False)])
        names = ("area", "mean", "peak", "marked", "tp")
        rest = {name: np.concatenate([getattr(table, name) for table in same]) for name in names}
        tables.append(Table(same[0].threshold, image, **rest))
    return tables, np.concatenate([actual for _, actual in parts])


def tabulate(maps: Iterable[Labelled], thresholds: Sequence[int]) -> Tables:
    """The regions of the maps at every threshold."""
    columns: dict[int, list[NDArray[np.float64]]] = {threshold: [] for threshold in thresholds}
    actual = []
    for number, (score, truth, ignore) in enumerate(maps):
        actual.append(int((truth & ~ignore).sum()))
        for threshold in thresholds:
            labels, area, mean, peak = _regions(score, threshold)
            counted = (labels > 0) & ~ignore
            marked = np.bincount(labels[counted] - 1, minlength=len(area))
            tp = np.bincount(labels[counted & truth] - 1, minlength=len(area))
            rows = np.stack([np.full(len(area), number), area, mean, peak, marked, tp])
            columns[threshold].append(rows[:, area >= SPECK])
    tables = []
    for threshold, parts in columns.items():
        image, area, mean, peak, marked, tp = np.concatenate(parts, axis=1)
        whole = (np.asarray(column, np.int64) for column in (image, area, peak, marked, tp))
        names = ("image", "area", "peak", "marked", "tp")
        tables.append(Table(threshold, mean=mean, **dict(zip(names, whole, strict=True))))
    return tables, np.array(actual)


def search(found: Tables, metric: Metric, *, regions: bool = True) -> tuple[Rule, float, float]:
    """The rule in the middle of the best plateau, its smoothed value there and its own.

    regions: also search region cut and image gate.
    """
    tables, actual = found
    cuts, gates = (CUTS, GATES) if regions else (CUTS[:1], GATES[:1])
    values = np.zeros((len(tables), len(AREAS), len(cuts), len(gates)))
    for i, table in enumerate(tables):
        for j, area in enumerate(AREAS):
            for k, cut in enumerate(cuts):
                values[i, j, k] = _by_gate(table, actual, metric, area, cut * table.threshold, gates)
    smooth = values
    for axis in range(values.ndim):
        # The same privilege as our own tuning has: the plateau and not the peak.
        padded = np.concatenate([smooth.take([0], axis), smooth, smooth.take([-1], axis)], axis)
        below, above = (padded.take(range(at, at + smooth.shape[axis]), axis) for at in (0, 2))
        smooth = 0.25 * below + 0.5 * smooth + 0.25 * above
    i, j, k, m = (int(n) for n in np.unravel_index(int(np.argmax(smooth)), smooth.shape))
    threshold = tables[i].threshold
    rule = Rule(threshold, AREAS[j], cuts[k] * threshold, gates[m] * threshold)
    return rule, float(smooth[i, j, k, m]), float(values[i, j, k, m])


def _by_gate(
    table: Table, actual: NDArray[np.int64], metric: Metric, area: int, cut: float, gates: Sequence[float]
) -> list[float]:
    kept = (table.area >= area) & (table.mean >= cut)
    image, images = table.image[kept], len(actual)
    marked, tp = (np.bincount(image, column[kept], minlength=images) for column in (table.marked, table.tp))
    best = np.zeros(images, np.int64)
    np.maximum.at(best, image, table.peak[kept])
    found = []
    for gate in gates:
        open_ = best >= gate * table.threshold
        found.append(float(metric.overall(metric.tally(tp * open_, marked * open_, actual)[:, np.newaxis])))
    return found
