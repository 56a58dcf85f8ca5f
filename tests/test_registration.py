"""Registration finds warps we applied ourselves, and says when a reference cannot be used."""

import cv2
import numpy as np
import pytest

from features import FeatureError, register
from features.registration import to_float

SIDE, WIDE = 240, 320


def photograph(seed, side=440):
    """1/f texture with hard-edged discs over it: structure at every scale."""
    rng = np.random.default_rng(seed)
    image = np.zeros((side, side), np.float32)
    for octave in range(1, 7):
        noise = rng.standard_normal((2**octave + 3, 2**octave + 3)).astype(np.float32)
        image += cv2.resize(noise, (side, side), interpolation=cv2.INTER_CUBIC) * 2.0**-octave * 40
    image += 120
    for _ in range(160):
        centre = tuple(int(v) for v in rng.integers(0, side, 2))
        cv2.circle(image, centre, int(rng.integers(2, 24)), float(rng.uniform(40, 220)), -1, cv2.LINE_AA)
    tint = rng.uniform(0.7, 1.0, 3).astype(np.float32)
    return np.clip(image[..., None] * tint, 0, 255)


def shot(scene, *, side, shift=(0.0, 0.0), turn=0.0, scale=1.0, gain=1.0, wave=0.0, seed=0):
    """A view of the middle of `scene`; returns it and where each of its pixels lies in the scene."""
    r, c = np.mgrid[0:side, 0:side].astype(np.float64) - (side - 1) / 2
    angle = np.radians(turn)
    rows = scale * (np.cos(angle) * r - np.sin(angle) * c) + shift[0] + (scene.shape[0] - 1) / 2
    cols = scale * (np.sin(angle) * r + np.cos(angle) * c) + shift[1] + (scene.shape[1] - 1) / 2
    rows += wave * np.sin(c / 40)
    cols += wave * np.cos(r / 45)
    pixels = cv2.remap(scene, cols.astype(np.float32), rows.astype(np.float32), cv2.INTER_CUBIC)
    noise = np.random.default_rng(seed).normal(0, 2, pixels.shape)
    return np.clip(np.rint(pixels * gain + noise), 0, 255).astype(np.uint8), np.stack([rows, cols])


def error_of(registration, where_test, side_reference, scene_side):
    """Median distance, px, between where pixels were read and where they truly lie in the plain centred reference."""
    offset = (scene_side - side_reference) / 2
    truth = where_test - offset
    gap = np.hypot(*(registration.field - truth))
    return float(np.median(gap[20:-20, 20:-20]))


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    "view",
    [
        {"shift": (1.3, -0.6)},
        {"shift": (2.4, 1.1), "turn": 0.2, "gain": 0.85},
        {"shift": (-18.0, 22.5)},
        {"shift": (3.0, -4.0), "turn": 1.8},
        {"shift": (0.5, 0.5), "wave": 0.7},
    ],
    ids=["shift", "shift, turn, gain", "far", "turned", "wavy"],
)
def test_a_known_warp_is_found_within_a_quarter_pixel(seed, view):
    scene = photograph(seed)
    test, where = shot(scene, side=SIDE, seed=10, **view)
    reference, _ = shot(scene, side=WIDE, seed=11)
    found = register(test, reference)
    assert found.quality.status == "aligned"
    assert error_of(found, where, WIDE, scene.shape[0]) < 0.25


@pytest.mark.parametrize("scale", [0.75, 1.35])
def test_a_change_of_scale_is_found(scale):
    scene = photograph(3, 520)
    test, where = shot(scene, side=SIDE, scale=scale)
    reference, _ = shot(scene, side=400)
    found = register(test, reference)
    assert error_of(found, where, 400, scene.shape[0]) < 0.5


def test_dirt_does_not_bend_the_field():
    scene = photograph(4)
    test, where = shot(scene, side=SIDE, shift=(1.0, 1.0), wave=0.3)
    reference, _ = shot(scene, side=WIDE)
    dirty = test.copy()
    cv2.ellipse(dirty, (120, 120), (16, 10), 30, 0, 360, (30, 25, 20), -1)
    found = register(dirty, reference)
    gap = np.hypot(*(found.field - (where - (scene.shape[0] - WIDE) / 2)))
    assert gap[100:140, 100:140].max() < 0.75


def test_a_solid_background_is_not_shifted():
    rng = np.random.default_rng(0)
    test = np.clip(rng.normal(140, 3, (SIDE, SIDE, 3)), 0, 255).astype(np.uint8)
    reference = np.clip(rng.normal(140, 3, (WIDE, WIDE, 3)), 0, 255).astype(np.uint8)
    found = register(test, reference)
    assert found.quality.status == "no-shift"
    np.testing.assert_allclose(found.warp, [[1, 0, 40], [0, 1, 40], [0, 0, 1]])


def test_another_scene_is_reported():
    test, _ = shot(photograph(5), side=SIDE)
    reference, _ = shot(photograph(6), side=WIDE)
    assert register(test, reference).quality.status == "mismatch"


def test_another_solid_colour_is_reported():
    rng = np.random.default_rng(0)
    blue = np.array([40, 60, 160]) + rng.normal(0, 3, (SIDE, SIDE, 3))
    red = np.array([170, 50, 40]) + rng.normal(0, 3, (WIDE, WIDE, 3))
    assert register(blue.astype(np.uint8), red.astype(np.uint8)).quality.status == "mismatch"


def test_a_small_reference_covers_a_part():
    scene = photograph(7)
    test, _ = shot(scene, side=SIDE)
    reference, _ = shot(scene, side=180)
    found = register(test, reference)
    assert found.quality.status == "aligned"
    assert 0.4 < found.covered.mean() < 0.7
    assert found.covered[SIDE // 2, SIDE // 2] and not found.covered[0, 0]


def test_sixteen_bits_are_the_same_picture():
    scene = photograph(8)
    test, _ = shot(scene, side=SIDE, shift=(1.2, 0.4))
    reference, _ = shot(scene, side=WIDE)
    one = register(test, reference)
    two = register(test.astype(np.uint16) * 257, reference.astype(np.uint16) * 257)
    np.testing.assert_allclose(one.field, two.field, atol=1e-2)


def test_a_single_pixel_is_an_image():
    pixel = np.full((1, 1), 90, np.uint8)
    assert register(pixel, pixel).aligned.shape == (1, 1)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 4), np.float64), "float64; allowed: uint8, uint16"),
        (np.zeros((4, 4, 2), np.uint8), r"shape \(4, 4, 2\)"),
        (np.zeros((0, 4), np.uint8), r"shape \(0, 4\)"),
    ],
)
def test_other_arrays_are_refused(image, message):
    with pytest.raises(FeatureError, match=message):
        to_float(image)
