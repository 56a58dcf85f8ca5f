"""The full search: families, scales, looks and boosters, reported on images it never saw."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelgbm import files
from pixelgbm.config import RunConfig
from pixelgbm.datasets import data_digest
from pixelgbm.errors import ConfigError, ModelError
from pixelgbm.groups import fold_table
from pixelgbm.mapstore import Tables, maps_folder, open_store
from pixelgbm.metrics import Metric
from pixelgbm.model import Model, read_model
from pixelgbm.records import Dataset
from pixelgbm.sampling import generator
from pixelgbm.training import known_groups, make_tables
from pixelgbm.training.plan import Plan, Progress, make_plan
from pixelgbm.tuning import named_metric, refuse_test_split
from pixelgbm.tuning.costs import Cost, PairCost, expected_forest
from pixelgbm.tuning.frontier import Frontier, Tried, open_frontier, pareto
from pixelgbm.tuning.rehearsal import rehearse
from pixelgbm.tuning.settings import IMAGES, TRIALS, Space, Values, config_from, config_text, space_around
from pixelgbm.tuning.shots import Album
from pixelgbm.tuning.worth import (
    Interval,
    best_rule,
    difference,
    interval,
    nested_tallies,
    over_heads,
    rule_tallies,
    score_of,
    tallies_of,
    unit_ids,
)

__all__ = ["FullResult", "HeldOut", "Row", "describe", "search_settings"]

FOLDS = 2
"""Of the search's own boosters: two folds cost half of three, and all settings are judged alike."""

HELD_OUT_PARTS = 3
"""One of so many parts of the groups is kept from the search."""

_SCALE_STEP = 1.5
_VERSION = 2  # of what a trial is: a study of another version is not continued


