"""Maximum over a square window, edges repeated; the minimum is the maximum of the negative plane, negated."""

import numpy as np
from numba import njit

from features.kernels.edges import repeat_ends


@njit(nogil=True, cache=True)
def window_maximum(src, radius, buffer, out):
    """out[i, j] = max of src over |di| <= radius, |dj| <= radius; `buffer` has the shape of `out`."""
    rows, cols = src.shape
    line = np.empty(cols + 2 * radius, np.float32)
    for i in range(rows):
        repeat_ends(src[i], radius, line)
        target = buffer[i]
        for j in range(cols):
            target[j] = line[j]
        for k in range(1, 2 * radius + 1):
            shifted = line[k:]
            for j in range(cols):
                target[j] = max(target[j], shifted[j])
    for i in range(rows):
        target = out[i]
        target[:] = buffer[i]
        for k in range(1, radius + 1):
            above = buffer[max(i - k, 0)]
            below = buffer[min(i + k, rows - 1)]
            for j in range(cols):
                target[j] = max(target[j], max(above[j], below[j]))
