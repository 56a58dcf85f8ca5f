"""What a setting of the full search is worth: grown anew, on the images of the search and on those kept from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelgbm.config import RunConfig
from pixelgbm.mapstore import Tables
from pixelgbm.metrics import Metric
from pixelgbm.model import Model
from pixelgbm.training import make_tables
from pixelgbm.training.plan import Plan, Progress
from pixelgbm.tuning.costs import Cost, expected_forest
from pixelgbm.tuning.frontier import Tried
from pixelgbm.tuning.parts import Parts
from pixelgbm.tuning.rehearsal import rehearse
from pixelgbm.tuning.settings import Space, Values, describe
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

__all__ = ["FOLDS", "HeldOut", "Row", "Trying", "searching"]

FOLDS = 2
"""Of the search's own boosters: two folds cost half of three, and all settings are judged alike."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Scores on groups that the search has not used, of models grown on its images. gain: pick less present."""

    images: int
    groups: int
    pick: Interval
    present: Interval
    gain: Interval


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
class Trying:
    """What it takes to try a setting."""

    parts: Parts
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
        found = rehearse(self.parts.search, shots, self.plan, searching(config, self.seed), workers=self.workers)
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
            self.parts.search, shots, self.plan, searching(config, self.seed), final=True, workers=self.workers
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


def searching(config: RunConfig, seed: int) -> RunConfig:
    """How a setting is grown in the search: with fewer folds, and without pasted views, which double its price."""
    return replace(config, folds=FOLDS, seed=seed, sampling=replace(config.sampling, pasted_share=0.0))
