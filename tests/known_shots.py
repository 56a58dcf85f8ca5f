"""A scene and views of it whose warp is known, because they were drawn."""

import cv2
import numpy as np

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
