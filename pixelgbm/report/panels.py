"""What one image is shown as: its pixels, its reference, the truth, what was found, the probability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelgbm import datasets
from pixelgbm.display import displayable
from pixelgbm.predictions import Predictions
from pixelgbm.records import Dataset, Sample
from pixelgbm.sampling import DEFECT

__all__ = [
    "FALSE",
    "HIT",
    "MISSED",
    "Shown",
    "beside",
    "placed",
    "read_shown",
    "resized",
    "thinned",
    "tinted",
]

HIT, FALSE, MISSED = (0, 158, 115), (213, 94, 0), (86, 180, 233)
"""Found rightly, found falsely, missed: bluish green, vermilion and sky blue stay apart for colour-blind eyes."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The planes of one image, all of its (rows, cols).

    image, reference: (rows, cols, 3) uint8, R, G, B. truth, found: (rows, cols) bool, the union of all heads.
    probability: (rows, cols) float32, the greatest of all heads. None where there is no reference or no map.
    """

    image: NDArray[np.uint8]
    reference: NDArray[np.uint8] | None
    truth: NDArray[np.bool_]
    found: NDArray[np.bool_]
    probability: NDArray[np.float32] | None = None


def read_shown(predicted: Predictions, dataset: Dataset, sample: Sample, *, probability: bool = False) -> Shown:
    """Read the planes of one image that did not fail. Raises DatasetError, ImageError or SubmissionError."""
    pair = datasets.read_pair(dataset, sample)
    truth = datasets.read_truth(dataset, sample, pair.test.shape)
    maps = [predicted.probability(sample.id, head) for head in predicted.heads] if probability else []
    return Shown(
        image=displayable(pair.test),
        reference=None if pair.reference is None else displayable(_centre(pair.reference, pair.test.shape)),
        truth=_union([plane >= DEFECT for plane in truth.values()], pair.test.shape),
        found=_union(list(predicted.masks(sample.id).values()), pair.test.shape),
        probability=np.max(maps, axis=0) if maps else None,
    )


def _union(masks: Sequence[NDArray[np.bool_]], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    union: NDArray[np.bool_] = np.any([np.zeros(shape[:2], bool), *masks], axis=0)
    return union


def _centre(reference: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """The middle of a reference, at most as large as the image: what lies beside the image, to the pixel or nearly."""
    top, left = (max((have - want) // 2, 0) for have, want in zip(reference.shape[:2], shape[:2], strict=True))
    return reference[top : top + shape[0], left : left + shape[1]]


def tinted(image: NDArray[np.uint8], where: NDArray[np.bool_], colour: tuple[int, int, int]) -> NDArray[np.uint8]:
    """The image with full colour on the rim of `where` and a third of it inside, so that thin dirt stays visible."""
    padded = np.pad(where, 1)
    inside = where & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    out = image.copy()
    out[where & ~inside] = colour
    out[inside] = (image[inside] * 0.67 + np.array(colour) * 0.33).astype(np.uint8)
    return out


def resized(plane: NDArray[Any], scale: float) -> NDArray[Any]:
    """A plane `scale` (at most 1) times as large, pixels averaged."""
    if scale == 1.0:
        return plane
    size = (max(1, round(plane.shape[1] * scale)), max(1, round(plane.shape[0] * scale)))
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA))


def thinned(mask: NDArray[np.bool_], scale: float) -> NDArray[np.bool_]:
    """A mask made smaller so that nothing marked gets lost."""
    return np.asarray(resized(mask.astype(np.float32), scale) > 0)


def placed(plane: NDArray[np.uint8] | None, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """A (rows, cols, 3) panel of `shape`; grey where the plane does not reach, or is None."""
    panel = np.full(shape, 225, np.uint8)
    if plane is not None:
        part = plane[: shape[0], : shape[1]]
        panel[: part.shape[0], : part.shape[1]] = part
    return panel


def beside(panels: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Panels of one height side by side, a white gap between."""
    gap = np.full((panels[0].shape[0], 4, 3), 255, np.uint8)
    return np.concatenate([part for panel in panels for part in (panel, gap)][:-1], axis=1)