@dataclass(frozen=True, slots=True)
class Row:
    """A setting on the trade-off curve. ms: for a pair, of one core. score: out-of-fold on the images of the search,
    which is too good for a setting that was picked by it.
    """

    trial: int
    ms: float
    score: Interval
    config: RunConfig


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Scores on groups that the search has not used, of models grown on its images. gain: pick less present."""

    images: int
    groups: int
    pick: Interval
    present: Interval
    gain: Interval


@dataclass(frozen=True, slots=True)
class FullResult:
    """curve: cheapest first; ends at the best score. whole_ms: of the pick, measured from end to end."""

    curve: tuple[Row, ...]
    present: Row
    pick: Row
    whole_ms: float | None
    held_out: HeldOut
    images: int
    groups: int
    trials: int
    config_path: Path
    searched: tuple[str, ...]
    kept_from_search: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Parts:
    """The images of the search and those kept from it; every image of a group is on one side."""

    search: Dataset
    held_out: Dataset
    groups: Mapping[str, str]


def search_settings(
    folder: Path | str,
    dataset: Dataset,
    *,
    also: Sequence[str] = (),
    metric: str | None = None,
    budget_ms: float | None = None,
    trials: int = TRIALS,
    images: int = IMAGES,
    timeout_s: float | None = None,
    storage: str | None = None,
    out_config: Path | None = None,
    seed: int = 0,
    workers: int = 1,
    progress: Progress | None = None,
    cost: Cost | None = None,
) -> FullResult:
    """Search the settings around those of the model in `folder`, and write the pick as a `run.toml`.

    dataset: all of the data the model was trained on; only the splits of that training and `also` are opened. metric:
    as for `tune_model`. images:
    how many the search uses; half as many more are kept from it, for the figures of the pick. budget_ms: what a pair
    may cost; None takes the cheapest setting that is not told apart from the best. storage, trials: as for `tune`; by
    default MODEL.maps/full.db, and a study goes on where it stopped, whatever the budget then was.
    cost: in place of a clock.
    Raises ConfigError for a test split, and when no setting meets the budget; ModelError for other data.
    """
    model = read_model(folder)
    maps = maps_folder(folder)
    base = _base(folder, model)
    usable = _allowed_data(folder, model, maps, dataset, also)
    if trials < 1 or images < 2 * FOLDS:
        raise ConfigError(f"trials = {trials}, images = {images}; at least 1 and {2 * FOLDS} are needed")
    config = _searching(base, seed)
    parts = _parted(usable, images=images, seed=seed, workers=workers, progress=progress)
    plan = make_plan(parts.search, config, workers=workers, progress=progress)
    space = space_around(base, scales=_scales(base))
    chosen_metric = named_metric(metric or model.metric, where=folder)
    url = f"sqlite:///{maps.resolve() / 'full.db'}" if storage is None else storage
    name = f"full-{_question(model, chosen_metric, parts, space, seed)}"
    with (
        open_frontier(url, name, space, seed=seed) as frontier,
        Album(parts.search, plan, config, folder=maps, workers=workers, progress=progress) as album,
    ):
        clock = PairCost(parts.search, config, known=frontier.notes.get("cost")) if cost is None else cost
        trying = _Trying(parts, plan, album, space, chosen_metric, clock, seed, workers)
        _check_budget(space, clock, len(plan.heads), budget_ms)
        _search(frontier, trying, budget_ms, trials=trials, timeout_s=timeout_s, progress=progress)
        tried = frontier.tried
        chosen = _pick(tried, trying, budget_ms)
        held_out, best = trying.held_out(space.config(chosen.values), progress=progress)
        whole_ms = clock.whole(best) if isinstance(clock, PairCost) else None
    rows = {trial.number: trying.row(trial) for trial in (*pareto(tried), tried[0], chosen)}
    path = maps / "full.toml" if out_config is None else Path(out_config)
    result = FullResult(
        curve=tuple(rows[trial.number] for trial in pareto(tried)),
        present=rows[tried[0].number],
        pick=rows[chosen.number],
        whole_ms=whole_ms,
        held_out=held_out,
        images=len(trying.groups),
        groups=len(set(trying.groups)),
        trials=len(tried),
        config_path=path,
        searched=tuple(s.id for s in parts.search.samples),
        kept_from_search=tuple(s.id for s in parts.held_out.samples),
    )
    files.write_text(path, config_text(result.pick.config, comment=_comment(result)))
    return result


# ---- the data ------------------------------------------------------------------------------------------------------


def _base(folder: Path | str, model: Model) -> RunConfig:
    try:
        return config_from(model.training["config"])
    except (KeyError, ConfigError) as error:
        raise ModelError(f"{folder}: {error}") from None


def _allowed_data(folder: Path | str, model: Model, maps: Path, dataset: Dataset, also: Sequence[str]) -> Dataset:
    """The data of the model's training, proved by its digest, and the splits of `also`."""
    refuse_test_split(also)
    store = open_store(maps)
    if store.digest != model.boosters_digest:
        raise ModelError(f"{maps}: these maps are of another training than {folder}; train again")
    splits = {sample.split for sample in dataset.samples if sample.id in store.folds}
    refuse_test_split(splits)
    trained = dataset.select(splits)
    if model.training.get("data_digest") not in {data_digest(trained), data_digest(dataset)}:
        raise ModelError(f"{dataset.root}: not the data that {folder} was trained on; the full search needs these")
    return dataset.select(splits | set(also), usable_only=True)


def _parted(dataset: Dataset, *, images: int, seed: int, workers: int, progress: Progress | None) -> _Parts:
    """A seeded share of the labelled images, parted by whole groups into search and held-out.

    Groups are found among the drawn images only: what is not drawn is never used, so it can give nothing away.
    """
    labelled = [sample for sample in dataset.samples if sample.labelled_heads]
    wanted = min(len(labelled), images + images // (HELD_OUT_PARTS - 1))
    order = generator(seed, "images of the full search").permutation(len(labelled))[:wanted]
    drawn = replace(dataset, samples=tuple(labelled[k] for k in sorted(order.tolist())), excluded={})
    groups = known_groups(drawn, workers=workers, progress=progress)
    if len(set(groups.values())) < HELD_OUT_PARTS:
        raise ConfigError(
            f"{dataset.root}: {len(set(groups.values()))} groups among {wanted} images; the full search needs at "
            f"least {HELD_OUT_PARTS} to keep one of them for its figures"
        )
    levels = {sample.id: sample.level or "" for sample in drawn.samples}
    part = fold_table(list(groups), groups, folds=HELD_OUT_PARTS, seed=seed, strata=levels)
    named = [replace(sample, group=groups[sample.id]) for sample in drawn.samples]
    return _Parts(
        search=replace(drawn, samples=tuple(s for s in named if part[s.id] != 0)),
        held_out=replace(drawn, samples=tuple(s for s in named if part[s.id] == 0)),
        groups=groups,
    )


def _scales(base: RunConfig) -> list[float]:
    around = (base.features.scale / _SCALE_STEP, base.features.scale * _SCALE_STEP)
    return [float(f"{scale:.3g}") for scale in around if 0.25 <= scale <= 8]


def _question(model: Model, metric: Metric, parts: _Parts, space: Space, seed: int) -> str:
    """A digest of what a trial's score depends on. The budget is not in it: a trial is worth the same under any."""
    asked = {
        "version": _VERSION,
        "data": model.training.get("data_digest"),
        "metric": metric.name,
        "seed": seed,
        "base": space.base.to_dict(),
        "axes": {name: repr(axis) for name, axis in space.axes.items()},
        "search": [[s.id, s.group] for s in parts.search.samples],
    }
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]


