"""Which candidate regions are defects: the tuned rule, and what it leaves of a map."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelgbm.errors import ModelError
from pixelgbm.regions import LOW_GRID, OPERATIONS, RegionTable, parents

__all__ = ["DEFAULT_RULE", "Layer", "Rule", "accepted", "decide", "decide_parts", "trimmed"]


@dataclass(frozen=True, slots=True)
class Rule:
    """The decision of one head.

    low: pixels with a probability byte >= low are candidates; lower it when found defects are too small.
    operation: one of `regions.OPERATIONS`, done to the candidates. min_area: smaller regions are dropped; raise
    it when isolated hot pixels reject good parts. region_cut: regions scored below it are dropped; raise it when
    clean images show whole false regions. fill_holes: holes of kept regions belong to them. gate: an image none of
    whose kept regions scores at least this is clean; None = off. trim: a kept region is replaced by those of its parts
    at higher thresholds that promise most, where a part promises its area x (its score - trim); raise it when found
    defects are swollen; None keeps regions as `low` cuts them. Raises ModelError for a value out of range.
    """

    low: int
    operation: str
    min_area: int
    region_cut: float
    fill_holes: bool
    gate: float | None = None
    trim: float | None = None

    def __post_init__(self) -> None:
        if not _whole(self.low) or not 1 <= self.low <= 255:
            raise ModelError(f"rule: low must be a whole number in 1..255, got {self.low!r}")
        if self.operation not in OPERATIONS:
            raise ModelError(f"rule: operation {self.operation!r}; known: {', '.join(OPERATIONS)}")
        if not _whole(self.min_area) or self.min_area < 0:
            raise ModelError(f"rule: min_area must be a whole number >= 0, got {self.min_area!r}")
        if not _number(self.region_cut):
            raise ModelError(f"rule: region_cut must be a number, got {self.region_cut!r}")
        if not isinstance(self.fill_holes, bool):
            raise ModelError(f"rule: fill_holes must be true or false, got {self.fill_holes!r}")
        if self.gate is not None and not _number(self.gate):
            raise ModelError(f"rule: gate must be a number or null, got {self.gate!r}")
        if self.trim is not None and not _number(self.trim):
            raise ModelError(f"rule: trim must be a number or null, got {self.trim!r}")
        if self.trim is not None and (self.operation != "none" or self.low not in LOW_GRID):
            raise ModelError("rule: only regions that are cut at a low of the grid, without an operation, are trimmed")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Rule:
        """The inverse of `to_dict`. Raises ModelError for missing or unknown keys."""
        known = {field.name for field in fields(cls)}
        if not isinstance(values, Mapping) or set(values) != known:
            raise ModelError(f"rule: exactly the keys {', '.join(sorted(known))} expected")
        return cls(**values)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


DEFAULT_RULE = Rule(low=102, operation="none", min_area=6, region_cut=0.4, fill_holes=False, gate=None)
"""Where a head starts before it is tuned: p >= .4, six pixels, a region expected to be two fifths right."""


def accepted(
    area: NDArray[np.integer],
    scores: NDArray[np.floating],
    image: NDArray[np.integer],
    rule: Rule,
    *,
    images: int = 1,
) -> NDArray[np.bool_]:
    """Which regions are kept, for the regions of many images at once.

    area: (n,), px, without filled holes. scores: (n,). image: (n,) image number of each region, 0..images-1.
    Tuning and prediction both come through here, so a tuned figure is what prediction does.
    """
    kept = (area >= rule.min_area) & (scores >= rule.region_cut)
    if rule.gate is not None:
        best = np.full(images, -np.inf)
        np.maximum.at(best, image[kept], scores[kept])
        kept &= (best >= rule.gate)[image]
    return kept


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """Regions at one threshold of a ladder. area: (n,), px. score: (n,). parent: (n,) row in the layer below, or -1."""

    area: NDArray[np.integer]
    score: NDArray[np.floating]
    parent: NDArray[np.integer]


def trimmed(layers: Sequence[Layer], kept: NDArray[np.bool_], trim: float) -> list[NDArray[np.bool_]]:
    """The parts that kept regions are replaced by, one (n,) bool per layer.

    layers: from the rule's low upwards; regions of a higher threshold lie within one of the lower. kept: of the first
    layer. From the top down each region is weighed against the best of its parts, so the choice is the best of all
    sets of parts that do not overlap; a region none of whose parts promises anything is dropped.
    """
    takes: list[NDArray[np.bool_]] = []
    parts: NDArray[np.float64] = np.zeros(len(layers[-1].area))
    for layer, below in zip(reversed(layers), [*reversed(layers[:-1]), None], strict=True):
        own = np.asarray(layer.area * (layer.score - trim), dtype=np.float64)
        take = (own > 0) & (own >= parts)
        takes.insert(0, take)
        if below is not None:
            known = layer.parent >= 0
            best = np.where(take, own, parts)
            parts = np.zeros(len(below.area))
            np.add.at(parts, layer.parent[known], best[known])
    chosen: list[NDArray[np.bool_]] = []
    undecided = kept
    for layer, take in zip(layers, takes, strict=True):
        if chosen:
            reached = np.zeros(len(take), dtype=np.bool_)
            known = layer.parent >= 0
            reached[known] = undecided[layer.parent[known]]
            undecided = reached
        chosen.append(undecided & take)
        undecided = undecided & ~take
    return chosen


def decide(table: RegionTable, scores: NDArray[np.floating], rule: Rule) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
    """The mask of one image, and the rows of `table` that were kept.

    table: measured on `candidate_mask(..., low=rule.low, operation=rule.operation)`. scores: (n,) calibrated.
    Returns (rows, cols) bool and the kept indices, ascending.
    """
    image = np.zeros(len(table), dtype=np.intp)
    kept = accepted(table.area, scores, image, rule)
    labels = table.filled_labels if rule.fill_holes else table.labels
    chosen = np.concatenate([[False], kept])
    return chosen[labels], np.flatnonzero(kept)


def decide_parts(
    cuts: Sequence[tuple[RegionTable, NDArray[np.floating]]], kept: NDArray[np.intp], rule: Rule
) -> tuple[NDArray[np.bool_], list[NDArray[np.intp]]]:
    """The mask of one image whose kept regions are trimmed, and the rows of each table that make it up.

    cuts: tables and scores of one map at `rule.low` and every higher threshold of the grid. kept: as `decide` gives
    them for the first.
    """
    if rule.trim is None:
        raise ModelError("rule: nothing is trimmed without a trim")
    first, scores = cuts[0]
    layers = [Layer(first.area, scores, np.full(len(first), -1))]
    for (table, scores), (below, _) in zip(cuts[1:], cuts, strict=False):
        layers.append(Layer(table.area, scores, parents(table, below)))
    chosen = trimmed(layers, np.isin(np.arange(len(first)), kept), rule.trim)
    mask = np.zeros(first.labels.shape, dtype=np.bool_)
    for (table, _), rows in zip(cuts, chosen, strict=True):
        mask |= np.concatenate([[False], rows])[table.filled_labels if rule.fill_holes else table.labels]
    return mask, [np.flatnonzero(rows) for rows in chosen]
