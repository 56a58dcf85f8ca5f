"""The best warp of all starts: each refined by enhanced correlation, believed only where it agrees and can be."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from features.registration.agreement import is_settled
from features.registration.ascent import AFFINE, PROJECTIVE, climbed, score
from features.registration.bounds import CORNER_LIMIT, believable, is_extraordinary
from features.registration.starts import Start, first_start, further_starts
from features.registration.warps import Warp, corner_move
from features.smoothing import smooth

__all__ = ["fine_warp"]

Plane = NDArray[np.float32]

BLUR = 0.6
"""Px of the signatures; what is left of a screen must not lead to the wrong one of its dots."""
GAIN = 0.01
"""What a warp with more freedom must gain in correlation to be preferred."""
TRUSTED = 0.15
"""Correlation of the signatures from which a warp is believed and refined."""


def fine_warp(signature: Plane, other: Plane, centred: Warp, texture: float) -> tuple[Warp, bool]:
    """The refined warp, and whether it is better than laying centre on centre.

    Signatures and warps are at half the resolution of the image; what that leaves, the residual field finds.
    """
    signature, other = smooth(signature, BLUR), smooth(other, BLUR)
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
    found = climbed(signature, other, best, PROJECTIVE, 15)
    prefer(believable(shape, best, found, centred)[1:], GAIN)  # the first of them is `best`, scored already
    # With scales and turns to choose from, two texts always find some agreement.
    if is_extraordinary(shape, best, centred) and not is_settled(signature, other, best, best_score):
        best, best_score = centred, score(signature, other, centred)
    trusted = best_score >= TRUSTED
    if not trusted and corner_move(shape, centred, best) > CORNER_LIMIT / 2:
        best = centred
    return best, trusted


def _continued(start: Start, centred: Warp) -> list[Warp]:
    """A start and the affine steps from it, as far as they are believable."""
    found = climbed(start.image, start.reference, start.warp, AFFINE, 40)
    return believable(start.image.shape, start.warp, found, centred)
