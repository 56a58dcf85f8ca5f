"""Sums over two planes laid on each other, from which a warp's next step is solved."""

import numpy as np
from numba import njit

from features.kernels.edges import repeat_ends


@njit(nogil=True, cache=True, error_model="numpy")
def places_through(warp, out):
    """out (2, rows, cols) float32: row and column to which the projective warp, (3, 3) float64, takes each pixel."""
    _, rows, cols = out.shape
    for i in range(rows):
        r = np.float64(i)
        for j in range(cols):
            c = np.float64(j)
            depth = warp[2, 0] * r + warp[2, 1] * c + warp[2, 2]
            out[0, i, j] = (warp[0, 0] * r + warp[0, 1] * c + warp[0, 2]) / depth
            out[1, i, j] = (warp[1, 0] * r + warp[1, 1] * c + warp[1, 2]) / depth


@njit(nogil=True, cache=True, error_model="numpy")
def plane_sums(image, warped, covered, out):
    """Column sums, float32, over the covered pixels of: 1, t, w, t t, w w, t w (t of image, w of warped).

    out: (6, cols), set to 0 before.
    """
    rows, cols = image.shape
    for i in range(rows):
        shown = image[i]
        seen = warped[i]
        inside = covered[i]
        for j in range(cols):
            m = np.float32(inside[j])
            t = shown[j] * m
            w = seen[j] * m
            out[0, j] += m
            out[1, j] += t
            out[2, j] += w
            out[3, j] += t * t
            out[4, j] += w * w
            out[5, j] += t * w


@njit(nogil=True, cache=True, error_model="numpy")
def gradient_sums(image, warped, covered, heights, squares, firsts):
    """Column sums, float32, over the covered pixels, each times a power of the row's height.

    r, c: central differences of `warped` along rows and columns, edges repeated. heights: (rows,) float32.
    squares: (3, powers, cols) of r r, r c, c c. firsts: (6, powers, cols) of r, c, r t, c t, r w, c w. Both set to 0
    before; powers from 0 upwards.
    """
    rows, cols = image.shape
    half = np.float32(0.5)
    line = np.empty(cols + 2, np.float32)
    products = np.empty((9, cols), np.float32)
    for i in range(rows):
        above = warped[max(i - 1, 0)]
        below = warped[min(i + 1, rows - 1)]
        repeat_ends(warped[i], 1, line)
        shown = image[i]
        inside = covered[i]
        for j in range(cols):
            m = half * np.float32(inside[j])
            r = (below[j] - above[j]) * m
            c = (line[j + 2] - line[j]) * m
            products[0, j] = r * r
            products[1, j] = r * c
            products[2, j] = c * c
            products[3, j] = r
            products[4, j] = c
            products[5, j] = r * shown[j]
            products[6, j] = c * shown[j]
            products[7, j] = r * line[j + 1]
            products[8, j] = c * line[j + 1]
        for k in range(9):
            target = squares[k] if k < 3 else firsts[k - 3]
            source = products[k]
            factor = np.float32(1.0)
            for power in range(target.shape[0]):
                into = target[power]
                for j in range(cols):
                    into[j] += factor * source[j]
                factor *= heights[i]
