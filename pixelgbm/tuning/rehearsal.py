"""One setting tried: everything that training does, on shots whose evidence is there already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from pixelgbm import regions
from pixelgbm.config import RunConfig
from pixelgbm.decision import DEFAULT_RULE
from pixelgbm.mapping import Chain
from pixelgbm.mapstore import Tables
from pixelgbm.model import Head, Look, Model
from pixelgbm.records import Dataset
from pixelgbm.training.candidates import fit_region_stage, joined
from pixelgbm.training.looks import grow_looks
from pixelgbm.training.measured import map_calibration_of, measure_views, tables_of
from pixelgbm.training.plan import Plan, Progress
from pixelgbm.tuning.shots import Shots

__all__ = ["POINTS", "Forest", "Rehearsal", "rehearse"]

POINTS: tuple[int, ...] = tuple(place for place, (_, operation) in enumerate(regions.GRID) if operation == "none")
"""Places in `regions.GRID` that a trial measures: plain thresholds, from the lowest up. The pixel operations are left
to `tune`, which chooses among them when the setting is trained; measuring all would double the price of a trial."""


@dataclass(frozen=True, slots=True)
class Forest:
    """How much there is to evaluate: per look trees and nodes, summed over heads, and the share of pixels that a
    later look judges.
    """

    trees: tuple[int, ...]
    nodes: tuple[int, ...]
    share: float


@dataclass(frozen=True, slots=True, eq=False)
class Rehearsal:
    """What a setting gives. tables: per head, out-of-fold, of the views that were shown as they are.

    model: grown on everything, None unless asked for.
    """

    tables: Mapping[str, Tables]
    forest: Forest
    model: Model | None


def rehearse(
    dataset: Dataset,
    shots: Shots,
    plan: Plan,
    config: RunConfig,
    *,
    final: bool = False,
    workers: int = 1,
    progress: Progress | None = None,
) -> Rehearsal:
    """Train with `config` on the shots: the looks, out-of-fold maps, regions and their scores, as `train` does.

    config: its features are a part of the shots'. final: also grow the model on everything. Not done are the search
    for the survivors' cut, for which the configuration's own stands, and views with pasted defects.
    """
    shown = replace(plan, pasted=())
    fitted = Look(config.features, shots.look.quantizer.for_spec(config.features))
    grown = grow_looks(fitted, shown, shots.show, config, metric=None, final=final, workers=workers)
    found = measure_views(shown, shots.show, grown, places=POINTS, workers=workers, progress=progress)
    tables, heads = {}, []
    for head, items in found.items():
        merged = joined([item.candidates for item in items])
        fold = np.array([view.fold for view in plan.views], dtype=np.int64)[merged.view]
        stage = fit_region_stage(merged, fold, config, workers=workers, progress=None)
        tables[head] = tables_of(items, stage.scores)
        if final:
            chain = grown.finals[head]
            found_by = chain.boosters, chain.survivor_cut, stage.booster, stage.calibration
            heads.append(Head(head, *found_by, DEFAULT_RULE, map_calibration_of(items), chain.early_exit))
    model = None
    if final:
        model = Model(grown.looks, tuple(heads), dataset.layout, dataset.metric, config.profile, {})
    judged = float(np.mean([item.judged for items in found.values() for item in items]))
    return Rehearsal(tables, _forest(grown.chains, judged), model)


def _forest(chains: Mapping[str, tuple[Chain, ...]], share: float) -> Forest:
    """Trees and nodes of a look are those of the average fold."""
    boosters = [[chain.boosters for chain in folds] for folds in chains.values()]
    looks = range(len(boosters[0][0]))
    count = [sum(np.mean([chain[look].count for chain in folds]) for folds in boosters) for look in looks]
    nodes = [sum(np.mean([len(chain[look].feature) for chain in folds]) for folds in boosters) for look in looks]
    return Forest(tuple(round(n) for n in count), tuple(round(n) for n in nodes), share)
