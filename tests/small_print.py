"""Small printed pairs with dirt that is easy to see, drawn for the tests of everything that trains."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from pixelgbm.config import BoosterConfig, RunConfig, SamplingConfig
from pixelgbm.datasets import LAYOUTS, Labelled, open_dataset
from pixelgbm.records import Dataset, Pair

SIZE = 64
MARGIN = 6

TINY = RunConfig(
    seed=1,
    folds=2,
    profile="fast",
    sampling=SamplingConfig(
        positives=150, negatives=250, mining_trees=5, reference_dropout=0.2, quantizer_images=4, quantizer_pixels=300
    ),
    first_booster=BoosterConfig(trees=10, num_leaves=8, learning_rate=0.3, min_data_in_leaf=10),
    booster=BoosterConfig(trees=15, num_leaves=8, learning_rate=0.2, min_data_in_leaf=10),
    region_booster=BoosterConfig(trees=10, num_leaves=4, learning_rate=0.2, min_data_in_leaf=3),
)

TINY_BEST = replace(TINY, profile="best")


def labelled(number: int, *, split: str = "train", clean: bool | None = None) -> Labelled:
    """A sheet with smooth print and its clean reference; every third one is clean unless said otherwise."""
    rng = np.random.default_rng([7, number])
    large = SIZE + 2 * MARGIN
    print_ = cv2.GaussianBlur(rng.normal(size=(large, large, 3)), (0, 0), 3.0)
    sheet = np.clip(150 + 160 * print_, 20, 235)
    truth = np.zeros((SIZE, SIZE), np.uint8)
    if not (number % 3 == 0 if clean is None else clean):
        row, col = rng.integers(16, SIZE - 16, 2)
        axes = (int(rng.integers(3, 9)), int(rng.integers(3, 6)))
        cv2.ellipse(truth, (int(col), int(row)), axes, float(rng.uniform(0, 180)), 0, 360, 255, -1)
    test = sheet[MARGIN:-MARGIN, MARGIN:-MARGIN] - 60.0 * (truth > 0)[..., None]
    shots = [np.clip(shot + rng.normal(0, 2, shot.shape), 0, 255).astype(np.uint8) for shot in (test, sheet)]
    pair = Pair(shots[0], shots[1])
    return Labelled(str(number), split, pair, {"dirt": truth}, group=f"g{number // 2}", level=str(1 + number % 3))


def draw_contest(root: Path, *, images: int = 12, first: int = 0) -> Dataset:
    """A konica-minolta folder, which does not name groups."""
    return _drawn(root, "konica-minolta", (labelled(first + k) for k in range(images)))


def draw_manifest(root: Path, *, images: int = 12) -> Dataset:
    """A manifest folder whose images come in groups of two."""
    return _drawn(root, "manifest", (labelled(k) for k in range(images)))


def _drawn(root: Path, layout: str, items: Iterator[Labelled]) -> Dataset:
    LAYOUTS[layout].write(root, items)
    return open_dataset(root)
