"""Whitened matched filters: what a texture does not explain stands out from it, however faint it is."""

import numpy as np
import pytest

from features import FeatureSpec, extract, fit_quantizer, prepare, sample_columns
from features import whitening as w
from features.whitening import edge_of, line_of, spot_of

LIGHT = ("log_light",)
ROWS, COLS = np.mgrid[0:160, 0:200].astype(np.float64)


def woven(seed: int, *, contrast: float = 1.0) -> np.ndarray:
    threads = np.sin(2 * np.pi * COLS / 7) * (1 + 0.5 * np.sin(2 * np.pi * ROWS / 5))
    return 120 + 25 * contrast * threads + np.random.default_rng(seed).normal(0, 3, ROWS.shape)


def grains(seed: int) -> np.ndarray:
    """Plates of one tone each, with sharp borders: noise with heavy tails once it is whitened."""
    rng = np.random.default_rng(seed)
    seeds = rng.uniform(0, (160, 200), size=(700, 2))
    away = (ROWS[..., None] - seeds[:, 0]) ** 2 + (COLS[..., None] - seeds[:, 1]) ** 2
    return rng.choice([70.0, 110.0, 150.0], 700)[np.argmin(away, axis=2)] + rng.normal(0, 1, ROWS.shape)


def found(image: np.ndarray, template: tuple) -> np.ndarray:
    return prepare(np.clip(image, 0, 255).astype(np.uint8), None).planes.of_whole(*template)


def strongest(plane: np.ndarray) -> tuple[int, int]:
    row, col = np.unravel_index(int(np.argmax(np.abs(plane))), plane.shape)
    return int(row), int(col)


@pytest.mark.parametrize("sign", [-1, 1])
def test_a_faint_spot_on_strong_threads_is_the_strongest_place_with_its_sign(sign):
    image = woven(1)  # the threads differ by 75 grey levels, the spot by 4
    image += 4 * sign * np.exp(-((ROWS - 70) ** 2 + (COLS - 120) ** 2) / 32)
    plane = found(image, spot_of(LIGHT, 3.5, 1.0))
    row, col = strongest(plane)
    assert abs(row - 70) <= 3 and abs(col - 120) <= 3
    assert sign * plane[row, col] > 4.5


@pytest.mark.parametrize("long", [False, True])
@pytest.mark.parametrize("degrees", [0, 35, 90, 170, 2.8, 47.8])
def test_a_line_in_any_direction_is_told_from_grains_with_sharp_borders(degrees, long):
    angle = np.radians(degrees)
    along = np.cos(angle) * (COLS - 100) + np.sin(angle) * (ROWS - 80)
    across = np.cos(angle) * (ROWS - 80) - np.sin(angle) * (COLS - 100)
    image = grains(2) - 32 * np.exp(-(across**2) / 2) * (np.abs(along) < 35)
    plane = found(image, line_of(LIGHT, 1.0, long=long))
    at = strongest(plane)
    assert plane[at] < 0
    assert abs(across[at]) <= 2 and abs(along[at]) <= 40


@pytest.mark.parametrize("degrees", [10.0, 11.3, 12.7, 57.0])
def test_between_two_directions_a_long_line_shows_nearly_as_clearly(degrees):
    angle = np.radians(degrees)
    along = np.cos(angle) * (COLS - 100) + np.sin(angle) * (ROWS - 80)
    across = np.cos(angle) * (ROWS - 80) - np.sin(angle) * (COLS - 100)
    noise = 120 + np.random.default_rng(21).normal(0, 8, ROWS.shape)
    image = noise + 8 * np.exp(-(across**2) / 2) * (np.abs(along) < 45)
    short, long = (found(image, line_of(LIGHT, 1.0, long=long)).max() for long in (False, True))
    assert long > 1.15 * short > 8


def test_long_lines_are_nearly_those_of_one_gaussian():
    """The slow way: a Gaussian of twice the length in each of the directions."""
    planes = prepare(np.clip(woven(22), 0, 255).astype(np.uint8), None).planes
    field = w._Field(w._whitened(planes, LIGHT, 1.0), ROWS.shape, 1.0)
    slow = np.zeros(ROWS.shape, np.float32)
    for turn in range(2 * w.DIRECTIONS):
        angle = np.pi * (turn + 0.5) / 2 / w.DIRECTIONS
        one = field.response(field.gaussian(2 * w.LENGTH, w.LINE_WIDTH, angle))
        slow = np.where(np.abs(one) > np.abs(slow), one, slow)
    strung = planes.of_whole(*line_of(LIGHT, 1.0, long=True))
    # Where a dark and a light line are equally strong, either may win: their strength is compared.
    assert np.corrcoef(np.abs(strung).ravel(), np.abs(slow).ravel())[0, 1] > 0.9
    sure = np.abs(slow) > 3.5
    assert (np.sign(strung) == np.sign(slow))[sure].mean() > 0.97
    assert np.abs(np.abs(strung) / np.abs(slow) - 1)[sure].max() < 0.35


def test_clipping_tells_a_faint_line_from_rare_black_specks(monkeypatch):
    rng = np.random.default_rng(3)
    image = woven(3)
    image[rng.random(image.shape) < 0.01] -= 70
    image[(np.abs(ROWS - 90) < 1) & (np.abs(COLS - 100) < 30)] -= 12

    def margin() -> float:
        plane = np.abs(found(image, line_of(LIGHT, 1.0, long=False)))
        return float(plane[90, 80:120].min() / plane[np.abs(ROWS - 90) > 12].max())

    clipped = margin()
    monkeypatch.setattr(w, "CLIP", 1e9)
    assert clipped > 1 > 0.8 > margin()


