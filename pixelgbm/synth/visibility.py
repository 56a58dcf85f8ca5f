"""How well something laid on a surface can be seen there, against what the surface itself does."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pixelgbm.synth.fields import Plane, blur

__all__ = ["unevenness_of", "window_of"]


def window_of(mask: NDArray[np.bool_], *, margin: int) -> tuple[slice, slice]:
    """The bounding box of `mask` and `margin` pixels around it, inside the image."""
    spans = []
    for axis in (1, 0):
        held = np.flatnonzero(mask.any(axis=axis))
        spans.append(slice(max(0, int(held[0]) - margin), int(held[-1]) + 1 + margin))
    return spans[0], spans[1]


def unevenness_of(levels: Plane) -> float:
    """Deviation of a piece of surface at fine scale, in grey levels; of green where it has colours."""
    plane = levels if levels.ndim == 2 else np.ascontiguousarray(levels[..., 1])
    return float((plane - blur(plane, 2.0)).std()) + 0.3
