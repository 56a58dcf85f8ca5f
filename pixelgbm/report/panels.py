"""What one image is shown as: its pixels, its reference, the truth, what was found, the probability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelgbm import datasets
from pixelgbm.predictions import Predictions
from pixelgbm.records import Dataset, Sample
from pixelgbm.sampling import DEFECT

__all__ = ["FALSE", "HIT", "MISSED", "Shown", "coloured", "displayable", "read_shown", "tinted"]

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
        truth=np.any([plane >= DEFECT for plane in truth.values()], axis=0),
        found=np.any(list(predicted.masks(sample.id).values()), axis=0),
        probability=np.max(maps, axis=0) if maps else None,
    )


def _centre(reference: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """The middle of a reference, at most as large as the image: what lies beside the image, to the pixel or nearly."""
    top, left = (max((have - want) // 2, 0) for have, want in zip(reference.shape[:2], shape[:2], strict=True))
    return reference[top : top + shape[0], left : left + shape[1]]


def displayable(image: NDArray[Any]) -> NDArray[np.uint8]:
    """Any image as (rows, cols, 3) uint8; 16 bits are shown by their upper eight."""
    shown = (image // (256 if image.dtype == np.uint16 else 1)).astype(np.uint8)
    return np.repeat(shown[..., None], 3, axis=2) if shown.ndim == 2 else shown


def tinted(image: NDArray[np.uint8], where: NDArray[np.bool_], colour: tuple[int, int, int]) -> NDArray[np.uint8]:
    """The image with full colour on the rim of `where` and a third of it inside, so that thin dirt stays visible."""
    padded = np.pad(where, 1)
    inside = where & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    out = image.copy()
    out[where & ~inside] = colour
    out[inside] = (image[inside] * 0.67 + np.array(colour) * 0.33).astype(np.uint8)
    return out


def coloured(probability: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A map as (rows, cols, 3) uint8 from dark violet (0) to yellow (1), even in lightness."""
    levels = np.rint(probability * np.float32(255)).astype(np.uint8)
    return np.ascontiguousarray(cv2.applyColorMap(levels, cv2.COLORMAP_VIRIDIS)[..., ::-1]).astype(np.uint8, copy=False)
