"""The Gabor family: oriented texture at two scales, of the image and of its ratio to the reference."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from features.column import Column
from features.kernels.gabor import energy
from features.kernels.smooth import even_columns, even_rows, odd_columns, odd_rows
from features.scene import Canvas, half_gaussian, reach_of

__all__ = ["columns", "wavelength"]

Plane = NDArray[np.float32]

SCALES = (2.0, 4.0)
ORIENTATIONS = 4


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
                    reach_of(scale * s),
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
                    reach_of(scale * s),
                    partial(_ratio, sigma=scale * s, which=which),
                    reference=True,
                )
            )
    return tuple(made)


def _energy(canvas: Canvas, *, name: str, sigma: float, orientation: int) -> Plane:
    angle = np.pi * orientation / ORIENTATIONS
    number = 2 * np.pi / wavelength(sigma)
    row_cos, row_sin = _taps(sigma, number * np.sin(angle))
    col_cos, col_sin = _taps(sigma, number * np.cos(angle))
    source = canvas[name]
    buffer_cos = canvas.once(("gabor rows cos", name, sigma, orientation), lambda: _pass(even_rows, source, col_cos))
    buffer_sin = _pass(odd_rows, source, col_sin)
    # The response to a constant is the product of the two cosine sums; the Gaussian blur carries it off.
    mean_gain = np.float32(_two_sided(row_cos) * _two_sided(col_cos))
    out = canvas.empty()
    energy(
        _pass(even_columns, buffer_cos, row_cos),
        _pass(odd_columns, buffer_sin, row_sin),
        _pass(odd_columns, buffer_cos, row_sin),
        _pass(even_columns, buffer_sin, row_cos),
        canvas.blur(name, sigma),
        mean_gain,
        out,
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
    def make() -> NDArray[np.float32]:
        return np.stack([_energy(canvas, name="ratio", sigma=sigma, orientation=o) for o in range(ORIENTATIONS)])

    stack = canvas.once(("gabor ratio", sigma), make)
    if which == "max":
        return np.ascontiguousarray(stack.max(0))
    total = stack[0] + stack[1] + stack[2] + stack[3]
    return np.ascontiguousarray(total * np.float32(1 / ORIENTATIONS))
