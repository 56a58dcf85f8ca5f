"""COCO annotations: written and read back the same in every form, refused with their place."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pixelgbm.errors import DatasetError
from pixelgbm.formats.coco import (
    Coco,
    CocoAnnotation,
    CocoImage,
    compress_counts,
    counts_of,
    decode_coco,
    draw_annotation,
    encode_coco,
    expand_counts,
    outlines_of,
)

masks = hnp.arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9)))


@given(mask=masks, form=st.sampled_from(["outlines", "counts", "packed"]))
def test_round_trip(mask, form):
    rows, cols = mask.shape
    shapes = {"outlines": outlines_of(mask)} if form == "outlines" and mask.any() else {"counts": counts_of(mask)}
    coco = Coco(
        (CocoImage(7, "a.png", rows, cols), CocoImage(8, "b.png", 1, 1)),
        ("dent", "scratch"),
        (CocoAnnotation(7, "scratch", **shapes),),
    )
    found = decode_coco(encode_coco(coco, compressed=form == "packed"), where="x")
    assert found == coco
    assert np.array_equal(draw_annotation(found.annotations[0], mask.shape), mask)


@given(counts=st.lists(st.integers(0, 2**28), min_size=1))
def test_packed_counts_round_trip(counts):
    assert expand_counts(compress_counts(counts)) == tuple(counts)


def test_counts_are_packed_as_pycocotools_packs_them():
    # The worked example of the waspinator pycococreator tutorial, an image of 9x10.
    assert compress_counts([6, 1, 40, 4, 5, 4, 5, 4, 21]) == "61X13mN000`0"


def test_counts_start_with_what_is_not_marked():
    mask = np.array([[1, 0, 0], [1, 1, 0]], bool)
    assert counts_of(mask) == (0, 2, 1, 1, 2)
    assert counts_of(np.zeros((2, 3), bool)) == (6,)


def test_whole_pixels_lie_between_whole_numbers():
    found = draw_annotation(CocoAnnotation(1, "x", outlines=(((1, 0), (5, 0), (5, 2), (1, 2)),)), (4, 6))
    expected = np.zeros((4, 6), bool)
    expected[:2, 1:5] = True
    assert np.array_equal(found, expected)


def test_outlines_of_one_annotation_add_up():
    outline = ((0, 0), (2, 0), (2, 2), (0, 2))
    assert draw_annotation(CocoAnnotation(1, "x", outlines=(outline, outline)), (2, 2)).all()


def test_box_and_area_are_written():
    coco = Coco((CocoImage(1, "a", 4, 6),), ("x",), (CocoAnnotation(1, "x", counts=(5, 2, 17)),))
    (found,) = json.loads(encode_coco(coco))["annotations"]
    assert (found["area"], found["bbox"]) == (2, [1, 1, 1, 2])


def data(segmentation=None, image=None, category=None, **annotation):
    return {
        "images": [{"id": 1, "file_name": "a.png", "height": 2, "width": 3, **(image or {})}],
        "categories": [{"id": 4, "name": "dent", **(category or {})}],
        "annotations": [
            {"image_id": 1, "category_id": 4, "segmentation": segmentation or [[0, 0, 1, 0, 1, 1]]} | annotation
        ],
    }


def runs(counts, size=(2, 3)):
    return data({"size": list(size), "counts": counts})


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ([], "images null; a COCO file has lists images, categories, annotations"),
        (data(image={"height": "2"}), 'image 1: height "2"; allowed is a whole number'),
        (data(image={"height": 0}), "image 1: height 0, width 3; allowed are 1 to"),
        (data(image={"file_name": ""}), 'image 1: file_name ""; allowed is a text'),
        (data(category={"name": None}), "category 1: name null; allowed is a text"),
        (data(image_id=2), "annotation 1: image_id 2; no image has this id"),
        (data(category_id=1), "annotation 1: category_id 1; known are 4"),
        (data([[0, 0, 1, 1]]), "annotation 1: segmentation: an outline of 4 numbers; allowed are pairs x, y"),
        (data([[0, 0, 1, 1, 1, None]]), "annotation 1: segmentation: null in an outline; allowed are numbers"),
        (data([[0, 0, 1, 1, 1, float("nan")]]), "annotation 1: segmentation: NaN in an outline; allowed are numbers"),
        (data("x"), 'annotation 1: segmentation "x"; allowed are a list of outlines, or size and counts'),
        (runs([6], size=(3, 2)), r"annotation 1: size \[3, 2\]; that of the image is \[2, 3\]"),
        (runs([2, 3]), "annotation 1: counts: 5 pixels, an image of 2x3 has 6"),
        (runs([7, -1]), "annotation 1: counts: -1; allowed are whole numbers, at least 0"),
        (runs([]), r"annotation 1: counts \[\]; allowed is a list of whole numbers"),
        (runs("é"), "annotation 1: counts: 'é' in place 1; allowed are runs packed as pycocotools does"),
        (runs("61X"), "annotation 1: counts: the text of 3 characters ends within a number"),
        (runs("o" * 50), "annotation 1: counts: 'o' in place 10; allowed are runs"),
    ],
)
def test_what_is_wrong_is_one_line_with_its_place(found, said):
    with pytest.raises(DatasetError, match=f"^c.json: {said}"):
        decode_coco(json.dumps(found), where="c.json")


def test_numbers_and_names_come_once():
    found = data()
    for name in ("images", "categories"):
        found[name] *= 2
    problems = []
    decode_coco(json.dumps(found), where="c.json", problems=problems)
    assert problems == [
        "c.json: image 2: id 1, file_name 'a.png' a second time; allowed is each once",
        "c.json: category 2: id 4, name 'dent' a second time; allowed is each once",
    ]
