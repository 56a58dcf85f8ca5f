"""Laws that hold for every layout: recognising, digests, one line for what cannot be opened."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_contest import draw_contest

from pixelgbm import images
from pixelgbm.datasets import LAYOUTS, check_dataset, check_folder, data_digest, open_dataset, read_answer
from pixelgbm.errors import DatasetError
from pixelgbm.metrics import METRICS


@pytest.fixture
def root(tmp_path):
    return draw_contest(tmp_path / "data")


def test_every_layout_has_a_known_metric_and_its_own_name():
    assert all(layout.metric in METRICS and layout.name == name for name, layout in LAYOUTS.items())
    assert all((layout.read_answer is None) == (layout.write_answer is None) for layout in LAYOUTS.values())


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "no such folder$"),
        (lambda path: path.mkdir(), "no layout recognised; allowed are"),
        (lambda path: path.write_text("x"), "no layout recognised; allowed are"),
    ],
    ids=["nothing", "empty", "file"],
)
def test_what_cannot_be_opened_is_one_line(tmp_path, make, said):
    path = tmp_path / "data"
    make(path)
    with pytest.raises(DatasetError, match=rf"data: {said}"):
        open_dataset(path)
    dataset, problems = check_folder(path)
    assert dataset is None
    assert len(problems) == 1


def test_unknown_layout_names_the_known(root):
    with pytest.raises(DatasetError, match=r"unknown layout 'voc'; known are konica-minolta, manifest, .*coco$"):
        open_dataset(root, layout="voc")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_unreadable_folder_is_one_line(root):
    folder = root / "train" / "level-1"
    folder.chmod(0)
    try:
        with pytest.raises(DatasetError, match=r"level-1: Permission denied$"):
            open_dataset(root)
    finally:
        folder.chmod(0o755)


def test_file_where_a_folder_is_named_for_a_layout_is_one_line(root):
    with pytest.raises(DatasetError, match=r"1\.tif: Not a directory$"):
        open_dataset(root / "train" / "level-1" / "1.tif", layout="konica-minolta")


def test_opening_reads_no_pixels(root, monkeypatch):
    monkeypatch.setattr(Path, "read_bytes", lambda self: pytest.fail(f"{self} was read"))
    assert len(open_dataset(root).samples) == 6


def test_check_reports_progress_to_the_end(root):
    seen = []
    assert check_dataset(open_dataset(root), progress=lambda done, total, label: seen.append((done, total))) == []
    assert seen[-1] == (6, 6)


@pytest.mark.parametrize("contents", [False, True])
def test_digest_does_not_depend_on_where_the_folder_lies(root, tmp_path, contents):
    shutil.copytree(root, tmp_path / "elsewhere" / "copy")
    first, second = (data_digest(open_dataset(r), contents=contents) for r in (root, tmp_path / "elsewhere" / "copy"))
    assert first == second
    assert len(first) == 64


def test_digest_sees_samples_and_sizes_and_on_request_bytes(root):
    dataset = open_dataset(root)
    before = data_digest(dataset), data_digest(dataset, contents=True)
    assert data_digest(dataset.select({"train"})) != before[0]
    path = root / "train" / "level-1" / "1.tif"
    images.write_tiff(path, 255 - images.read_image(path)[0])
    assert data_digest(dataset) == before[0]
    assert data_digest(dataset, contents=True) != before[1]
    images.write_tiff(path, np.zeros((20, 20, 3), np.uint8))
    assert data_digest(dataset) != before[0]
    path.unlink()
    with pytest.raises(DatasetError, match=r"1\.tif: No such file or directory$"):
        data_digest(dataset)


def test_layout_without_answer_says_which_have_one(tmp_path):
    with pytest.raises(DatasetError, match=r"layout manifest has no answer file; these have one: konica-minolta, .*$"):
        read_answer(tmp_path / "x.zip", layout="manifest")


def test_digest_sees_which_images_show_one_object(root):
    dataset = open_dataset(root)

    def digest(*objects):
        named = zip(dataset.samples, objects, strict=True)
        return data_digest(replace(dataset, samples=tuple(replace(s, object_id=name) for s, name in named)))

    none, one, two = digest(*6 * [None]), digest(*6 * ["a"]), digest(*3 * ["a"], *3 * ["b"])
    assert none == data_digest(dataset)
    assert len({none, one, two}) == 3
    total = hashlib.sha256()  # of data without objects: models trained before these counted still know their data
    for s in dataset.samples:
        paths = [p for p in (s.image, s.reference, *s.masks.get("dirt", ())) if p is not None]
        sizes = [[p.relative_to(dataset.root).as_posix(), p.stat().st_size] for p in paths]
        line = [[s.id, s.split, s.group, s.level, list(s.labelled_heads)], False, sizes]
        total.update(json.dumps(line).encode() + b"\n")
    assert none == total.hexdigest()
