"""What went wrong in an image, told automatically, and the sheet of the worst ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from peers.pairs import View

__all__ = ["FAINT", "REASONS", "Row", "contrast", "draw", "reason"]

Bools = NDArray[np.bool_]

REASONS = ("right", "missed faint", "missed wholly", "false region", "swollen rim", "shrunk rim")
RIGHT = 0.9
"""A score from here on needs no reason."""
FAINT = 8.0
"""Contrast, grey levels, below which what was missed is called faint: prototypes fell to half of their F1 there."""
MARGIN = 40
RING = 9
"""Width, px, of the surroundings that the contrast is taken against."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the sheet. score: (rows, cols) float32, 0..1, or None where the run kept no maps."""

    id: str
    level: str | None
    f1: float
    reason: str
    contrast: float | None
    view: View
    truth: Bools
    found: Bools
    score: NDArray[np.float32] | None


def contrast(view: View, truth: Bools) -> float | None:
    """How far the defect departs from its ring, grey levels of luminance; None for a clean image.

    Both are read in the difference to the reference where there is one, so that print beside the defect does not count.
    """
    if not truth.any():
        return None
    weights = np.array([0.35, 0.65, 0], np.float32)
    plane = cv2.GaussianBlur((view.test - view.reference * view.covered[..., None]) @ weights, (0, 0), 1.5)
    wide = cv2.dilate(truth.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * RING + 1,) * 2)) > 0
    ring = wide & ~(cv2.dilate(truth.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0)
    level = float(np.median(plane[ring])) if ring.any() else 0.0
    return float(np.median(np.abs(plane[truth] - level)))


def reason(truth: Bools, found: Bools, contrast: float | None, f1: float) -> str:
    """The one of REASONS that costs most wrong pixels; a clean image can only hold false regions."""
    if f1 >= RIGHT:
        return "right"
    hit_truth, hit_found = _touched(truth, found), _touched(found, truth)
    missed = "missed faint" if contrast is not None and contrast < FAINT else "missed wholly"
    costs = {
        missed: int((truth & ~hit_truth).sum()),
        "false region": int((found & ~hit_found).sum()),
        "swollen rim": int((hit_found & ~truth).sum()),
        "shrunk rim": int((hit_truth & ~found).sum()),
    }
    return max(costs, key=lambda name: costs[name])


def _touched(mask: Bools, other: Bools) -> Bools:
    """The regions of `mask` that share a pixel with `other`."""
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    hit = np.zeros(count, bool)
    hit[np.unique(labels[mask & other])] = True
    hit[0] = False
    return hit[labels]


def draw(rows: Sequence[Row]) -> NDArray[np.uint8]:
    """The sheet as (lines, cols, 3) uint8: image, aligned reference, truth's outline, our map, our mask."""
    lines = max(len(rows), 1)
    figure = Figure(figsize=(5 * 2.5, lines * 2.75), dpi=110, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    panels = figure.subplots(lines, 5, squeeze=False)
    for panel in panels.ravel():
        panel.set_axis_off()
    for line, row in zip(panels, rows, strict=False):
        seen = _window(row.truth | row.found)
        image, truth, found = np.rint(row.view.test[seen]).astype(np.uint8), row.truth[seen], row.found[seen]
        covered = bool(row.view.covered.any())
        level = "" if row.level is None else f", level {row.level}"
        told = (
            "clean" if row.contrast is None else f"{int(row.truth.sum())} px, contrast {row.contrast:.1f} grey levels"
        )
        titles = (f"{row.id}{level}, F1 {row.f1:.2f}: {row.reason}", "aligned reference", f"truth: {told}")
        titles += ("map" if row.score is not None else "no map kept", f"found: {int(row.found.sum())} px")
        line[0].imshow(image)
        line[1].imshow(np.rint(row.view.reference[seen]).astype(np.uint8) if covered else np.zeros_like(image))
        line[2].imshow(_outlined(image, truth, (40, 220, 60)))
        line[3].imshow(np.zeros(truth.shape) if row.score is None else row.score[seen], vmin=0, vmax=1, cmap="magma")
        line[4].imshow(_outlined(_outlined(image, truth, (40, 220, 60)), found, (240, 50, 40)))
        for panel, title in zip(line, titles, strict=True):
            panel.set_title(title, fontsize=7, loc="left")
    canvas.draw()
    return np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])


def _window(marked: Bools) -> tuple[slice, slice]:
    """The part of the image that holds all that is marked, with MARGIN px around it; all of it when nothing is."""
    if not marked.any():
        return slice(None), slice(None)
    ends = [np.flatnonzero(marked.any(axis=axis))[[0, -1]] for axis in (1, 0)]
    rows, cols = (slice(max(int(first) - MARGIN, 0), int(last) + MARGIN + 1) for first, last in ends)
    return rows, cols


def _outlined(image: NDArray[np.uint8], where: Bools, colour: tuple[int, int, int]) -> NDArray[np.uint8]:
    """The image with a line around `where`, one pixel outside of it."""
    out = image.copy()
    out[(cv2.dilate(where.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0) & ~where] = colour
    return out
