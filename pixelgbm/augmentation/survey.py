"""What augmentation knows of every train image: its form, how its surface looks, and what can be cut out of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelgbm import datasets
from pixelgbm.augmentation.grafting import cut_patches
from pixelgbm.records import Dataset, Sample
from pixelgbm.threads import ordered_map

__all__ = ["Surveyed", "survey"]

_OCTAVES = 4
_AWAY = 16
"""Pixels around a defect that say nothing of how the surface looks without it."""


@dataclass(frozen=True, slots=True)
class Surveyed:
    """One image without its pixels.

    form: what two images must share for a patch of one to be laid into the other: channels, depth, labelled heads.
    side: its shorter side. look: (8,) float64, brightness, contrast octave by octave and tint, as logarithms.
    clean: labelled, and without a defect. least: side of the smallest patch that can be cut out; 0 without any.
    """

    sample: Sample
    form: tuple[object, ...]
    side: int
    look: NDArray[np.float64]
    clean: bool
    least: int


def survey(dataset: Dataset, *, workers: int) -> Iterator[Surveyed]:
    """Every sample in data order, read once and let go. Raises ImageError, DatasetError."""
    return ordered_map(lambda sample: _surveyed(dataset, sample), dataset.samples, workers=workers)


def _surveyed(dataset: Dataset, sample: Sample) -> Surveyed:
    pair = datasets.read_pair(dataset, sample)
    image = pair.test
    truth = datasets.read_truth(dataset, sample, image.shape)
    patches = cut_patches(image, truth, pair.ignore)
    marked = np.asarray(np.logical_or.reduce([plane > 0 for plane in truth.values()]))
    return Surveyed(
        sample=sample,
        form=(image.shape[2:], image.dtype.name, tuple(sorted(sample.labelled_heads))),
        side=min(image.shape[:2]),
        look=_look(image, marked),
        clean=not marked.any(),
        least=min((patch.side for patch in patches), default=0),
    )


def _look(image: NDArray[np.generic], marked: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(8,): brightness, deviation of each octave and tint, all as logarithms, away from what is marked."""
    bare = ~_grown(marked)
    bare = bare if bare[:: 2**_OCTAVES, :: 2**_OCTAVES].any() else np.ones_like(bare)
    levels = np.asarray(image, np.float32) / np.float32(257 if image.dtype == np.uint16 else 1)
    means = levels[bare].reshape(-1, 1 if levels.ndim == 2 else 3).mean(axis=0, dtype=np.float64)
    tint = np.log((means + 1) / (means.mean() + 1))
    plane = levels if levels.ndim == 2 else levels.mean(axis=2)
    facts = [float(means.mean())]
    for _ in range(_OCTAVES):
        coarse = cv2.GaussianBlur(plane, (0, 0), 1.0)
        facts.append(float((plane - coarse)[bare].std(dtype=np.float64)))
        plane, bare = coarse[::2, ::2], bare[::2, ::2]
    return np.concatenate([np.log(np.array(facts) + 1), np.resize(tint, 3)])


def _grown(marked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    window = np.ones((2 * _AWAY + 1, 2 * _AWAY + 1), np.uint8)
    return np.asarray(cv2.dilate(marked.view(np.uint8), window), np.uint8).view(np.bool_)
