"""Measured values to bytes: 0 says no evidence, 1..255 is a value."""

import numpy as np
from numba import njit


@njit(nogil=True, cache=True, error_model="numpy")
def signed_bytes(values, scale, out):
    """out = 128 + round(127 v / (|v| + scale)), NaN -> 0."""
    rows, cols = values.shape
    for i in range(rows):
        line = values[i]
        target = out[i]
        for j in range(cols):
            v = line[j]
            byte = np.int32(np.float32(128.5) + np.float32(127.0) * (v / (abs(v) + scale)))
            target[j] = np.uint8(byte) if v == v else np.uint8(0)


@njit(nogil=True, cache=True, error_model="numpy")
def positive_bytes(values, scale, out):
    """out = 1 + round(254 v / (v + scale)) for v >= 0, 1 below, NaN -> 0."""
    rows, cols = values.shape
    for i in range(rows):
        line = values[i]
        target = out[i]
        for j in range(cols):
            v = line[j]
            size = max(v, np.float32(0.0))
            byte = np.int32(np.float32(1.5) + np.float32(254.0) * (size / (size + scale)))
            target[j] = np.uint8(byte) if v == v else np.uint8(0)


@njit(nogil=True, cache=True, error_model="numpy")
def blank(covered, out):
    """out = 0 where `covered` is False."""
    rows, cols = covered.shape
    for i in range(rows):
        seen = covered[i]
        target = out[i]
        for j in range(cols):
            target[j] = target[j] if seen[j] else np.uint8(0)
