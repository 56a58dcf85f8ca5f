"""Fragments of one scratch: which regions of a mask continue each other along a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelgbm.metrics import numbered

__all__ = ["fragments_of", "link", "longest_extent"]

ELONGATION = 2.5
"""Length over breadth, as standard deviations of the pixels, from which a fragment has a direction and is no blob."""

TOLERANCE = np.deg2rad(12.0)
"""How far the directions of two fragments, and of the line between their middles, may differ."""

GAP = 1.0
"""The longest gap between two fragments, in lengths of the shorter of both."""


@dataclass(frozen=True, slots=True, eq=False)
class _Bar:
    """A fragment as a straight thing. hull: (h, 2) corners (row, col). direction: (2,), of length 1, either way."""

    centre: NDArray[np.float64]
    direction: NDArray[np.float64]
    elongation: float
    length: float
    hull: NDArray[np.float64]


def fragments_of(mask: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """The 8-connected regions of a mask, (n, 2) pixels (row, col) each, in the raster order of their first pixels."""
    _, found = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8, ltype=cv2.CV_32S)
    pixels = np.argwhere(found)
    label = numbered(np.asarray(found)[pixels[:, 0], pixels[:, 1]].tolist())
    order = np.argsort(label, kind="stable")
    ends = np.cumsum(np.bincount(label, minlength=1))[:-1]
    return np.split(pixels[order], ends) if len(pixels) else []


def link(fragments: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """(n,) which fragments are one: 0.. in the order in which they come first.

    fragments: (n, 2) pixels (row, col) of each. Two are one when both are elongated, when their directions and the line
    between their middles agree within `TOLERANCE`, and when the gap is no longer than the shorter of both; what is one
    with the same third fragment is one too. Blobs stay alone. The order of the fragments makes no difference.
    """
    bars = [_bar(pixels) for pixels in fragments]
    parent = list(range(len(bars)))

    def root(k: int) -> int:
        while parent[k] != k:
            k = parent[k]
        return k

    long = [k for k, bar in enumerate(bars) if bar.elongation >= ELONGATION]
    for place, one in enumerate(long):
        for other in long[:place]:
            if _continue(bars[one], bars[other]):
                parent[root(one)] = root(other)
    return numbered([root(k) for k in range(len(bars))])


def longest_extent(pixels: NDArray[np.int64]) -> float:
    """The longest way across, px: the largest distance between pixel centres, plus 1. pixels: (n, 2), not empty."""
    hull = _hull(pixels)
    steps = hull[:, np.newaxis] - hull
    return float(np.sqrt((steps**2).sum(axis=2).max())) + 1.0


def _bar(pixels: NDArray[np.int64]) -> _Bar:
    centre = pixels.mean(axis=0)
    away = pixels - centre
    # A pixel is a square: its own second moment is 1/12 in any direction.
    values, vectors = np.linalg.eigh(away.T @ away / len(pixels) + np.eye(2) / 12)
    hull = _hull(pixels)
    along = hull @ vectors[:, 1]
    return _Bar(centre, vectors[:, 1], float(np.sqrt(values[1] / values[0])), float(np.ptp(along)) + 1.0, hull)


def _hull(pixels: NDArray[np.int64]) -> NDArray[np.float64]:
    corners = cv2.convexHull(np.ascontiguousarray(pixels, dtype=np.int32))
    return np.asarray(corners, dtype=np.float64).reshape(-1, 2)


def _continue(one: _Bar, other: _Bar) -> bool:
    """Whether two elongated fragments lie behind one another on a line."""
    between = other.centre - one.centre
    distance = float(np.linalg.norm(between))
    if distance < 1:  # one around the other
        return False
    across = between / distance
    pairs = ((one.direction, other.direction), (one.direction, across), (other.direction, across))
    if any(abs(float(a @ b)) < np.cos(TOLERANCE) for a, b in pairs):
        return False
    gap = float((other.hull @ across).min() - (one.hull @ across).max()) - 1.0
    return gap <= GAP * min(one.length, other.length)
