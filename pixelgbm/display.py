"""Planes as a person can look at them: eight bits, three channels."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["coloured", "displayable"]


def displayable(image: NDArray[Any]) -> NDArray[np.uint8]:
    """Any image as (rows, cols, 3) uint8; 16 bits are shown by their upper eight."""
    shown = (image // (256 if image.dtype == np.uint16 else 1)).astype(np.uint8)
    return np.repeat(shown[..., None], 3, axis=2) if shown.ndim == 2 else shown


def coloured(probability: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A map as (rows, cols, 3) uint8 from dark violet (0) to yellow (1), lighter as its square root grows.

    A calibrated map of a faint defect says some hundredths; in proportion they would be as dark as nothing.
    """
    levels = np.rint(np.sqrt(probability) * np.float32(255)).astype(np.uint8)
    return np.ascontiguousarray(cv2.applyColorMap(levels, cv2.COLORMAP_VIRIDIS)[..., ::-1]).astype(np.uint8, copy=False)
