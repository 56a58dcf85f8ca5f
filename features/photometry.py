"""The local gain and offset that make an aligned reference look like its image."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["match_focus", "match_light"]

Plane = NDArray[np.float32]

SHRINK = 4
WINDOW = 36.0
"""Gaussian window of the fit, px: wide against dirt, narrow against the lamp's falloff."""
ROUNDS = 3
FOCUS_STEPS = (0.6, 0.9, 1.2)


def match_light(test: Plane, reference: Plane, covered: NDArray[np.bool_]) -> Plane:
    """reference (rows, cols) float32 with a smooth gain and offset applied, clipped to 0..255.

    test ~ a reference + b in a window, fitted by three rounds of weighted least squares on planes shrunk by four; the
    gain is drawn towards the one of the whole image where the window holds no contrast (ridge regression), and pixels
    that disagree lose their weight, so that dirt does not explain itself.
    """
    rows, cols = test.shape
    small = (max(1, cols // SHRINK), max(1, rows // SHRINK))
    t = cv2.resize(test, small, interpolation=cv2.INTER_AREA)
    r = cv2.resize(reference, small, interpolation=cv2.INTER_AREA)
    usable = cv2.resize(covered.astype(np.float32), small, interpolation=cv2.INTER_AREA)
    sigma = min(WINDOW / SHRINK, max(small) / 2 + 0.5)
    weight = usable
    gain = np.full_like(t, _global_gain(t, r, usable))
    offset = np.zeros_like(t)
    for _ in range(ROUNDS):
        total = cv2.GaussianBlur(weight, (0, 0), sigma) + np.float32(1e-4)
        mean_t = cv2.GaussianBlur(weight * t, (0, 0), sigma) / total
        mean_r = cv2.GaussianBlur(weight * r, (0, 0), sigma) / total
        # Centred on the window's own means: raw moments in float32 would cancel on bright paper.
        dt, dr = t - mean_t, r - mean_r
        var = cv2.GaussianBlur(weight * dr * dr, (0, 0), sigma) / total
        cov = cv2.GaussianBlur(weight * dr * dt, (0, 0), sigma) / total
        prior = np.clip(mean_t / np.maximum(mean_r, 1), 0.4, 2.5)
        gain = np.clip((cov + 30 * prior) / (var + 30), 0.3, 3.0)
        offset = mean_t - gain * mean_r
        residual = np.abs(t - gain * r - offset)
        spread = np.float32(1.4826 * float(np.median(residual)) + 0.3)
        weight = usable / (1 + (residual / (2 * spread)) ** 2) ** 2
    full = (cols, rows)
    matched = reference * cv2.resize(gain, full, interpolation=cv2.INTER_LINEAR)
    matched += cv2.resize(offset, full, interpolation=cv2.INTER_LINEAR)
    return np.clip(matched, 0, 255).astype(np.float32)


def _global_gain(t: Plane, r: Plane, usable: Plane) -> np.float32:
    return np.float32(np.clip((t * usable).sum() / max(float((r * usable).sum()), 1.0), 0.3, 3.0))


def match_focus(test: Plane, reference: Plane) -> tuple[float, float]:
    """Extra blur (of the test, of the reference), px sigma, one of them 0, that makes their edges alike.

    Chosen by the least clipped residual on the strongest tenth of the reference's edges.
    """
    d_row = cv2.Sobel(reference, cv2.CV_32F, 0, 1)
    d_col = cv2.Sobel(reference, cv2.CV_32F, 1, 0)
    strength = cv2.GaussianBlur(d_row * d_row + d_col * d_col, (0, 0), 1.5)
    edges = strength >= np.quantile(strength[::2, ::2], 0.9)
    best, best_cost = (0.0, 0.0), _clipped(test - reference, edges)
    for sigma in FOCUS_STEPS:
        cost = _clipped(test - cv2.GaussianBlur(reference, (0, 0), sigma), edges)
        if cost < 0.98 * best_cost:
            best, best_cost = (0.0, sigma), cost
        cost = _clipped(cv2.GaussianBlur(test, (0, 0), sigma) - reference, edges)
        if cost < 0.98 * best_cost:
            best, best_cost = (sigma, 0.0), cost
    return best


def _clipped(residual: Plane, where: NDArray[np.bool_]) -> float:
    return float(np.minimum(np.abs(residual[where]), 40).mean())
