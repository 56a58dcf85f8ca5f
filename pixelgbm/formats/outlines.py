"""Outlines to pixels and back: a pixel is marked when its centre lies inside an outline or on it.

Positions are (row, col) with pixel centres at whole numbers; a format that counts otherwise shifts
its positions first. Where an outline crosses itself, the even-odd rule says what is inside.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["fill_ellipse", "fill_outline", "fill_rectangle", "outlines_of"]

_TOUCH = 1e-9
"""A centre this close to an outline lies on it: decimal fractions are not exact."""


def fill_outline(outline: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """The (rows, cols) bool mask of a closed outline of (row, col) corners; what lies outside the image is cut off.

    Notes
    -----
    scikit-image fills the inside; the centres on the edges are marked here, because two edges that lie
    on one another (a line drawn there and back) cancel out in it. OpenCV's fill rounds corners and
    marks whatever its lines touch.
    """
    from skimage import draw  # half a second to import, and most runs read no outlines

    polygon: Any = draw.polygon
    mask = np.zeros(shape, bool)
    mask[polygon(outline[:, 0], outline[:, 1], shape)] = True
    for start, end in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        _mark_edge(mask, start, end)
    return mask


def fill_rectangle(top: float, left: float, bottom: float, right: float, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """The mask of an upright rectangle; all four sides belong to it."""
    rows, cols = np.arange(shape[0]), np.arange(shape[1])
    inside = (rows >= top - _TOUCH) & (rows <= bottom + _TOUCH)
    found: NDArray[np.bool_] = inside[:, None] & (cols >= left - _TOUCH) & (cols <= right + _TOUCH)
    return found


def fill_ellipse(
    row: float, col: float, row_radius: float, col_radius: float, turn: float, shape: tuple[int, int]
) -> NDArray[np.bool_]:
    """The mask of an ellipse about (row, col), its outline included; `turn` in radians takes the columns' axis to rows.

    A radius of 0 leaves the line, or the point, of the other.
    """
    down, right = (a.astype(np.float64) for a in np.ogrid[: shape[0], : shape[1]])
    down, right = down - row, right - col
    along = right * math.cos(turn) + down * math.sin(turn)
    across = down * math.cos(turn) - right * math.sin(turn)
    reach = (across / max(row_radius, _TOUCH)) ** 2 + (along / max(col_radius, _TOUCH)) ** 2
    found: NDArray[np.bool_] = reach <= 1 + _TOUCH
    return found


def outlines_of(mask: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """Closed outlines of (row, col) pixels, three corners at least, that `fill_outline` turns into exactly `mask`.

    One outline for each connected region; a region with holes is cut into upright pieces without any.
    """
    outlines = []
    todo = [(mask, 0, 0)]
    while todo:
        part, top, left = todo.pop()
        count, labels, boxes, _ = cv2.connectedComponentsWithStats(part.astype(np.uint8), connectivity=8)
        for label in range(1, count):
            col, row, width, height, _ = (int(value) for value in boxes[label])
            region = labels[row : row + height, col : col + width] == label
            outer, hole = _contours(region)
            if hole is None:
                corners = np.concatenate([outer, np.repeat(outer[:1], max(0, 3 - len(outer)), axis=0)])
                outlines.append(corners + np.array([top + row, left + col]))
                continue
            # A cut through a hole opens it on both sides, so the pieces have fewer holes than the whole.
            cut = int(hole[:, 1].min()) + 2
            todo.append((region[:, :cut], top + row, left + col))
            todo.append((region[:, cut:], top + row, left + col + cut))
    return outlines


def _contours(region: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64] | None]:
    """The (row, col) pixels around one connected region, and those around one of its holes."""
    contours, tree = cv2.findContours(region.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    corners = [contour[:, 0, ::-1].astype(np.int64) for contour in contours]
    (outer,) = (c for c, (_, _, _, parent) in zip(corners, tree[0], strict=True) if parent < 0)
    hole = next((c for c, (_, _, _, parent) in zip(corners, tree[0], strict=True) if parent >= 0), None)
    return outer, hole


def _mark_edge(mask: NDArray[np.bool_], start: NDArray[np.float64], end: NDArray[np.float64]) -> None:
    """Mark the pixels whose centres lie on the line from `start` to `end`."""
    long = int(abs(end[1] - start[1]) > abs(end[0] - start[0]))  # the axis along which the line is walked
    low, high = sorted((start[long], end[long]))
    first, last = max(0, math.ceil(low - _TOUCH)), min(mask.shape[long] - 1, math.floor(high + _TOUCH))
    at = np.arange(first, last + 1)
    step = end[long] - start[long]
    share = np.zeros(len(at)) if step == 0 else (at - start[long]) / step
    other = start[1 - long] + np.clip(share, 0, 1) * (end[1 - long] - start[1 - long])
    near = np.clip(np.rint(other), -1, mask.shape[1 - long]).astype(np.int64)
    hit = (np.abs(other - near) <= _TOUCH) & (near >= 0) & (near < mask.shape[1 - long])
    mask[(near[hit], at[hit]) if long else (at[hit], near[hit])] = True
