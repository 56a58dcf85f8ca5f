"""Grey levels of an image as numbers: on the scale 0..255 whatever its depth, and as one plane of light."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.errors import FeatureError

__all__ = ["luminance", "median", "thinned", "to_float"]

Plane = NDArray[np.float32]

ENOUGH = 128
"""Rows and columns of a square plane whose median is that of a larger one."""


def to_float(image: NDArray[np.generic]) -> NDArray[np.float32]:
    """(rows, cols[, 3]) uint8 or uint16 -> float32 on the scale 0..255; `FeatureError` for anything else."""
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3) or 0 in image.shape:
        raise FeatureError(f"an image of shape {image.shape}; allowed: (rows, cols) or (rows, cols, 3), not empty")
    if image.dtype == np.uint8:
        return image.astype(np.float32)
    if image.dtype == np.uint16:
        return image.astype(np.float32) * np.float32(1 / 257)
    raise FeatureError(f"pixels of type {image.dtype}; allowed: uint8, uint16")


def luminance(image: NDArray[np.float32]) -> Plane:
    """.35 R + .65 G: blue is left out, for printed pairs have it smoothed by the camera's maker."""
    if image.ndim == 2:
        return image
    return np.ascontiguousarray(np.float32(0.35) * image[..., 0] + np.float32(0.65) * image[..., 1])


def median(values: NDArray[np.float32]) -> float:
    """The median of finite numbers, of any shape; 0 of none. numpy's own takes ten times as long: it looks for NaN."""
    if not values.size:
        return 0.0
    flat = values.reshape(-1)
    half = flat.size // 2
    parted = np.partition(flat, half)
    return float(parted[half] if flat.size % 2 else (parted[:half].max() + parted[half]) / 2)


def thinned(plane: NDArray[Any]) -> NDArray[Any]:
    """Every k-th row and column of a plane, so that some 16,000 pixels are left: enough for a median."""
    step = max(1, int(np.sqrt(plane.shape[0] * plane.shape[1]) / ENOUGH))
    return plane[::step, ::step]
