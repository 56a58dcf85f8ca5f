"""The figure that an image shows on a ground, and what departs from the rest of it.

A part that does not fill its image has an outline, a shading that runs along it, and a ground whose texture has nothing
to say. All means here are over the figure alone (normalised convolution: Knutsson and Westin 1993,
doi:10.1109/CVPR.1993.341081), and a place is compared with the figure along its length. No labels, no reference. An
image without a ground is figure all over.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from features.kernels.rarity import squared_lengths
from features.levels import median, thinned
from features.planes import Of, Planes, Recipe, plane_of
from features.smoothing import smooth

__all__ = ["depth_of", "level_of", "line_of", "rim_of", "roughness_of", "spot_of", "unlike_of", "wide_of"]

Plane = NDArray[np.float32]

APART = 0.7
"""Share of the variance of log light that two tones must explain for one of them to be called ground."""
DEVIATIONS = 3.0
"""Robust deviations of the ground's light beyond which a pixel is no ground, unless the middle is nearer."""
LEAST = 0.05
"""Share of the image that a figure has at least."""
BEVEL = 3.0
"""Px inside the outline that mix figure and ground and are left out of all means."""
NEAR, DEEP = -8.0, 64.0
"""Px from the outline between which a pixel's depth is told; farther out all columns are 0."""
LENGTH = 160.0
"""Sigma along the figure of what a place is compared with; along is the longer side of the image."""
FLOOR = np.float32(1e-3)
"""Of a deviation of logarithms."""
LEAST_VARIANCE = 1e-2
"""Added to variances, some 1 each: on a plain image rounding is not raised to a difference."""
USUAL = 0.95
"""Share of the pixels, those nearest to the mean, that the second estimate of what is usual is made from."""


def depth_of() -> tuple[str, Recipe]:
    """A name and how to make a plane for `Planes.of_whole`: px to the outline, below 0 outside, NEAR to DEEP."""
    return "figure depth", _depth


def spot_of(of: Of, sigma: float, scale: float) -> tuple[str, Recipe]:
    """As `depth_of`: the mean over G_sigma, less that along the figure, in deviations of the figure."""
    return f"figure spot {' '.join(of)} {sigma:g} {scale:g}", lambda planes: _spot(planes, of, sigma, scale)


def level_of(of: Of, sigma: float) -> tuple[str, Recipe]:
    """As `depth_of`: the mean over G_sigma less the median of the figure, in units of logarithms."""

    def make(planes: Planes) -> Plane:
        figure = _Figure(planes)
        found = figure.mean(figure.plane(of), sigma, sigma)
        return figure.shown(found - figure.median(found))

    return f"figure level {' '.join(of)} {sigma:g}", make


def wide_of(of: Of, sigma: float) -> tuple[str, Recipe]:
    """As `spot_of`, of patches: G of sigma across and 5/3 sigma along less G of some three and ten times that."""

    def make(planes: Planes) -> Plane:
        figure = _Figure(planes)
        plane = figure.plane(of)
        return figure.standardised(
            figure.mean(plane, sigma, sigma * 5 / 3) - figure.mean(plane, sigma * 10 / 3, sigma * 50 / 3)
        )

    return f"figure wide {' '.join(of)} {sigma:g}", make


def line_of(length: float, scale: float) -> tuple[str, Recipe]:
    """As `depth_of`: a line along the figure, thin and of sigma `length`, over the local deviation of such lines."""
    return f"figure line {length:g} {scale:g}", lambda planes: _line(planes, length, scale)


def rim_of(length: float, scale: float) -> tuple[str, Recipe]:
    """As `line_of`: light three px before less light here, so a dark line has a high value and a bright lip, too."""
    return f"figure rim {length:g} {scale:g}", lambda planes: _rim(planes, length, scale)


def roughness_of(sigma: float, scale: float) -> tuple[str, Recipe]:
    """As `depth_of`: the logarithm of the deviation of light in a window of sigma px."""
    return f"figure roughness {sigma:g} {scale:g}", lambda planes: _roughness(planes, sigma, scale)


def unlike_of(blur: float, colours: tuple[Of, ...], scale: float) -> tuple[str, Recipe]:
    """As `depth_of`: G_blur log(1 + x' C^-1 x), standardised; x: spots, lines and roughness; C: over the figure.

    The detector of Reed and Yu (1990, doi:10.1109/29.60107) that `rarity` is, with the figure in place of the image.
    """
    unblurred = f"figure unlike {len(colours)} {scale:g}"

    def make(planes: Planes) -> Plane:
        figure = _Figure(planes)
        far = planes.of_whole(unblurred, lambda whole: _distance(whole, colours, scale))
        return figure.standardised(figure.mean(far, blur, blur) if blur > 0 else far)

    return f"{unblurred} {blur:g}", make


