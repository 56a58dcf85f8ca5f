"""The choice among settings of a method without learning, each giving a byte map."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peers import rule
from peers.pairs import Item, View
from peers.task import Task, drawn, read_fitted, write_fitted
from peers.tuning import Choice, write_choices

__all__ = ["STEPS_PER_UNIT", "Setting", "keep_best", "mapper_of", "to_bytes"]

Setting = tuple[Any, ...]
Maps = Callable[[View, Sequence[Setting]], Mapping[Setting, NDArray[np.uint8]]]

STEPS_PER_UNIT = 4.0
"""Bytes to a grey level (or what stands for one): thresholds are searched to a quarter of it."""
THRESHOLDS = tuple(int(t) for t in np.unique(np.rint(np.geomspace(4, 240, 18))))
FIRST_LOOK = 18_000_000
"""Pixels of the images on which all settings are compared; the best few then meet all images."""
FINALISTS = 4


def to_bytes(strength: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Byte b with b >= t exactly where STEPS_PER_UNIT * strength > t, for whole t in 0..254."""
    return np.asarray(np.clip(np.ceil(STEPS_PER_UNIT * strength) - 1, 0, 255), np.uint8)


def keep_best(
    task: Task,
    names: Sequence[str],
    settings: Sequence[Setting],
    maps: Maps,
    *,
    refine: Callable[[Setting], Sequence[Setting]],
    most: int | None = None,
    told: Callable[[Setting, rule.Rule], dict[str, Any]] | None = None,
) -> None:
    """Choose setting and rule for the metric of the data, and keep them; the parts of the setting under `names`.

    settings, maps, refine, most: as `_choose` has them. told: more that is kept, in the method's own terms.
    """
    started = time.process_time()
    setting, choice = _choose(task, settings, maps, refine=refine, most=most)
    more = {} if told is None else told(setting, choice.rule)
    write_choices(task.folder, task.metric, {task.heads[0]: choice}, cpu_seconds=0.0)
    kept = {"setting": dict(zip(names, setting, strict=True)), **more}
    write_fitted(task, kept | {"fit_cpu_seconds": round(time.process_time() - started, 1)})


def mapper_of(folder: Path, maps: Maps) -> Callable[[View], NDArray[np.uint8]]:
    """A function from an image, and its reference, to its map (rows, cols, 1), with the setting in `folder`."""
    setting = tuple(read_fitted(folder)["setting"].values())
    return lambda view: maps(view, [setting])[setting][..., np.newaxis]


def _choose(
    task: Task,
    settings: Sequence[Setting],
    maps: Maps,
    *,
    refine: Callable[[Setting], Sequence[Setting]],
    most: int | None = None,
) -> tuple[Setting, Choice]:
    """The setting and rule with the best smoothed value on train and dev together.

    refine: what a finalist of the first look is compared with before the choice, itself included. most: pixels of the
    images that the finalists meet; None: all.
    """
    items = [*task.train, *task.dev]
    first = _values(task, drawn(task, items, FIRST_LOOK), settings, maps, regions=False)
    finalists = sorted(first, key=lambda setting: -first[setting][1])[:FINALISTS]
    wide = list(dict.fromkeys(s for finalist in finalists for s in refine(finalist)))
    found = _values(task, items if most is None else drawn(task, items, most), wide, maps, regions=True)
    best = max(found, key=lambda setting: found[setting][1])
    return best, Choice(0.0, *found[best])


def _values(
    task: Task, items: Sequence[Item], settings: Sequence[Setting], maps: Maps, *, regions: bool
) -> dict[Setting, tuple[rule.Rule, float, float]]:
    parts: dict[Setting, list[rule.Tables]] = {setting: [] for setting in settings}
    for item in items:
        truth, ignore = item.truth()[..., 0], item.ignore()
        for setting, score in maps(item.view(), settings).items():
            parts[setting].append(rule.tabulate([(score, truth, ignore)], THRESHOLDS))
    return {s: rule.search(rule.join(parts.pop(s)), task.metric, regions=regions) for s in settings}
