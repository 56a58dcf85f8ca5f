"""Separable smoothing of a plane, edges repeated.

A row is padded once into a buffer, so that the loop over columns has no branch and LLVM vectorises it; taps are
added from the centre outwards in one fixed order, so that a tile gives the bytes of the whole image.
"""

import numpy as np
from numba import njit

from features.kernels.edges import repeat_ends


@njit(nogil=True, cache=True, error_model="numpy")
def even_rows(src, taps, out):
    """out[i, j] = taps[0] src[i, j] + sum_k taps[k] (src[i, j - k] + src[i, j + k])."""
    rows, cols = src.shape
    radius = taps.size - 1
    line = np.empty(cols + 2 * radius, np.float32)
    for i in range(rows):
        repeat_ends(src[i], radius, line)
        target = out[i]
        centre = line[radius:]
        weight = taps[0]
        for j in range(cols):
            target[j] = weight * centre[j]
        for k in range(1, radius + 1):
            left = line[radius - k :]
            right = line[radius + k :]
            weight = taps[k]
            for j in range(cols):
                target[j] += weight * (left[j] + right[j])


@njit(nogil=True, cache=True, error_model="numpy")
def even_columns(src, taps, out):
    """out[i, j] = taps[0] src[i, j] + sum_k taps[k] (src[i - k, j] + src[i + k, j])."""
    rows, cols = src.shape
    radius = taps.size - 1
    for i in range(rows):
        target = out[i]
        centre = src[i]
        weight = taps[0]
        for j in range(cols):
            target[j] = weight * centre[j]
        for k in range(1, radius + 1):
            above = src[max(i - k, 0)]
            below = src[min(i + k, rows - 1)]
            weight = taps[k]
            for j in range(cols):
                target[j] += weight * (above[j] + below[j])


@njit(nogil=True, cache=True, error_model="numpy")
def odd_rows(src, taps, out):
    """out[i, j] = sum_k taps[k] (src[i, j + k] - src[i, j - k]); taps[0] is not used."""
    rows, cols = src.shape
    radius = taps.size - 1
    line = np.empty(cols + 2 * radius, np.float32)
    for i in range(rows):
        repeat_ends(src[i], radius, line)
        target = out[i]
        for j in range(cols):
            target[j] = np.float32(0.0)
        for k in range(1, radius + 1):
            left = line[radius - k :]
            right = line[radius + k :]
            weight = taps[k]
            for j in range(cols):
                target[j] += weight * (right[j] - left[j])


@njit(nogil=True, cache=True, error_model="numpy")
def odd_columns(src, taps, out):
    """out[i, j] = sum_k taps[k] (src[i + k, j] - src[i - k, j]); taps[0] is not used."""
    rows, cols = src.shape
    radius = taps.size - 1
    for i in range(rows):
        target = out[i]
        for j in range(cols):
            target[j] = np.float32(0.0)
        for k in range(1, radius + 1):
            above = src[max(i - k, 0)]
            below = src[min(i + k, rows - 1)]
            weight = taps[k]
            for j in range(cols):
                target[j] += weight * (below[j] - above[j])


@njit(nogil=True, cache=True, error_model="numpy")
def blur_at(src, taps, places, out):
    """What `even_rows` and then `even_columns` give, edges repeated, at the flat indices `places` only."""
    rows, cols = src.shape
    radius = taps.size - 1
    column = np.empty(2 * radius + 1, np.float32)
    for n in range(places.size):
        row = places[n] // cols
        col = places[n] % cols
        for k in range(2 * radius + 1):
            line = src[min(max(row + k - radius, 0), rows - 1)]
            total = taps[0] * line[col]
            for t in range(1, radius + 1):
                total += taps[t] * (line[max(col - t, 0)] + line[min(col + t, cols - 1)])
            column[k] = total
        total = taps[0] * column[radius]
        for t in range(1, radius + 1):
            total += taps[t] * (column[radius - t] + column[radius + t])
        out[n] = total
