"""The Gabor family: oriented texture at two scales, of the image and of its ratio to the reference."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from features.column import Column
from features.kernels.gabor import slanted_energies, straight_energy
from features.kernels.smooth import even_columns, even_rows, odd_columns, odd_rows
from features.scene import Canvas
from features.smoothing import at_lower_resolution, coarse_reach, half_gaussian, halvings, reach_of

__all__ = ["columns", "wavelength"]

Plane = NDArray[np.float32]

SCALES = (2.0, 4.0)
ORIENTATIONS = 4
LEAST_SIGMA = 2.0
"""Px that a lower resolution leaves the filter at least: 3.6 px a wave."""


def wavelength(sigma: float) -> float:
    """Wavelength, px, that gives a bandwidth of one octave: sigma / 0.56 (Petkov and Kruizinga 1997)."""
    return sigma / 0.56


def columns(blue: str, scale: float) -> tuple[Column, ...]:
    """All columns; they read luminance, so `blue` plays no part."""
    made: list[Column] = []
    for s in SCALES:
        for o in range(ORIENTATIONS):
            degrees = 180 * o // ORIENTATIONS
            made.append(
                Column(
                    f"gabor.image-{s:g}-{degrees}",
                    f"|Gabor_(s={s:g}, {degrees} deg) * log T|",
                    False,
                    _reach(scale * s),
                    partial(_energy, name="log_light", sigma=scale * s, orientation=o),
                )
            )
    for s in SCALES:
        for which in ("max", "mean"):
            made.append(
                Column(
                    f"gabor.ratio-{s:g}-{which}",
                    f"{which} over {ORIENTATIONS} directions of |Gabor_(s={s:g}) * Q|",
                    False,
                    _reach(scale * s),
                    partial(_ratio, sigma=scale * s, which=which),
                    reference=True,
                )
            )
    return tuple(made)


def _reach(sigma: float) -> int:
    levels = halvings(sigma, LEAST_SIGMA)
    return coarse_reach(reach_of(sigma / 2**levels), levels)


def _energy(canvas: Canvas, *, name: str, sigma: float, orientation: int) -> Plane:
    return _energies(canvas, name=name, sigma=sigma)[orientation, :, :]


def _energies(canvas: Canvas, *, name: str, sigma: float) -> NDArray[np.float32]:
    """(orientations, rows, cols), remembered."""

    def make() -> NDArray[np.float32]:
        levels = halvings(sigma, LEAST_SIGMA)
        return at_lower_resolution(canvas[name], levels, lambda plane: _responses(plane, sigma / 2**levels))

    return canvas.once(("gabor", name, sigma), make)


def _responses(plane: Plane, sigma: float) -> NDArray[np.float32]:
    """(4, rows, cols): the size of the complex response at 0, 45, 90 and 135 degrees, without that to a constant.

    Across its waves a straight filter is a Gaussian; the two slanted ones share their four separable parts. The
    response to a constant is the product of the cosine sums; the Gaussian blur carries it off.
    """
    number = 2 * np.pi / wavelength(sigma)
    gauss = half_gaussian(sigma)
    cosine, sine = _taps(sigma, number)
    rows = _pass(even_rows, plane, gauss)
    blurred = _pass(even_columns, rows, gauss)
    gain = np.float32(_two_sided(cosine))
    out = np.empty((ORIENTATIONS, *plane.shape), np.float32)
    even, odd = (_pass(kernel, plane, taps) for kernel, taps in ((even_rows, cosine), (odd_rows, sine)))
    straight_energy(_pass(even_columns, even, gauss), _pass(even_columns, odd, gauss), blurred, gain, out[0])
    straight_energy(_pass(even_columns, rows, cosine), _pass(odd_columns, rows, sine), blurred, gain, out[2])
    cosine, sine = _taps(sigma, number * np.sqrt(0.5))
    gain = np.float32(_two_sided(cosine) ** 2)
    rows_cos, rows_sin = _pass(even_rows, plane, cosine), _pass(odd_rows, plane, sine)
    slanted_energies(
        _pass(even_columns, rows_cos, cosine),
        _pass(odd_columns, rows_sin, sine),
        _pass(odd_columns, rows_cos, sine),
        _pass(even_columns, rows_sin, cosine),
        blurred,
        gain,
        out[1],
        out[3],
    )
    return out


def _taps(sigma: float, number: float) -> tuple[Plane, Plane]:
    gauss = half_gaussian(sigma).astype(np.float64)
    phase = number * np.arange(gauss.size)
    return (gauss * np.cos(phase)).astype(np.float32), (gauss * np.sin(phase)).astype(np.float32)


def _two_sided(taps: Plane) -> float:
    return float(2 * taps.astype(np.float64).sum() - taps[0])


def _pass(kernel: object, source: Plane, taps: Plane) -> Plane:
    out = np.empty_like(source)
    kernel(source, taps, out)  # type: ignore[operator]
    return out


def _ratio(canvas: Canvas, *, sigma: float, which: str) -> Plane:
    stack = _energies(canvas, name="ratio", sigma=sigma)
    if which == "max":
        return np.ascontiguousarray(stack.max(0))
    total = stack[0] + stack[1] + stack[2] + stack[3]
    return np.ascontiguousarray(total * np.float32(1 / ORIENTATIONS))
