"""Local contrast of one plane: gradients, curvature, deviation."""

import numpy as np
from numba import njit

from features.kernels.edges import repeat_ends


@njit(nogil=True, cache=True, error_model="numpy")
def gradient_magnitude(src, out):
    """out = sqrt(dr^2 + dc^2) with central differences (src[i + 1] - src[i - 1]) / 2, edges repeated."""
    rows, cols = src.shape
    half = np.float32(0.5)
    line = np.empty(cols + 2, np.float32)
    for i in range(rows):
        above = src[max(i - 1, 0)]
        below = src[min(i + 1, rows - 1)]
        repeat_ends(src[i], 1, line)
        for j in range(cols):
            dr = (below[j] - above[j]) * half
            dc = (line[j + 2] - line[j]) * half
            out[i, j] = np.sqrt(dr * dr + dc * dc)


@njit(nogil=True, cache=True, error_model="numpy")
def hessian_eigenvalues(src, scale, smaller, larger):
    """Eigenvalues of the Hessian by second differences, times `scale`, edges repeated.

    With h = (a + c) / 2 and d = sqrt(((a - c) / 2)^2 + b^2): smaller = h - d, larger = h + d. Lindeberg 1998 takes
    scale = sigma^2 for a plane smoothed by sigma, so that sizes can be compared.
    """
    rows, cols = src.shape
    half = np.float32(0.5)
    quarter = np.float32(0.25)
    two = np.float32(2.0)
    above = np.empty(cols + 2, np.float32)
    line = np.empty(cols + 2, np.float32)
    below = np.empty(cols + 2, np.float32)
    for i in range(rows):
        repeat_ends(src[max(i - 1, 0)], 1, above)
        repeat_ends(src[i], 1, line)
        repeat_ends(src[min(i + 1, rows - 1)], 1, below)
        for j in range(cols):
            rr = above[j + 1] - two * line[j + 1] + below[j + 1]
            cc = line[j] - two * line[j + 1] + line[j + 2]
            rc = (below[j + 2] - below[j] - above[j + 2] + above[j]) * quarter
            mean = (rr + cc) * half
            gap = (rr - cc) * half
            spread = np.sqrt(gap * gap + rc * rc)
            smaller[i, j] = (mean - spread) * scale
            larger[i, j] = (mean + spread) * scale


@njit(nogil=True, cache=True, error_model="numpy")
def deviation(mean, mean_of_squares, out):
    """out = sqrt(max(mean_of_squares - mean^2, 0)); the planes have their wide local mean taken off first."""
    rows, cols = mean.shape
    zero = np.float32(0.0)
    for i in range(rows):
        for j in range(cols):
            out[i, j] = np.sqrt(max(mean_of_squares[i, j] - mean[i, j] * mean[i, j], zero))


@njit(nogil=True, cache=True, error_model="numpy")
def local_rank(src, radius, out):
    """out = share of the (2 radius + 1)^2 window that is smaller, ties counted half; 0.5 is the middle."""
    rows, cols = src.shape
    padded = np.empty((rows, cols + 2 * radius), np.float32)
    for i in range(rows):
        repeat_ends(src[i], radius, padded[i])
    share = np.float32(0.5 / ((2 * radius + 1) * (2 * radius + 1)))
    count = np.empty(cols, np.int32)
    for i in range(rows):
        count[:] = 0
        line = src[i]
        for di in range(-radius, radius + 1):
            row = padded[min(max(i + di, 0), rows - 1)]
            for k in range(2 * radius + 1):
                shifted = row[k:]
                for j in range(cols):
                    count[j] += np.int32(shifted[j] < line[j]) + np.int32(shifted[j] <= line[j])
        for j in range(cols):
            out[i, j] = count[j] * share
