"""Plain folders of images and masks: what is clean, what is unknown, what is refused in one line."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image
from small_layouts import NOTHING, draw, patch, picture, refused, truths

from pixelgbm import images
from pixelgbm.datasets import open_dataset
from pixelgbm.errors import DatasetError


def test_bad_image_without_mask_is_unknown_and_names_may_come_twice(tmp_path):
    root = draw(tmp_path / "data", "good-bad")
    picture(root / "bad" / "b.png")
    dataset = open_dataset(root)
    assert {s.id: s.labelled_heads for s in dataset.samples} == {
        "good-b": ("defect",), "a": ("defect",), "bad-b": (), "c": ("defect",),
    }  # fmt: skip


def test_jpeg_masks_count_from_the_middle_and_others_from_one(tmp_path):
    root = draw(tmp_path / "data", "good-bad")
    (root / "masks" / "a.png").unlink()
    Image.fromarray(patch().astype(np.uint8) * 255).save(root / "masks" / "a.jpg", quality=60)
    images.write_png(root / "masks" / "c.png", patch() * np.uint8(1))
    found = truths(root)
    assert np.array_equal(found["a"]["defect"], patch())
    assert np.array_equal(found["c"]["defect"], patch())


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        (
            "good-bad",
            lambda r: images.write_png(r / "masks/a.png", NOTHING),
            r"a\.png: marks nothing, but its image lies",
        ),
        ("good-bad", lambda r: picture(r / "masks/b.png"), r"masks/b\.png: mask without image"),
        ("mvtec", lambda r: (r / "ground_truth/dent/a_mask.png").unlink(), r"dent/a\.png: no mask; ground_truth/dent"),
        ("mvtec", lambda r: picture(r / "train/dent/x.png"), r"train/dent: a folder of train/; allowed is good"),
        ("mvtec", lambda r: picture(r / "ground_truth/hole/x.png"), r"ground_truth/hole: masks without images; test/"),
        (
            "mvtec",
            lambda r: images.write_png(r / "ground_truth/dent/a_mask.png", NOTHING),
            r"a_mask\.png: marks nothing",
        ),
        ("mask-folders", lambda r: picture(r / "train_masks/x.png"), r"train_masks/x\.png: mask without image"),
        (
            "mask-folders",
            lambda r: picture(r / "dev_masks/x.png"),
            r"dev_masks: masks without images; there is no fold",
        ),
        (
            "mask-folders",
            lambda r: picture(r / "train/a.jpg.png") and shutil.copy(r / "train/a.png", r / "train/a.bmp"),
            r"identifier train-a a second time",
        ),
    ],
)
def test_bad_folders_are_refused(tmp_path, name, change, said):
    root = draw(tmp_path / "data", name)
    change(root)
    refused(root, said)


def test_empty_mask_of_mask_folders_is_clean_and_no_mask_is_unknown(tmp_path):
    root = draw(tmp_path / "data", "mask-folders")
    picture(root / "train" / "z.png")
    found = truths(root)
    assert not found["b"]["defect"].any()
    assert found["z"] == {}


def test_sealed_mask_without_image_is_refused(tmp_path):
    root = draw(tmp_path / "data", "mask-folders")
    picture(root / "truth" / "test_masks" / "q.png")
    refused(root, r"q\.png: mask without image; the data hold no q$", truth=root / "truth")
    shutil.move(root / "truth" / "test_masks" / "q.png", root / "truth" / "test_masks" / "a.png")
    refused(root, r"a\.png: a is labelled in the data folder too; allowed is one mask$", truth=root / "truth")
    with pytest.raises(DatasetError, match="no such folder of sealed masks"):
        open_dataset(root, truth=root / "none")
