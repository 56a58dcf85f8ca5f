"""Half the resolution and back: wide windows are measured where they are narrow."""

import numpy as np
from numba import njit


@njit(nogil=True, cache=True, error_model="numpy")
def halve(src, out):
    """Weights 1 3 3 1 / 8 in each direction about the corner of every 2 x 2 pixels, edges repeated.

    out: ((rows + 1) // 2, (cols + 1) // 2). What half the resolution cannot show is damped before it is left out.
    """
    rows, cols = src.shape
    height, width = out.shape
    line = np.empty(2 * width + 2, np.float32)
    three = np.float32(3.0)
    share = np.float32(1.0 / 64.0)
    for i in range(height):
        above = src[max(2 * i - 1, 0)]
        first = src[2 * i]
        second = src[min(2 * i + 1, rows - 1)]
        below = src[min(2 * i + 2, rows - 1)]
        for j in range(cols):
            line[j + 1] = three * (first[j] + second[j]) + (above[j] + below[j])
        line[0] = line[1]
        for j in range(cols + 1, 2 * width + 2):
            line[j] = line[cols]
        target = out[i]
        for j in range(width):
            target[j] = share * (three * (line[2 * j + 1] + line[2 * j + 2]) + (line[2 * j] + line[2 * j + 3]))


@njit(nogil=True, cache=True, error_model="numpy")
def double(src, out):
    """Linear interpolation to twice the resolution; edges repeated. Undoes `halve` on planes that are linear.

    A fine pixel lies a quarter of a coarse one beside the nearest coarse centre: out = (3 near + far) / 4 in each
    direction. out: (rows, cols) with (rows + 1) // 2, (cols + 1) // 2 those of src.
    """
    rows, cols = out.shape
    height, width = src.shape
    line = np.empty(width + 2, np.float32)
    near_share = np.float32(0.75)
    far_share = np.float32(0.25)
    pairs = cols // 2
    for i in range(rows):
        near = src[i // 2]
        far = src[min(i // 2 + 1, height - 1)] if i % 2 else src[max(i // 2 - 1, 0)]
        for j in range(width):
            line[j + 1] = near_share * near[j] + far_share * far[j]
        line[0] = line[1]
        line[width + 1] = line[width]
        target = out[i]
        for j in range(pairs):
            middle = near_share * line[j + 1]
            target[2 * j] = middle + far_share * line[j]
            target[2 * j + 1] = middle + far_share * line[j + 2]
        if cols % 2:
            target[cols - 1] = near_share * line[width] + far_share * line[width - 1]