# ---- the search ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Trying:
    """What it takes to try a setting."""

    parts: _Parts
    plan: Plan
    album: Album
    space: Space
    metric: Metric
    cost: Cost
    seed: int
    workers: int

    @property
    def groups(self) -> list[str]:
        """Of the images of the search, in their order."""
        return [self.parts.groups[sample.id] for sample in self.parts.search.samples]

    def expected_ms(self, values: Values) -> float:
        config = self.space.config(values)
        return self.cost.ms(config, expected_forest(config, len(self.plan.heads)))

    def attempt(self, values: Values) -> tuple[float, float, Mapping[str, Any]]:
        """(score, ms, what is noted) of one setting."""
        config = self.space.config(values)
        shots = self.album.at(config.features.scale)
        found = rehearse(self.parts.search, shots, self.plan, _searching(config, self.seed), workers=self.workers)
        units, tallies = self._nested(found.tables)
        notes = {
            "setting": describe(config),
            "units": units,
            "tallies": [[float(f"{value:.6g}") for value in row] for row in tallies],
            "share looked at again": found.forest.share,
        }
        return score_of(tallies, self.metric), self.cost.ms(config, found.forest), notes

    def row(self, trial: Tried) -> Row:
        """A setting that was tried, with its interval."""
        tallies, groups = self._noted(trial)
        score = interval(tallies, groups, self.metric, seed=self.seed)
        return Row(trial.number, trial.ms, score, self.space.config(trial.values))

    def is_as_good(self, trial: Tried, best: Tried) -> bool:
        """Whether a setting is worse than another by no more than one standard error of the difference."""
        tallies, groups = self._noted(best)
        lost, error = difference(tallies, self._noted(trial)[0], groups, self.metric, seed=self.seed)
        return lost.mean <= error

    def _noted(self, trial: Tried) -> tuple[NDArray[np.float64], list[str]]:
        """The tallies noted with a trial, and the groups of their units."""
        return np.array(trial.notes["tallies"]), [self.parts.groups[id] for id in trial.notes["units"]]

    def held_out(self, config: RunConfig, *, progress: Progress | None) -> tuple[HeldOut, Model]:
        """The figures of a setting and of the present one on the groups kept from the search, and its model."""
        units, tallies, model = self._on_held_out(config, progress=progress)
        present = tallies if config == self.space.base else self._on_held_out(self.space.base, progress=progress)[1]
        groups = [self.parts.groups[id] for id in units]
        pick, now = (interval(t, groups, self.metric, seed=self.seed) for t in (tallies, present))
        gain, _ = difference(tallies, present, groups, self.metric, seed=self.seed)
        return HeldOut(len(self.parts.held_out.samples), len(set(groups)), pick, now, gain), model

    def _nested(self, tables: Mapping[str, Tables]) -> tuple[list[str], NDArray[np.float64]]:
        found = {}
        for head, table in tables.items():
            _, tallies = rule_tallies(table, self.metric)
            units = unit_ids(table, self.metric)
            groups = [self.parts.groups[id] for id in units]
            found[head] = (units, nested_tallies(tallies, groups, self.metric, seed=self.seed))
        return over_heads(found)

    def _on_held_out(
        self, config: RunConfig, *, progress: Progress | None
    ) -> tuple[list[str], NDArray[np.float64], Model]:
        """Grown, and its rule chosen, on all images of the search; applied to the others as prediction does it."""
        shots = self.album.at(config.features.scale)
        found = rehearse(
            self.parts.search, shots, self.plan, _searching(config, self.seed), final=True, workers=self.workers
        )
        assert found.model is not None
        heads = [
            replace(head, rule=best_rule(*rule_tallies(found.tables[head.name], self.metric), self.metric))
            for head in found.model.heads
        ]
        model = replace(found.model, heads=tuple(heads))
        tables = make_tables(model, self.parts.held_out, workers=self.workers, progress=progress)
        scores = {
            name: (unit_ids(table, self.metric), tallies_of(table, head.rule, self.metric))
            for name, table, head in ((head.name, tables[head.name], head) for head in heads)
        }
        return *over_heads(scores), model


