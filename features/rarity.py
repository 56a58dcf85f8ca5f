"""How rare a pixel's surroundings are within their own image: the distance from what the image mostly shows.

The detector of Reed and Yu (1990, doi:10.1109/29.60107), global, on a bank of filters in place of spectral bands. It
knows no labels, and every image is its own norm: an even surface of a kind that was never learned is even here, too.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from features.kernels.rarity import squared_lengths
from features.levels import thinned
from features.planes import Planes, Recipe
from features.smoothing import smooth

__all__ = ["rarity_of"]

Plane = NDArray[np.float32]

USUAL = 0.95
"""Share of the pixels, those nearest to the mean, that the second estimate of what is usual is made from."""
FLOOR = 1e-4
"""Added to the variances, 1 each, so that filters that always say the same have an inverse."""
SPREAD = 0.9
"""The quantile that is 1 in the end; the median is 0."""


def rarity_of(sigma: float, blur: float, *, colour: bool) -> tuple[str, Recipe]:
    """A name and how to make a plane, (rows, cols) float32, for `Planes.of_whole`.

        l = G_blur log(1 + x' C^-1 x)        (l - median l) / (quantile_.9 l - median l)

    x: the responses of `_bank` at sigma px, standardised; C: their covariance over the image, without the farthest
    twentieth of the pixels, for what is rare must not become the norm.
    """
    unblurred = f"rarity {sigma:g} {colour}"

    def make(planes: Planes) -> Plane:
        plane = smooth(planes.of_whole(unblurred, lambda whole: _log_distance(whole, sigma, colour)), blur)
        seen = thinned(plane)
        middle, high = (np.float32(np.quantile(seen, q)) for q in (0.5, SPREAD))
        return np.asarray((plane - middle) / (high - middle + np.float32(1e-3)), np.float32)

    return f"{unblurred} {blur:g}", make


def _bank(planes: Planes, sigma: float, colour: bool) -> NDArray[np.float32]:
    """(filters, rows, cols): what is compared, of log light, at sigma px.

    Band G_s - G_5s; both derivatives, the three second ones; the logarithm of the energy, window G_2s, of the
    derivatives, of the Laplacian and of the mixed derivative. Of colour images also the bands of two opponent colours.
    The image goes on beyond its edges as in a mirror: repeated edges would be rarer themselves.
    """
    rim = int(4 * sigma) + 4
    light = _mirrored(planes["log_light"], rim)
    fine = smooth(light, sigma)
    row, col = (np.asarray(cv2.Sobel(fine, cv2.CV_32F, *d, ksize=3), np.float32) for d in ((0, 1), (1, 0)))
    second = [np.asarray(cv2.Sobel(fine, cv2.CV_32F, *d, ksize=3), np.float32) for d in ((0, 2), (2, 0), (1, 1))]
    found = [fine - smooth(light, 5 * sigma), row, col, *second]
    found += [_log_energy(plane, 2 * sigma) for plane in (row, col, second[0] + second[1], second[2])]
    if colour:
        for one, two in (("log_red", "log_green"), ("log_blue", "log_matched_light")):
            gap = _mirrored(planes[one] - planes[two], rim)
            found.append(smooth(gap, sigma) - smooth(gap, 5 * sigma))
    return np.stack([np.asarray(plane[rim:-rim, rim:-rim]) for plane in found])


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
