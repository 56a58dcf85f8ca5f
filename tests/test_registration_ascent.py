"""Enhanced correlation: it climbs to the warp that was drawn, and never down; its sums are those of the formula."""

import cv2
import numpy as np
import pytest
from known_shots import photograph

from features.kernels.overlay import gradient_sums, places_through, plane_sums
from features.levels import luminance
from features.registration.ascent import AFFINE, PROJECTIVE, climbed, score
from features.registration.signature import signature_of
from features.registration.warps import corner_move, covered_by, swapped, translation

SHAPE = (100, 120)
INSIDE = translation(np.array([40.0, 50.0]))


@pytest.fixture(scope="module")
def reference():
    return signature_of(luminance(photograph(3, 400)))[0]


def seen(reference, warp):
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpPerspective(reference, swapped(warp), SHAPE[::-1], flags=flags), np.float32)


def turned(degrees, scale=1.0, tilt=0.0):
    """About the middle of what `INSIDE` shows."""
    along, across = scale * np.cos(np.radians(degrees)), scale * np.sin(np.radians(degrees))
    middle = translation(np.array(SHAPE) / 2)
    inner = np.array([[along, -across, 0], [across, along, 0], [tilt, -tilt, 1]])
    return INSIDE @ middle @ inner @ np.linalg.inv(middle)


@pytest.mark.parametrize("motion", [AFFINE, PROJECTIVE], ids=["affine", "projective"])
@pytest.mark.parametrize("warp", [INSIDE, turned(1.2), turned(-0.8, 1.03), turned(0.5, 0.98)])
def test_it_climbs_to_the_warp_that_was_drawn(reference, motion, warp):
    image = np.float32(0.7) * seen(reference, warp) - np.float32(0.2)
    start = translation(np.array([1.5, -1.2])) @ INSIDE
    found = climbed(image, reference, start, motion, 40)
    assert corner_move(SHAPE, warp, found) < 0.05
    assert score(image, reference, found) > 0.99


def test_only_a_projective_step_follows_a_tilt(reference):
    warp = turned(0.3, tilt=2e-4)
    image = seen(reference, warp)
    affine, projective = (
        corner_move(SHAPE, warp, climbed(image, reference, INSIDE, motion, 40)) for motion in (AFFINE, PROJECTIVE)
    )
    assert projective < 0.1 < 0.3 < affine


@pytest.mark.parametrize("seed", range(5))
def test_it_never_climbs_down(reference, seed):
    rng = np.random.default_rng(seed)
    image = rng.normal(size=SHAPE).astype(np.float32) + seen(reference, INSIDE)
    start = translation(rng.uniform(-6, 6, 2)) @ INSIDE
    for motion in (AFFINE, PROJECTIVE):
        assert score(image, reference, climbed(image, reference, start, motion, 10)) >= score(image, reference, start)


@pytest.mark.parametrize("plane", [np.zeros, np.ones])
def test_a_plain_plane_moves_nothing(reference, plane):
    image = plane(SHAPE, np.float32)
    assert climbed(image, reference, INSIDE, PROJECTIVE, 5) is INSIDE
    assert score(image, reference, INSIDE) == pytest.approx(0, abs=1e-6)


def test_too_little_overlap_is_no_agreement(reference):
    image = seen(reference, INSIDE)
    assert score(image, reference, translation(np.array([190.0, 50.0]))) == -1.0


def test_the_sums_are_those_of_the_formula():
    rng = np.random.default_rng(1)
    image, warped = rng.normal(size=(2, 9, 13)).astype(np.float32)
    covered = rng.random((9, 13)) < 0.7
    plain = np.zeros((6, 13), np.float32)
    plane_sums(image, warped, covered, plain)
    products = np.stack([np.ones_like(image), image, warped, image**2, warped**2, image * warped])
    np.testing.assert_allclose(plain, (products * covered).sum(axis=1), rtol=1e-5, atol=1e-5)

    heights = np.linspace(-0.6, 0.6, 9, dtype=np.float32)
    squares, firsts = np.zeros((3, 5, 13), np.float32), np.zeros((6, 3, 13), np.float32)
    gradient_sums(image, warped, covered, heights, squares, firsts)
    padded = np.pad(warped, 1, mode="edge")
    r, c = (padded[2:, 1:-1] - padded[:-2, 1:-1]) / 2 * covered, (padded[1:-1, 2:] - padded[1:-1, :-2]) / 2 * covered
    for k, product in enumerate([r * r, r * c, c * c]):
        for power in range(5):
            expected = (product * heights[:, None] ** power).sum(axis=0)
            np.testing.assert_allclose(squares[k, power], expected, rtol=1e-4, atol=1e-5)
    for k, product in enumerate([r, c, r * image, c * image, r * warped, c * warped]):
        for power in range(3):
            expected = (product * heights[:, None] ** power).sum(axis=0)
            np.testing.assert_allclose(firsts[k, power], expected, rtol=1e-4, atol=1e-5)


def test_places_are_those_of_the_matrix():
    warp = np.array([[1.1, 0.02, 3.0], [-0.03, 0.9, -4.0], [1e-4, -2e-4, 1.0]])
    maps = np.empty((2, 7, 11), np.float32)
    places_through(warp, maps)
    for i, j in ((0, 0), (6, 10), (3, 7)):
        row, col, depth = warp @ [i, j, 1]
        np.testing.assert_allclose(maps[:, i, j], [row / depth, col / depth], rtol=1e-6)
    assert not covered_by((4, 4), *maps).all()
