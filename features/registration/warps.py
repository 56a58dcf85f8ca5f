"""Projective warps from an image to its reference: how they move its pixels, and what is seen through them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.kernels.overlay import places_through
from features.opencv import remap

__all__ = [
    "Warp",
    "at_half",
    "centre_shift",
    "corner_move",
    "covered_by",
    "dense",
    "from_half",
    "seen_through",
    "stretch_at_centre",
    "swapped",
    "translation",
]

Plane = NDArray[np.float32]

Warp = NDArray[np.float64]
"""(3, 3), takes homogeneous (row, column, 1) of the image to the reference."""

_TO_HALF = np.array([[0.5, 0, -0.25], [0, 0.5, -0.25], [0, 0, 1]])
"""A coarse pixel's centre is that of its 2 x 2 fine ones."""
_FROM_HALF = np.linalg.inv(_TO_HALF)


def translation(shift: NDArray[np.floating[Any]]) -> Warp:
    """Moves every pixel by `shift`, (row, column), px."""
    warp = np.eye(3)
    warp[:2, 2] = shift
    return warp


def at_half(warp: Warp) -> Warp:
    """The same warp between the planes at half the resolution, as `features.smoothing.lowered` makes them."""
    return np.asarray(_TO_HALF @ warp @ _FROM_HALF)


def from_half(warp: Warp) -> Warp:
    """The inverse of `at_half`."""
    return np.asarray(_FROM_HALF @ warp @ _TO_HALF)


def swapped(warp: Warp) -> Warp:
    """(row, column) <-> (x, y) of the same projective map."""
    order = [1, 0, 2]
    return np.ascontiguousarray(warp[np.ix_(order, order)])


def centre_shift(shape: tuple[int, ...], warp: Warp, centred: Warp) -> float:
    """How far, px, `warp` takes the centre of an image from where the translation `centred` takes it."""
    moved, home = warp @ _centre(shape), centred @ _centre(shape)
    return float(np.hypot(*(moved[:2] / moved[2] - home[:2])))


def stretch_at_centre(shape: tuple[int, ...], warp: Warp) -> NDArray[np.float64]:
    """(2, 2), the scale and turn of `warp` at the centre of an image."""
    return np.asarray(warp[:2, :2] / (warp @ _centre(shape))[2])


def corner_move(shape: tuple[int, ...], one: Warp, two: Warp) -> float:
    """Largest distance, px along an axis, between where two warps take a corner of an image."""
    rows, cols = shape
    corners = np.array([[0, 0, 1], [0, cols - 1, 1], [rows - 1, 0, 1], [rows - 1, cols - 1, 1]], float).T
    a, b = one @ corners, two @ corners
    return float(np.abs(a[:2] / a[2] - b[:2] / b[2]).max())


def dense(warp: Warp, rows: int, cols: int) -> tuple[Plane, Plane]:
    """Where each pixel lies in the reference: two (rows, cols) planes, row and column."""
    maps = np.empty((2, rows, cols), np.float32)
    places_through(np.ascontiguousarray(warp, np.float64), maps)
    return maps[0], maps[1]


def covered_by(shape: tuple[int, ...], row_map: Plane, col_map: Plane) -> NDArray[np.bool_]:
    """(rows, cols) bool: which pixels lie in a reference of that shape."""
    return (row_map > -0.5) & (row_map < shape[0] - 0.5) & (col_map > -0.5) & (col_map < shape[1] - 0.5)


def seen_through(warp: Warp, other: Plane, shape: tuple[int, ...]) -> tuple[Plane, NDArray[np.bool_]]:
    """`other` as an image of that shape sees it, edges repeated, and where it truly lies."""
    row_map, col_map = dense(warp, *shape)
    return remap(other, row_map, col_map, cubic=False), covered_by(other.shape, row_map, col_map)


def _centre(shape: tuple[int, ...]) -> NDArray[np.float64]:
    return np.array([(shape[0] - 1) / 2, (shape[1] - 1) / 2, 1.0])
