"""Point-wise evidence from an image and its aligned reference."""

import numpy as np
from numba import njit

from features.kernels.edges import repeat_ends


@njit(nogil=True, cache=True, error_model="numpy")
def outside_envelope(value, low, high, out):
    """out = value - high above the envelope, value - low (negative) below it, 0 inside."""
    rows, cols = value.shape
    zero = np.float32(0.0)
    for i in range(rows):
        for j in range(cols):
            out[i, j] = max(value[i, j] - high[i, j], zero) + min(value[i, j] - low[i, j], zero)


@njit(nogil=True, cache=True, error_model="numpy")
def tolerant_minimum(test_a, test_b, reference_a, reference_b, radius, out):
    """out[p] = min over shifts |q| <= radius (square) of max(|test_a[p] - ref_a[p + q]|, |test_b[p] - ref_b[p + q]|).

    Edges are repeated. A shift that explains one channel but not the other is not accepted.
    """
    rows, cols = test_a.shape
    padded_a = np.empty(cols + 2 * radius, np.float32)
    padded_b = np.empty(cols + 2 * radius, np.float32)
    for i in range(rows):
        target = out[i]
        target[:] = np.float32(np.inf)
        line_a = test_a[i]
        line_b = test_b[i]
        for di in range(-radius, radius + 1):
            row = min(max(i + di, 0), rows - 1)
            repeat_ends(reference_a[row], radius, padded_a)
            repeat_ends(reference_b[row], radius, padded_b)
            for k in range(2 * radius + 1):
                shifted_a = padded_a[k:]
                shifted_b = padded_b[k:]
                for j in range(cols):
                    gap = max(abs(line_a[j] - shifted_a[j]), abs(line_b[j] - shifted_b[j]))
                    target[j] = min(target[j], gap)


@njit(nogil=True, cache=True, error_model="numpy")
def ratio(numerator, denominator, floor, weight, out):
    """out = numerator / (floor + weight * denominator)."""
    rows, cols = numerator.shape
    for i in range(rows):
        for j in range(cols):
            out[i, j] = numerator[i, j] / (floor + weight * denominator[i, j])


@njit(nogil=True, cache=True, error_model="numpy")
def correlation(mean_a, mean_b, mean_aa, mean_bb, mean_ab, floor, out):
    """out = (cov + floor) / sqrt((var_a + floor) (var_b + floor)) from local moments.

    The moments are of planes whose wide local mean was taken off, or the float32 variance would cancel.
    """
    rows, cols = mean_a.shape
    zero = np.float32(0.0)
    for i in range(rows):
        for j in range(cols):
            a = mean_a[i, j]
            b = mean_b[i, j]
            var_a = max(mean_aa[i, j] - a * a, zero)
            var_b = max(mean_bb[i, j] - b * b, zero)
            cov = mean_ab[i, j] - a * b
            out[i, j] = (cov + floor) / np.sqrt((var_a + floor) * (var_b + floor))


@njit(nogil=True, cache=True, error_model="numpy")
def variance_contrast(mean_a, mean_b, mean_aa, mean_bb, floor, out):
    """out = (var_a - var_b) / (var_a + var_b + 2 floor), in -1..1: a monotone stand-in for the log ratio."""
    rows, cols = mean_a.shape
    zero = np.float32(0.0)
    for i in range(rows):
        for j in range(cols):
            var_a = max(mean_aa[i, j] - mean_a[i, j] * mean_a[i, j], zero)
            var_b = max(mean_bb[i, j] - mean_b[i, j] * mean_b[i, j], zero)
            out[i, j] = (var_a - var_b) / (var_a + var_b + np.float32(2.0) * floor)


@njit(nogil=True, cache=True, error_model="numpy")
def line_extremes(src, row_steps, col_steps, lowest, highest):
    """lowest / highest over orientations of the mean of src along a straight line of pixels through the point.

    row_steps, col_steps: (orientations, points) int64 offsets. Edges are repeated.
    """
    rows, cols = src.shape
    orientations, points = row_steps.shape
    reach = np.int64(0)
    for o in range(orientations):
        for p in range(points):
            reach = max(reach, abs(col_steps[o, p]))
    padded = np.empty((rows, cols + 2 * reach), np.float32)
    for i in range(rows):
        repeat_ends(src[i], reach, padded[i])
    total = np.empty(cols, np.float32)
    share = np.float32(1.0 / points)
    for i in range(rows):
        low = lowest[i]
        high = highest[i]
        low[:] = np.float32(np.inf)
        high[:] = np.float32(-np.inf)
        for o in range(orientations):
            total[:] = np.float32(0.0)
            for p in range(points):
                line = padded[min(max(i + row_steps[o, p], 0), rows - 1), reach + col_steps[o, p] :]
                for j in range(cols):
                    total[j] += line[j]
            for j in range(cols):
                low[j] = min(low[j], total[j] * share)
                high[j] = max(high[j], total[j] * share)
