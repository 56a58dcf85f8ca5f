"""The OpenCV filters used on whole planes, typed: float32 in, float32 out."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["blur", "highest", "lowest", "remap", "resize", "scaled", "shrink", "sobel", "wide_blur"]

Plane = NDArray[np.float32]


def blur(plane: Plane, sigma: float) -> Plane:
    """Gaussian blur, sigma in px, OpenCV's own truncation and mirrored edges."""
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma), np.float32)


def shrink(plane: Plane, factor: int) -> Plane:
    """Area averages of `factor` x `factor` pixels, at least one of them each way."""
    return resize(plane, max(1, plane.shape[0] // factor), max(1, plane.shape[1] // factor))


def wide_blur(plane: Plane, sigma: float) -> Plane:
    """`blur` for sigma >= 8 or so, by way of a quarter of the resolution.

    On six 390x390 photographs at sigma 12: 8 times faster, the largest gap 1.5 to 4 % of the range.
    """
    if min(plane.shape) < 8:
        return blur(plane, sigma)
    return resize(blur(shrink(plane, 4), sigma / 4), *plane.shape)


def resize(plane: Plane, rows: int, cols: int) -> Plane:
    """To (rows, cols): area averages when shrinking, linear when growing."""
    smaller = rows < plane.shape[0] or cols < plane.shape[1]
    mode = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(plane, (cols, rows), interpolation=mode), np.float32)


def scaled(plane: Plane, factor: float) -> Plane:
    """`resize` by a factor, to at least one pixel each way; the plane itself where the factor is 1."""
    if factor == 1.0:
        return plane
    return resize(plane, max(1, round(plane.shape[0] * factor)), max(1, round(plane.shape[1] * factor)))


def remap(image: NDArray[np.float32], row_map: Plane, col_map: Plane, *, cubic: bool = True) -> NDArray[np.float32]:
    """`image` read at (row_map, col_map), edges repeated."""
    mode = cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR
    return np.asarray(cv2.remap(image, col_map, row_map, mode, borderMode=cv2.BORDER_REPLICATE), np.float32)


def highest(plane: Plane, radius: int) -> Plane:
    """Maximum over the square of 2 radius + 1 px; beyond the edges there is nothing."""
    return np.asarray(cv2.dilate(plane, _square(radius)), np.float32)


def lowest(plane: Plane, radius: int) -> Plane:
    """Minimum over the same square."""
    return np.asarray(cv2.erode(plane, _square(radius)), np.float32)


def _square(radius: int) -> NDArray[np.uint8]:
    return np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)


def sobel(plane: Plane, axis: int) -> Plane:
    """Derivative along `axis` (0 rows, 1 columns), grey levels a pixel, smoothed 1-2-1 across."""
    return np.asarray(cv2.Sobel(plane, cv2.CV_32F, int(axis == 1), int(axis == 0), ksize=3, scale=1 / 8), np.float32)
