"""Trust is 1 where nothing is in doubt; it falls at misaligned edges and where the reference ends."""

import cv2
import numpy as np
import pytest

from features.scene import prepare
from features.trust import RIM, trust

SIDE = 160


def centred(margin=0.0):
    """A field that reads every pixel `margin` px further in the reference."""
    return np.mgrid[0:SIDE, 0:SIDE].astype(np.float32) + np.float32(margin)


def noisy(plane, seed):
    return np.asarray(plane + np.random.default_rng(seed).normal(0, 1.5, plane.shape), np.float32)


def stripes(shift=0.0, contrast=120.0):
    """Vertical edges 20 px apart, seen `shift` px to the right."""
    cols = np.arange(SIDE, dtype=np.float32) - np.float32(shift)
    wave = np.clip(np.sin(cols * np.pi / 20) * 3, -1, 1)
    return np.tile((128 + contrast / 2 * wave).astype(np.float32), (SIDE, 1))


def inner(plane):
    return plane[20:-20, 20:-20]


def test_a_flat_ground_is_trusted():
    flat = np.full((SIDE, SIDE), 130, np.float32)
    found = trust(noisy(flat, 0), noisy(flat, 1), centred(30), (SIDE + 60, SIDE + 60))
    assert found.dtype == np.float32 and found.shape == (SIDE, SIDE)
    assert inner(found).min() > 0.97


def test_a_defect_on_a_flat_ground_is_trusted():
    flat = np.full((SIDE, SIDE), 130, np.float32)
    dirty = noisy(flat, 0)
    cv2.circle(dirty, (80, 80), 8, 40.0, -1)
    found = trust(dirty, noisy(flat, 1), centred(30), (SIDE + 60, SIDE + 60))
    assert inner(found).min() > 0.95


def test_edges_are_trusted_less_the_worse_they_lie():
    reference, shape = noisy(stripes(), 1), (SIDE + 60, SIDE + 60)
    on_edges = []
    for shift in (0.0, 0.5, 1.0, 2.0):
        found = trust(noisy(stripes(shift), 0), reference, centred(30), shape)
        on_edges.append(float(np.median(inner(found)[:, 0::20])))
        assert np.median(inner(found)[:, 10::20]) > 0.9
    assert on_edges == sorted(on_edges, reverse=True)
    assert on_edges[0] > 0.8 and on_edges[2] < 0.3


def test_stronger_edges_are_trusted_less():
    values = []
    for contrast in (20.0, 60.0, 120.0):
        pair = noisy(stripes(0.5, contrast), 0), noisy(stripes(0.0, contrast), 1)
        values.append(float(np.median(inner(trust(*pair, centred(30), (SIDE + 60, SIDE + 60)))[:, 0::20])))
    assert values == sorted(values, reverse=True)


def test_misalignment_in_one_half_leaves_the_other_trusted():
    reference = stripes()
    test = stripes().copy()
    test[SIDE // 2 :] = stripes(1.0)[SIDE // 2 :]
    found = trust(noisy(test, 0), noisy(reference, 1), centred(30), (SIDE + 60, SIDE + 60))[:, 20:-20:20]
    assert np.median(found[:45]) > 2 * np.median(found[-45:])


def test_the_border_of_the_reference_is_not_trusted():
    flat = np.full((SIDE, SIDE), 130, np.float32)
    found = trust(noisy(flat, 0), noisy(flat, 1), centred(-20), (SIDE + 60, SIDE + 60))
    assert not found[:20].any() and not found[:, :20].any()
    ramp = found[20 : 20 + int(RIM), 80]
    assert (np.diff(ramp) > 0).all() and ramp[0] < 0.2
    assert found[30:, 30:].min() > 0.97


@pytest.fixture(scope="module")
def pair():
    rng = np.random.default_rng(3)
    wide = cv2.GaussianBlur(rng.uniform(0, 255, (300, 300, 3)).astype(np.float32), (0, 0), 3)
    wide = np.clip((wide - 127) * 6 + 127, 0, 255)
    test = wide[30:270, 30:270] + rng.normal(0, 2, (240, 240, 3))
    return np.clip(test, 0, 255).astype(np.uint8), wide.astype(np.uint8)


def test_only_a_scene_with_a_reference_has_it(pair):
    assert "trust" not in prepare(pair[0], None).planes
    plane = prepare(*pair).planes["trust"]
    assert plane.shape == pair[0].shape[:2] and plane.dtype == np.float32
    assert plane.min() >= 0 and plane.max() <= 1


def test_tiles_equal_the_whole(pair):
    scene = prepare(*pair)
    part = scene.crop(40, 50, 90, 120)
    assert part.planes["trust"].tobytes() == scene.planes["trust"][40:90, 50:120].tobytes()


def test_a_small_reference_is_not_trusted_beyond_its_border(pair):
    scene = prepare(pair[0], np.ascontiguousarray(pair[1][70:-70, 70:-70]))
    assert scene.covered is not None and not scene.planes["trust"][~scene.covered].any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (5, 3)])
def test_small_planes_have_a_trust(shape):
    plane = np.full(shape, 90, np.float32)
    field = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32) + 10
    assert np.isfinite(trust(plane, plane, field, (60, 60))).all()
