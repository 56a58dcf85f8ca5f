"""What of a picture is compared: locally normalised luminance at half the resolution, without printing and light."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.smoothing import lowered, smooth

__all__ = ["signature_of", "without_screen"]

Plane = NDArray[np.float32]

DESCREEN = 1.0
"""Blur, px; with that of halving, 1.3: removes most of a halftone of up to ~4 px before anything is compared."""


def signature_of(plane: Plane) -> tuple[Plane, float]:
    """High-passed, locally normalised luminance at half the resolution of `plane`; how much of it is picture.

    That is the share of its variance without the finest grain, 0..1, which survives a wider blur.
    """
    blurred = lowered(smooth(plane, DESCREEN), 1)
    high = blurred - smooth(blurred, 6.0)
    energy = smooth(high * high, 6.0)
    narrow, wider = smooth(high, 0.6), smooth(high, 1.5)
    floor = np.float32(0.25 + 0.05 * float(np.sqrt(np.mean(high * high))))
    texture = float(np.mean(wider * wider)) / (float(np.mean(narrow * narrow)) + 0.5)
    return np.asarray(high / (np.sqrt(energy) + floor), np.float32), texture


def without_screen(signature: Plane) -> Plane:
    """`signature` without the lines of a halftone in its spectrum; the same object where there are none.

    A line stands twenty times above the mean power around it, at periods of 2 to 24 px. Pictures have broad spectra:
    what is cut, Gaussian notches of 3 bins, costs them little.
    """
    rows, cols = signature.shape
    window = np.outer(np.hanning(rows), np.hanning(cols)).astype(np.float32)
    power = np.abs(np.fft.fft2(signature * window)).astype(np.float32) ** 2
    frequency = np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.fftfreq(cols)[None, :])
    power[frequency < 1 / 24] = 0
    around = smooth(np.fft.fftshift(power).astype(np.float32), 6.0)
    lines = (np.fft.fftshift(power) > 20 * around) & (np.fft.fftshift(frequency) >= 1 / 24)
    if not lines.any():
        return signature
    notches = smooth(lines.astype(np.float32), 3.0) * np.float32(2 * np.pi * 9)
    keep = np.fft.ifftshift(1 - np.minimum(notches, 1))
    return np.ascontiguousarray(np.fft.ifft2(np.fft.fft2(signature) * keep).real, np.float32)
