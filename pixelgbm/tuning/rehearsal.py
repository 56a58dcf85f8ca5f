"""One setting tried: everything that training does, on shots whose evidence is there already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from features import FeatureStack
from pixelgbm import regions
from pixelgbm.config import BoosterConfig, RunConfig
from pixelgbm.decision import DEFAULT_RULE
from pixelgbm.forest import Trees, predict_pixels
from pixelgbm.mapping import Chain, HeadMap, byte_map, later_stack, map_head, survivors
from pixelgbm.mapstore import Tables
from pixelgbm.model import Head, Look, Model
from pixelgbm.records import Dataset
from pixelgbm.sampling import DEFECT, draw, generator
from pixelgbm.threads import ordered_map
from pixelgbm.training.candidates import Candidates, RegionStage, fit_region_stage, joined
from pixelgbm.training.pixels import Rows, grow_final, grow_folds
from pixelgbm.training.plan import Plan, Progress
from pixelgbm.tuning.shots import Seen, Shot, Shots

__all__ = ["POINTS", "Forest", "Rehearsal", "map_shot", "rehearse"]

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
    several = config.profile == "best"
    later = config.features.with_context()
    spec, booster = config.features, config.booster
    if several:
        spec, booster = replace(spec, lean=True), config.first_booster
    quantizer = shots.look.quantizer
    looks: tuple[Look, ...] = (Look(spec, quantizer.for_spec(spec)),)
    rows = _collect(shots, plan, looks, config, chains=None, stage="round-1", workers=workers)
    if config.sampling.rounds == 2 and not several:
        few = replace(booster, trees=min(config.sampling.mining_trees, booster.trees))
        mining = _grown(rows, looks, config, few, None, final=False, workers=workers)[0]
        rows = _collect(shots, plan, looks, config, chains=mining, stage="round-2", workers=workers)
    chains, finals = _grown(rows, looks, config, booster, None, final=final, workers=workers)
    for number in range(2, 2 + (config.context_rounds if several else 0)):
        looks = (*looks, Look(later, quantizer.for_spec(later)))
        rows = _collect(shots, plan, looks, config, chains=chains, stage=f"look-{number}", workers=workers)
        chains, finals = _grown(rows, looks, config, config.booster, (chains, finals), final=final, workers=workers)
    del rows
    return _judged(dataset, shots, plan, looks, config, chains, finals, workers=workers, progress=progress)


FoldChains = Mapping[str, tuple[Chain, ...]]


def _grown(
    rows: Mapping[str, Rows],
    looks: Sequence[Look],
    config: RunConfig,
    booster: BoosterConfig,
    before: tuple[FoldChains, Mapping[str, Chain]] | None,
    *,
    final: bool,
    workers: int,
) -> tuple[dict[str, tuple[Chain, ...]], dict[str, Chain]]:
    """The chains of the folds and, if `final`, of everything, one booster longer than `before`."""
    cut = config.survivor_cut if config.profile == "best" else None
    chains, finals = before or ({}, {})
    new = Chain((), cut)
    folds = grow_folds(rows, looks[-1], config, booster=booster, workers=workers, progress=None)
    longer = {
        head: tuple(_longer(chain, grown) for chain, grown in zip(chains.get(head, (new,) * len(of)), of, strict=True))
        for head, of in folds.items()
    }
    if not final:
        return longer, {}
    whole = grow_final(rows, looks[-1], config, booster=booster, workers=workers, progress=None)
    return longer, {head: _longer(finals.get(head, new), grown) for head, grown in whole.items()}


def _longer(chain: Chain, booster: Trees) -> Chain:
    return replace(chain, boosters=(*chain.boosters, booster))


def map_shot(looks: Sequence[Look], chain: Chain, shot: Shot, seen: Seen) -> HeadMap:
    """`mapping.map_head` on a shot, whose planes later looks need not compute again."""
    found = map_head(looks[:1], replace(chain, boosters=chain.boosters[:1]), seen.scene, shot.ignore, first=seen.first)
    if len(chain.boosters) == 1:
        return found
    first = found.levels
    again = np.flatnonzero(survivors(first, chain.survivor_cut, shot.ignore))
    for look, booster in zip(looks[1:], chain.boosters[1:], strict=False):
        stack = _later(look, shot, seen, found)
        probability = np.zeros_like(found.probability)
        probability.ravel()[again] = predict_pixels(booster, stack.planes, again)
        found = HeadMap(stack, probability, byte_map(probability), first)
    return found


def _later(look: Look, shot: Shot, seen: Seen, before: HeadMap) -> FeatureStack:
    return later_stack(look, seen.scene, replace(before, stack=shot.stack))


def _collect(
    shots: Shots,
    plan: Plan,
    looks: Sequence[Look],
    config: RunConfig,
    *,
    chains: FoldChains | None,
    stage: str,
    workers: int,
) -> dict[str, Rows]:
    """`training.pixels.collect_rows` on shots: the same pixels are drawn, and seen as the last of `looks` sees them."""

    def sample(shot: Shot) -> dict[str, tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]]:
        view, seen = shot.view, shot.seen(looks[0])
        found = {}
        for head in view.sample.labelled_heads:
            stack, ignore, hardness = seen.first, shot.ignore, None
            if chains is not None:
                chain = chains[head][view.fold]
                before = map_shot(looks, chain, shot, seen)
                hardness = before.levels
                if len(chain.boosters) < len(looks):
                    stack = _later(looks[-1], shot, seen, before)
                    ignore = ~survivors(before.first, chain.survivor_cut, shot.ignore)
            rng = generator(config.seed, stage, head, view.name)
            drawn, labels, weights = draw(shot.truth[head], ignore, rng=rng, config=config.sampling, hardness=hardness)
            planes = np.ascontiguousarray(stack.planes[:, drawn[:, 0], drawn[:, 1]].T)
            found[head] = (planes, labels, weights)
        return found

    parts: dict[str, list[tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32], int]]]
    parts = {head: [] for head in plan.heads}
    for shot, found in zip(shots.shots, ordered_map(sample, shots.shots, workers=workers), strict=True):
        for head, item in found.items():
            parts[head].append((*item, shot.view.fold))
    rows = {}
    for head, items in parts.items():
        planes, labels, weights, folds = zip(*items, strict=True)
        fold = np.repeat(np.array(folds, dtype=np.int16), [part.size for part in labels])
        rows[head] = Rows(np.concatenate(planes), np.concatenate(labels), np.concatenate(weights), fold)
    return rows


@dataclass(frozen=True, slots=True)
class _Found:
    """What the last pass keeps of one view and head. actual: defect pixels. share: of pixels judged by later looks."""

    shot: Shot
    actual: int
    shape: tuple[int, int]
    share: float
    candidates: Candidates


def _judged(
    dataset: Dataset,
    shots: Shots,
    plan: Plan,
    looks: tuple[Look, ...],
    config: RunConfig,
    chains: Mapping[str, tuple[Chain, ...]],
    finals: Mapping[str, Chain],
    *,
    workers: int,
    progress: Progress | None,
) -> Rehearsal:
    """Out-of-fold maps, their candidate regions, and the scores of these."""

    def measure(numbered: tuple[int, Shot]) -> dict[str, _Found]:
        number, shot = numbered
        seen = shot.seen(looks[0])
        found = {}
        for head in shot.view.sample.labelled_heads:
            chain = chains[head][shot.view.fold]
            mapped = map_shot(looks, chain, shot, seen)
            truth = shot.truth[head] >= DEFECT
            if shot.ignore is not None:
                truth = truth & ~shot.ignore
            share = float(survivors(mapped.first, chain.survivor_cut, shot.ignore).mean()) if len(looks) > 1 else 0.0
            candidates = _candidates(number, mapped.levels, mapped.stack, truth)
            shape = (int(truth.shape[0]), int(truth.shape[1]))
            found[head] = _Found(shot, int(np.count_nonzero(truth)), shape, share, candidates)
        return found

    parts: dict[str, list[_Found]] = {head: [] for head in plan.heads}
    for done, found in enumerate(ordered_map(measure, enumerate(shots.shots), workers=workers), 1):
        for head, item in found.items():
            parts[head].append(item)
        if progress is not None:
            progress(done, len(shots.shots), "judging")
    tables, heads = {}, []
    for head, items in parts.items():
        merged = joined([item.candidates for item in items])
        fold = np.array([shot.view.fold for shot in shots.shots], dtype=np.int64)[merged.view]
        stage = fit_region_stage(merged, fold, config, workers=workers, progress=None)
        tables[head] = _tables(items, stage)
        if finals:
            chain = finals[head]
            found_by = chain.boosters, chain.survivor_cut, stage.booster, stage.calibration
            heads.append(Head(head, *found_by, DEFAULT_RULE))
    model = None
    if finals:
        model = Model(looks, tuple(heads), dataset.layout, dataset.metric, config.profile, {})
    share = float(np.mean([item.share for items in parts.values() for item in items]))
    return Rehearsal(tables, _forest(chains, share), model)


def _candidates(view: int, levels: NDArray[np.uint8], stack: FeatureStack, truth: NDArray[np.bool_]) -> Candidates:
    """`training.candidates.measure_grid` at the grid points of `POINTS` only. truth: (rows, cols) bool."""
    parts = []
    below: regions.RegionTable | None = None
    for place in POINTS:
        low, operation = regions.GRID[place]
        mask = regions.candidate_mask(levels, low=low, operation=operation)
        table = regions.measure(levels, mask, stack.planes, stack.measures, column_names=stack.names)
        tp, filled_tp = regions.truth_counts(table, truth)
        parent = np.full(len(table), -1, dtype=np.int64) if below is None else regions.parents(table, below)
        below = table
        parts.append(
            Candidates(
                names=table.names,
                view=np.full(len(table), view),
                grid=np.full(len(table), place),
                region=np.arange(len(table)),
                parent=parent,
                area=table.area,
                filled_area=table.filled_area,
                tp=tp,
                filled_tp=filled_tp,
                mean_probability=table.mean_probability,
                features=table.features,
            )
        )
    return joined(parts)


def _tables(items: Sequence[_Found], stage: RegionStage) -> Tables:
    """The tables of the views that were shown as they are."""
    shown = [item for item in items if not item.shot.view.hide_reference]
    kept = np.repeat([not item.shot.view.hide_reference for item in items], [len(item.candidates) for item in items])
    merged = joined([item.candidates for item in shown])
    return Tables(
        ids=tuple(item.shot.view.sample.id for item in shown),
        split=tuple(item.shot.view.sample.split for item in shown),
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
        score=stage.scores[kept],
    )


def _forest(chains: Mapping[str, tuple[Chain, ...]], share: float) -> Forest:
    """Trees and nodes of a look are those of the average fold."""
    boosters = [[chain.boosters for chain in folds] for folds in chains.values()]
    looks = range(len(boosters[0][0]))
    count = [sum(np.mean([chain[look].count for chain in folds]) for folds in boosters) for look in looks]
    nodes = [sum(np.mean([len(chain[look].feature) for chain in folds]) for folds in boosters) for look in looks]
    return Forest(tuple(round(n) for n in count), tuple(round(n) for n in nodes), share)
