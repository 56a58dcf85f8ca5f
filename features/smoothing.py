"""Gaussian smoothing of a plane: narrow windows tap by tap, wide ones at a lower resolution."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from features.kernels.pyramid import double, halve
from features.kernels.smooth import even_columns, even_rows

__all__ = [
    "ALIGNMENT",
    "at_lower_resolution",
    "coarse_reach",
    "half_gaussian",
    "halvings",
    "lowered",
    "raised",
    "reach_of",
    "smooth",
]

Plane = NDArray[np.float32]

TRUNCATE = 3.0
LEAST_SIGMA = 1.5
"""Px that halving leaves a Gaussian at least: narrower ones are too coarsely sampled."""
MOST_HALVINGS = 4
ALIGNMENT = 2**MOST_HALVINGS
"""A tile that starts at a multiple of it sees the same coarse pixels as the whole image."""


def smooth(plane: Plane, sigma: float) -> Plane:
    """`plane` (rows, cols) blurred by a Gaussian of sigma px, edges repeated.

    Below twice `LEAST_SIGMA` the sum is over all taps within three sigma. Wider windows are summed at half the
    resolution, a quarter and so on, and interpolated; sigma is lessened by what halving and interpolation blur
    themselves. The largest gap to an untruncated Gaussian is .002 on a step of height 1 (the full sum within three
    sigma leaves .001), and on white noise 1.5 % of its deviation (0.7 %); within three sigma of an edge, where the two
    continue the plane a little differently, .02.
    """
    if sigma <= 0:
        return plane
    levels = halvings(sigma)
    if not levels:
        return _separable(plane, half_gaussian(sigma))
    taps = half_gaussian(_coarse_sigma(sigma, levels))
    return at_lower_resolution(plane, levels, lambda coarse: _separable(coarse, taps))


def at_lower_resolution(
    plane: Plane, levels: int, measure: Callable[[Plane], NDArray[np.float32]]
) -> NDArray[np.float32]:
    """What `measure` gives, a plane or a stack of them, on `plane` halved `levels` times, and interpolated back."""
    return raised(measure(lowered(plane, levels)), plane.shape, levels)


def lowered(plane: Plane, levels: int) -> Plane:
    """`plane` halved `levels` times; the centre of a coarse pixel is that of its 2 x 2 fine ones."""
    for _ in range(levels):
        fine, plane = plane, np.empty(((plane.shape[0] + 1) // 2, (plane.shape[1] + 1) // 2), np.float32)
        halve(fine, plane)
    return plane


def raised(planes: NDArray[np.float32], shape: tuple[int, ...], levels: int) -> NDArray[np.float32]:
    """A plane or a stack of them interpolated back to (rows, cols) = shape, from which `lowered` came."""
    shapes = [shape[-2:]]
    for _ in range(levels - 1):
        rows, cols = shapes[-1]
        shapes.append(((rows + 1) // 2, (cols + 1) // 2))
    for finer in reversed(shapes[:levels]):
        coarse, planes = planes, np.empty((*planes.shape[:-2], *finer), np.float32)
        for one, larger in zip(_each(coarse), _each(planes), strict=True):
            double(one, larger)
    return planes


def _each(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    return planes.reshape(-1, *planes.shape[-2:])


def halvings(sigma: float, least: float = LEAST_SIGMA) -> int:
    """How often the resolution is halved for a window of sigma px, which is left `least` px or more."""
    return min(MOST_HALVINGS, int(math.log2(sigma / least))) if sigma >= 2 * least else 0


def reach_of(sigma: float) -> int:
    """How far a blur looks, px."""
    if sigma <= 0:
        return 0
    levels = halvings(sigma)
    return coarse_reach(int(TRUNCATE * _coarse_sigma(sigma, levels) + 0.5), levels)


def coarse_reach(reach: int, levels: int) -> int:
    """How far something looks that looks `reach` px far after `levels` halvings."""
    # Coarse pixels more: the one a fine pixel lies in, and the neighbours of all levels on the way down and up.
    return 2**levels * (reach + 4) if levels else reach


def half_gaussian(sigma: float) -> Plane:
    """Taps 0..reach of a Gaussian whose two-sided sum is 1, float32."""
    offsets = np.arange(int(TRUNCATE * sigma + 0.5) + 1, dtype=np.float64)
    taps = np.exp(-0.5 * (offsets / sigma) ** 2)
    return np.asarray(taps / (2 * taps.sum() - taps[0]), np.float32)


def _coarse_sigma(sigma: float, levels: int) -> float:
    """In pixels of the lowest resolution; each halving and each doubling adds a variance of 3/4 of its fine pixels."""
    own = (4.0**levels - 1) / 2
    return math.sqrt(sigma * sigma - own) / float(2**levels)


def _separable(plane: Plane, taps: Plane) -> Plane:
    buffer, out = np.empty_like(plane), np.empty_like(plane)
    even_rows(plane, taps, buffer)
    even_columns(buffer, taps, out)
    return out
