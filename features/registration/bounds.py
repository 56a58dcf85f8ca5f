"""Which warps a second shot of the same sheet can have; in pixels of half the resolution."""

from __future__ import annotations

import numpy as np

from features.registration.warps import Warp, centre_shift, corner_move, stretch_at_centre

__all__ = ["CORNER_LIMIT", "believable", "is_extraordinary"]

CORNER_LIMIT = 7.0
"""A fine step that moves a corner further than this, px, from the coarse one is not believed."""
FARTHEST = 22.5
"""Largest believable shift, px, besides what the sizes of image and reference leave open."""
ORDINARY = (0.08, 15.0)
"""Change of scale or turn, radians, and shift, px, beyond which a warp is only believed where it settles."""


def believable(shape: tuple[int, ...], start: Warp, found: Warp, centred: Warp) -> list[Warp]:
    """Of a start and what became of it: those that a second shot of the same sheet can have."""
    candidates = [start, found] if corner_move(shape, start, found) <= CORNER_LIMIT else [start]
    return [c for c in candidates if _is_possible(shape, c, centred)]


def _is_possible(shape: tuple[int, ...], warp: Warp, centred: Warp) -> bool:
    """Whether a warp keeps to scales of 0.6 to 1.7, about the same both ways, and to `FARTHEST` at the centre."""
    margin = float(np.abs(centred[:2, 2]).max())
    stretch = np.linalg.svd(stretch_at_centre(shape, warp), compute_uv=False)
    if stretch[0] > 1.15 * stretch[1] or not 0.6 <= stretch[1] <= stretch[0] <= 1.7:
        return False
    return centre_shift(shape, warp, centred) <= FARTHEST + margin


def is_extraordinary(shape: tuple[int, ...], warp: Warp, centred: Warp) -> bool:
    """Whether a warp is so far from `centred` that some agreement does not speak for it."""
    bend = float(np.abs(stretch_at_centre(shape, warp) - np.eye(2)).max())
    return bend > ORDINARY[0] or centre_shift(shape, warp, centred) > ORDINARY[1]
