"""Straight lines of one sign: what a stroke of text is not and a scratch is."""

import numpy as np
from numba import njit

from features.kernels.edges import repeat_ends


@njit(nogil=True, cache=True, error_model="numpy")
def steady_lines(src, row_steps, col_steps, lowest, highest, direction):
    """The straight line through each point that is dark or bright along all of its length.

    A line is cut into three parts of as many pixels; its darkness is the largest of their means, so that all three are
    at least as dark, its brightness the smallest. lowest = min darkness over orientations, highest = max brightness;
    direction = the number of the orientation of the one that is further from 0. Edges are repeated.

    row_steps, col_steps: (orientations, 3 n) int64 offsets along each line. direction: (rows, cols) uint8.
    """
    rows, cols = src.shape
    orientations, points = row_steps.shape
    third = points // 3
    reach = np.int64(0)
    for o in range(orientations):
        for p in range(points):
            reach = max(reach, abs(col_steps[o, p]))
    padded = np.empty((rows, cols + 2 * reach), np.float32)
    for i in range(rows):
        repeat_ends(src[i], reach, padded[i])
    sums = np.empty((3, cols), np.float32)
    share = np.float32(1.0 / third)
    for i in range(rows):
        low, high, way = lowest[i], highest[i], direction[i]
        for o in range(orientations):
            for part in range(3):
                total = sums[part]
                total[:] = np.float32(0.0)
                for p in range(part * third, (part + 1) * third):
                    line = padded[min(max(i + row_steps[o, p], 0), rows - 1), reach + col_steps[o, p] :]
                    for j in range(cols):
                        total[j] += line[j]
            first, second, last = sums[0], sums[1], sums[2]
            if o == 0:
                for j in range(cols):
                    low[j] = share * max(first[j], max(second[j], last[j]))
                    high[j] = share * min(first[j], min(second[j], last[j]))
                    way[j] = np.uint8(0)
            else:
                for j in range(cols):
                    dark = share * max(first[j], max(second[j], last[j]))
                    bright = share * min(first[j], min(second[j], last[j]))
                    if max(-dark, bright) > max(-low[j], high[j]):
                        way[j] = np.uint8(o)
                    low[j] = min(low[j], dark)
                    high[j] = max(high[j], bright)
