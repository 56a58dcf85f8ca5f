"""VIA annotations: written and read back the same, drawn as they are meant, refused with their place."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pixelgbm.errors import DatasetError
from pixelgbm.formats.via import SHAPES, ViaImage, ViaRegion, decode_via, draw_region, encode_via, regions_of

numbers = st.integers(0, 500) | st.floats(0, 500)
labels = st.text("abcdefgh-1", min_size=1, max_size=4)


@st.composite
def regions(draw):
    shape = draw(st.sampled_from(sorted(SHAPES)))
    if shape in ("polygon", "polyline"):
        corners = draw(st.lists(st.tuples(numbers, numbers), min_size=3, max_size=6))
        values = dict(zip(SHAPES[shape], map(tuple, zip(*corners, strict=True)), strict=True))
    else:
        values = {name: draw(numbers) for name in SHAPES[shape]}
    return ViaRegion(shape, values, draw(labels))


pictures = st.builds(
    ViaImage, st.text(min_size=1, max_size=6), st.integers(-1, 10**7), st.lists(regions(), max_size=3).map(tuple)
)


@given(images=st.lists(pictures, max_size=3, unique_by=lambda image: image.filename), classes=st.lists(labels))
def test_round_trip(images, classes):
    found, known = decode_via(encode_via(images, classes=classes), where="x")
    assert list(found) == images
    used = [region.label for image in images for region in image.regions]
    assert list(known) == list(dict.fromkeys([*classes, *used]))


@given(mask=hnp.arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_masks_come_back_exactly(mask):
    (image,), _ = decode_via(encode_via([ViaImage("a.png", 1, regions_of(mask))]), where="x")
    found = np.zeros_like(mask)
    for region in image.regions:
        found |= draw_region(region, mask.shape)
    assert np.array_equal(found, mask)


def export(shape_attributes, region_attributes=None, **entry):
    """An export of VIA with one region."""
    region = {"shape_attributes": shape_attributes, "region_attributes": region_attributes or {}}
    return {"a.png10": {"filename": "a.png", "size": 10, "regions": [region], "file_attributes": {}, **entry}}


RECT = {"name": "rect", "x": 2, "y": 1, "width": 3, "height": 2}
POLYGON = {"name": "polygon", "all_points_x": [2, 5, 5, 2], "all_points_y": [1, 1, 3, 3]}


@pytest.mark.parametrize("drawn", [RECT, POLYGON, {**POLYGON, "name": "polyline"}], ids=["rect", "polygon", "polyline"])
def test_sides_belong_to_the_shape(drawn):
    (image,), _ = decode_via(json.dumps(export(drawn)), where="x")
    expected = np.zeros((8, 8), bool)
    expected[1:4, 2:6] = True
    assert np.array_equal(draw_region(image.regions[0], (8, 8)), expected)


@pytest.mark.parametrize(
    "drawn",
    [
        {"name": "circle", "cx": 4, "cy": 3, "r": 0},
        {"name": "ellipse", "cx": 4, "cy": 3, "rx": 0, "ry": 0, "theta": 1.0},
    ],
    ids=["circle", "ellipse"],
)
def test_round_shapes_have_x_along_the_columns(drawn):
    (image,), _ = decode_via(json.dumps(export(drawn)), where="x")
    assert np.argwhere(draw_region(image.regions[0], (8, 8))).tolist() == [[3, 4]]


@pytest.mark.parametrize(
    ("attributes", "label"),
    [({}, "defect"), ({"class": "deep"}, "deep"), ({"kind": "deep"}, "deep"), ({"class": "deep", "by": "me"}, "deep")],
)
def test_region_attributes_name_the_class(attributes, label):
    (image,), classes = decode_via(json.dumps(export(RECT, attributes)), where="x")
    assert (image.regions[0].label, classes) == (label, (label,))


def test_regions_of_the_first_version_are_an_object():
    data = export(RECT)
    data["a.png10"]["regions"] = {"0": data["a.png10"]["regions"][0]}
    assert decode_via(json.dumps(data), where="x") == decode_via(json.dumps(export(RECT)), where="x")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([], r"\[\]; allowed is an object with one entry for each image"),
        ({"a": {"size": 1}}, 'entry "a": no filename; an entry has filename, size and regions'),
        (export(RECT, regions=3), "a.png: regions 3; allowed is a list"),
        (export(RECT, size="big"), 'a.png: size "big"; allowed is a number of bytes, or -1'),
        (export(RECT) | {"b": export(RECT)["a.png10"]}, "a.png: a second entry; allowed is one for each file name"),
        (export({"name": "point"}), 'a.png: region 1: shape "point"; allowed are polygon, polyline, rect, circle, ell'),
        (export({"name": ["x"]}), r'a.png: region 1: shape \["x"\]; allowed are polygon'),
        (export(None), "a.png: region 1: no shape_attributes"),
        (export(RECT | {"x": "2"}), 'a.png: region 1: x "2"; allowed is a number of pixels'),
        (export(RECT | {"x": 10**400}), "a.png: region 1: x 1000"),
        (export(RECT | {"x": float("nan")}), "a.png: region 1: x NaN; allowed is a number of pixels"),
        (export(RECT | {"width": -1}), "a.png: region 1: width -1; a length is at least 0"),
        (export(POLYGON | {"all_points_x": [1, 2]}), "a.png: region 1: 2 values of x and 4 of y; an outline has"),
        (export(POLYGON | {"all_points_y": 7}), "a.png: region 1: all_points_y 7; allowed is a list of numbers"),
        (
            export(RECT, {"a": "1", "b": "2"}),
            "a.png: region 1: region_attributes .*; allowed is one text, or one named",
        ),
    ],
)
def test_what_is_wrong_is_one_line_with_its_place(data, said):
    with pytest.raises(DatasetError, match=f"^v.json: {said}"):
        decode_via(json.dumps(data), where="v.json")


def test_everything_wrong_is_listed_and_the_rest_is_read():
    data = export(RECT)
    data["a.png10"]["regions"] += [{"shape_attributes": {"name": "x"}}, {}]
    problems = []
    (image,), _ = decode_via(json.dumps(data), where="v.json", problems=problems)
    assert len(image.regions) == 1
    assert [line[:25] for line in problems] == ["v.json: a.png: region 2: ", "v.json: a.png: region 3: "]
