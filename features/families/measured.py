"""Measured planes that several columns of the difference family share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.kernels.contrast import gradient_magnitude, hessian_eigenvalues
from features.kernels.difference import line_extremes, outside_envelope, ratio
from features.scene import Canvas

__all__ = [
    "LINE_ORIENTATIONS",
    "blurred",
    "curvature",
    "envelope",
    "gradient",
    "line_steps",
    "lines",
    "local",
    "mean_local",
    "peak",
]

Plane = NDArray[np.float32]

LINE_ORIENTATIONS = 8


def blurred(canvas: Canvas, *, name: str, sigma: float) -> Plane:
    """A named plane, blurred."""
    return canvas.blur(name, sigma)


def gradient(canvas: Canvas, *, name: str, sigma: float) -> Plane:
    """|grad G_sigma of a named plane|, remembered."""

    def make() -> Plane:
        out = canvas.empty()
        gradient_magnitude(canvas.blur(name, sigma), out)
        return out

    return canvas.once(("gradient", name, sigma), make)


def local(canvas: Canvas, *, sigma: float, name: str = "ratio") -> Plane:
    """G_sigma of a ratio against its own mean size in a window five times as wide, remembered."""

    def make() -> Plane:
        value = canvas.blur(name, sigma)
        around = canvas.smooth(np.abs(value), 5 * sigma)
        out = canvas.empty()
        ratio(value, around, np.float32(0.25) * canvas.measure("ratio_noise"), np.float32(1.0), out)
        return out

    return canvas.once(("local", name, sigma), make)


def envelope(canvas: Canvas, value: str, around: str, sigma: float, radius: int) -> Plane:
    """`value` outside the range that `around` has within `radius`, both blurred by sigma."""
    plane, out = canvas.blur(around, sigma), canvas.empty()
    outside_envelope(canvas.blur(value, sigma), canvas.lowest(plane, radius), canvas.highest(plane, radius), out)
    return out


def curvature(canvas: Canvas, *, sigma: float, which: int, name: str = "ratio") -> Plane:
    """Smaller (0) or larger (1) eigenvalue of sigma^2 times the Hessian."""

    def make() -> NDArray[np.float32]:
        both = np.empty((2, *canvas.shape), np.float32)
        hessian_eigenvalues(canvas.blur(name, sigma), np.float32(sigma * sigma), both[0], both[1])
        return both

    return canvas.once(("curvature", name, sigma), make)[which, :, :]


def line_steps(half: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(orientations, 2 half + 1) row and column offsets of straight lines, their longer axis without gaps."""
    t = np.arange(-half, half + 1)
    angles = np.arange(LINE_ORIENTATIONS) * np.pi / LINE_ORIENTATIONS
    longest = np.maximum(np.abs(np.sin(angles)), np.abs(np.cos(angles)))
    rows = np.rint(np.outer(np.sin(angles) / longest, t)).astype(np.int64)
    cols = np.rint(np.outer(np.cos(angles) / longest, t)).astype(np.int64)
    return rows, cols


def lines(canvas: Canvas, *, half: int, which: int, name: str = "ratio") -> Plane:
    """Lowest (0) or highest (1) mean of a named ratio along a line of 2 half + 1 px."""

    def make() -> NDArray[np.float32]:
        both = np.empty((2, *canvas.shape), np.float32)
        rows, cols = line_steps(half)
        line_extremes(canvas.blur(name, 1.0), rows, cols, both[0], both[1])
        return both

    return canvas.once(("lines", name, half), make)[which, :, :]


def peak(canvas: Canvas, *, sigma: float, radius: int, name: str = "ratio") -> Plane:
    """Largest size of `local` within `radius`."""
    return canvas.highest(np.abs(local(canvas, sigma=sigma, name=name)), radius)


def mean_local(canvas: Canvas, *, sigma: float, wide: float, name: str = "ratio") -> Plane:
    """Mean size of `local` in a Gaussian window."""
    return canvas.smooth(np.abs(local(canvas, sigma=sigma, name=name)), wide)
