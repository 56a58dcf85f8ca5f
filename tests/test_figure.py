"""The figure: what lies on a ground is told from it, and a place is compared with the rest of the figure alone."""

import numpy as np
import pytest

from features import FeatureSpec, prepare, sample_columns
from features.figure import depth_of, level_of, line_of, rim_of, roughness_of, spot_of, unlike_of, wide_of

LIGHT = ("log_light",)
ROWS, COLS = np.mgrid[0:120, 0:400].astype(np.float64)
COLOURS = (("log_red", "log_green"), ("log_blue", "log_light"))


def rod(seed: int, *, ground: float = 30, tone: float = 150) -> np.ndarray:
    """A lit rod with fibres along it on a rough ground, rows 30 to 90, columns 20 to 380."""
    rng = np.random.default_rng(seed)
    shade = 0.6 + 0.5 * np.cos((ROWS - 50) / 36)
    fibres = 1 + 0.05 * rng.normal(size=(120, 1)) + 0.03 * rng.normal(size=ROWS.shape)
    image = ground * (1 + 0.12 * rng.normal(size=ROWS.shape))
    return np.where(inside(), tone * shade * fibres, image)


def inside() -> np.ndarray:
    return (ROWS >= 30) & (ROWS < 90) & (COLS >= 20) & (COLS < 380)


def planes_of(image: np.ndarray):
    return prepare(np.clip(image, 0, 255).astype(np.uint8), None).planes


def found(image: np.ndarray, template: tuple) -> np.ndarray:
    return planes_of(image).of_whole(*template)


def strongest(plane: np.ndarray) -> tuple[int, int]:
    row, col = np.unravel_index(int(np.argmax(np.abs(plane))), plane.shape)
    return int(row), int(col)


@pytest.mark.parametrize(("ground", "tone"), [(30, 150), (220, 70)])
def test_the_figure_is_what_lies_on_the_ground_be_it_light_or_dark(ground, tone):
    image = rod(1, ground=ground, tone=tone)
    image[55:62, 200:207] = ground  # a hole in it is figure, too
    depth = found(image, depth_of())
    assert np.mean((depth > 0) == inside()) > 0.95  # the outline lies 1 to 2 px outside
    assert depth[60, 203] > 20 and depth[5, 5] == -8


@pytest.mark.parametrize("value", [0, 90, 255])
def test_a_plain_image_is_figure_all_over_and_nothing_departs_from_it(value):
    for shape in ((40, 50), (40, 50, 3), (3, 2), (1, 1), (90, 30, 3)):
        scene = prepare(np.full(shape, value, np.uint8), None)
        assert (scene.planes.of_whole(*depth_of()) == 64).all()
        colours = COLOURS if scene.colour else ()
        templates = [spot_of(LIGHT, 3.0, 1.0), line_of(8.0, 1.0), rim_of(8.0, 1.0), roughness_of(3.0, 1.0)]
        templates += [level_of(LIGHT, 12.0), wide_of(LIGHT, 12.0), unlike_of(2.0, colours, 1.0)]
        for plane in (scene.planes.of_whole(*template) for template in templates):
            assert np.isfinite(plane).all() and np.abs(plane).max() < 0.1


def test_a_texture_without_a_ground_is_figure_all_over():
    noise = np.random.default_rng(2).normal(120, 20, (80, 90))
    assert (found(noise, depth_of()) == 64).all()


def test_a_thin_dark_line_along_the_fibres_is_the_strongest_line():
    image = rod(3)
    image[70:72, 150:230] *= 0.8
    row, col = strongest(found(image, line_of(20.0, 1.0)))
    assert 69 <= row <= 72 and 150 <= col <= 230


def test_an_upright_figure_is_measured_as_one_that_lies():
    image = rod(4)
    image[70:72, 150:230] *= 0.8
    for template in (line_of(20.0, 1.0), rim_of(8.0, 1.0), spot_of(LIGHT, 3.0, 1.0)):
        lying, upright = found(image, template), found(np.ascontiguousarray(image.T), template)
        np.testing.assert_allclose(upright.T, lying, atol=0.02)


def test_a_weak_wide_tint_stands_out_from_the_colours_of_the_figure():
    grey = rod(5)
    image = np.stack([grey, 0.85 * grey, 0.5 * grey], axis=-1)
    image[50:85, 120:190] *= (1.0, 0.97, 1.12)
    plane = planes_of(image).of_whole(*level_of(("log_blue", "log_light"), 12.0))
    row, col = strongest(np.where(inside(), plane, 0))
    assert 45 <= row < 90 and 115 <= col < 195


def test_the_ground_says_nothing():
    quiet, loud = rod(6), rod(6)
    loud[~inside()] = np.clip(30 + 9 * np.random.default_rng(7).normal(size=(~inside()).sum()), 0, 60)
    deep = (ROWS >= 40) & (ROWS < 80) & (COLS >= 30) & (COLS < 370)
    for template in (spot_of(LIGHT, 3.0, 1.0), roughness_of(3.0, 1.0)):
        one, two = found(quiet, template), found(loud, template)
        assert np.corrcoef(one[deep], two[deep])[0, 1] > 0.999
        assert not one[:15].any()


def test_a_patch_of_another_texture_is_unlike_the_rest():
    image = rod(8)
    image[50:70, 200:225] = rod(9).T[100:120, 40:65] * 1.05
    row, col = strongest(found(image, unlike_of(2.0, (), 1.0)))
    assert 45 <= row < 75 and 195 <= col < 230


def test_a_window_shows_what_the_whole_image_does():
    image = np.clip(rod(10), 0, 255).astype(np.uint8)
    for template in (spot_of(LIGHT, 6.0, 1.0), unlike_of(2.0, (), 1.0), line_of(8.0, 1.0)):
        whole = prepare(image, None).planes.of_whole(*template)
        part = prepare(image, None).crop(32, 48, 90, 200).planes.of_whole(*template, keep=False)
        assert part.tobytes() == np.ascontiguousarray(whole[32:90, 48:200]).tobytes()


def test_blue_may_be_left_out():
    rng = np.random.default_rng(11)
    shot = np.stack([np.clip(rod(12), 0, 255).astype(np.uint8)] * 3, axis=-1)
    other = shot.copy()
    other[..., 2] = rng.integers(0, 256, ROWS.shape)
    pixels = np.argwhere(np.ones(ROWS.shape, bool))[::97]
    for blue, same in (("drop", True), ("use", False), ("match", False)):
        one, two = (
            sample_columns(s, None, FeatureSpec(families=("figure",), blue=blue), pixels) for s in (shot, other)
        )
        assert np.array_equal(one, two) is same
