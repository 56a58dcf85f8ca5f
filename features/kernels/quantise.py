"""Measured values to bytes: 0 says no evidence, 1..255 is a value."""

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def signed_bytes(values, scale, out):
    """out = 128 + round(127 v / (|v| + scale)), NaN -> 0."""
    rows, cols = values.shape
    for i in range(rows):
        for j in range(cols):
            v = values[i, j]
            if np.isnan(v):
                out[i, j] = 0
            else:
                out[i, j] = np.uint8(np.floor(np.float32(128.5) + np.float32(127.0) * (v / (abs(v) + scale))))


@njit(nogil=True, cache=True)
def positive_bytes(values, scale, out):
    """out = 1 + round(254 v / (v + scale)) for v >= 0, 1 below, NaN -> 0."""
    rows, cols = values.shape
    for i in range(rows):
        for j in range(cols):
            v = values[i, j]
            if np.isnan(v):
                out[i, j] = 0
            else:
                v = max(v, np.float32(0.0))
                out[i, j] = np.uint8(np.floor(np.float32(1.5) + np.float32(254.0) * (v / (v + scale))))


@njit(nogil=True, cache=True)
def blank(covered, out):
    """out = 0 where `covered` is False."""
    rows, cols = covered.shape
    for i in range(rows):
        for j in range(cols):
            if not covered[i, j]:
                out[i, j] = 0
