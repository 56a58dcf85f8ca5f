"""Outlines: a pixel is marked when its centre lies inside or on one, and masks come back exactly."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pixelgbm.formats.outlines import fill_ellipse, fill_outline, fill_rectangle, outlines_of

SHAPE = (9, 8)


def naive_fill(outline, shape):
    """Centre by centre: on an edge, or an odd number of edges to the right."""
    mask = np.zeros(shape, bool)
    edges = list(zip(outline, [*outline[1:], outline[0]], strict=True))
    for row, col in np.ndindex(*shape):
        odd = False
        for (r0, c0), (r1, c1) in edges:
            length = math.hypot(r1 - r0, c1 - c0)
            along = ((row - r0) * (r1 - r0) + (col - c0) * (c1 - c0)) / length if length else 0.0
            along = min(max(along, 0.0), length)
            near = (r0 + along * (r1 - r0) / length, c0 + along * (c1 - c0) / length) if length else (r0, c0)
            if math.hypot(row - near[0], col - near[1]) < 1e-9:
                mask[row, col] = True
            if (r0 > row) != (r1 > row) and col < c0 + (row - r0) * (c1 - c0) / (r1 - r0):
                odd = not odd
        mask[row, col] |= odd
    return mask


corner = st.tuples(*[st.integers(-4, 22).map(lambda value: value / 2)] * 2)


@given(outline=st.lists(corner, min_size=3, max_size=7))
def test_fill_equals_its_slow_twin(outline):
    assert np.array_equal(fill_outline(np.array(outline, np.float64), SHAPE), naive_fill(outline, SHAPE))


def test_corners_and_edges_belong_to_the_outline():
    assert np.argwhere(fill_outline(np.array([[1.0, 1], [1, 3], [3, 3], [3, 1]]), SHAPE)).tolist() == [
        [r, c] for r in (1, 2, 3) for c in (1, 2, 3)
    ]


def test_line_there_and_back_marks_the_pixels_on_it():
    line = np.array([[1.0, 1], [4, 4], [1, 1]])
    assert np.argwhere(fill_outline(line, SHAPE)).tolist() == [[n, n] for n in (1, 2, 3, 4)]


def test_what_lies_outside_the_image_is_cut_off():
    assert fill_outline(np.array([[-50.0, -50], [-50, 50], [50, 50], [50, -50]]), SHAPE).all()
    assert not fill_outline(np.array([[-5.0, -5], [-5, -1], [-1, -1]]), SHAPE).any()


@given(st.integers(-2, 9), st.integers(-2, 9), st.integers(0, 6), st.integers(0, 6))
def test_rectangle_is_its_outline_filled(top, left, height, width):
    bottom, right = top + height, left + width
    corners = np.array([[top, left], [top, right], [bottom, right], [bottom, left]], np.float64)
    assert np.array_equal(fill_rectangle(top, left, bottom, right, SHAPE), fill_outline(corners, SHAPE))


def test_circle_holds_what_is_no_farther_than_its_radius():
    found = fill_ellipse(4, 3, 2, 2, 0.0, SHAPE)
    assert {tuple(at) for at in np.argwhere(found).tolist()} == {
        (r, c) for r, c in np.ndindex(*SHAPE) if math.hypot(r - 4, c - 3) <= 2
    }


def test_ellipse_turns_from_columns_to_rows():
    flat, upright = (fill_ellipse(4, 4, 1, 3, turn, SHAPE) for turn in (0.0, math.pi / 2))
    assert flat[4, 1:8].all()
    assert flat[:, 4].sum() == 3
    assert upright[1:8, 4].all()
    assert upright[4].sum() == 3
    down = fill_ellipse(4, 4, 0, 3, math.pi / 4, SHAPE)
    assert np.argwhere(down).tolist() == [[2, 2], [3, 3], [4, 4], [5, 5], [6, 6]]


@given(mask=hnp.arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_masks_come_back_exactly_from_their_outlines(mask):
    outlines = outlines_of(mask)
    assert all(len(outline) >= 3 for outline in outlines)
    found = np.zeros_like(mask)
    for outline in outlines:
        found |= fill_outline(outline.astype(np.float64), mask.shape)
    assert np.array_equal(found, mask)


@pytest.mark.parametrize("holes", [1, 2])
def test_rings_come_back_with_their_holes(holes):
    mask = np.ones((7, 9), bool)
    mask[2:4, 2:4] = False
    mask[3:5, 6] = holes == 1
    found = np.zeros_like(mask)
    for outline in outlines_of(mask):
        found |= fill_outline(outline.astype(np.float64), mask.shape)
    assert np.array_equal(found, mask)


def test_one_outline_for_each_region_without_holes():
    mask = np.zeros((6, 6), bool)
    mask[0, 0] = mask[1, 1] = mask[4, 4] = True
    assert len(outlines_of(mask)) == 2
    assert outlines_of(np.zeros((3, 3), bool)) == []
