"""The smooth residual field that is left after a warp, too stiff to follow dirt."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.opencv import blur, remap, resize, shrink, sobel

__all__ = ["with_residual"]

Plane = NDArray[np.float32]

FIELD_LIMIT = 3.0
"""Largest residual shift, px."""
SHRINK = 4
WINDOWS = (24.0, 16.0, 12.0)
"""Gaussian windows, px, of the residual steps: too wide to follow a piece of dirt."""


def with_residual(signature: Plane, other: Plane, row_map: Plane, col_map: Plane) -> tuple[Plane, Plane, float]:
    """Where each pixel lies in the reference, corrected by windowed Lucas-Kanade; the median of the last step, px.

    Each pixel votes with its gradient; votes of pixels that no shift explains (dirt) are cut down by
    (1 + (q / 1.5)^2)^-2, q the residual against what half a pixel of misalignment would make there.
    """
    last = 0.0
    for window in WINDOWS:
        warped = remap(other, row_map, col_map)
        d_row = sobel(warped, 0)
        d_col = sobel(warped, 1)
        error = signature - warped
        spread = np.float32(1.4826 * float(np.median(np.abs(error[::2, ::2]))) + 1e-3)
        q = error / (spread + np.float32(0.7) * np.sqrt(d_row * d_row + d_col * d_col))
        weight = np.asarray(1 / (1 + (q / np.float32(1.5)) ** 2) ** 2, np.float32)
        rr = _voted(weight * d_row * d_row, window)
        cc = _voted(weight * d_col * d_col, window)
        rc = _voted(weight * d_row * d_col, window)
        re = _voted(weight * d_row * error, window)
        ce = _voted(weight * d_col * error, window)
        # Where there is no gradient the correction goes to zero instead of to noise.
        ridge = np.float32(0.02) * np.float32(float(np.mean(rr + cc)) + 1e-6) + np.float32(1e-6)
        rr += ridge
        cc += ridge
        determinant = rr * cc - rc * rc
        small_row = np.clip((cc * re - rc * ce) / determinant, -FIELD_LIMIT, FIELD_LIMIT)
        small_col = np.clip((rr * ce - rc * re) / determinant, -FIELD_LIMIT, FIELD_LIMIT)
        row_step, col_step = (resize(np.asarray(s, np.float32), *signature.shape) for s in (small_row, small_col))
        row_map = np.asarray(row_map + row_step, np.float32)
        col_map = np.asarray(col_map + col_step, np.float32)
        last = float(np.median(np.hypot(small_row, small_col)))
    return row_map, col_map, last


def _voted(votes: Plane, window: float) -> Plane:
    """Votes added up in a Gaussian window, at a quarter of the resolution: the field is smooth anyway."""
    return blur(shrink(votes, SHRINK), window / SHRINK)
