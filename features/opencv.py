"""The OpenCV filters used on whole planes, typed: float32 in, float32 out."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["highest", "lowest", "remap", "sobel"]

Plane = NDArray[np.float32]


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
