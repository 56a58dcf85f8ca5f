"""How far two signatures agree where a warp lays them on each other."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from features.kernels.alignment import masked_correlation
from features.registration.warps import Warp, seen_through

__all__ = ["OUTSTANDING", "correlation", "is_settled", "peak"]

Plane = NDArray[np.float32]

SETTLED = 0.45
"""Correlation of the signatures from which no other start is tried."""
OUTSTANDING = 3.5
"""`peak` that a faint agreement must reach. True pairs that agree faintly start at 5; the others have no structure."""


def correlation(a: Plane, b: Plane, covered: NDArray[np.bool_]) -> float:
    """Of the covered pixels of two planes, -1..1; 0 where too few are covered to say."""
    return float(masked_correlation(np.ascontiguousarray(a), np.ascontiguousarray(b), np.ascontiguousarray(covered)))


def is_settled(signature: Plane, other: Plane, warp: Warp, scored: float) -> bool:
    """Whether no better place is to be expected: much agreement, or faint agreement at exactly this place."""
    if scored >= SETTLED:
        return True
    seen, covered = seen_through(warp, other, signature.shape)
    return peak(signature, np.where(covered, seen, 0)) >= 2 * OUTSTANDING


def peak(signature: Plane, seen: Plane) -> float:
    """How far, in deviations, the correlation of two signatures at hand exceeds that of other shifts up to 12 px.

    Both at half the resolution of the image; infinite for images too small to be shifted that far.
    """
    reach, near = 12, 4
    one, two = (np.clip(np.asarray(p, np.float32), -2.5, 2.5) for p in (signature, seen))
    if min(one.shape) < 4 * reach:
        return float("inf")
    core = np.ascontiguousarray(one[reach:-reach, reach:-reach])
    surface = np.asarray(cv2.matchTemplate(two, core, cv2.TM_CCOEFF_NORMED), np.float64)
    here = float(surface[reach - 1 : reach + 2, reach - 1 : reach + 2].max())
    best = np.unravel_index(int(np.argmax(surface)), surface.shape)
    others = np.ones(surface.shape, np.bool_)
    for row, col in ((int(best[0]), int(best[1])), (reach, reach)):
        others[max(row - near, 0) : row + near + 1, max(col - near, 0) : col + near + 1] = False
    return (here - float(surface[others].mean())) / (float(surface[others].std()) + 1e-6)
