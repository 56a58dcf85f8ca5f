"""Registration finds warps we applied ourselves, and leaves alone what carries no information."""

import cv2
import numpy as np
import pytest
from known_shots import SIDE, WIDE, error_of, photograph, shot

from features import register


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


@pytest.mark.parametrize(
    "view", [{"scale": 0.72}, {"scale": 1.38}, {"scale": 0.85, "turn": 2.0, "shift": (9.0, -14.0)}]
)
def test_a_faint_picture_at_another_scale_is_found(view):
    """Noise as strong as the picture: features have nothing to hold on to, correlation has."""
    scene = 128 + (photograph(9, 560) - 128) * np.float32(0.08)
    test, where = shot(scene, side=SIDE, **view)
    reference, _ = shot(scene, side=400, seed=1)
    found = register(test, reference)
    assert found.quality.status == "aligned"
    assert error_of(found, where, 400, scene.shape[0]) < 1.0


def test_what_lies_beyond_the_reference_is_not_covered():
    scene = photograph(10, 560)
    test, where = shot(scene, side=SIDE, scale=1.4)
    reference, _ = shot(scene, side=300, seed=1)
    found = register(test, reference)
    assert error_of(found, where, 300, scene.shape[0]) < 0.5
    truth = where - (scene.shape[0] - 300) / 2
    deep, outside = ((truth > 2) & (truth < 297)).all(0), ((truth < -3) | (truth > 302)).any(0)
    assert outside.mean() > 0.1
    assert found.covered[deep].all() and not found.covered[outside].any()


def screened(scene, period, *, strength=45.0):
    """`scene` printed with a chequered screen, turned by 20 degrees, of that period in px."""
    r, c = np.mgrid[0 : scene.shape[0], 0 : scene.shape[1]].astype(np.float32)
    angle, step = np.radians(20), 2 * np.pi / period
    along, across = np.cos(angle) * r + np.sin(angle) * c, -np.sin(angle) * r + np.cos(angle) * c
    dots = np.cos(step * along) + np.cos(step * across)
    return np.clip(scene + np.float32(strength / 2) * dots[..., None].astype(np.float32), 0, 255)


@pytest.mark.parametrize("period", [3.0, 5.0, 8.0, 12.0])
@pytest.mark.parametrize("view", [{"shift": (13.0, -17.0)}, {"shift": (4.0, 6.0), "scale": 0.9}], ids=["far", "scaled"])
def test_content_is_aligned_and_not_the_screen(period, view):
    scene = screened(100 + (photograph(11, 520) - 128) * np.float32(0.35), period)
    test, where = shot(scene, side=SIDE, **view)
    reference, _ = shot(scene, side=400, seed=1)
    found = register(test, reference)
    assert found.quality.status == "aligned"
    assert error_of(found, where, 400, scene.shape[0]) < 0.5


def test_a_screen_alone_is_not_shifted_by_many_periods():
    scene = screened(np.full((520, 520, 3), 130, np.float32), 9.0)
    test, _ = shot(scene, side=SIDE, shift=(1.0, 1.0))
    reference, _ = shot(scene, side=400, seed=1)
    assert register(test, reference).quality.shift < 9.0


@pytest.mark.parametrize(("gain", "blur"), [(0.4, 0.0), (1.5, 0.0), (1.0, 3.0)])
def test_light_and_focus_do_not_move_the_picture(gain, blur):
    scene = photograph(12) * np.float32(0.6)
    test, where = shot(scene, side=SIDE, shift=(1.5, -2.5), gain=gain)
    if blur:
        test = cv2.GaussianBlur(test, (0, 0), blur)
    reference, _ = shot(scene, side=WIDE, seed=1)
    found = register(test, reference)
    assert found.quality.status == "aligned"
    assert error_of(found, where, WIDE, scene.shape[0]) < 0.35


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
