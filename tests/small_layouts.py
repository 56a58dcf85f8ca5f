"""Small folders of the layouts besides the contest's, and what every test of them asks: the truth, or one line."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from pixelgbm import images
from pixelgbm.datasets import LAYOUTS, Labelled, check_folder, open_dataset, read_pair, read_truth
from pixelgbm.errors import DatasetError, ImageError
from pixelgbm.records import Pair

SHAPE = (9, 7)
CLASSES = ("1", "2", "3", "4")
DRAWN = ("textured-surfaces", "good-bad", "mvtec", "mask-folders", "steel", "via", "coco")
"""The layouts that `draw` knows."""


def patch(top: int = 2, left: int = 1) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[top : top + 3, left : left + 2] = True
    return mask


NOTHING = np.zeros(SHAPE, bool)


def picture(path: Path, shape=SHAPE) -> Path:
    images.write_png(path, np.full(shape, 90, np.uint8))
    return path


def item(id: str, split: str = "train", mask=None, *, sealed: bool = False, level: str | None = None, **heads):
    truth = {head: plane.astype(np.uint8) * 255 for head, plane in heads.items()}
    if mask is not None:
        truth["defect"] = mask.astype(np.uint8) * 255
    return Labelled(id, split, Pair(np.full(SHAPE, 90, np.uint8)), truth, sealed=sealed, level=level)


def truths(root, **options):
    """{id: {head: whether a pixel is a defect}} of a folder without problems."""
    dataset, problems = check_folder(root, **options)
    assert problems == []
    return {
        s.id: {h: p > 0 for h, p in read_truth(dataset, s, read_pair(dataset, s).test.shape).items()}
        for s in dataset.samples
    }


def same(found, expected):
    assert found.keys() == expected.keys()
    for id, planes in expected.items():
        assert found[id].keys() == planes.keys(), id
        assert all(np.array_equal(found[id][head], plane) for head, plane in planes.items()), id


def refused(root, match, **options):
    """Opening or reading raises one line that matches, and the check lists it."""
    _, problems = check_folder(root, **options)
    assert any(re.search(match, line) for line in problems), problems
    assert all("\n" not in line for line in problems)
    with pytest.raises((DatasetError, ImageError), match=match):
        dataset = open_dataset(root, **options)
        for sample in dataset.samples:
            read_truth(dataset, sample, read_pair(dataset, sample).test.shape)
    return problems


def draw(root: Path, name: str) -> Path:
    """A small folder of a layout, sealed truth of the test images in ROOT/truth where it has a place for that."""
    marked = [item("a", mask=patch()), item("b", mask=NOTHING), item("c", mask=patch(4, 3))]
    if name == "good-bad":
        items = marked
    elif name == "mvtec":
        items = [
            item("b", mask=NOTHING),
            *(item(i, "test", m, level="dent") for i, m in (("a", patch()), ("d", NOTHING))),
        ]
    elif name == "steel":
        planes = dict.fromkeys(CLASSES, NOTHING)
        items = [item("a.png", **{**planes, "1": patch(), "3": patch(4, 3)}), item("b.png", **planes)]
        items += [item(i, "test", sealed=True, **{**planes, "4": patch()}) for i in ("d.png", "c.png")]
    elif name in ("via", "coco"):
        items = [item("a", dent=patch(), dust=patch(4, 3)), item("b", dent=NOTHING, dust=NOTHING), item("c")]
        items += [item("d", "test", sealed=True, dent=NOTHING, dust=patch())]
    else:
        items = [*marked, item("d", "test", patch(), sealed=True), item("e", "test", NOTHING, sealed=True)]
    LAYOUTS[name].write(root, items, sealed=root / "truth")
    return root
