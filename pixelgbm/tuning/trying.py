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
from pixelgbm.tuning.parts import Parts
from pixelgbm.tuning.rehearsal import rehearse
from pixelgbm.tuning.settings import Space, Values, describe
from pixelgbm.tuning.shots import Album
from pixelgbm.tuning.worth import Interval, best_rule, interval, nested_values, over_heads, rule_values, values_of

__all__ = ["FOLDS", "HeldOut", "Trying", "searching"]

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
        per_image = self._per_image(found.tables)
        notes = {
            "setting": describe(config),
            "per image": [float(f"{value:.6g}") for value in per_image],
            "share looked at again": found.forest.share,
        }
        return float(per_image.mean()), self.cost.ms(config, found.forest), notes

    def held_out(self, config: RunConfig, *, progress: Progress | None) -> tuple[HeldOut, Model]:
        """The figures of a setting and of the present one on the groups kept from the search, and its model."""
        values, model = self._on_held_out(config, progress=progress)
        present = values if config == self.space.base else self._on_held_out(self.space.base, progress=progress)[0]
        groups = [self.parts.groups[sample.id] for sample in self.parts.held_out.samples]
        pick, now, gain = (interval(v, groups, seed=self.seed) for v in (values, present, values - present))
        return HeldOut(len(groups), len(set(groups)), pick, now, gain), model

    def _per_image(self, tables: Mapping[str, Tables]) -> NDArray[np.float64]:
        found = {}
        for head, table in tables.items():
            _, values = rule_values(table, self.metric)
            groups = [self.parts.groups[id] for id in table.ids]
            found[head] = (table.ids, nested_values(values, groups, seed=self.seed))
        return over_heads(found, [sample.id for sample in self.parts.search.samples])

    def _on_held_out(self, config: RunConfig, *, progress: Progress | None) -> tuple[NDArray[np.float64], Model]:
        """Grown, and its rule chosen, on all images of the search; applied to the others as prediction does it."""
        shots = self.album.at(config.features.scale)
        found = rehearse(
            self.parts.search, shots, self.plan, searching(config, self.seed), final=True, workers=self.workers
        )
        assert found.model is not None
        heads = [
            replace(head, rule=best_rule(*rule_values(found.tables[head.name], self.metric)))
            for head in found.model.heads
        ]
        model = replace(found.model, heads=tuple(heads))
        tables = make_tables(model, self.parts.held_out, workers=self.workers, progress=progress)
        scores = {
            head.name: (tables[head.name].ids, values_of(tables[head.name], head.rule, self.metric)) for head in heads
        }
        return over_heads(scores, [sample.id for sample in self.parts.held_out.samples]), model


def searching(config: RunConfig, seed: int) -> RunConfig:
    """How a setting is grown in the search: with fewer folds, and without pasted views, which double its price."""
    return replace(config, folds=FOLDS, seed=seed, sampling=replace(config.sampling, pasted_share=0.0))
