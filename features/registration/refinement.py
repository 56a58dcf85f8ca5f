"""The best warp of all starts: each refined by enhanced correlation, believed only where it agrees and can be."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from features.registration.agreement import is_settled, score
from features.registration.bounds import CORNER_LIMIT, believable, is_extraordinary
from features.registration.starts import Start, first_start, further_starts
from features.registration.warps import Warp, at_half, corner_move, from_half, swapped
from features.smoothing import lowered

__all__ = ["fine_warp"]

Plane = NDArray[np.float32]

GAIN = 0.01
"""What a warp with more freedom must gain in correlation to be preferred."""
TRUSTED = 0.15
"""Correlation of the signatures from which a warp is believed and refined."""


def fine_warp(signature: Plane, other: Plane, centred: Warp, texture: float) -> tuple[Warp, bool]:
    """The refined warp, and whether it is better than laying centre on centre.

    All is done at half the resolution; what that leaves, the residual field finds.
    """
    signature, other, centred = lowered(signature, 1), lowered(other, 1), at_half(centred)
    shape = signature.shape
    best, best_score = centred, score(signature, other, centred)

    def prefer(candidates: Iterable[Warp], gain: float) -> None:
        nonlocal best, best_score
        for candidate in candidates:
            scored = score(signature, other, candidate)
            if scored > best_score + gain:
                best, best_score = candidate, scored

    start, alone = first_start(signature, other)
    prefer(_continued(start, centred), 0.0)
    if not alone or not is_settled(signature, other, best, best_score):
        for further in further_starts(signature, other, texture):
            prefer(_continued(further, centred), 2 * GAIN)
            if is_settled(signature, other, best, best_score):
                break
    found = _ecc(signature, other, best, motion=cv2.MOTION_HOMOGRAPHY, iterations=15)
    prefer(believable(shape, best, found, centred)[1:], GAIN)  # the first of them is `best`, scored already
    # With scales and turns to choose from, two texts always find some agreement.
    if is_extraordinary(shape, best, centred) and not is_settled(signature, other, best, best_score):
        best, best_score = centred, score(signature, other, centred)
    trusted = best_score >= TRUSTED
    if not trusted and corner_move(shape, centred, best) > CORNER_LIMIT / 2:
        best = centred
    return from_half(best), trusted


def _continued(start: Start, centred: Warp) -> list[Warp]:
    """A start and the affine step from it, as far as they are believable."""
    found = _ecc(start.image, start.reference, start.warp, motion=cv2.MOTION_AFFINE, iterations=40)
    return believable(start.image.shape, start.warp, found, centred)


def _ecc(signature: Plane, other: Plane, warp: Warp, *, motion: int, iterations: int) -> Warp | None:
    """One run of enhanced correlation; None where it does not converge."""
    start = swapped(warp).astype(np.float32)
    if motion != cv2.MOTION_HOMOGRAPHY:
        start = np.ascontiguousarray(start[:2] / start[2, 2])
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, iterations, 1e-4)
    try:
        _, found = cv2.findTransformECC(signature, other, start, motion, criteria, None, 1)  # type: ignore[call-overload]
    except cv2.error:
        return None
    full = np.vstack([found, [0, 0, 1]]) if found.shape[0] == 2 else found
    return swapped(full.astype(np.float64)) if np.isfinite(full).all() else None
