"""Contestants timed in turn: one thread, one core, the same input, medians of interleaved rounds."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

from pixelgbm.memory import keep_freed

__all__ = ["Contestant", "Row", "Spent", "absent", "pin", "race", "timed"]

Row = dict[str, Any]
"""name and median_ms, low_ms, high_ms, cpu_ms, rounds, times, facts; or name and absent, the reason."""

Spent = tuple[float, float]
"""Seconds by the clock and of processor time; on a quiet machine they are the same."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """spend() does the work once and says what that took. facts: what the table says beside the time."""

    name: str
    spend: Callable[[], Spent]
    facts: Mapping[str, Any] = field(default_factory=dict)


def timed(work: Callable[[], object]) -> Callable[[], Spent]:
    """What one run of `work` takes in this process."""

    def spend() -> Spent:
        start, used = time.perf_counter(), time.process_time()
        work()
        return time.perf_counter() - start, time.process_time() - used

    return spend


def pin(core: int | None = None) -> int | None:
    """Hold this process, and the children it starts, to one core; returns it, None where the system cannot."""
    cv2.setNumThreads(1)
    keep_freed()
    if not hasattr(os, "sched_setaffinity"):
        return None
    chosen = max(os.sched_getaffinity(0)) if core is None else core
    os.sched_setaffinity(0, {chosen})
    return chosen


def race(contestants: Sequence[Contestant], *, rounds: int) -> list[Row]:
    """One run of each that is not counted, then `rounds` in which each runs once and another one begins.

    `times` is the median as a multiple of the first contestant's.
    """
    for contestant in contestants:
        contestant.spend()
    spent: dict[str, list[Spent]] = {contestant.name: [] for contestant in contestants}
    for number in range(rounds):
        first = number % len(contestants)
        for contestant in (*contestants[first:], *contestants[:first]):
            spent[contestant.name].append(contestant.spend())
    base = float(np.median([clock for clock, _ in spent[contestants[0].name]]))
    return [_row(contestant, spent[contestant.name], base) for contestant in contestants]


def absent(name: str, reason: str) -> Row:
    """The row of a contestant that could not run."""
    return {"name": name, "absent": reason}


def _row(contestant: Contestant, spent: Sequence[Spent], base: float) -> Row:
    clock, used = np.array(spent).T
    low, middle, high = np.quantile(clock, (0.25, 0.5, 0.75))
    figures = {"median_ms": middle, "low_ms": low, "high_ms": high, "cpu_ms": np.median(used)}
    row: Row = {"name": contestant.name} | {name: float(f"{1000 * value:.4g}") for name, value in figures.items()}
    return row | {"rounds": len(spent), "times": float(f"{middle / base:.3g}"), "facts": dict(contestant.facts)}
