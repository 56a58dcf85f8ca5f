"""Laws of pixelgbm.linking: a broken line is one, whichever way it runs; blobs and neighbours are not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelgbm.linking import fragments_of, link, longest_extent

SIZE = 200


def line(angle: float, start: float, end: float, *, middle: tuple[float, float] = (100, 100)) -> np.ndarray:
    """The pixels of a part of a line through `middle` (row, col), px along it, three px broad."""
    mask = np.zeros((SIZE, SIZE), np.uint8)
    row, col = np.sin(angle), np.cos(angle)
    ends = [(round(middle[1] + t * col), round(middle[0] + t * row)) for t in (start, end)]
    cv2.line(mask, *ends, 1, 3)
    return np.argwhere(mask)


def disk(row: int, col: int, radius: int) -> np.ndarray:
    mask = np.zeros((SIZE, SIZE), np.uint8)
    cv2.circle(mask, (col, row), radius, 1, -1)
    return np.argwhere(mask)


angles = st.floats(0, np.pi)


@given(angle=angles, breaks=st.lists(st.floats(4, 14), min_size=1, max_size=3))
@settings(max_examples=50, deadline=None)
def test_a_broken_line_is_one_whichever_way_it_runs(angle, breaks):
    parts, at = [], -70.0
    for gap in [*breaks, 0.0]:
        parts.append(line(angle, at, at + 20))
        at += 20 + 3 + gap
    assert link(parts).tolist() == [0] * len(parts)
    whole = np.concatenate(parts)
    reached = longest_extent(whole)
    assert reached == pytest.approx(at + 70, abs=5)


@given(angle=angles, seed=st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_the_order_of_fragments_and_quarter_turns_make_no_difference(angle, seed):
    rng = np.random.default_rng(seed)
    parts = [line(angle, -60, -30), line(angle, -20, 10), line(angle + 1.0, 40, 80), disk(40, 150, 6), disk(60, 150, 6)]
    order = rng.permutation(len(parts))
    found, shuffled = link(parts), link([parts[k] for k in order])
    together = found[:, None] == found
    np.testing.assert_array_equal((shuffled[:, None] == shuffled), together[np.ix_(order, order)])
    turned = [np.stack([pixels[:, 1], SIZE - 1 - pixels[:, 0]], axis=1) for pixels in parts]
    np.testing.assert_array_equal(link(turned), found)
    for pixels, other in zip(parts, turned, strict=True):
        assert longest_extent(pixels) == pytest.approx(longest_extent(other))


@given(radius=st.integers(2, 12), gap=st.integers(1, 6), angle=angles)
@settings(max_examples=40, deadline=None)
def test_blobs_are_never_linked(radius, gap, angle):
    away = 2 * radius + 1 + gap
    places = [(100 + round(k * away * np.sin(angle)), 100 + round(k * away * np.cos(angle))) for k in (-1, 0, 1)]
    assert link([disk(*place, radius) for place in places]).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "other",
    [
        line(0.3, -10, 20, middle=(112, 100)),  # beside it
        line(1.2, 15, 45),  # another direction
        line(0.3, 60, 80),  # too far on
        disk(100 + 10, 100 + 30, 4),  # a blob on its way
    ],
)
def test_what_is_no_continuation_stays_apart(other):
    assert link([line(0.3, -30, 5), other]).tolist() == [0, 1]


def test_a_chain_is_one_though_its_ends_are_far_apart():
    parts = [line(0.0, -90, -60), line(0.0, 60, 90), line(0.0, -45, -15), line(0.0, 15, 45), line(0.0, 50, 55)]
    assert link(parts[:2]).tolist() == [0, 1]
    assert link(parts[:4]).tolist() == [0, 0, 0, 0]


def test_extents_of_things_one_can_count():
    assert longest_extent(np.array([[3, 4]])) == 1.0
    assert longest_extent(np.array([[3, c] for c in range(9)])) == 9.0
    assert longest_extent(np.array([[k, k] for k in range(4)])) == pytest.approx(1 + 3 * np.sqrt(2))


@given(seed=st.integers(0, 500))
@settings(max_examples=20, deadline=None)
def test_extent_is_the_largest_distance_of_any_two_pixels(seed):
    pixels = np.random.default_rng(seed).integers(0, 40, (30, 2))
    slow = max(np.hypot(*(a - b)) for a in pixels for b in pixels)
    assert longest_extent(pixels) == pytest.approx(slow + 1)


def test_fragments_are_the_regions_of_a_mask_in_raster_order():
    mask = np.zeros((6, 8), bool)
    mask[0, 5] = mask[1, 6] = True  # they touch at a corner
    mask[2:4, 1:3] = mask[5, 7] = True
    found = fragments_of(mask)
    assert [pixels.tolist() for pixels in found] == [[[0, 5], [1, 6]], [[2, 1], [2, 2], [3, 1], [3, 2]], [[5, 7]]]
    assert fragments_of(np.zeros((3, 3), bool)) == []
    assert link([]).tolist() == []
