"""Rarity: what differs from the rest of its own image stands out, whatever the rest is; labels play no part."""

import numpy as np
import pytest

from features import FeatureSpec, prepare, sample_columns
from features.kernels.rarity import squared_lengths
from features.rarity import palette_of, rarity_of

ROWS, COLS = np.mgrid[0:160, 0:180].astype(np.float32)


def woven(seed: int, *, contrast: float = 1.0) -> np.ndarray:
    threads = np.sin(2 * np.pi * COLS / 7) + np.sin(2 * np.pi * ROWS / 5)
    noise = np.random.default_rng(seed).normal(0, 0.6, ROWS.shape)
    return 120 + 14 * contrast * (threads + noise)


def rarity(image: np.ndarray, sigma: float = 2.0, blur: float = 3.0) -> np.ndarray:
    scene = prepare(np.clip(image, 0, 255).astype(np.uint8), None)
    return scene.planes.of_whole(*rarity_of(sigma, blur, colour=scene.colour))


@pytest.mark.parametrize("contrast", [0.4, 1.0, 3.0])
def test_a_patch_of_another_texture_is_the_rarest_place(contrast):
    image = woven(1, contrast=contrast)
    patch = (slice(60, 84), slice(90, 114))
    image[patch] = woven(2, contrast=contrast).T[patch]  # turned by a right angle: level and contrast are the same
    found = rarity(image)
    row, col = np.unravel_index(int(np.argmax(found)), found.shape)
    assert 58 <= row < 86 and 88 <= col < 116
    assert found[patch].mean() > 2


def test_an_even_surface_is_rare_nowhere():
    found = rarity(woven(3))
    assert np.median(found) == pytest.approx(0, abs=0.05)
    assert found.max() < 3.5


def test_light_and_contrast_of_the_whole_image_play_no_part():
    image = woven(4)
    image[40:60, 50:70] += 25
    plain, lit = (np.exp(np.log(image) * gain + offset) for gain, offset in ((1.0, 0.0), (0.8, 1.1)))
    one, two = rarity(plain), rarity(lit)
    assert np.corrcoef(one.ravel(), two.ravel())[0, 1] > 0.99


def grains(seed: int) -> np.ndarray:
    """Small plates of three colours, in noise: (rows, cols, 3)."""
    rng = np.random.default_rng(seed)
    kinds = rng.integers(0, 3, (ROWS.shape[0] // 4, ROWS.shape[1] // 4))
    tones = np.array([[180, 150, 120], [120, 120, 125], [90, 95, 110]], float)
    return tones[np.kron(kinds, np.ones((4, 4), int))] + rng.normal(0, 1.5, (*ROWS.shape, 3))


def test_a_weak_tint_over_a_surface_of_few_colours_is_rare():
    image = grains(8)
    patch = (slice(60, 90), slice(90, 120))
    image[patch] *= (0.97, 0.94, 0.92)  # grains differ by a third and more
    image *= np.linspace(0.7, 1.2, ROWS.shape[1])[None, :, None]  # light plays no part
    scene = prepare(np.clip(image, 0, 255).astype(np.uint8), None)
    found = scene.planes.of_whole(*palette_of(4.0, 40.0))
    row, col = np.unravel_index(int(np.argmax(found)), found.shape)
    assert 56 <= row < 94 and 86 <= col < 124
    assert found[patch].mean() > 1.5


@pytest.mark.parametrize("value", [0, 90, 255])
def test_a_plain_image_has_no_rare_place(value):
    for image in (
        np.full((40, 50), value, np.uint8),
        np.full((40, 50, 3), value, np.uint8),
        np.full((3, 2), 9, np.uint8),
    ):
        scene = prepare(image, None)
        templates = [rarity_of(1.0, 1.5, colour=scene.colour), *([palette_of(1.5, 40.0)] if scene.colour else [])]
        for found in (scene.planes.of_whole(*template) for template in templates):
            assert np.isfinite(found).all() and np.abs(found).max() < 1e-3


def test_a_window_shows_what_the_whole_image_does():
    image = np.clip(woven(5), 0, 255).astype(np.uint8)
    colour = np.stack([image, np.roll(image, 2, 0), np.roll(image, 3, 1)], axis=-1)
    for shot in (image, colour):
        scene = prepare(shot, None)
        name, make = rarity_of(1.0, 1.5, colour=scene.colour)
        whole = scene.planes.of_whole(name, make)
        part = prepare(shot, None).crop(30, 20, 90, 100).planes.of_whole(name, make)
        assert part.tobytes() == np.ascontiguousarray(whole[30:90, 20:100]).tobytes()


def test_blue_may_be_left_out():
    rng = np.random.default_rng(6)
    shot = rng.integers(0, 256, (60, 70, 3)).astype(np.uint8)
    other = shot.copy()
    other[..., 2] = rng.integers(0, 256, (60, 70))
    pixels = np.argwhere(np.ones((60, 70), bool))[::7]
    for blue, same in (("drop", True), ("use", False), ("match", False)):
        spec = FeatureSpec(families=("rarity",), blue=blue)
        one, two = (sample_columns(image, None, spec, pixels) for image in (shot, other))
        assert np.array_equal(one, two) is same


def test_squared_lengths_are_those_of_the_formula():
    rng = np.random.default_rng(7)
    planes = rng.normal(size=(5, 6, 9)).astype(np.float32)
    whitening = np.tril(rng.normal(size=(5, 5))).astype(np.float32)
    found = np.empty((6, 9), np.float32)
    squared_lengths(planes, whitening, found)
    expected = np.square(np.einsum("ab,bij->aij", whitening, planes)).sum(axis=0)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
