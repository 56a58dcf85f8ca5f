"""What a peer is asked to do: learn from some images, tune on others, keep everything in a folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from peers.pairs import Item
from pixelgbm import files
from pixelgbm.groups import fold_table
from pixelgbm.images import image_size
from pixelgbm.metrics import METRICS, Metric

__all__ = ["FITTED", "Task", "drawn", "inner_folds", "read_fitted", "write_fitted"]

FITTED = "fitted.json"


@dataclass(frozen=True, slots=True)
class Task:
    """train: to learn from. dev: to tune on, of the same heads; empty when a peer has to hold some of `train` out.

    kept: a folder for what other fittings of these heads can use again. unet_minutes: of two cores, for one training of
    the U-Net.
    """

    train: tuple[Item, ...]
    dev: tuple[Item, ...]
    folder: Path
    kept: Path
    seed: int = 0
    workers: int = 1
    unet_minutes: float = 42.0

    @property
    def heads(self) -> tuple[str, ...]:
        return self.train[0].heads

    @property
    def metric(self) -> Metric:
        return METRICS[self.train[0].dataset.metric]

    def rng(self, *parts: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, *parts])


def inner_folds(items: Sequence[Item], *, folds: int, seed: int) -> list[list[Item]]:
    """The items in `folds` parts of whole groups; fewer where there are fewer groups."""
    groups = {item.id: item.group for item in items}
    table = fold_table(list(groups), groups, folds=min(folds, len(set(groups.values()))), seed=seed)
    return [[item for item in items if table[item.id] == fold] for fold in range(max(table.values()) + 1)]


def drawn(task: Task, items: Sequence[Item], most: int) -> list[Item]:
    """Drawn images of so many pixels, half of them with a mask where there are as many: few others tell much.

    Of several heads every one has its half, so these are more images in all.
    """
    order = task.rng(2).permutation(len(items)).tolist()
    rows, cols = image_size(items[order[0]].sample.image)
    count = max(2, most // (rows * cols))
    masked = dict.fromkeys(
        k for h in range(len(task.heads)) for k in [k for k in order if items[k].masked[h]][: count // 2]
    )
    count = max(count, len(masked) + count - count // 2)
    return [items[k] for k in sorted(list(dict.fromkeys([*masked, *order]))[:count])]


def write_fitted(task: Task, facts: dict[str, Any]) -> None:
    """Keep what is worth knowing of a fitting, last of all: its presence says that the peer is ready to map."""
    files.write_text(task.folder / FITTED, json.dumps(facts, indent=1) + "\n")


def read_fitted(folder: Path) -> dict[str, Any]:
    """What `write_fitted` kept."""
    found: dict[str, Any] = json.loads((folder / FITTED).read_text(encoding="utf-8"))
    return found
