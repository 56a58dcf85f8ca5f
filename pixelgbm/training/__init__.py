"""Training: labelled pairs in; a model, its out-of-fold maps and region tables out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelgbm import datasets
from pixelgbm.config import RunConfig
from pixelgbm.decision import DEFAULT_RULE
from pixelgbm.errors import DatasetError
from pixelgbm.inspection import region_scores
from pixelgbm.mapping import HeadMap, map_heads, prepare_pair
from pixelgbm.mapstore import MapWriter, Tables, maps_folder, write_store
from pixelgbm.metrics import METRICS
from pixelgbm.model import Head, Model, write_model
from pixelgbm.records import Dataset, Sample
from pixelgbm.threads import ordered_map
from pixelgbm.training.candidates import RegionStage, fit_region_stage, joined
from pixelgbm.training.looks import grow_looks
from pixelgbm.training.measured import Measured, map_calibration_of, measure_view, measure_views, tables_of
from pixelgbm.training.pixels import fit_look
from pixelgbm.training.plan import Plan, Progress, View, known_groups, make_plan
from pixelgbm.training.views import collect_patches, view_reader

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
        fitted = fit_look(dataset, plan, config, workers=workers, progress=progress)
        patches = collect_patches(dataset, plan, fitted, workers=workers, progress=progress) if plan.pasted else {}
        read = view_reader(dataset, patches, config)
        metric = METRICS[dataset.metric]
        grown = grow_looks(fitted, plan, read, config, metric=metric, workers=workers, progress=progress)
        found = measure_views(plan, read, grown, keep=_into(store), workers=workers, progress=progress)
        heads = []
        for name in plan.heads:
            stage = _region_stage(found[name], plan, config, workers=workers, progress=progress)
            store.tables(name, tables_of(found[name], stage.scores))
            chain = grown.finals[name]
            found_by = chain.boosters, chain.survivor_cut, stage.booster, stage.calibration
            heads.append(Head(name, *found_by, DEFAULT_RULE, map_calibration_of(found[name]), chain.early_exit))
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

    def measure(numbered: tuple[int, Sample]) -> dict[str, tuple[Measured, NDArray[np.float64]]]:
        number, sample = numbered
        pair = datasets.read_pair(dataset, sample)
        truth = datasets.read_truth(dataset, sample, pair.test.shape)
        scene = prepare_pair(model.looks[0], pair)
        found = {}
        labelled = [head for head in model.heads if head.name in truth]
        for head, mapped in map_heads(model.looks, labelled, scene, pair.ignore):
            measured = measure_view(number, sample, mapped, truth[head.name], pair.ignore)
            raw = measured.candidates.mean_probability, measured.candidates.features
            found[head.name] = (measured, region_scores(head.region_booster, head.calibration, *raw))
        return found

    parts: dict[str, list[tuple[Measured, NDArray[np.float64]]]] = {head.name: [] for head in model.heads}
    for done, found in enumerate(ordered_map(measure, enumerate(samples), workers=workers), 1):
        for name, part in found.items():
            parts[name].append(part)
        if progress is not None:
            progress(done, len(samples), "measuring regions")
    for name, measured in parts.items():
        if not measured:
            raise DatasetError(f"{dataset.root}: no sample here is labelled for {name}, which the model finds")
    return {
        name: tables_of([item for item, _ in measured], np.concatenate([scores for _, scores in measured]))
        for name, measured in parts.items()
    }


def _into(store: MapWriter) -> Callable[[str, View, HeadMap], None]:
    """Keeps the maps of the views that show the sample as it is."""

    def keep(head: str, view: View, mapped: HeadMap) -> None:
        if not view.hide_reference:
            store.map(head, view.sample.id, mapped.levels)

    return keep


def _region_stage(
    measured: Sequence[Measured], plan: Plan, config: RunConfig, *, workers: int, progress: Progress | None
) -> RegionStage:
    candidates = joined([item.candidates for item in measured])
    fold = np.array([view.fold for view in plan.views], dtype=np.int64)[candidates.view]
    return fit_region_stage(candidates, fold, config, workers=workers, progress=progress)


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
