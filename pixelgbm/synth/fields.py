"""Seeded random fields: the smooth, rough and noisy planes that everything drawn here is made of."""

from __future__ import annotations

import hashlib
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = [
    "SYNTH_VERSION",
    "Plane",
    "blur",
    "fractal_field",
    "generator",
    "noise",
    "pasted",
    "rough_field",
    "smooth_field",
    "soft_step",
    "streaks",
    "turned",
]

SYNTH_VERSION = 1
"""Frozen with the drawing code: one version, one seed and one set of counts are the same bytes for ever."""

Plane = NDArray[np.float32]
"""(rows, cols) or (rows, cols, channels) float32."""

_Kind = TypeVar("_Kind", np.float32, np.bool_)


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


def smooth_field(rng: np.random.Generator, size: int | tuple[int, int], *, cells: int, rms: float) -> Plane:
    """A field of about `cells` bumps along its longer side, mean about 0, deviation `rms`; one number is a square."""
    rows, cols = (size, size) if isinstance(size, int) else size
    longer = max(rows, cols)
    return _interpolated(rng, (rows, cols), (round(cells * rows / longer), round(cells * cols / longer)), rms)


def streaks(rng: np.random.Generator, shape: tuple[int, int], *, pitch: tuple[float, float], rms: float) -> Plane:
    """A field of deviation `rms` whose bumps are about `pitch` (rows, cols) pixels apart: long ones are streaks."""
    return _interpolated(rng, shape, (round(shape[0] / pitch[0]), round(shape[1] / pitch[1])), rms)


def fractal_field(rng: np.random.Generator, shape: tuple[int, int], *, coarsest: float, octaves: int) -> Plane:
    """Bumps `coarsest` pixels apart, half as far, a quarter ..., each octave 0.6 as strong; unit deviation."""
    total = np.zeros(shape, np.float32)
    for octave in range(octaves):
        total += np.float32(0.6**octave) * noise(rng, shape, sigma=0.4 * coarsest / 2**octave)
    return np.asarray(total / max(np.float32(1e-6), total.std()), np.float32)


def _interpolated(rng: np.random.Generator, shape: tuple[int, int], cells: tuple[int, int], rms: float) -> Plane:
    coarse = rng.standard_normal((cells[0] + 3, cells[1] + 3), dtype=np.float32)
    field = np.asarray(cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC), np.float32)
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


def turned(plane: Plane, reduction: float, angle: float, flip: float, offset: NDArray[np.float64]) -> Plane:
    """`plane` reduced, turned by `angle`, flipped where `flip` is -1, and moved by `offset` pixels.

    It lies on a canvas that just holds it; nothing of it is below 0.
    """
    rows, cols = plane.shape
    c, s = reduction * np.cos(angle), reduction * np.sin(angle)
    height = int(np.ceil(abs(s) * cols + abs(c) * rows)) + 4
    width = int(np.ceil(abs(c) * cols + abs(s) * rows)) + 4
    matrix = np.array([[flip * c, -s, 0.0], [flip * s, c, 0.0]])
    centre = np.array([(width - 1) / 2, (height - 1) / 2]) + offset
    matrix[:, 2] = centre - matrix[:, :2] @ np.array([(cols - 1) / 2, (rows - 1) / 2])
    smooth = blur(plane, 0.45 * max(0.0, 1 / reduction - 1))  # no aliases when reducing
    warped = cv2.warpAffine(smooth, matrix, (width, height), flags=cv2.INTER_LINEAR)
    return np.maximum(np.asarray(warped, np.float32), 0)


def pasted(part: NDArray[_Kind], shape: tuple[int, int], corner: tuple[int, int]) -> NDArray[_Kind]:
    """A plane of `shape`, 0 but for `part` with its first pixel at `corner` (row, col); what hangs over is cut off."""
    plane = np.zeros(shape, part.dtype)
    spans = list(zip(corner, part.shape, shape, strict=True))
    into = tuple(slice(max(0, first), max(0, min(extent, first + size))) for first, size, extent in spans)
    cut = tuple(slice(s.start - first, s.stop - first) for s, (first, _, _) in zip(into, spans, strict=True))
    plane[into] = part[cut]
    return plane
