"""Sums of shifted planes, of which the strongest is kept."""

import numpy as np
from numba import njit


@njit(nogil=True, cache=True, error_model="numpy")
def keep_stronger(plane, rim, offsets, weights, divisor, best):
    """best = f where |f| > |best|, f(p) = sum_k w_k plane(p + rim + o_k) / divisor.

    best: (rows, cols). plane: at least rim px larger on every side. offsets: o, (n, 2) int64, at most rim.
    weights: w, (n,).
    """
    rows, cols = best.shape
    line = np.empty(cols, np.float32)
    for i in range(rows):
        for j in range(cols):
            line[j] = np.float32(0.0)
        for k in range(weights.size):
            weight = weights[k] / divisor
            source = plane[i + rim + offsets[k, 0], rim + offsets[k, 1] : rim + offsets[k, 1] + cols]
            for j in range(cols):
                line[j] += weight * source[j]
        target = best[i]
        for j in range(cols):
            target[j] = line[j] if abs(line[j]) > abs(target[j]) else target[j]
