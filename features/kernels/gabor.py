"""Energy of a complex Gabor filter from its four separable parts."""

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def energy(cos_cos, sin_sin, sin_cos, cos_sin, blurred, mean_gain, out):
    """out = |response| of exp(-|p|^2 / 2 s^2) exp(i k.p), its response to a constant taken off.

    With k.p = a + b (row part a, column part b): cos(a + b) = cos a cos b - sin a sin b and
    sin(a + b) = sin a cos b + cos a sin b, so that every part is separable (Daugman 1985).
    """
    rows, cols = cos_cos.shape
    for i in range(rows):
        for j in range(cols):
            even = cos_cos[i, j] - sin_sin[i, j] - mean_gain * blurred[i, j]
            odd = sin_cos[i, j] + cos_sin[i, j]
            out[i, j] = np.sqrt(even * even + odd * odd)
