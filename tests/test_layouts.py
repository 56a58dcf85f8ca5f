"""Laws of the layouts besides the contest's and the manifest: written is read back, two that fit are refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from small_layouts import CLASSES, DRAWN, NOTHING, SHAPE, draw, patch, same, truths

from pixelgbm import datasets
from pixelgbm.__main__ import run
from pixelgbm.datasets import LAYOUTS, Labelled, check_folder, open_dataset
from pixelgbm.errors import DatasetError
from pixelgbm.records import Pair


@pytest.mark.parametrize("name", DRAWN)
def test_written_folder_is_recognised_and_read_back(tmp_path, name):
    root = draw(tmp_path / "data", name)
    dataset, problems = check_folder(root)
    assert problems == []
    assert dataset.layout == name
    found = truths(root, **({"truth": root / "truth"} if (root / "truth").exists() else {}))
    if name in ("via", "coco"):
        same(found, {
            "a": {"dent": patch(), "dust": patch(4, 3)}, "b": {"dent": NOTHING, "dust": NOTHING}, "c": {},
            "d": {"dent": NOTHING, "dust": patch()},
        })  # fmt: skip
    elif name == "steel":
        none = dict.fromkeys(CLASSES, NOTHING)
        same(found, {
            "a.png": {**none, "1": patch(), "3": patch(4, 3)}, "b.png": none,
            "d.png": {**none, "4": patch()}, "c.png": {**none, "4": patch()},
        })  # fmt: skip
        assert [s.id for s in dataset.samples] == ["a.png", "b.png", "d.png", "c.png"]
    elif name == "mvtec":
        same(found, {"b": {"defect": NOTHING}, "a": {"defect": patch()}, "d": {"defect": NOTHING}})
        assert {s.id: (s.split, s.level) for s in dataset.samples} == {
            "b": ("train", "good"), "a": ("test", "dent"), "d": ("test", "good"),
        }  # fmt: skip
    else:
        expected = {"a": {"defect": patch()}, "b": {"defect": NOTHING}, "c": {"defect": patch(4, 3)}}
        if name != "good-bad":
            end = ".png" if name == "textured-surfaces" else ""
            expected |= {f"d{end}": {"defect": patch()}, f"e{end}": {"defect": NOTHING}}
        same(found, expected)


@pytest.mark.parametrize("name", DRAWN)
def test_sealed_images_are_unknown_and_never_clean(tmp_path, name):
    dataset = open_dataset(draw(tmp_path / "data", name))
    assert all(not s.labelled_heads for s in dataset.samples if s.split == "test" and name != "mvtec")


@pytest.mark.parametrize("name", DRAWN)
def test_contest_exclusions_have_no_place(tmp_path, name):
    root = draw(tmp_path / "data", name)
    with pytest.raises(DatasetError, match=f"belong to the layout konica-minolta, this one is {name}$"):
        open_dataset(root, contest_exclusions=True)


@pytest.mark.parametrize("name", DRAWN)
def test_excluded_are_those_in_the_folders_own_file(tmp_path, name):
    root = draw(tmp_path / "data", name)
    first = open_dataset(root).samples[0].id
    (root / "excluded.txt").write_text(f"{first}\nnot-there\n")
    assert open_dataset(root).excluded == {first: "listed in excluded.txt"}


@pytest.mark.parametrize("name", DRAWN)
def test_what_a_layout_has_no_place_for_is_refused(tmp_path, name):
    plane = np.zeros(SHAPE, np.uint8)
    with pytest.raises(DatasetError, match=r"^a: .*no place for"):
        LAYOUTS[name].write(tmp_path, [Labelled("a", "train", Pair(plane, plane), dict.fromkeys(CLASSES, plane))])


@pytest.mark.parametrize("name", DRAWN)
def test_opening_lists_images_and_reads_none(tmp_path, name):
    root = draw(tmp_path / "data", name)
    folder = next(p for p in sorted(root.rglob("b.png")) if "mask" not in p.parent.name).parent
    before = len(open_dataset(root).samples)
    for number in range(100):
        (folder / f"n{number}.png").touch()  # reading an empty file raises
    assert len(open_dataset(root).samples) == before + 100


@pytest.mark.parametrize(
    ("one", "other"),
    [("good-bad", "mask-folders"), ("mvtec", "steel"), ("via", "good-bad"), ("coco", "textured-surfaces")],
)
def test_folder_that_fits_two_layouts_is_refused_unless_one_is_named(tmp_path, one, other):
    root = draw(tmp_path / "data", one)
    draw(tmp_path / "other", other)
    shutil.copytree(tmp_path / "other", root, dirs_exist_ok=True)
    with pytest.raises(DatasetError, match=r"data: fits the layouts .*; --layout names the one that is meant$") as e:
        open_dataset(root)
    assert f"{one} (" in str(e.value)
    assert f"{other} (" in str(e.value)
    assert open_dataset(root, layout=other).layout == other


def test_manifest_beside_another_layout_is_refused(tmp_path):
    root = draw(tmp_path / "data", "good-bad")
    (root / "manifest.csv").write_text("id,image\nx,good/b.png\n")
    with pytest.raises(DatasetError, match=r"fits the layouts manifest \(.*\) and good-bad \(.*\); --layout names"):
        open_dataset(root)
    assert len(open_dataset(root, layout="manifest").samples) == 1


@pytest.mark.parametrize("contents", [False, True])
def test_digest_reads_a_table_once_for_all_its_images(tmp_path, contents, monkeypatch):
    dataset = open_dataset(draw(tmp_path / "data", "steel"))
    seen: list[Path] = []
    facts = datasets._facts
    monkeypatch.setattr(datasets, "_facts", lambda path, **o: seen.append(path) or facts(path, **o))
    datasets.data_digest(dataset, contents=contents)
    assert sorted(path.name for path in seen) == ["a.png", "b.png", "c.png", "d.png", "train.csv"]


def test_check_lists_problems_and_exits_with_one(tmp_path, capsys):
    root = draw(tmp_path / "data", "steel")
    assert run(["check", str(root)]) == 0
    (root / "train.csv").write_text("ImageId,ClassId,EncodedPixels\na.png,7,1 1\nb.png,1,1\n")
    assert run(["check", str(root)]) == 1
    assert "2 problems" in capsys.readouterr().out
