"""Sixteen filters: four measures at sigma 1, 2, 4 and 8, beside scikit-image's."""

from __future__ import annotations

from functools import partial
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage import filters
from skimage.feature import multiscale_basic_features

from features.kernels.contrast import gradient_magnitude, hessian_eigenvalues
from features.smoothing import TRUNCATE, smooth
from races.clock import Contestant, Row, race, timed
from races.inputs import Setup, draw

__all__ = ["ABOUT", "TITLE", "gap_to_gaussian", "ours", "run"]

TITLE = "Filters: 16 planes of a 390x390 plane"
ABOUT = (
    "Gaussian, size of its gradient, both eigenvalues of its Hessian, at sigma 1, 2, 4 and 8, float32. scikit-image: "
    "`multiscale_basic_features`, which takes Sobel's and repeated differences where ours takes central and second "
    "ones. `gap`: of the four Gaussians to an untruncated one in float64, of an image in 0..1."
)
SIGMAS = (1.0, 2.0, 4.0, 8.0)
BORDER = 24

Plane = NDArray[np.float32]


def ours(plane: Plane) -> Plane:
    """(16, rows, cols): per sigma Gaussian, gradient, smaller and larger eigenvalue."""
    out = np.empty((4 * len(SIGMAS), *plane.shape), np.float32)
    for k, sigma in enumerate(SIGMAS):
        blurred, slope, low, high = out[4 * k : 4 * k + 4]
        blurred[:] = smooth(plane, sigma)
        gradient_magnitude(blurred, slope)
        hessian_eigenvalues(blurred, np.float32(1), low, high)
    return out


def theirs(plane: Plane) -> Plane:
    """(rows, cols, 16), as scikit-image gives them."""
    # The last argument, the number of threads, has had two names.
    found = multiscale_basic_features(plane, True, True, True, SIGMAS[0], SIGMAS[-1], len(SIGMAS), 1)
    return np.asarray(found, np.float32)


def theirs_truncated(plane: Plane) -> Plane:
    """The same with windows as wide as ours; scikit-image has no argument for it."""
    with patch.object(filters, "gaussian", partial(filters.gaussian, truncate=TRUNCATE)):
        return theirs(plane)


def gap_to_gaussian(plane: Plane, blurred: list[Plane]) -> dict[str, float]:
    """Differences of the planes, one per sigma, to the untruncated Gaussian."""
    exact = [ndimage.gaussian_filter(plane.astype(np.float64), s, mode="nearest", truncate=10) for s in SIGMAS]
    gap = np.abs(np.stack(blurred) - np.stack(exact))
    inside = gap[:, BORDER:-BORDER, BORDER:-BORDER]
    return {
        "largest gap": float(gap.max()),
        f"{BORDER} px from the border": float(inside.max()),
        "rms gap": float(np.sqrt((gap**2).mean())),
    }


def run(setup: Setup) -> tuple[list[Row], list[str]]:
    plane = np.ascontiguousarray(draw(setup.seed).image[..., 1], np.float32) / 255
    mine, full, short = ours(plane), theirs(plane), theirs_truncated(plane)
    contestants = [
        Contestant("pixelgbm", timed(lambda: ours(plane)), gap_to_gaussian(plane, list(mine[::4]))),
        Contestant(
            "scikit-image, the same windows (3 sigma)",
            timed(lambda: theirs_truncated(plane)),
            gap_to_gaussian(plane, [short[..., 4 * k] for k in range(len(SIGMAS))]),
        ),
        Contestant(
            "scikit-image as it comes (4 sigma)",
            timed(lambda: theirs(plane)),
            gap_to_gaussian(plane, [full[..., 4 * k] for k in range(len(SIGMAS))]),
        ),
    ]
    notes = [
        "Ours measures windows from sigma 3 on at a lower resolution; its largest gaps lie in the image's corners."
    ]
    return race(contestants, rounds=setup.rounds), notes
