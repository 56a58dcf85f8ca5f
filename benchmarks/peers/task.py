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

__all__ = ["Task", "drawn", "inner_folds", "read_setting", "write_setting"]


@dataclass(frozen=True, slots=True)
class Task:
    """train: to learn from. dev: to tune on; empty when a peer has to hold some of `train` out itself.

    unet_minutes: of two cores, for one training of the U-Net.
    """

    train: tuple[Item, ...]
    dev: tuple[Item, ...]
    folder: Path
    seed: int = 0
    workers: int = 1
    unet_minutes: float = 42.0

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
    """Drawn images of so many pixels, half of them with a mask where there are as many: few others tell much."""
    order = task.rng(2).permutation(len(items)).tolist()
    rows, cols = image_size(items[order[0]].sample.image)
    count = max(2, most // (rows * cols))
    masked = [k for k in order if items[k].sample.masks.get(items[k].head)][: count // 2]
    return [items[k] for k in sorted(list(dict.fromkeys([*masked, *order]))[:count])]


def write_setting(task: Task, setting: dict[str, Any]) -> None:
    """Keep what was chosen; its presence says that the peer is ready to predict."""
    files.write_text(task.folder / "setting.json", json.dumps(setting, indent=1) + "\n")


def read_setting(folder: Path) -> dict[str, Any]:
    """What `write_setting` kept."""
    found: dict[str, Any] = json.loads((folder / "setting.json").read_text(encoding="utf-8"))
    return found
