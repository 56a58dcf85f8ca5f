"""Training: labelled pairs in; a model, its out-of-fold maps and region tables out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelgbm import datasets
from pixelgbm.config import RunConfig
from pixelgbm.decision import DEFAULT_RULE
from pixelgbm.errors import DatasetError
from pixelgbm.inspection import region_scores
from pixelgbm.mapping import first_stack, map_head, prepare_pair
from pixelgbm.mapstore import MapWriter, Tables, maps_folder, write_store
from pixelgbm.model import Head, Model, write_model
from pixelgbm.records import Dataset, Sample
from pixelgbm.sampling import DEFECT
from pixelgbm.threads import ordered_map
from pixelgbm.training.candidates import Candidates, RegionStage, fit_region_stage, joined, measure_grid
from pixelgbm.training.looks import GrownLooks, grow_looks
from pixelgbm.training.plan import Plan, Progress, View, known_groups, make_plan

__all__ = ["known_groups", "make_tables", "train"]


def train(
    dataset: Dataset, config: RunConfig, *, out: Path, workers: int = 1, progress: Progress | None = None
) -> Model:
    """Train on the labelled samples of `dataset` (one split; the excluded are left out) and write MODEL and MODEL.maps.

    Everything is read and checked before any work. Both folders are written aside and renamed at the end, so an
    error or Ctrl-C leaves what was there. Equal data and config give equal bytes, whatever `workers`. Raises
    DatasetError or ImageError, in one line, for data that cannot be read or learned from, OutputError for the disk.
    """
    plan = make_plan(dataset, config, workers=workers, progress=progress)
    with write_store(maps_folder(out)) as store:
        grown = grow_looks(dataset, plan, config, workers=workers, progress=progress)
        found = _map_pass(dataset, plan, grown, store, workers=workers, progress=progress)
        heads = []
        for name in plan.heads:
            stage = _region_stage(found[name], plan, config, workers=workers, progress=progress)
            store.tables(name, _tables(found[name], stage.scores))
            chain = grown.finals[name]
            heads.append(Head(name, chain.boosters, chain.survivor_cut, stage.booster, stage.calibration, DEFAULT_RULE))
        model = Model(
            looks=grown.looks,
            heads=tuple(heads),
            layout=dataset.layout,
            metric=dataset.metric,
            profile=config.profile,
            training=_provenance(dataset, plan, config, grown.rows),
        )
        store.finish(digest=model.boosters_digest, folds=plan.folds)
        write_model(model, out)
    return model


def make_tables(
    model: Model, dataset: Dataset, *, workers: int = 1, progress: Progress | None = None
) -> dict[str, Tables]:
    """Per head the region tables of labelled samples the model was not trained on, such as `dev`, for tuning."""
    samples = tuple(s for s in dataset.select(usable_only=True).samples if s.labelled_heads)

    def measure(numbered: tuple[int, Sample]) -> dict[str, tuple[_Measured, NDArray[np.float64]]]:
        number, sample = numbered
        pair = datasets.read_pair(dataset, sample)
        truth = datasets.read_truth(dataset, sample, pair.test.shape)
        scene = prepare_pair(model.looks[0], pair)
        first = first_stack(model.looks[0], scene)
        found = {}
        for head in model.heads:
            if head.name in truth:
                plane = _usable_truth(truth[head.name], pair.ignore)
                mapped = map_head(model.looks, head, scene, pair.ignore, first=first)
                candidates = measure_grid(number, mapped.levels, mapped.stack, plane)
                raw = candidates.mean_probability, candidates.features
                scores = region_scores(head.region_booster, head.calibration, *raw)
                found[head.name] = (_measured(sample, plane, candidates), scores)
        return found

    parts: dict[str, list[tuple[_Measured, NDArray[np.float64]]]] = {head.name: [] for head in model.heads}
    for done, found in enumerate(ordered_map(measure, enumerate(samples), workers=workers), 1):
        for name, part in found.items():
            parts[name].append(part)
        if progress is not None:
            progress(done, len(samples), "measuring regions")
    for name, measured in parts.items():
        if not measured:
            raise DatasetError(f"{dataset.root}: no sample here is labelled for {name}, which the model finds")
    return {
        name: _tables([item for item, _ in measured], np.concatenate([scores for _, scores in measured]))
        for name, measured in parts.items()
    }


@dataclass(frozen=True, slots=True)
class _Measured:
    """One view after the map pass. actual: defect pixels that are not ignored."""

    sample: Sample
    shown: bool
    shape: tuple[int, int]
    actual: int
    candidates: Candidates


def _measured(sample: Sample, truth: NDArray[np.uint8], candidates: Candidates, *, shown: bool = True) -> _Measured:
    shape = (int(truth.shape[0]), int(truth.shape[1]))
    return _Measured(sample, shown, shape, int(np.count_nonzero(truth >= DEFECT)), candidates)


def _usable_truth(truth: NDArray[np.uint8], ignore: NDArray[np.bool_] | None) -> NDArray[np.uint8]:
    return truth if ignore is None else np.where(ignore, np.uint8(0), truth)


def _map_pass(
    dataset: Dataset,
    plan: Plan,
    grown: GrownLooks,
    store: MapWriter,
    *,
    workers: int,
    progress: Progress | None,
) -> dict[str, list[_Measured]]:
    """Out-of-fold maps of every view, kept in the store unless the reference was hidden, and their candidates."""

    def measure(numbered: tuple[int, View]) -> dict[str, _Measured]:
        number, view = numbered
        pair = datasets.read_pair(dataset, view.sample)
        truth = datasets.read_truth(dataset, view.sample, pair.test.shape)
        scene = prepare_pair(grown.looks[0], pair, references="drop" if view.hide_reference else "use")
        first = first_stack(grown.looks[0], scene)
        found = {}
        for head in view.sample.labelled_heads:
            mapped = map_head(grown.looks, grown.chains[head][view.fold], scene, pair.ignore, first=first)
            if not view.hide_reference:
                store.map(head, view.sample.id, mapped.levels)
            plane = _usable_truth(truth[head], pair.ignore)
            candidates = measure_grid(number, mapped.levels, mapped.stack, plane)
            found[head] = _measured(view.sample, plane, candidates, shown=not view.hide_reference)
        return found

    parts: dict[str, list[_Measured]] = {head: [] for head in plan.heads}
    for done, found in enumerate(ordered_map(measure, enumerate(plan.views), workers=workers), 1):
        for head, measured in found.items():
            parts[head].append(measured)
        if progress is not None:
            progress(done, len(plan.views), "mapping out of fold")
    return parts


def _region_stage(
    measured: Sequence[_Measured], plan: Plan, config: RunConfig, *, workers: int, progress: Progress | None
) -> RegionStage:
    candidates = joined([item.candidates for item in measured])
    fold = np.array([view.fold for view in plan.views], dtype=np.int64)[candidates.view]
    return fit_region_stage(candidates, fold, config, workers=workers, progress=progress)


def _tables(measured: Sequence[_Measured], scores: NDArray[np.float64]) -> Tables:
    """The tables of the views that were shown as they are. scores: one per candidate of all of `measured`."""
    shown = [item for item in measured if item.shown]
    chosen = np.repeat([item.shown for item in measured], [len(item.candidates) for item in measured])
    merged = joined([item.candidates for item in shown])
    return Tables(
        ids=tuple(item.sample.id for item in shown),
        split=tuple(item.sample.split for item in shown),
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


def _provenance(dataset: Dataset, plan: Plan, config: RunConfig, rows: Mapping[str, list[int]]) -> dict[str, Any]:
    """What the model was made from, JSON-ready and the same on every machine."""
    return {
        "seed": config.seed,
        "config": config.to_dict(),
        "data_digest": datasets.data_digest(dataset),
        "images": len(plan.folds),
        "groups": len(set(plan.groups.values())),
        "excluded": len(dataset.samples) - len(dataset.select(usable_only=True).samples),
        "rows": dict(rows),
        "dirty_images": {head: sum(count > 0 for count in table.values()) for head, table in plan.defects.items()},
    }
