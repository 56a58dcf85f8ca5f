"""A contest folder of tiny images, drawn for the tests of everything that reads one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pixelgbm.datasets import LAYOUTS, Labelled
from pixelgbm.records import Pair

SHAPE = (9, 7)


def mask_of(id: str) -> np.ndarray:
    """The truth of an image: none for identifiers that divide by three, else a patch that depends on it."""
    mask = np.zeros(SHAPE, bool)
    if int(id) % 3:
        mask[int(id) % 5 : int(id) % 5 + 3, 1:4] = True
    return mask


def labelled(id: str, split: str, level: str = "1", *, sealed: bool = False) -> Labelled:
    """A pair of noise with its truth."""
    rng = np.random.default_rng(int(id))
    pair = Pair(*(rng.integers(0, 256, (*size, 3)).astype(np.uint8) for size in (SHAPE, (12, 11))))
    return Labelled(id, split, pair, {"dirt": mask_of(id).astype(np.uint8) * 255}, sealed=sealed, level=level)


def draw_contest(
    root: Path,
    train: Sequence[str] = ("1", "3", "10"),
    test: Sequence[str] = ("2", "4", "6"),
    *,
    text_masks: bool = False,
) -> Path:
    """Train images of level 1 with masks beside them, test images of level 2 with sealed masks in ROOT/truth."""
    items = [labelled(id, "train") for id in train] + [labelled(id, "test", "2", sealed=True) for id in test]
    LAYOUTS["konica-minolta"].write(root, items, sealed=root / "truth", text_masks=text_masks)
    return root