class _Figure:
    """Means and deviations over the figure of an image."""

    def __init__(self, planes: Planes) -> None:
        self._planes = planes
        self.depth = planes.of_whole(*depth_of())
        self.inside = self.depth > BEVEL
        self._weight = self.inside.astype(np.float32)
        self._weights: dict[tuple[float, float], Plane] = {}
        rows, cols = self.depth.shape
        self.upright = rows > cols

    def plane(self, of: Of) -> Plane:
        return plane_of(self._planes, of)

    def flat(self, of: Of, across: float, scale: float) -> Plane:
        """A plane less its mean along the figure; kept."""
        name = f"figure flat {' '.join(of)} {across:g} {scale:g}"

        def make(planes: Planes) -> Plane:
            plane = plane_of(planes, of)
            return plane - self.mean(plane, scale * across, scale * LENGTH)

        return self._planes.of_whole(name, make)

    def mean(self, plane: Plane, across: float, along: float) -> Plane:
        """Over a Gaussian of two sigmas, of the figure's pixels alone; 0 where none is near."""
        sigmas = (along, across) if self.upright else (across, along)
        if sigmas not in self._weights:
            self._weights[sigmas] = np.maximum(_window(self._weight, *sigmas), np.float32(1e-3))
        return _window(plane * self._weight, *sigmas) / self._weights[sigmas]

    def median(self, plane: Plane) -> np.float32:
        """Of the figure's pixels."""
        return np.float32(median(thinned(plane)[thinned(self.inside)]))

    def standardised(self, plane: Plane) -> Plane:
        """In robust deviations of the figure from its median."""
        off = plane - self.median(plane)
        spread = np.float32(1.4826 * self.median(np.abs(off))) + FLOOR
        return self.shown(np.asarray(off / spread, np.float32))

    def locally(self, plane: Plane, scale: float) -> Plane:
        """In deviations of the figure around: light and foreshortening change its texture."""
        around = self.mean(plane * plane, 20 * scale, LENGTH * scale)
        deviation = np.sqrt(np.maximum(around, 0)) + FLOOR
        return self.shown(np.asarray(plane / deviation, np.float32))

    def shown(self, plane: Plane) -> Plane:
        """0 where the figure is farther than -NEAR px."""
        return np.where(self.depth > NEAR, plane, np.float32(0))

    def shifted(self, plane: Plane, pixels: int) -> Plane:
        """Across the figure, edges repeated."""
        axis = 1 if self.upright else 0
        index = np.clip(np.arange(plane.shape[axis]) - pixels, 0, plane.shape[axis] - 1)
        return np.take(plane, index, axis=axis)


def _spot(planes: Planes, of: Of, sigma: float, scale: float) -> Plane:
    figure = _Figure(planes)
    across = 1.5 if len(of) == 1 else 8.0  # shading is of the light; colours are noisier
    return figure.standardised(figure.mean(figure.flat(of, across, scale), scale * sigma, scale * sigma))


def _line(planes: Planes, length: float, scale: float) -> Plane:
    figure = _Figure(planes)
    flat = figure.flat(("log_light",), 1.5, scale)
    thin, broad = (figure.mean(flat, scale * across, scale * length) for across in (0.9, 4.0))
    return figure.locally(thin - broad, scale)


def _rim(planes: Planes, length: float, scale: float) -> Plane:
    figure = _Figure(planes)
    thin = figure.mean(figure.flat(("log_light",), 1.5, scale), scale * 0.9, scale * length)
    return figure.locally(figure.shifted(thin, -round(3 * scale)) - thin, scale)


def _roughness(planes: Planes, sigma: float, scale: float) -> Plane:
    figure = _Figure(planes)
    flat = figure.flat(("log_light",), 1.5, scale)
    rest = flat - figure.mean(flat, scale * sigma, scale * sigma)
    energy = figure.mean(rest * rest, scale * sigma, scale * sigma)
    return figure.shown(np.log(np.sqrt(np.maximum(energy, 0)) + FLOOR) - np.log(FLOOR))


