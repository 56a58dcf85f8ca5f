"""The smooth residual field that is left after a warp, too stiff to follow dirt."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.kernels.alignment import gradient_votes
from features.levels import median, thinned
from features.opencv import remap
from features.smoothing import lowered, raised, smooth

__all__ = ["with_residual"]

Plane = NDArray[np.float32]

FIELD_LIMIT = 3.0
"""Largest residual shift, px."""
HALVINGS = 2
WINDOWS = (24.0, 16.0, 12.0)
"""Gaussian windows, px, of the residual steps: too wide to follow a piece of dirt."""


def with_residual(signature: Plane, other: Plane, row_map: Plane, col_map: Plane) -> tuple[Plane, Plane, float]:
    """Where each pixel lies in the reference, corrected by windowed Lucas-Kanade; the median of the last step, px.

    Each pixel votes with its gradient; votes of pixels that no shift explains (dirt) are cut down by
    (1 + (q / 1.5)^2)^-2, q the residual against what half a pixel of misalignment would make there. Votes are added up
    at a quarter of the resolution: the field is smooth anyway.
    """
    last = 0.0
    votes = np.empty((5, *signature.shape), np.float32)
    for window in WINDOWS:
        warped = remap(other, row_map, col_map)
        spread = np.float32(1.4826 * median(np.abs(thinned(signature) - thinned(warped))) + 1e-3)
        gradient_votes(signature, warped, spread, votes)
        rr, cc, rc, re, ce = (smooth(lowered(vote, HALVINGS), window / 2**HALVINGS) for vote in votes)
        # Where there is no gradient the correction goes to zero instead of to noise.
        ridge = np.float32(0.02) * np.float32(float(np.mean(rr + cc)) + 1e-6) + np.float32(1e-6)
        rr += ridge
        cc += ridge
        determinant = rr * cc - rc * rc
        steps = np.stack([cc * re - rc * ce, rr * ce - rc * re]) / determinant
        field = np.clip(steps, -FIELD_LIMIT, FIELD_LIMIT).astype(np.float32)
        row_step, col_step = raised(field, signature.shape, HALVINGS)
        row_map, col_map = row_map + row_step, col_map + col_step
        last = median(np.hypot(*field))
    return row_map, col_map, last
