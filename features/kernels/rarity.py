"""The distance from a mean in a space of many planes."""

import numpy as np
from numba import njit


@njit(nogil=True, cache=True, error_model="numpy")
def squared_lengths(planes, whitening, out):
    """out = |W x|^2 of every pixel. planes: (n, rows, cols); whitening: W, (n, n), lower triangular."""
    count, rows, cols = planes.shape
    line = np.empty(cols, np.float32)
    for i in range(rows):
        target = out[i]
        for j in range(cols):
            target[j] = np.float32(0.0)
        for a in range(count):
            for j in range(cols):
                line[j] = np.float32(0.0)
            for b in range(a + 1):
                weight = whitening[a, b]
                source = planes[b, i]
                for j in range(cols):
                    line[j] += weight * source[j]
            for j in range(cols):
                target[j] += line[j] * line[j]
