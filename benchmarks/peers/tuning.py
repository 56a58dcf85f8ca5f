"""The rules that make masks of a fitted peer's maps: one for every metric and head, from maps that are kept.

A peer is fitted once and leaves maps of labelled images that it has not learnt from; another metric is another search
on these, and another cut through the maps of what it answers.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from peers import rule
from peers.pairs import Item
from peers.task import Task
from pixelgbm import files, images
from pixelgbm.metrics import Metric

__all__ = ["Choice", "cut", "keep_maps", "read_choices", "read_maps", "tune", "tuned", "write_choices", "write_maps"]

Bytes = NDArray[np.uint8]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Choice:
    """How the map of a head becomes a mask: blurred by `smoothing` px, then by the rule.

    tuned, tuned_smooth: the score where it was tuned, and that of the plateau around it.
    """

    smoothing: float
    rule: rule.Rule
    tuned_smooth: float
    tuned: float

    def to_dict(self) -> dict[str, Any]:
        values = {"tuned_smooth": self.tuned_smooth, "tuned": self.tuned}
        return {"smoothing": self.smoothing, "rule": self.rule.to_dict(), **values}


def cut(score: Bytes, choice: Choice) -> Bools:
    """The mask of one map."""
    return rule.apply(_smooth(score, choice.smoothing), choice.rule)


def _smooth(score: Bytes, sigma: float) -> Bytes:
    if sigma == 0:
        return score
    return np.asarray(np.rint(cv2.GaussianBlur(score.astype(np.float32), (0, 0), sigma)), np.uint8)


def keep_maps(task: Task, maps: Iterable[tuple[Item, Bytes]]) -> None:
    """Keep the maps (rows, cols, heads) that the rules are searched on."""
    for item, score in maps:
        write_maps(task.folder / "tuning", task.heads, item.id, score)


def write_maps(folder: Path, heads: Sequence[str], id: str, maps: Bytes) -> None:
    """Maps or masks (rows, cols, heads) of an image as FOLDER/HEAD/ID.png."""
    for number, head in enumerate(heads):
        images.write_png(folder / head / f"{id}.png", np.ascontiguousarray(maps[..., number]))


def read_maps(folder: Path, heads: Sequence[str], id: str) -> Bytes:
    """What `write_maps` kept."""
    return np.dstack([images.read_gray(folder / head / f"{id}.png") for head in heads])


def tune(task: Task, metric: Metric, smoothing: Sequence[float]) -> None:
    """Search smoothing and rule of every head on the maps that the fitting left, and keep them for `metric`."""
    started = time.process_time()
    parts: dict[tuple[str, float], list[rule.Tables]] = {(h, s): [] for h in task.heads for s in smoothing}
    for item in (*task.train, *task.dev):
        if not (task.folder / "tuning" / task.heads[0] / f"{item.id}.png").exists():
            continue
        maps, truth, ignore = read_maps(task.folder / "tuning", task.heads, item.id), item.truth(), item.ignore()
        for number, head in enumerate(task.heads):
            for sigma in smoothing:
                labelled = (_smooth(maps[..., number], sigma), truth[..., number], ignore)
                parts[head, sigma].append(rule.tabulate([labelled], rule.PROBABILITIES))
    choices = {}
    for head in task.heads:
        found = [Choice(sigma, *rule.search(rule.join(parts.pop((head, sigma))), metric)) for sigma in smoothing]
        choices[head] = max(found, key=lambda choice: choice.tuned_smooth)
    write_choices(task.folder, metric, choices, cpu_seconds=time.process_time() - started)


def write_choices(folder: Path, metric: Metric, choices: dict[str, Choice], *, cpu_seconds: float) -> None:
    """Keep head -> choice for a metric, and what the search took."""
    kept = {"cpu_seconds": round(cpu_seconds, 1), "heads": {head: choice.to_dict() for head, choice in choices.items()}}
    files.write_text(_place(folder, metric), json.dumps(kept, indent=1) + "\n")


def tuned(folder: Path, metric: Metric) -> bool:
    """Whether there are choices for this metric."""
    return _place(folder, metric).exists()


def read_choices(folder: Path, metric: Metric) -> tuple[dict[str, Choice], float]:
    """What `write_choices` kept: head -> choice, and the processor time of the search."""
    found = json.loads(_place(folder, metric).read_text(encoding="utf-8"))
    choices = {head: Choice(**{**kept, "rule": rule.Rule(**kept["rule"])}) for head, kept in found["heads"].items()}
    return choices, float(found["cpu_seconds"])


def _place(folder: Path, metric: Metric) -> Path:
    return folder / f"rules-{metric.name}.json"
