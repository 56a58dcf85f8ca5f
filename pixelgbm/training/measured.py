"""Views after their out-of-fold maps: the candidate regions in them, and the tables that tuning reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pixelgbm import regions
from pixelgbm.calibration import Calibration, count_labels, fit_map_calibration
from pixelgbm.mapping import HeadMap, map_head, survivors
from pixelgbm.mapstore import Tables
from pixelgbm.metrics import numbered
from pixelgbm.records import Sample
from pixelgbm.sampling import DEFECT
from pixelgbm.threads import ordered_map
from pixelgbm.training.candidates import Candidates, joined, measure_grid
from pixelgbm.training.looks import GrownLooks
from pixelgbm.training.plan import Plan, Progress, View
from pixelgbm.training.views import Reader

__all__ = ["EVERY_PLACE", "Measured", "map_calibration_of", "measure_view", "measure_views", "tables_of"]

EVERY_PLACE = tuple(range(len(regions.GRID)))


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """One view and head. shown: as it is, not with its reference hidden. actual: defect pixels that are not ignored.

    labels: (2, 256), as `count_labels` counts the pixels of its map. judged: the share of its pixels that later looks
    judge.
    """

    sample: Sample
    shown: bool
    shape: tuple[int, int]
    actual: int
    labels: NDArray[np.int64]
    judged: float
    candidates: Candidates


def measure_view(
    number: int,
    sample: Sample,
    mapped: HeadMap,
    truth: NDArray[np.uint8],
    ignore: NDArray[np.bool_] | None,
    *,
    shown: bool = True,
    judged: float = 0.0,
    places: Sequence[int] = EVERY_PLACE,
) -> Measured:
    """number: of the view. truth: (rows, cols) uint8. ignore: (rows, cols) bool. places: of `regions.GRID`."""
    usable = np.ones(truth.shape, dtype=np.bool_) if ignore is None else ~ignore
    defect = (truth >= DEFECT) & usable
    candidates = measure_grid(number, mapped.levels, mapped.stack, defect, places=places)
    rows, cols = (int(length) for length in defect.shape)
    labels = count_labels(mapped.levels, truth, usable)
    return Measured(sample, shown, (rows, cols), int(np.count_nonzero(defect)), labels, judged, candidates)


def measure_views(
    plan: Plan,
    read: Reader,
    grown: GrownLooks,
    *,
    places: Sequence[int] = EVERY_PLACE,
    keep: Callable[[str, View, HeadMap], None] | None = None,
    workers: int,
    progress: Progress | None,
) -> dict[str, list[Measured]]:
    """Per head every view of the plan, mapped by the chain that has not seen its fold.

    keep: is given head, view and map of each, from the worker threads.
    """

    def measure(numbered: tuple[int, View]) -> dict[str, Measured]:
        number, view = numbered
        seen = read(view, grown.looks[0])
        found = {}
        for head in view.sample.labelled_heads:
            chain = grown.chains[head][view.fold]
            mapped = map_head(grown.looks, chain, seen.scene, seen.ignore, first=seen.first, known=seen.known)
            if keep is not None:
                keep(head, view, mapped)
            judged = 0.0
            if len(grown.looks) > 1:
                judged = float(survivors(mapped.first, chain.survivor_cut, seen.ignore).mean())
            shown = not view.hide_reference
            found[head] = measure_view(
                number, view.sample, mapped, seen.truth[head], seen.ignore, shown=shown, judged=judged, places=places
            )
        return found

    parts: dict[str, list[Measured]] = {head: [] for head in plan.heads}
    for done, found in enumerate(ordered_map(measure, enumerate(plan.views), workers=workers), 1):
        for head, measured in found.items():
            parts[head].append(measured)
        if progress is not None:
            progress(done, len(plan.views), "mapping out of fold")
    return parts


def map_calibration_of(measured: Sequence[Measured]) -> Calibration:
    """What the maps of the views that were shown as they are promise."""
    return fit_map_calibration(np.sum([item.labels for item in measured if item.shown], axis=0))


def tables_of(measured: Sequence[Measured], scores: NDArray[np.float64]) -> Tables:
    """The tables of the views that were shown as they are. scores: one per candidate of all of `measured`."""
    shown = [item for item in measured if item.shown]
    chosen = np.repeat([item.shown for item in measured], [len(item.candidates) for item in measured])
    merged = joined([item.candidates for item in shown])
    return Tables(
        ids=tuple(item.sample.id for item in shown),
        split=tuple(item.sample.split for item in shown),
        object=numbered([(item.sample.object_id, item.sample.object_id or item.sample.id) for item in shown]),
        actual=np.array([item.actual for item in shown], dtype=np.int64),
        rows=np.array([item.shape[0] for item in shown], dtype=np.int64),
        cols=np.array([item.shape[1] for item in shown], dtype=np.int64),
        image=np.repeat(np.arange(len(shown)), [len(item.candidates) for item in shown]),
        grid=merged.grid,
        region=merged.region,
        parent=merged.parent,
        area=merged.area,
        filled_area=merged.filled_area,
        tp=merged.tp,
        filled_tp=merged.filled_tp,
        score=scores[chosen],
    )
