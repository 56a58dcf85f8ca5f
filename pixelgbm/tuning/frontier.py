"""The Optuna study of the full search: score against milliseconds, what is tried next, and trials kept durably."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna

from pixelgbm.tuning.settings import Choice, Range, Space, Values
from pixelgbm.tuning.study import kept_study, storage_errors

__all__ = ["Frontier", "Tried", "open_frontier", "pareto"]

RANDOM_TRIALS = 12
"""Drawn blindly before the sampler is asked, the fixed starts among them."""

REDRAWS = 30
"""How often a setting over the budget is drawn again; what it costs is known before it is tried."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A finished trial. notes: JSON-ready facts kept with it."""

    number: int
    values: Values
    score: float
    ms: float
    notes: Mapping[str, Any]


class Frontier:
    """A study that is open; see `open_frontier`."""

    def __init__(self, kept: optuna.Study, storage: str | None, space: Space, seed: int) -> None:
        self._kept, self._storage, self._space, self._seed = kept, storage, space, seed
        self._axes = {name: _distribution(axis) for name, axis in space.axes.items()}
        self._finished = [trial for trial in kept.trials if trial.state is optuna.trial.TrialState.COMPLETE]
        # Draws are made on a study in memory, as in `study.search`: a kill leaves no trial half done.
        self._memory = optuna.create_study(directions=["maximize", "minimize"])
        self._memory.add_trials(self._finished)

    @property
    def tried(self) -> list[Tried]:
        """The finished trials, those of earlier runs first."""
        return [
            Tried(number, trial.params, trial.values[0], trial.values[1], trial.user_attrs)
            for number, trial in enumerate(self._finished)
        ]

    @property
    def notes(self) -> Mapping[str, Any]:
        """What was noted about the study as a whole."""
        return dict(self._kept.user_attrs)

    def note(self, name: str, value: Any) -> None:
        """Keep a JSON-ready fact about the study."""
        if self._kept.user_attrs.get(name) != value:
            with storage_errors(self._storage):
                self._kept.set_user_attr(name, value)

    def try_next(
        self,
        cost: Callable[[Values], float],
        attempt: Callable[[Values], tuple[float, float, Mapping[str, Any]]],
        *,
        budget_ms: float | None,
    ) -> Tried:
        """Draw a setting, let `attempt` give (score, ms, notes) for it, keep that.

        cost: what a setting will cost, known before it is tried. Of `REDRAWS` draws over the budget the cheapest
        is tried all the same.
        """
        trial = self._draw(len(self._finished), cost, budget_ms)
        score, ms, notes = attempt(trial.params)
        for name, value in notes.items():
            trial.set_user_attr(name, value)
        self._finished.append(self._memory.tell(trial, [score, ms]))
        with storage_errors(self._storage):
            self._kept.add_trial(self._finished[-1])
        return self.tried[-1]

    def _draw(self, number: int, cost: Callable[[Values], float], budget_ms: float | None) -> optuna.Trial:
        """The starts first, then by the sampler; each draw depends on the seed and the finished trials only."""
        starts = self._space.starts()
        kept: tuple[float, optuna.Trial] | None = None
        for redraw in range(REDRAWS):
            own_seed = int(np.random.SeedSequence([self._seed, number, redraw]).generate_state(1)[0])
            with warnings.catch_warnings():
                # Optuna 4 calls the multivariate sampler experimental, Optuna 5 does not.
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                self._memory.sampler = optuna.samplers.TPESampler(
                    seed=own_seed, multivariate=True, n_startup_trials=RANDOM_TRIALS
                )
            if redraw == 0 and number < len(starts):
                self._memory.enqueue_trial(starts[number])
            trial = self._memory.ask(self._axes)
            # The present setting is always tried: it is what all others are compared with.
            if number == 0 or budget_ms is None:
                return trial
            ms = cost(trial.params)
            loser = trial if kept is not None and ms >= kept[0] else None if kept is None else kept[1]
            if loser is not None:
                self._memory.tell(loser, state=optuna.trial.TrialState.FAIL)
            if kept is None or ms < kept[0]:
                kept = (ms, trial)
            if kept[0] <= budget_ms:
                break
        assert kept is not None
        return kept[1]


@contextmanager
def open_frontier(storage: str | None, name: str, space: Space, *, seed: int) -> Iterator[Frontier]:
    """The study `name` in an Optuna URL or journal file, continued when it is there; None keeps nothing.

    Raises OutputError for a storage that cannot be used.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with kept_study(storage, name, directions=("maximize", "minimize")) as kept:
        with storage_errors(storage), warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            kept.set_metric_names(["score", "ms per pair"])
        yield Frontier(kept, storage, space, seed)


def pareto(tried: Sequence[Tried]) -> list[Tried]:
    """The trials that no other beats in both score and milliseconds, cheapest first."""
    front: list[Tried] = []
    for one in sorted(tried, key=lambda trial: (trial.ms, -trial.score, trial.number)):
        if not front or one.score > front[-1].score:
            front.append(one)
    return front


def _distribution(axis: Choice | Range) -> optuna.distributions.BaseDistribution:
    if isinstance(axis, Choice):
        return optuna.distributions.CategoricalDistribution(axis.values)
    if axis.whole:
        return optuna.distributions.IntDistribution(int(axis.low), int(axis.high), log=axis.log)
    return optuna.distributions.FloatDistribution(float(axis.low), float(axis.high), log=axis.log)
