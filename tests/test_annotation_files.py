"""Laws of both kinds of annotation files: whatever stands in them is read, or refused in one line with its place."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelgbm.errors import DatasetError
from pixelgbm.formats.coco import Coco, CocoAnnotation, CocoImage, counts_of, decode_coco, encode_coco, outlines_of
from pixelgbm.formats.via import ViaImage, ViaRegion, decode_via, encode_via

MASK = np.array([[1, 0, 0], [1, 1, 0]], bool)


def coco_text(*, packed: bool = False, **shapes) -> str:
    image = CocoImage(1, "a.png", *MASK.shape)
    return encode_coco(Coco((image,), ("dent",), (CocoAnnotation(1, "dent", **shapes),)), compressed=packed)


def via_text() -> str:
    square = {"all_points_x": (2, 5, 5, 2), "all_points_y": (1, 1, 3, 3)}
    regions = ViaRegion("rect", {"x": 2, "y": 1, "width": 3, "height": 2}, "dent"), ViaRegion("polygon", square)
    return encode_via([ViaImage("a.png", 10, regions), ViaImage("b.png")])


DOCUMENTS = [
    (decode_coco, coco_text(outlines=outlines_of(MASK))),
    (decode_coco, coco_text(counts=counts_of(MASK))),
    (decode_coco, coco_text(counts=counts_of(MASK), packed=True)),
    (decode_via, via_text()),
    (decode_via, json.dumps(json.loads(via_text())["_via_img_metadata"])),
]
"""(the reader, a text without fault) in every form; VIA as a project and as an export."""


@pytest.mark.parametrize("decode", [decode_via, decode_coco])
@pytest.mark.parametrize("text", ["", "{", b"\xff", "[" * 100_000])
def test_no_json_is_one_line(decode, text):
    with pytest.raises(DatasetError, match=r"^x\.json: not readable as JSON"):
        decode(text, where="x.json")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


def places(data, at=()):
    """The keys on the way to every value of a JSON document."""
    yield at
    for key, value in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        yield from places(value, (*at, key))


@pytest.mark.parametrize(("decode", "text"), DOCUMENTS, ids=["outlines", "counts", "packed", "project", "export"])
@given(draws=st.data(), value=anything)
def test_any_value_anywhere_is_read_or_refused_in_one_line(decode, text, draws, value):
    document = json.loads(text)
    problems = []
    decode(text, where="x.json", problems=problems)
    assert problems == []
    *way, last = draws.draw(st.sampled_from([place for place in places(document) if place]))
    inner = document
    for key in way:
        inner = inner[key]
    inner[last] = value
    decode(json.dumps(document), where="x.json", problems=problems)
    assert all(line.startswith("x.json: ") and "\n" not in line for line in problems)
