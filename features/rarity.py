"""How rare a pixel's surroundings are within their own image: the distance from what the image mostly shows.

The detector of Reed and Yu (1990, doi:10.1109/29.60107), global, on a bank of filters in place of spectral bands. It
knows no labels, and every image is its own norm: an even surface of a kind that was never learned is even here, too.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from features.kernels.rarity import squared_lengths
from features.levels import thinned
from features.planes import Planes, Recipe
from features.smoothing import smooth

__all__ = ["palette_of", "rarity_of"]

Plane = NDArray[np.float32]

OPPONENTS = (("log_red", "log_green"), ("log_blue", "log_matched_light"))
PALETTE = (("log_red", "log_green"), ("log_blue", "log_light"))
_BANDS, _BANDS_OF_COLOUR = 10, 12
"""Filters of a grey and of a colour image."""
USUAL = 0.95
"""Share of the pixels, those nearest to the mean, that the second estimate of what is usual is made from."""
FLOOR = 1e-4
"""Added to the variances, 1 each, so that filters that always say the same have an inverse."""
SPREAD = 0.9
"""The quantile that is 1 in the end; the median is 0."""
CELLS = 32
"""Of a palette in each of two colours; they reach five deviations to both sides."""
TREND = 40.0
"""Sigma in px of what colours are compared with: light changes its own over an image."""


def rarity_of(sigma: float, blur: float, *, colour: bool) -> tuple[str, Recipe]:
    """A name and how to make a plane, (rows, cols) float32, for `Planes.of_whole`.

        l = G_blur log(1 + x' C^-1 x)        (l - median l) / (quantile_.9 l - median l)

    x: the responses of `_bank` at sigma px, standardised; C: their covariance over the image, without the farthest
    twentieth of the pixels, for what is rare must not become the norm.
    """
    unblurred = f"rarity {sigma:g} {colour}"

    def make(planes: Planes) -> Plane:
        plane = planes.of_whole(unblurred, lambda whole: _log_distance(whole, sigma, colour))
        return _standardised(smooth(plane, blur))

    return f"{unblurred} {blur:g}", make


def palette_of(blur: float, trend: float) -> tuple[str, Recipe]:
    """As `rarity_of`, of the colours alone, of a colour image.

        l = G_blur -log h(red - green, blue - light)        (l - median l) / (quantile_.9 l - median l)

    h: how often the image has such a pair of differences of logarithms, blurred by 1 px and less their G_trend, in a
    table of CELLS x CELLS that is blurred by one cell. A surface of a few colours fills few cells; what stains them all
    a little lies beside those. Blue is compared with light as it comes: softer light would add colours along all edges.
    """
    unblurred = f"palette {trend:g}"

    def make(planes: Planes) -> Plane:
        return _standardised(smooth(planes.of_whole(unblurred, lambda whole: _surprise(whole, trend)), blur))

    return f"{unblurred} {blur:g}", make


def _standardised(plane: Plane) -> Plane:
    seen = thinned(plane)
    middle, high = (np.float32(np.quantile(seen, q)) for q in (0.5, SPREAD))
    return np.asarray((plane - middle) / (high - middle + np.float32(1e-3)), np.float32)


def _surprise(planes: Planes, trend: float) -> Plane:
    """-log of the share of pixels with a pixel's colour."""
    cells = []
    for one, two in PALETTE:
        gap = smooth(planes[one] - planes[two], 1.0)
        gap -= smooth(gap, trend)
        reach = 5 * thinned(gap).std() + np.float32(1e-6)
        cells.append(np.clip((gap / reach + 1) * np.float32((CELLS - 1) / 2), 0, CELLS - 1))
    row, col = cells
    index = np.rint(row).astype(np.int32) * CELLS + np.rint(col).astype(np.int32)
    table = np.bincount(index.ravel(), minlength=CELLS * CELLS).reshape(CELLS, CELLS).astype(np.float32)
    table = cv2.GaussianBlur(table, (0, 0), 1.0, borderType=cv2.BORDER_CONSTANT) / np.float32(index.size)
    share = cv2.remap(table, col, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(-np.log(share + np.float32(1e-6)), np.float32)


def _bank(planes: Planes, sigma: float, colour: bool) -> NDArray[np.float32]:
    """(filters, rows, cols): what is compared, of log light, at sigma px.

    Band G_s - G_5s; both derivatives, the three second ones; the logarithm of the energy, window G_2s, of the
    derivatives, of the Laplacian and of the mixed derivative. Of colour images also the bands of two opponent colours.
    The image goes on beyond its edges as in a mirror: repeated edges would be rarer themselves.
    """
    rim = int(4 * sigma) + 4
    bank: NDArray[np.float32] = np.empty((_BANDS_OF_COLOUR if colour else _BANDS, *planes["light"].shape), np.float32)
    for place, plane in zip(bank, _responses(planes, sigma, colour, rim), strict=True):
        place[:] = plane[rim:-rim, rim:-rim]
    return bank


def _responses(planes: Planes, sigma: float, colour: bool, rim: int) -> Iterator[Plane]:
    """The filters one after another, each with a rim: all at once would be twice the memory of what is kept of them."""
    light = _mirrored(planes["log_light"], rim)
    fine = smooth(light, sigma)
    yield fine - smooth(light, 5 * sigma)
    del light
    row, col = (np.asarray(cv2.Sobel(fine, cv2.CV_32F, *d, ksize=3), np.float32) for d in ((0, 1), (1, 0)))
    yield row
    yield col
    second = [np.asarray(cv2.Sobel(fine, cv2.CV_32F, *d, ksize=3), np.float32) for d in ((0, 2), (2, 0), (1, 1))]
    yield from second
    for plane in (row, col, second[0] + second[1], second[2]):
        yield _log_energy(plane, 2 * sigma)
    del fine, row, col, second
    if colour:
        for one, two in OPPONENTS:
            gap = _mirrored(planes[one] - planes[two], rim)
            yield smooth(gap, sigma) - smooth(gap, 5 * sigma)


def _mirrored(plane: Plane, rim: int) -> Plane:
    return np.asarray(cv2.copyMakeBorder(plane, rim, rim, rim, rim, cv2.BORDER_REFLECT_101), np.float32)


def _log_energy(plane: Plane, sigma: float) -> Plane:
    energy = np.maximum(smooth(plane * plane, sigma), 0)
    return np.asarray(np.log(energy + np.float32(1e-3 * float(thinned(energy).mean()) + 1e-12)), np.float32)


def _log_distance(planes: Planes, sigma: float, colour: bool) -> Plane:
    """log(1 + x' C^-1 x) of every pixel."""
    bank = _bank(planes, sigma, colour)
    for plane in bank:
        seen = thinned(plane)
        plane -= seen.mean()
        plane /= seen.std() + np.float32(1e-6)
    some = np.stack([thinned(plane).ravel() for plane in bank]).astype(np.float64)
    usual = some
    for share in (1.0, USUAL):
        far = np.square(_whitening(usual) @ some).sum(axis=0)
        usual = some[:, far <= np.quantile(far, share)]
    out = np.empty(bank.shape[1:], np.float32)
    squared_lengths(bank, _whitening(usual).astype(np.float32), out)
    return np.asarray(np.log1p(out, out=out))


def _whitening(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(filters, filters), lower triangular: what makes the covariance of `values` (filters, n) the identity."""
    covariance = values @ values.T / max(values.shape[1], 1)
    return np.linalg.inv(np.linalg.cholesky(covariance + FLOOR * np.eye(len(values))))
