"""Energy of complex Gabor filters from their separable parts."""

import numpy as np
from numba import njit


@njit(nogil=True, cache=True, error_model="numpy")
def straight_energy(even, odd, blurred, mean_gain, out):
    """out = |response| of exp(-|p|^2 / 2 s^2) exp(i k.p), its response to a constant taken off; k along an axis."""
    rows, cols = even.shape
    for i in range(rows):
        for j in range(cols):
            real = even[i, j] - mean_gain * blurred[i, j]
            out[i, j] = np.sqrt(real * real + odd[i, j] * odd[i, j])


@njit(nogil=True, cache=True, error_model="numpy")
def slanted_energies(cos_cos, sin_sin, sin_cos, cos_sin, blurred, mean_gain, falling, rising):
    """The same for k along a diagonal: down to the right, and up to the right.

    With k.p = a + b (row part a, column part b): cos(a + b) = cos a cos b - sin a sin b and
    sin(a + b) = sin a cos b + cos a sin b, so that every part is separable (Daugman 1985). The other diagonal has -b.
    """
    rows, cols = cos_cos.shape
    for i in range(rows):
        for j in range(cols):
            same = cos_cos[i, j] - mean_gain * blurred[i, j]
            even = same - sin_sin[i, j]
            odd = sin_cos[i, j] + cos_sin[i, j]
            falling[i, j] = np.sqrt(even * even + odd * odd)
            even = same + sin_sin[i, j]
            odd = sin_cos[i, j] - cos_sin[i, j]
            rising[i, j] = np.sqrt(even * even + odd * odd)
