"""What registration measures of two planes that are laid on each other, and one lit as the other."""

import numpy as np
from numba import njit

from features.kernels.edges import repeat_ends


@njit(nogil=True, cache=True, error_model="numpy")
def gradient_votes(image, warped, spread, out):
    """Products of gradient and error, weighted: r r, c c, r c, r e, c e.

    e = image - warped; r, c: central differences of `warped` along rows and columns, edges repeated. A pixel weighs
    (1 + (q / 1.5)^2)^-2 with q = e / (spread + .35 sqrt(r^2 + c^2)). out: (5, rows, cols).
    """
    rows, cols = image.shape
    half = np.float32(0.5)
    one = np.float32(1.0)
    line = np.empty(cols + 2, np.float32)
    for i in range(rows):
        above = warped[max(i - 1, 0)]
        below = warped[min(i + 1, rows - 1)]
        repeat_ends(warped[i], 1, line)
        shown = image[i]
        for j in range(cols):
            r = (below[j] - above[j]) * half
            c = (line[j + 2] - line[j]) * half
            e = shown[j] - line[j + 1]
            q = e / (spread + np.float32(0.35) * np.sqrt(r * r + c * c)) / np.float32(1.5)
            weight = one / ((one + q * q) * (one + q * q))
            out[0, i, j] = weight * r * r
            out[1, i, j] = weight * c * c
            out[2, i, j] = weight * r * c
            out[3, i, j] = weight * r * e
            out[4, i, j] = weight * c * e


@njit(nogil=True, cache=True, error_model="numpy")
def relight(reference, gain, offset, image, covered, out):
    """out = reference gain + offset, clipped to 0..255, where covered, else image."""
    rows, cols = reference.shape
    low = np.float32(0.0)
    high = np.float32(255.0)
    for i in range(rows):
        seen = covered[i]
        for j in range(cols):
            lit = min(max(reference[i, j] * gain[i, j] + offset[i, j], low), high)
            out[i, j] = lit if seen[j] else image[i, j]


@njit(nogil=True, cache=True, error_model="numpy")
def masked_correlation(a, b, covered):
    """Pearson correlation of two planes where `covered`, 0 for fewer than 64 pixels; sums in float64, two passes."""
    rows, cols = a.shape
    count = 0
    mean_a = np.float64(0.0)
    mean_b = np.float64(0.0)
    for i in range(rows):
        for j in range(cols):
            if covered[i, j]:
                count += 1
                mean_a += a[i, j]
                mean_b += b[i, j]
    if count < 64:
        return 0.0
    mean_a /= count
    mean_b /= count
    aa = np.float64(1e-12)
    bb = np.float64(1e-12)
    ab = np.float64(0.0)
    for i in range(rows):
        for j in range(cols):
            if covered[i, j]:
                x = a[i, j] - mean_a
                y = b[i, j] - mean_b
                aa += x * x
                bb += y * y
                ab += x * y
    return ab / np.sqrt(aa * bb)