def test_flanks_of_a_hollow_are_edges():
    height = np.clip(1 - ((ROWS - 60) ** 2 + (COLS - 50) ** 2) / 144, 0, 1) ** 2
    plane = found(woven(4) + 60 * np.gradient(height)[0], edge_of(LIGHT, 4.0, 1.0))
    row, col = strongest(plane)
    assert abs(row - 60) <= 12 and abs(col - 50) <= 12
    assert plane.min() >= 0


def test_the_texture_alone_stands_out_nowhere():
    for seed in (5, 6):
        assert np.abs(found(woven(seed), spot_of(LIGHT, 3.5, 1.0))).max() < 6


@pytest.mark.parametrize(
    "template",
    [
        spot_of(LIGHT, 2.0, 1.0),
        line_of(LIGHT, 1.0, long=False),
        line_of(LIGHT, 1.8, long=True),
        edge_of(LIGHT, 4.0, 1.0),
    ],
)
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (3, 2), (40, 50)])
def test_plain_and_tiny_images_have_finite_planes(template, shape):
    for value in (0, 90, 255):
        plane = found(np.full(shape, value), template)
        assert plane.shape == shape and plane.dtype == np.float32
        assert np.isfinite(plane).all()
    assert np.isfinite(found(np.random.default_rng(7).integers(0, 256, shape), template)).all()


def test_light_of_the_whole_image_plays_no_part():
    image = woven(8)
    image[40:52, 50:60] += 12
    plain, lit = (np.exp(np.log(image) * gain + offset) for gain, offset in ((1.0, 0.0), (0.8, 1.1)))
    one, two = (found(shot, spot_of(LIGHT, 6.0, 1.0)) for shot in (plain, lit))
    assert np.corrcoef(one.ravel(), two.ravel())[0, 1] > 0.98


def test_what_leaves_on_one_side_does_not_come_back_on_the_other():
    image = woven(9)
    image[60:90, :6] -= 40
    plane = np.abs(found(image, spot_of(LIGHT, 6.0, 1.0)))
    assert plane[60:90, :6].max() > 4 * plane[60:90, -6:].max()


def test_scale_is_a_factor_on_every_length():
    fine = woven(10)
    fine += 6 * np.exp(-((ROWS - 80) ** 2 + (COLS - 90) ** 2) / 32)
    doubled = np.kron(fine, np.ones((2, 2)))
    one, two = found(fine, spot_of(LIGHT, 3.5, 1.0)), found(doubled, spot_of(LIGHT, 3.5, 2.0))
    assert np.corrcoef(one.ravel(), two[::2, ::2].ravel())[0, 1] > 0.9


def test_a_window_and_a_tile_show_what_the_whole_image_does():
    grey = np.clip(woven(11), 0, 255).astype(np.uint8)
    colour = np.stack([grey, np.roll(grey, 2, 0), np.roll(grey, 3, 1)], axis=-1)
    spec = FeatureSpec(families=("whitened",))
    for shot in (grey, colour):
        for template in (edge_of(LIGHT, 4.0, 1.0), line_of(LIGHT, 1.0, long=False), line_of(LIGHT, 1.0, long=True)):
            whole = prepare(shot, None).planes.of_whole(*template)
            part = prepare(shot, None).crop(30, 20, 90, 100).planes.of_whole(*template)
            assert part.tobytes() == np.ascontiguousarray(whole[30:90, 20:100]).tobytes()
    pixels = np.argwhere(np.ones(grey.shape, bool))[::31]
    quantizer = fit_quantizer(sample_columns(colour, None, spec, pixels), spec)
    tile = (16, 32, 112, 160)
    whole, tiled = (extract(colour, None, spec, quantizer, tiles=tiles) for tiles in (None, [tile]))
    assert np.array_equal(whole.planes[:, 16:112, 32:160], tiled.planes[:, 16:112, 32:160])


def test_blue_may_be_left_out():
    rng = np.random.default_rng(12)
    shot = rng.integers(0, 256, (60, 70, 3)).astype(np.uint8)
    other = shot.copy()
    other[..., 2] = rng.integers(0, 256, (60, 70))
    pixels = np.argwhere(np.ones((60, 70), bool))[::7]
    for blue, same in (("drop", True), ("use", False)):
        spec = FeatureSpec(families=("whitened",), blue=blue)
        one, two = (sample_columns(image, None, spec, pixels) for image in (shot, other))
        assert np.array_equal(one, two) is same


def test_the_periodic_part_has_no_step_where_it_meets_itself():
    rng = np.random.default_rng(13)
    plane = (0.1 * COLS - 0.05 * ROWS + rng.normal(0, 0.1, ROWS.shape)).astype(np.float32)
    part = np.fft.irfft2(w._periodic(plane), plane.shape)
    for axis in (0, 1):
        before, after = (np.diff(np.take(p, [-1, 0], axis), axis=axis).mean() for p in (plane, part))
        assert abs(after) < 0.02 * abs(before)
    inner = np.abs(np.diff(plane - part, 2, axis=1))  # what was taken away is smooth inside
    assert inner[8:-8, 8:-8].max() < 0.02
