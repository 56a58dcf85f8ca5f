"""Folders with annotation files: where the files may lie, and one line for what is wrong in them."""

from __future__ import annotations

import json

import pytest
from small_layouts import NOTHING, SHAPE, draw, item, patch, picture, refused, same, truths

from pixelgbm.datasets import LAYOUTS, check_folder, open_dataset
from pixelgbm.errors import DatasetError
from pixelgbm.formats.coco import Coco, CocoAnnotation, CocoImage, encode_coco, outlines_of
from pixelgbm.formats.via import ViaImage, ViaRegion, encode_via


def test_via_on_top_of_good_and_bad(tmp_path):
    for name in ("good/g.png", "bad/a.png", "bad/b.png", "bad/c.png"):
        picture(tmp_path / name)
    shapes = [
        ViaRegion("polygon", {"all_points_x": (1, 2, 2, 1), "all_points_y": (2, 2, 4, 4)}),
        ViaRegion("circle", {"cx": 5, "cy": 7, "r": 0.5}, "dust"),
    ]
    entries = [ViaImage("a.png", 7, tuple(shapes)), ViaImage("bad/b.png")]
    (tmp_path / "annotations.json").write_text(encode_via(entries))
    dust = NOTHING.copy()
    dust[7, 5] = True
    none = {"defect": NOTHING, "dust": NOTHING}
    same(truths(tmp_path), {"a": {"defect": patch(), "dust": dust}, "b": none, "c": {}, "g": none})


@pytest.mark.parametrize("where", ["annotations/instances_test.json", "test/annotations.json", "annotations.json"])
def test_coco_files_are_found_where_they_usually_lie(tmp_path, where):
    picture(tmp_path / "test" / "a.png")
    picture(tmp_path / "train" / "b.png")
    note = CocoAnnotation(1, "dent", outlines=outlines_of(patch()))
    path = tmp_path / where
    path.parent.mkdir(exist_ok=True)
    path.write_text(encode_coco(Coco((CocoImage(1, "a.png", *SHAPE),), ("dent", "dust"), (note,))))
    dataset = open_dataset(tmp_path)
    assert (dataset.layout, dataset.heads) == ("coco", ("dent", "dust"))
    assert {s.id: s.split for s in dataset.samples} == {"b": "train", "a": "test"}
    same(truths(tmp_path), {"b": {}, "a": {"dent": patch(), "dust": NOTHING}})


@pytest.mark.parametrize("name", ["via", "coco"])
def test_bad_annotations_are_refused(tmp_path, name):
    root = draw(tmp_path / "data", name)
    path = root / "train" / "annotations.json"
    good = path.read_text()
    path.write_text(good.replace('"a.png', '"q.png'))
    refused(root, r"annotations\.json: q\.png: no such image in \S*train; allowed is one$")
    path.write_text(good[:-9])
    with pytest.raises(DatasetError, match=r"train/annotations\.json: not readable as JSON"):
        open_dataset(root)
    refused(root, r"train/annotations\.json: not readable as JSON", layout=name)
    path.write_text(good)
    with pytest.raises(DatasetError, match=r"b\.png is labelled for dust, a\.png for dent; a file of the layout"):
        LAYOUTS[name].write(tmp_path / "x", [item("a", dent=patch()), item("b", dust=patch())])


def test_region_that_marks_nothing_is_refused(tmp_path):
    root = draw(tmp_path / "data", "via")
    far = ViaRegion("rect", {"x": 100, "y": 1, "width": 2, "height": 2}, "dent")
    (root / "train" / "annotations.json").write_text(encode_via([ViaImage("a.png", 1, (far,))]))
    refused(root, r"annotations\.json: a\.png: region 1: marks no pixel of its image of 9x7$")


def test_image_of_another_size_than_its_annotation_says_is_refused(tmp_path):
    root = draw(tmp_path / "data", "coco")
    picture(root / "train" / "a.png", (7, 9))
    refused(root, r"train/a\.png: 7x9, \S*annotations\.json says 9x7$")


def test_every_bad_region_is_listed(tmp_path):
    root = draw(tmp_path / "data", "via")
    data = json.loads((root / "train" / "annotations.json").read_text())
    for entry in data["_via_img_metadata"].values():
        entry["regions"] += [{"shape_attributes": {"name": "point"}}, {}]
    (root / "train" / "annotations.json").write_text(json.dumps(data))
    _, problems = check_folder(root)
    assert len(problems) == 4