def _distance(planes: Planes, colours: tuple[Of, ...], scale: float) -> Plane:
    """log(1 + x' C^-1 x), C without the farthest twentieth of the figure, for what is rare must not become the norm."""
    figure = _Figure(planes)
    lights = (("log_light",), *colours)
    made: list[Callable[[], Plane]] = [partial(_spot, planes, of, s, scale) for of in lights for s in (1.5, 6.0)]
    made += [partial(_line, planes, 8.0, scale), partial(_rim, planes, 8.0, scale)]
    made += [partial(_roughness, planes, s, scale) for s in (3.0, 8.0)]
    bank: NDArray[np.float32] = np.empty((len(made), *figure.depth.shape), np.float32)
    for place, make in zip(bank, made, strict=True):
        place[:] = make()
    inside = thinned(figure.inside)
    some = np.stack([thinned(plane)[inside] for plane in bank]).astype(np.float64)
    if not some.shape[1]:
        return np.zeros_like(figure.depth)
    usual = some
    for share in (1.0, USUAL):
        whitening, middle = _whitening(usual)
        far = np.square(whitening @ (some - middle)).sum(axis=0)
        usual = some[:, far <= np.quantile(far, share)]
    whitening, middle = _whitening(usual)
    bank -= middle.astype(np.float32)[..., None]
    out = np.empty(bank.shape[1:], np.float32)
    squared_lengths(bank, whitening.astype(np.float32), out)
    return np.asarray(np.log1p(out, out=out))


def _whitening(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(filters, filters), lower triangular, that makes the covariance of `values` the identity; their mean."""
    middle = values.mean(axis=1, keepdims=True)
    off = values - middle
    covariance = off @ off.T / values.shape[1]
    covariance += LEAST_VARIANCE * np.eye(len(values))
    return np.linalg.inv(np.linalg.cholesky(covariance)), middle


def _depth(planes: Planes) -> Plane:
    """Signed distance to the outline."""
    figure = _figure(smooth(planes["log_light"], 1.5))
    if figure.all():
        return np.full(figure.shape, DEEP, np.float32)
    inside, outside = (cv2.distanceTransform(side, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) for side in (figure, 1 - figure))
    return np.asarray(np.clip(inside - outside, NEAR, DEEP), np.float32)


def _figure(light: Plane) -> NDArray[np.uint8]:
    """(rows, cols) uint8, 1 in the largest connected piece that is not of the ground's light, its holes filled.

    The ground is that of two tones (Otsu 1979, doi:10.1109/TSMC.1979.4310076) that holds more of the image's border.
    """
    everything = np.ones(light.shape, np.uint8)
    cut, explained = _two_tones(thinned(light).ravel())
    if explained < APART:
        return everything
    border = np.concatenate([light[0], light[-1], light[:, 0], light[:, -1]])
    sign = np.float32(1 if np.mean(border < cut) >= 0.5 else -1)  # which way the figure lies
    above = sign * (light - cut)
    ground = thinned(above)[thinned(above) < 0]
    middle = median(ground)
    spread = 1.4826 * median(np.abs(ground - np.float32(middle)))
    found = (above >= np.float32(min(0.0, middle + DEVIATIONS * spread))).astype(np.uint8)
    found = np.asarray(cv2.morphologyEx(found, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8)), np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(found, connectivity=4)
    if count < 2 or stats[1:, cv2.CC_STAT_AREA].max() < LEAST * light.size:
        return everything
    largest = (labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))).astype(np.uint8)
    outlines, _ = cv2.findContours(largest, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(largest, outlines, -1, 1, cv2.FILLED), np.uint8)


def _two_tones(values: Plane) -> tuple[np.float32, float]:
    """The cut between two tones and the share of the variance that they explain."""
    ordered = np.sort(values).astype(np.float64)
    total = float(ordered.var())
    if total < 1e-6:
        return np.float32(0), 0.0
    below = np.arange(1, ordered.size)
    sums = np.cumsum(ordered)
    gap = sums[:-1] / below - (sums[-1] - sums[:-1]) / (ordered.size - below)
    between = np.square(gap) * below * (ordered.size - below) / ordered.size**2
    best = int(np.argmax(between))
    return np.float32((ordered[best] + ordered[best + 1]) / 2), float(between[best] / total)


def _window(plane: Plane, by_row: float, by_col: float) -> Plane:
    """A Gaussian of two sigmas, nothing beyond the edges; wide ones at a lower resolution."""
    rows, cols = plane.shape
    coarse = max(1, rows // _halved(by_row)), max(1, cols // _halved(by_col))
    small = plane if coarse == (rows, cols) else cv2.resize(plane, coarse[::-1], interpolation=cv2.INTER_AREA)
    by_row, by_col = by_row * coarse[0] / rows, by_col * coarse[1] / cols
    small = cv2.GaussianBlur(small, (0, 0), sigmaX=by_col, sigmaY=by_row, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(
        small if coarse == (rows, cols) else cv2.resize(small, (cols, rows), interpolation=cv2.INTER_LINEAR), np.float32
    )


def _halved(sigma: float) -> int:
    """Px that become one."""
    return int(2 ** min(5, int(np.log2(max(sigma / 3, 1)))))
