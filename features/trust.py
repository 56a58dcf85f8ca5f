"""How far a difference between an image and its aligned reference can be believed, pixel by pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.levels import median, thinned
from features.opencv import sobel
from features.smoothing import lowered, raised, smooth

__all__ = ["trust"]

Plane = NDArray[np.float32]

USUAL = np.float32(0.2)
"""Misalignment, px, that is taken for granted: what registration leaves on drawn pairs of known warp."""
WORST = np.float32(3.0)
"""Largest misalignment, px, that a single pixel can vote for: dirt is no misalignment."""
WINDOW = 12.0
"""Gaussian window, px, in which misalignment is measured: as narrow as the narrowest step of registration."""
RIM = np.float32(4.0)
"""Distance, px, to the border of the reference from which it is believed in full."""


def trust(test: Plane, reference: Plane, field: NDArray[np.float32], shape: tuple[int, ...]) -> Plane:
    """(rows, cols) float32, 0 (no evidence) to 1 (what is measured is what is there).

    test, reference: (rows, cols) float32, luminance of the same light and focus, the reference aligned. field: (2,
    rows, cols) float32, where each pixel was read in the reference, as (row, column). shape: of the reference as shot.

        trust = rim n^2 / (n^2 + (m g)^2)
        m     = (0.2 n^2 + G_12 (g min(max(|D| - n, 0), 3 g))) / (n^2 + G_12 g^2)

    D = test - reference; n = 1.48 median |D| + 0.3, grey levels, is the noise of the whole image; g = sqrt(G_1.5 |grad
    reference|^2) the edge strength, grey levels a px. m is the local misalignment, px: the slope of the difference
    beyond the noise against the edge strength, by least squares in a Gaussian window and drawn to 0.2 px where there
    is nothing to measure, so that m g is the difference that misalignment alone makes here (Steger, Ulrich and
    Wiedemann 2018, ch. 3.4, take the same multiple of the edge strength everywhere). rim grows from 0 at the border of
    what the reference shows to 1 at 4 px inside. Measured at half resolution. Use it to weigh a difference, or give it
    to a learner; a defect on a plain ground keeps a trust of 1.
    """
    small, other = lowered(test, 1), lowered(reference, 1)
    size = np.abs(small - other)
    noise = np.float32(1.4826 * median(thinned(size)) + 0.3)
    blurred = smooth(other, 0.6)
    d_row, d_col = sobel(blurred, 0), sobel(blurred, 1)
    edge = np.sqrt(smooth((d_row * d_row + d_col * d_col) * np.float32(0.25), 0.75))  # px of the full resolution
    beyond = np.minimum(np.maximum(size - noise, 0), WORST * edge)
    votes = USUAL * noise * noise + smooth(edge * beyond, WINDOW / 2)
    misaligned = votes / (noise * noise + smooth(edge * edge, WINDOW / 2))
    explained = misaligned * edge
    believed = noise * noise / (noise * noise + explained * explained)
    return np.asarray(raised(believed, test.shape, 1) * _rim(field, shape), np.float32)


def _rim(field: NDArray[np.float32], shape: tuple[int, ...]) -> Plane:
    """0 outside the reference and at its border, 1 from `RIM` inside; by the distance in the reference's own px."""
    rows, cols = field
    inside = np.minimum(np.minimum(rows, shape[0] - 1 - rows), np.minimum(cols, shape[1] - 1 - cols)) + np.float32(0.5)
    return np.asarray(np.clip(inside / RIM, 0, 1), np.float32)
