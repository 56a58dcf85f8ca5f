"""Seeded random fields: the smooth, rough and noisy planes that everything drawn here is made of."""

from __future__ import annotations

import hashlib
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["SYNTH_VERSION", "Plane", "blur", "generator", "noise", "rough_field", "smooth_field", "soft_step"]

SYNTH_VERSION = 1
"""Frozen with the drawing code: one version, one seed and one set of counts are the same bytes for ever."""

Plane = NDArray[np.float32]
"""(rows, cols) or (rows, cols, channels) float32."""


def generator(*key: object) -> np.random.Generator:
    """The random generator that belongs to `key` and to this version; equal keys draw equal numbers."""
    text = "\n".join(("pixelgbm.synth", str(SYNTH_VERSION), *(str(part) for part in key)))
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "little"))


def blur(plane: NDArray[Any], sigma: float) -> Plane:
    """`plane` under a Gaussian of `sigma`, mirrored at the border; sigma <= 0.05 leaves it alone."""
    if sigma <= 0.05:
        return np.asarray(plane, np.float32)
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101), np.float32)


def noise(rng: np.random.Generator, shape: tuple[int, ...], *, sigma: float = 0.0) -> Plane:
    """Gaussian noise of unit deviation, correlated over `sigma` pixels."""
    plane = rng.standard_normal(shape, dtype=np.float32)
    if sigma <= 0.05:
        return plane
    plane = blur(plane, sigma)
    return np.asarray(plane / max(np.float32(1e-6), plane.std()), np.float32)


def smooth_field(rng: np.random.Generator, size: int, *, cells: int, rms: float) -> Plane:
    """A (size, size) field of about `cells` bumps a side, mean about 0, deviation `rms`."""
    coarse = rng.standard_normal((cells + 3, cells + 3), dtype=np.float32)
    field = np.asarray(cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC), np.float32)
    return np.asarray(field * np.float32(rms / max(1e-6, float(field.std()))), np.float32)


def rough_field(rng: np.random.Generator, size: int, *, slope: float) -> Plane:
    """A (size, size) field with the power spectrum 1/f^(2 slope), scaled to 0..1.

    Natural scenes have a slope near 1 (doi:10.1364/JOSAA.4.002379); a higher one is smoother.
    """
    side = 1 << (size - 1).bit_length() - 1
    spectrum = np.fft.rfft2(rng.standard_normal((side, side), dtype=np.float32))
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None, :])
    frequency[0, 0] = 1.0
    field = np.fft.irfft2(spectrum * frequency**-slope, s=(side, side)).astype(np.float32)
    field = np.asarray(cv2.resize(field, (size, size), interpolation=cv2.INTER_CUBIC), np.float32)
    low, high = np.quantile(field[::4, ::4], (0.01, 0.99))
    return np.asarray(np.clip((field - low) / max(1e-6, high - low), 0, 1), np.float32)


def soft_step(plane: Plane, edge: float, width: float) -> Plane:
    """0 below `edge`, 1 above it, with a smooth passage `width` wide."""
    t = np.clip((plane - np.float32(edge - width / 2)) * np.float32(1 / max(width, 1e-6)), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)
