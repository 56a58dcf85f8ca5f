"""Warps: where each pixel is read is where the matrix says, whichever way it is asked."""

import numpy as np
import pytest

from features.registration.bounds import believable, is_extraordinary
from features.registration.warps import (
    at_half,
    centre_shift,
    corner_move,
    dense,
    from_half,
    seen_through,
    stretch_at_centre,
    swapped,
    translation,
)

SHAPE = (40, 60)
TILTED = np.array([[1.1, 0.02, 3.0], [-0.03, 0.95, -2.0], [1e-4, -2e-4, 1.0]])


def test_the_dense_map_is_the_matrix_at_every_pixel():
    row_map, col_map = dense(TILTED, *SHAPE)
    for row, col in [(0, 0), (39, 59), (7, 31)]:
        there = TILTED @ [row, col, 1.0]
        assert (row_map[row, col], col_map[row, col]) == pytest.approx(there[:2] / there[2], rel=1e-5)


def test_swapped_exchanges_the_axes_and_is_its_own_inverse():
    row, col, depth = TILTED @ [7.0, 31.0, 1.0]
    np.testing.assert_allclose(swapped(TILTED) @ [31.0, 7.0, 1.0], [col, row, depth])
    np.testing.assert_array_equal(swapped(swapped(TILTED)), TILTED)


def test_a_translation_moves_centre_and_corners_alike():
    here, there = translation(np.array([1.0, 1.0])), translation(np.array([4.0, 5.0]))
    assert centre_shift(SHAPE, there, here) == pytest.approx(5.0)
    assert corner_move(SHAPE, there, here) == pytest.approx(4.0)
    np.testing.assert_array_equal(stretch_at_centre(SHAPE, there), np.eye(2))


def test_a_warp_at_half_the_resolution_takes_the_same_points():
    warp = np.array([[1.01, -0.02, 7.0], [0.03, 0.98, -3.0], [1e-5, -2e-5, 1.0]])
    fine = np.array([100.0, 37.0, 1.0])
    coarse = np.array([(100.0 - 0.5) / 2, (37.0 - 0.5) / 2, 1.0])
    moved, half = warp @ fine, at_half(warp) @ coarse
    np.testing.assert_allclose((moved[:2] / moved[2] - 0.5) / 2, half[:2] / half[2])
    np.testing.assert_allclose(from_half(at_half(warp)), warp, atol=1e-12)


def test_what_is_seen_is_the_window_and_no_more():
    other = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    seen, covered = seen_through(translation(np.array([3.0, -2.0])), other, SHAPE)
    np.testing.assert_array_equal(seen[:37, 2:], other[3:, :58])
    assert covered[:37, 2:].all() and not covered[37:].any() and not covered[:, :2].any()


@pytest.mark.parametrize(
    ("warp", "allowed"),
    [
        (translation(np.array([15.0, 15.0])), True),
        (translation(np.array([20.0, 20.0])), False),
        (np.diag([1.5, 1.5, 1.0]), True),
        (np.diag([2.0, 2.0, 1.0]), False),
        (np.diag([1.0, 1.2, 1.0]), False),
    ],
    ids=["near", "far", "larger", "too large", "uneven"],
)
def test_a_second_shot_is_neither_far_nor_very_large_nor_uneven(warp, allowed):
    assert bool(believable(SHAPE, warp, warp, np.eye(3))) is allowed


def test_a_fine_step_that_runs_away_is_dropped():
    start, near, far = (translation(np.array([0.0, shift])) for shift in (0.0, 6.5, 7.5))
    assert len(believable(SHAPE, start, near, np.eye(3))) == 2
    assert len(believable(SHAPE, start, far, np.eye(3))) == 1


def test_large_turns_and_shifts_are_extraordinary():
    assert not is_extraordinary(SHAPE, translation(np.array([10.0, 10.0])), np.eye(3))
    assert is_extraordinary(SHAPE, translation(np.array([10.0, 12.5])), np.eye(3))
    assert is_extraordinary(SHAPE, np.array([[1.0, -0.1, 3.0], [0.1, 1.0, -2.0], [0.0, 0.0, 1.0]]), np.eye(3))