def _searching(config: RunConfig, seed: int) -> RunConfig:
    """How a setting is grown in the search: with fewer folds, and without pasted views, which double its price."""
    return replace(config, folds=FOLDS, seed=seed, sampling=replace(config.sampling, pasted_share=0.0))


def _check_budget(space: Space, cost: Cost, heads: int, budget_ms: float | None) -> None:
    """Refuse a budget below the cheapest setting there is, before anything is tried."""
    if budget_ms is None:
        return
    configs = [space.config(values) for values in space.cheapest()]
    least = min(cost.ms(config, expected_forest(config, heads)) for config in configs)
    if least > budget_ms:
        raise ConfigError(
            f"no setting costs at most {budget_ms:g} ms a pair on this machine; the cheapest, {least:.3g} ms"
        )


def _search(
    frontier: Frontier,
    trying: _Trying,
    budget_ms: float | None,
    *,
    trials: int,
    timeout_s: float | None,
    progress: Progress | None,
) -> None:
    started = monotonic()
    while len(frontier.tried) < trials:
        if frontier.tried and timeout_s is not None and monotonic() - started >= timeout_s:
            break
        frontier.note("cost", dict(trying.cost.known))
        frontier.try_next(trying.expected_ms, trying.attempt, budget_ms=budget_ms)
        frontier.note("cost", dict(trying.cost.known))
        if progress is not None:
            progress(len(frontier.tried), trials, "trying settings")


def _pick(tried: Sequence[Tried], trying: _Trying, budget_ms: float | None) -> Tried:
    """The best within the budget; without one the cheapest that is not told apart from the best.

    Told apart: worse by more than one standard error of the difference on the same images.
    """
    cheapest = min(tried, key=lambda trial: trial.ms)
    if budget_ms is not None:
        affordable = [trial for trial in tried if trial.ms <= budget_ms]
        if not affordable:
            raise ConfigError(
                f"none of {len(tried)} settings tried costs at most {budget_ms:g} ms a pair; the cheapest, "
                f"{cheapest.ms:.3g} ms ({describe(trying.space.config(cheapest.values))}); "
                "raise --budget-ms or --trials"
            )
        return max(affordable, key=lambda trial: (trial.score, -trial.ms))
    best = max(tried, key=lambda trial: (trial.score, -trial.ms))
    for trial in pareto(tried):
        if trying.is_as_good(trial, best):
            return trial
    return best


# ---- what is shown -------------------------------------------------------------------------------------------------


def describe(config: RunConfig) -> str:
    """A setting in a few words."""
    features, first, booster, sampling = config.features, config.first_booster, config.booster, config.sampling
    forest = f"{booster.trees}x{booster.num_leaves}"
    if config.profile == "best":
        forest = f"{first.trees}x{first.num_leaves} then {config.context_rounds} x {forest}"
    return (
        f"{'+'.join(features.families)}{' lean' if features.lean else ''}, scale {features.scale:g}, "
        f"trees {forest}, rate {booster.learning_rate:g}, leaf {booster.min_data_in_leaf}, "
        f"negatives {sampling.negatives}, hard {sampling.hard_share:g}"
    )


def _comment(result: FullResult) -> str:
    held_out = result.held_out
    return (
        "Written by `pixelgbm tune --full`; train with `pixelgbm train DATA --config THIS --out MODEL`.\n"
        f"{result.pick.ms:.3g} ms a pair on one core of the machine of the search. On {held_out.images} images it has "
        f"not seen {held_out.pick.mean:.4f},\nthe setting before {held_out.present.mean:.4f}, both grown on "
        f"{result.images} images only."
    )
