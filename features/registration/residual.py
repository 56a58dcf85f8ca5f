"""The smooth residual field that is left after a warp, too stiff to follow dirt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.kernels.alignment import gradient_votes
from features.levels import median, thinned
from features.opencv import remap
from features.registration.warps import Warp, dense
from features.smoothing import lowered, raised, smooth

__all__ = ["Residual", "residual_field"]

Plane = NDArray[np.float32]

LIMIT = 1.5
"""Largest step of the field, px of the signatures."""
WINDOWS = (12.0, 8.0, 6.0)
"""Gaussian windows, px of the signatures, of the steps: too wide to follow a piece of dirt."""


@dataclass(frozen=True, slots=True)
class Residual:
    """The field of a pair of signatures.

    field: (2, rows, cols) float32 at half the resolution of the signatures, px of the signatures, (row, column). last:
    median length of the last step, px of the signatures.
    """

    field: NDArray[np.float32]
    last: float

    def at(self, shape: tuple[int, ...], halvings: int) -> NDArray[np.float32]:
        """(2, rows, cols) of a plane of that shape, of which the field has been halved so often; px of that plane."""
        return raised(self.field, shape, halvings) * np.float32(2 ** (halvings - 1))


def residual_field(signature: Plane, other: Plane, warp: Warp) -> Residual:
    """What `warp` leaves, by windowed Lucas-Kanade.

    Each pixel votes with its gradient; votes of pixels that no shift explains (dirt) are cut down by
    (1 + (q / 1.5)^2)^-2, q the residual against what a quarter of a pixel of misalignment would make there. Votes are
    added up at half the resolution: the field is smooth anyway. A step that made things worse is undone and the last:
    gradients of a fine screen are underrated, and steps by them grow.
    """
    row_map, col_map = dense(warp, *signature.shape)
    votes = np.empty((5, *signature.shape), np.float32)
    whole = np.zeros((2, *(np.array(signature.shape) + 1) // 2), np.float32)
    best, least, last = whole, np.inf, 0.0
    for window in WINDOWS:
        row_step, col_step = raised(whole, signature.shape, 1)
        warped = remap(other, row_map + row_step, col_map + col_step)
        spread = 1.4826 * median(np.abs(thinned(signature) - thinned(warped))) + 1e-3
        if spread > least:
            return Residual(best, last)
        best, least = whole, spread
        gradient_votes(signature, warped, np.float32(spread), votes)
        rr, cc, rc, re, ce = (smooth(lowered(vote, 1), window / 2) for vote in votes)
        # Where there is no gradient the correction goes to zero instead of to noise.
        ridge = np.float32(0.02) * np.float32(float(np.mean(rr + cc)) + 1e-6) + np.float32(1e-6)
        rr += ridge
        cc += ridge
        determinant = rr * cc - rc * rc
        steps = np.stack([cc * re - rc * ce, rr * ce - rc * re]) / determinant
        field = np.clip(steps, -LIMIT, LIMIT).astype(np.float32)
        whole = whole + field
        last = median(np.hypot(*field))
    return Residual(whole, last)
