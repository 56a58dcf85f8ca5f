"""The local-contrast family: what stands out from its surroundings in the image alone."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from features.column import Column
from features.kernels.contrast import deviation, gradient_magnitude, hessian_eigenvalues, local_rank
from features.kernels.difference import ratio
from features.scene import Canvas
from features.smoothing import reach_of

__all__ = ["band_of", "columns", "curvature_of", "deviation_of", "gradient_of", "standard_of"]

Plane = NDArray[np.float32]

BANDS = ((1.0, 2.0), (2.0, 4.0), (4.0, 8.0), (8.0, 16.0))
DEVIATIONS = (2.0, 4.0, 8.0)
STANDARD = ((1.0, 8.0), (2.0, 16.0))
CURVATURES = (1.5, 3.0)
GRADIENTS = (1.0, 3.0)


def columns(blue: str, scale: float) -> tuple[Column, ...]:
    """All columns; they read luminance, so `blue` plays no part."""
    k = scale
    made = [Column("contrast.level", "G_1 T", False, reach_of(1.0), partial(_blurred, name="light", sigma=1.0))]
    for fine, broad in BANDS:
        made.append(
            Column(
                f"contrast.band-{fine:g}-{broad:g}",
                f"G_{fine:g} log T - G_{broad:g} log T",
                True,
                reach_of(k * broad),
                partial(band_of, fine=k * fine, broad=k * broad),
            )
        )
    for s in DEVIATIONS:
        made.append(
            Column(
                f"contrast.deviation-{s:g}",
                f"standard deviation of T, window G_{s:g}",
                False,
                reach_of(k * s) + reach_of(16 * k),
                partial(deviation_of, sigma=k * s, wide=16 * k),
            )
        )
    for fine, broad in STANDARD:
        made.append(
            Column(
                f"contrast.standard-{fine:g}-{broad:g}",
                f"(G_{fine:g} T - G_{broad:g} T) / (1 + deviation_{broad:g})",
                True,
                reach_of(k * broad) + reach_of(16 * k),
                partial(standard_of, fine=k * fine, broad=k * broad, wide=16 * k),
            )
        )
    for s in CURVATURES:
        for which in (0, 1):
            made.append(
                Column(
                    f"contrast.curvature-{s:g}-{('low', 'high')[which]}",
                    f"{('smaller', 'larger')[which]} eigenvalue of s^2 Hessian G_{s:g} log T",
                    True,
                    reach_of(k * s) + 1,
                    partial(curvature_of, sigma=k * s, which=which),
                )
            )
    for s in GRADIENTS:
        made.append(
            Column(
                f"contrast.gradient-{s:g}",
                f"|grad G_{s:g} T|",
                False,
                reach_of(k * s) + 1,
                partial(gradient_of, sigma=k * s),
            )
        )
    made.append(
        Column("contrast.rank", "share of the 7x7 window of G_1 T that is darker", False, reach_of(1.0) + 3, _rank)
    )
    for which in (0, 1):
        made.append(
            Column(
                f"contrast.{('above-minimum', 'below-maximum')[which]}",
                ("G_1 log T - min over 9x9", "max over 9x9 - G_1 log T")[which],
                False,
                reach_of(1.0) + 4,
                partial(_extreme, which=which),
            )
        )
    return tuple(made)


def _blurred(canvas: Canvas, *, name: str, sigma: float) -> Plane:
    return canvas.blur(name, sigma)


def band_of(canvas: Canvas, *, fine: float, broad: float) -> Plane:
    """G_fine - G_broad of the logarithm of light."""
    return canvas.blur("log_light", fine) - canvas.blur("log_light", broad)


def deviation_of(canvas: Canvas, *, sigma: float, wide: float) -> Plane:
    """Standard deviation of light in a window of sigma px, once G_wide is taken off; remembered."""

    def make() -> Plane:
        flat = canvas.once(("flat", "light", wide), lambda: canvas["light"] - canvas.blur("light", wide))
        out = canvas.empty()
        deviation(canvas.smooth(flat, sigma), canvas.smooth(flat * flat, sigma), out)
        return out

    return canvas.once(("deviation", sigma, wide), make)


def standard_of(canvas: Canvas, *, fine: float, broad: float, wide: float) -> Plane:
    """G_fine - G_broad of light over the deviation in a window of `broad` px."""
    out = canvas.empty()
    band = canvas.blur("light", fine) - canvas.blur("light", broad)
    ratio(band, deviation_of(canvas, sigma=broad, wide=wide), np.float32(1.0), np.float32(1.0), out)
    return out


def curvature_of(canvas: Canvas, *, sigma: float, which: int) -> Plane:
    """The smaller (0) or larger (1) eigenvalue of the Hessian of the logarithm of light, times sigma^2."""

    def make() -> NDArray[np.float32]:
        both = np.empty((2, *canvas.shape), np.float32)
        hessian_eigenvalues(canvas.blur("log_light", sigma), np.float32(sigma * sigma), both[0], both[1])
        return both

    return canvas.once(("test curvature", sigma), make)[which, :, :]


def gradient_of(canvas: Canvas, *, sigma: float) -> Plane:
    """Steepness of G_sigma of light."""
    out = canvas.empty()
    gradient_magnitude(canvas.blur("light", sigma), out)
    return out


def _rank(canvas: Canvas) -> Plane:
    out = canvas.empty()
    local_rank(canvas.blur("light", 1.0), 3, out)
    return out


def _extreme(canvas: Canvas, *, which: int) -> Plane:
    plane = canvas.blur("log_light", 1.0)
    return plane - canvas.lowest(plane, 4) if which == 0 else canvas.highest(plane, 4) - plane
