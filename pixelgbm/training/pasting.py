"""Defects cut from one training pair and laid over another: more pairs from the same labels.

What is laid over is the ratio of a pair inside its mask, so that the print below stays and is darkened or tinted as the
donor's was (copy-paste augmentation: Ghiasi et al. 2021, doi:10.1109/CVPR46437.2021.00294, on ratios).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from features import Scene
from pixelgbm.patches import grown, turned
from pixelgbm.sampling import DEFECT

__all__ = ["Patch", "cut_patches", "paste"]

_OFFSET = np.float32(4.0)
"""Grey levels added before the logarithm, as the features do, so that black pixels stay calm."""
_NEAR, _RING = 3, 9
"""Pixels around a defect: up to `_NEAR` belong to its soft rim, up to `_RING` show the light around it."""
_FEATHER = 1.0
_LARGEST = 0.6
"""Share of the image's side that a patch may take up."""
_STRENGTH = (0.45, 1.15)
"""Factors on the ratio are drawn between these, even on a logarithmic scale: fainter dirt is what is missed."""


@dataclass(frozen=True, slots=True)
class Patch:
    """One defect with its rim. ratio: (rows, cols[, 3]) float32, logarithms, 0 outside. truth: (rows, cols) uint8."""

    ratio: NDArray[np.float32]
    truth: NDArray[np.uint8]


def cut_patches(scene: Scene, truth: NDArray[np.uint8]) -> list[Patch]:
    """The defects of one registered pair, parts that nearly touch together; empty without a usable reference.

    truth: (rows, cols) uint8, 255 x the probability of a defect.
    """
    defect = truth >= DEFECT
    if scene.covered is None or not defect.any():
        return []
    names = ("red", "green", "blue") if scene.colour else (None,)
    ratio = np.stack([scene.planes["ratio" if name is None else f"ratio_{name}"] for name in names], axis=-1)
    near, ring = grown(defect, _NEAR), grown(defect, _RING)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(ring.view(np.uint8), connectivity=8)
    patches = []
    for label in range(1, count):
        left, top, width, height = (int(v) for v in stats[label, :4])
        window = (slice(top, top + height), slice(left, left + width))
        own = labels[window] == label
        if max(height / truth.shape[0], width / truth.shape[1]) > _LARGEST or not scene.covered[window][own].all():
            continue
        inside, around = near[window] & own, own & ~near[window]
        if not around.any():
            continue
        # A 3x3 median takes the screens of the two shots out of the ratio, and leaves the defect's edge where it is.
        values = np.stack(
            [cv2.medianBlur(np.ascontiguousarray(ratio[window][..., k]), 3) for k in range(ratio.shape[2])], axis=-1
        )
        values -= np.median(values[around], axis=0)
        soft = cv2.GaussianBlur((defect[window] & own).astype(np.float32), (0, 0), _FEATHER)
        soft = np.where(defect[window] & own, np.float32(1), np.minimum(2 * soft, 1)) * inside
        values *= soft[..., np.newaxis]
        cut = np.where(own, truth[window], 0).astype(np.uint8)
        patches.append(Patch(values.astype(np.float32) if scene.colour else values[..., 0].astype(np.float32), cut))
    return patches


def paste(
    test: NDArray[np.generic], truth: NDArray[np.uint8], patches: Sequence[Patch], *, rng: np.random.Generator
) -> tuple[NDArray[np.generic], NDArray[np.uint8]]:
    """One of `patches`, turned, mirrored and made fainter or a little stronger, laid over a random place of `test`.

    test: (rows, cols[, 3]) uint8 or uint16. truth: (rows, cols) uint8. Returns new arrays of the same types; those
    given when no patch fits.
    """
    rows, cols = truth.shape
    fitting = [p for p in patches if max(p.truth.shape) <= min(rows, cols) and p.ratio.ndim == test.ndim]
    if not fitting:
        return test, truth
    patch = fitting[int(rng.integers(len(fitting)))]
    turns, mirror = int(rng.integers(4)), bool(rng.integers(2))
    ratio, mask = (turned(plane, turns, mirror) for plane in (patch.ratio, patch.truth))
    top, left = (int(rng.integers(side - size + 1)) for side, size in zip(truth.shape, mask.shape, strict=True))
    window = (slice(top, top + mask.shape[0]), slice(left, left + mask.shape[1]))
    strength = np.float32(np.exp(rng.uniform(*np.log(_STRENGTH))))
    unit = np.float32(257 if test.dtype == np.uint16 else 1)
    laid = (test[window].astype(np.float32) / unit + _OFFSET) * np.exp(strength * ratio) - _OFFSET
    new_test, new_truth = test.copy(), truth.copy()
    changed = np.rint(np.clip(laid, 0, 255) * unit).astype(test.dtype)
    new_test[window] = np.where(ratio != 0, changed, test[window])
    np.maximum(new_truth[window], mask, out=new_truth[window])
    return new_test, new_truth
