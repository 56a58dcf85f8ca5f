"""What does not belong to the texture of its own image: matched filters on the whitened, clipped image.

A texture foretells itself: its power spectrum says how much of every frequency to expect. Divided by the root of it,
the image is white noise and what the texture does not explain. Edges of grains and threads are left there as few high
values; they are clipped, as the locally optimum detector does in noise with heavy tails (Kassam, Signal Detection in
Non-Gaussian Noise, 1988, doi:10.1007/978-1-4612-3834-8). What is weak but of one sign over a spot or along a line adds
up in matched filters. No labels, no reference; every image is its own norm.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from features.levels import median, thinned
from features.planes import Planes, Recipe
from features.smoothing import smooth

__all__ = ["DIRECTIONS", "edge_of", "line_of", "spot_of"]

Plane = NDArray[np.float32]
Spectrum = NDArray[np.complex64]

TREND = 40.0
"""Sigma of what is taken for light and not for texture."""
LAG = 25.0
"""Sigma of the window on the autocorrelation: what lies farther apart is not compared."""
CLIP = 2.0
"""Deviations that a whitened pixel counts at most."""
FLOOR = 1e-4
"""Of the mean power, added to all: frequencies that are nowhere are not raised to noise."""
RIM = 32
"""Px of a mirrored border: what leaves the image on one side and comes back on the other does so out there."""
DIRECTIONS = 16
LINE_WIDTH = 0.75
"""Sigma across a line."""

Of = tuple[str, ...]
"""The name of a plane of logarithms, or of two: their difference."""


def spot_of(of: Of, sigma: float, scale: float) -> tuple[str, Recipe]:
    """A name and how to make a plane, (rows, cols) float32, for `Planes.of_whole`: the template is a Gaussian.

    In deviations of the map, below zero where it is darker than the texture explains. Lengths are in units of `scale`
    px.
    """
    return _recipe("spot", of, sigma, scale, lambda field: field.response(field.gaussian(sigma, sigma)))


def line_of(of: Of, length: float, scale: float) -> tuple[str, Recipe]:
    """As `spot_of`; the Gaussian has sigma `length` along and LINE_WIDTH across. The strongest of all directions."""

    def make(field: _Field) -> Plane:
        best = np.zeros(field.shape, np.float32)
        for turn in range(DIRECTIONS):
            found = field.response(field.gaussian(length, LINE_WIDTH, math.pi * turn / DIRECTIONS))
            np.copyto(best, found, where=np.abs(found) > np.abs(best))
        return best

    return _recipe("line", of, length, scale, make)


def edge_of(of: Of, sigma: float, scale: float) -> tuple[str, Recipe]:
    """As `spot_of`; the length of the gradient, which the two flanks of a hollow show."""

    def make(field: _Field) -> Plane:
        spot = field.gaussian(sigma, sigma)
        by_row, by_col = (field.response(1j * axis * spot) for axis in (field.rows, field.cols))
        return np.hypot(by_row, by_col)

    return _recipe("edge", of, sigma, scale, make)


class _Field:
    """The whitened, clipped image, weighted once more for matched filters, in frequency.

    rows, cols: radians a px, to be broadcast. shape: of the image, which lies RIM px inside.
    """

    def __init__(self, spectrum: Spectrum, shape: tuple[int, int], scale: float) -> None:
        self.shape, self._spectrum, self._scale = shape, spectrum, np.float32(scale)
        self.rows, self.cols = _frequencies(_extent(shape))

    def gaussian(self, along: float, across: float, angle: float = 0.0) -> Plane:
        """The spectrum of a Gaussian of two sigmas; angle: radians from the columns towards the rows."""
        c, s = np.float32(math.cos(angle)), np.float32(math.sin(angle))
        u, v = (c * self.cols + s * self.rows), (c * self.rows - s * self.cols)
        a, b = (np.float32(sigma) * self._scale for sigma in (along, across))
        return np.asarray(np.exp(np.float32(-0.5) * (np.square(a * u) + np.square(b * v))), np.float32)

    def response(self, template: NDArray[np.inexact]) -> Plane:
        """The matched filter in deviations of itself."""
        found = _inverse(self._spectrum * template, _extent(self.shape))
        found = found[RIM : RIM + self.shape[0], RIM : RIM + self.shape[1]]
        return found / _deviation(found)


def _recipe(kind: str, of: Of, size: float, scale: float, make: Callable[[_Field], Plane]) -> tuple[str, Recipe]:
    whitened = f"whitened {' '.join(of)} {scale:g}"

    def made(planes: Planes) -> Plane:
        rows, cols = planes[of[0]].shape
        spectrum = planes.of_whole(whitened, lambda whole: _whitened(whole, of, scale).view(np.float32))
        return make(_Field(spectrum.view(np.complex64), (rows, cols), scale))

    return f"{whitened} {kind} {size:g}", made


def _whitened(planes: Planes, of: Of, scale: float) -> Spectrum:
    """The spectrum W FT(clip(FT^-1(W F))), W = S^-1/2; S: the power spectrum within LAG (Blackman and Tukey 1958)."""
    plane = planes[of[0]] - planes[of[1]] if len(of) > 1 else planes[of[0]]
    plane = plane - smooth(plane, scale * TREND)
    rows, cols = extent = _extent(plane.shape)
    below, right = rows - plane.shape[0] - RIM, cols - plane.shape[1] - RIM
    spectrum = _periodic(np.asarray(cv2.copyMakeBorder(plane, RIM, below, RIM, right, cv2.BORDER_REFLECT_101)))
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    lags = (np.minimum(np.arange(n), n - np.arange(n)) / (scale * LAG) for n in extent)
    by_row, by_col = (np.exp(-0.5 * np.square(lag)).astype(np.float32) for lag in lags)
    power = _forward(_inverse(power, extent) * by_row[:, None] * by_col).real
    weight = 1 / np.sqrt(np.maximum(power, 0) + np.float32(FLOOR * float(power.mean()) + 1e-12))
    white = _inverse(spectrum * weight, extent)
    white /= _deviation(white)
    return np.asarray(_forward(np.clip(white, -CLIP, CLIP, out=white)) * weight, np.complex64)


def _periodic(plane: Plane) -> Spectrum:
    """The spectrum of the plane less a smooth one, so that it has no steps where it meets itself.

    Moisan 2011, doi:10.1007/s10851-010-0227-1.
    """
    steps = np.zeros_like(plane)
    for values, border in ((plane, steps), (plane.T, steps.T)):
        gap = values[-1] - values[0]
        border[0] += gap
        border[-1] -= gap
    rows, cols = _frequencies(plane.shape)
    bend = -4 * (np.square(np.sin(rows / 2)) + np.square(np.sin(cols / 2)))
    bend[0, 0] = 1
    smooth_part = _forward(steps) / bend
    smooth_part[0, 0] = 0
    return np.asarray(_forward(plane) - smooth_part, np.complex64)


def _extent(shape: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns with a border of RIM px or a little more, such that transforms are fast."""
    rows, cols = (cv2.getOptimalDFTSize(n + 2 * RIM) for n in shape)
    return rows, cols


def _frequencies(extent: tuple[int, ...]) -> tuple[Plane, Plane]:
    rows, cols = extent
    by_row, by_col = 2 * np.pi * np.fft.fftfreq(rows), 2 * np.pi * np.fft.rfftfreq(cols)
    return by_row.astype(np.float32)[:, None], by_col.astype(np.float32)[None, :]


def _forward(plane: Plane) -> Spectrum:
    from scipy import fft  # a tenth of a second of imports that most runs do without

    return np.asarray(fft.rfft2(plane), np.complex64)


def _inverse(spectrum: NDArray[np.inexact], extent: tuple[int, int]) -> Plane:
    from scipy import fft

    return np.asarray(fft.irfft2(spectrum, extent), np.float32)


def _deviation(plane: Plane) -> np.float32:
    """Robust: 1.4826 times the median absolute value."""
    return np.float32(1.4826 * median(np.abs(thinned(plane))) + 1e-9)
