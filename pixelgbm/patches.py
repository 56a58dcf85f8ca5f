"""What is done to a piece cut out of an image, whatever it is laid into: grown, turned, mirrored."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["grown", "turned"]


def grown(mask: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    """(rows, cols) `mask` and all that lies within `radius` px of it, in an ellipse's approximation of a circle."""
    window = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return np.asarray(cv2.dilate(mask.view(np.uint8), window), dtype=np.uint8).view(np.bool_)


def turned(plane: NDArray, turns: int, mirror: bool) -> NDArray:  # type: ignore[type-arg]
    """(rows, cols[, channels]) turned by quarter turns against the clock, then mirrored left to right."""
    plane = np.rot90(plane, turns)
    return np.ascontiguousarray(plane[:, ::-1] if mirror else plane)
