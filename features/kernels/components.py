"""What is measured on the connected components of a thresholded map, painted back over their pixels."""

import numpy as np
from numba import njit


@njit(nogil=True, cache=True, error_model="numpy")
def component_sums(labels, probability, value, area, mass, peak, total):
    """Per label its pixels, the sum and maximum of `probability` and the sum of `value`; label 0 is the background.

    labels: (rows, cols) int32. area, mass, peak, total: (n,) float64, zero on entry.
    """
    rows, cols = labels.shape
    for i in range(rows):
        for j in range(cols):
            label = labels[i, j]
            if label > 0:
                p = np.float64(probability[i, j])
                area[label] += 1.0
                mass[label] += p
                peak[label] = max(peak[label], p)
                total[label] += value[i, j]


@njit(nogil=True, cache=True, error_model="numpy")
def paint(labels, of_label, out):
    """out[p] = of_label[labels[p]]."""
    rows, cols = labels.shape
    for i in range(rows):
        for j in range(cols):
            out[i, j] = of_label[labels[i, j]]


@njit(nogil=True, cache=True, error_model="numpy")
def log_odds(probability, floor, out):
    """out = log((p + floor) / (1 - p + floor)), so that 0 and 1 stay finite."""
    rows, cols = probability.shape
    one = np.float32(1.0)
    for i in range(rows):
        for j in range(cols):
            p = probability[i, j]
            out[i, j] = np.log((p + floor) / (one - p + floor))


@njit(nogil=True, cache=True, error_model="numpy")
def weighted_spread(weight, first, second, out):
    """out = sqrt(max(second / weight - (first / weight)^2, 0)), in float64: a small variance of large values."""
    rows, cols = weight.shape
    for i in range(rows):
        for j in range(cols):
            mean = np.float64(first[i, j]) / weight[i, j]
            out[i, j] = np.sqrt(max(np.float64(second[i, j]) / weight[i, j] - mean * mean, 0.0))


@njit(nogil=True, cache=True, error_model="numpy")
def share_of(value, whole, floor, out):
    """out = value sign(whole) / (|whole| + floor): how much of `whole` is here; 1 inside, 1/2 on a blurred border."""
    rows, cols = value.shape
    for i in range(rows):
        for j in range(cols):
            size = np.abs(whole[i, j]) + floor
            out[i, j] = value[i, j] / size if whole[i, j] >= 0 else -value[i, j] / size
