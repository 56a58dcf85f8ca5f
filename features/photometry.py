"""The local gain and offset that make an aligned reference look like its image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.kernels.alignment import relight
from features.kernels.smooth import blur_at
from features.levels import median, thinned
from features.opencv import sobel
from features.smoothing import half_gaussian, lowered, raised, smooth

__all__ = ["match_focus", "match_light"]

Plane = NDArray[np.float32]

HALVINGS = 2
WINDOW = 36.0
"""Gaussian window of the fit, px: wide against dirt, narrow against the lamp's falloff."""
ROUNDS = 3
FOCUS_STEPS = (0.6, 0.9, 1.2)
FURTHER_STEPS = (1.7, 2.3, 3.0)
"""Tried one after the other where the largest step fits best, as long as each fits better."""


def match_light(test: Plane, reference: Plane, covered: NDArray[np.bool_]) -> Plane:
    """reference (rows, cols) float32 with a smooth gain and offset, clipped to 0..255; `test` where not covered.

    test ~ a reference + b in a window, fitted by three rounds of weighted least squares at a quarter of the resolution;
    the gain is drawn towards the one of the whole image where the window holds no contrast (ridge regression), and
    pixels that disagree lose their weight, so that dirt does not explain itself.
    """
    t, r, usable = (lowered(plane, HALVINGS) for plane in (test, reference, covered.astype(np.float32)))
    sigma = min(WINDOW / 2**HALVINGS, max(t.shape) / 2 + 0.5)
    weight = usable
    gain = np.full_like(t, _global_gain(t, r, usable))
    offset = np.zeros_like(t)
    for _ in range(ROUNDS):
        total = smooth(weight, sigma) + np.float32(1e-4)
        mean_t = smooth(weight * t, sigma) / total
        mean_r = smooth(weight * r, sigma) / total
        # Centred on the window's own means: raw moments in float32 would cancel on bright paper.
        dt, dr = t - mean_t, r - mean_r
        var = smooth(weight * dr * dr, sigma) / total
        cov = smooth(weight * dr * dt, sigma) / total
        prior = np.clip(mean_t / np.maximum(mean_r, 1), 0.4, 2.5)
        gain = np.clip((cov + 30 * prior) / (var + 30), 0.3, 3.0)
        offset = mean_t - gain * mean_r
        residual = np.abs(t - gain * r - offset)
        spread = np.float32(1.4826 * median(residual) + 0.3)
        weight = usable / (1 + (residual / (2 * spread)) ** 2) ** 2
    out = np.empty_like(reference)
    relight(reference, raised(gain, test.shape, HALVINGS), raised(offset, test.shape, HALVINGS), test, covered, out)
    return out


def _global_gain(t: Plane, r: Plane, usable: Plane) -> np.float32:
    return np.float32(np.clip((t * usable).sum() / max(float((r * usable).sum()), 1.0), 0.3, 3.0))


def match_focus(test: Plane, reference: Plane) -> tuple[float, float]:
    """Extra blur (of the test, of the reference), px sigma, one of them 0, that makes their edges alike.

    Chosen by the least clipped residual on the strongest tenth of the reference's edges, a grid of pixels asked.
    """
    d_row = sobel(reference, 0)
    d_col = sobel(reference, 1)
    strength = thinned(smooth(d_row * d_row + d_col * d_col, 1.5))
    edges = thinned(np.arange(reference.size).reshape(reference.shape))[strength >= np.quantile(strength, 0.9)]
    sharp_test, sharp_reference = test.ravel()[edges], reference.ravel()[edges]
    best, best_cost = (0.0, 0.0), _clipped(sharp_test - sharp_reference)
    previous = 0.0
    for sigma in (*FOCUS_STEPS, *FURTHER_STEPS):
        if sigma > FOCUS_STEPS[-1] and max(best) < previous:
            break
        previous = sigma
        cost = _clipped(sharp_test - _smooth_at(reference, sigma, edges))
        if cost < 0.98 * best_cost:
            best, best_cost = (0.0, sigma), cost
        cost = _clipped(_smooth_at(test, sigma, edges) - sharp_reference)
        if cost < 0.98 * best_cost:
            best, best_cost = (sigma, 0.0), cost
    return best


def _smooth_at(plane: Plane, sigma: float, places: NDArray[np.int64]) -> Plane:
    """The blurred plane at flat indices only, every tap within three sigma summed."""
    out = np.empty(places.size, np.float32)
    blur_at(plane, half_gaussian(sigma), places, out)
    return out


def _clipped(residual: Plane) -> float:
    return float(np.minimum(np.abs(residual), 40).mean())
