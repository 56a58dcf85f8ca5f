"""One pass over labelled images: the defects in them, how much of each was found, how probable their pixels were."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelgbm import datasets
from pixelgbm.comparison import Maps, Masks
from pixelgbm.images import image_size
from pixelgbm.records import Dataset, Sample
from pixelgbm.sampling import DEFECT
from pixelgbm.threads import ordered_map

__all__ = ["LEVELS", "Seen", "pooled", "survey"]

LEVELS = 256
"""Of the counts: what out-of-fold maps are kept in; finer maps are rounded."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """One image under one head; ignored pixels are left out.

    sizes: (n,) px of its connected defects. covered: (n,) px of each that were marked, None without masks.
    counts: (2, LEVELS) pixels with and without defect by probability, None without maps.
    """

    sample: Sample
    head: str
    sizes: NDArray[np.int64]
    covered: NDArray[np.int64] | None
    counts: NDArray[np.int64] | None


def survey(
    dataset: Dataset,
    samples: Sequence[Sample],
    *,
    masks: Masks | None = None,
    maps: Maps | None = None,
    label: str = "reading truth",
    workers: int = 1,
    progress: Callable[[int, int, str], None] | None = None,
) -> list[Seen]:
    """Read the truth of samples and, where given, masks and maps, in the order of the samples.

    Raises DatasetError, ImageError or SubmissionError for a file that cannot be read.
    """

    def see(sample: Sample) -> list[Seen]:
        shape = image_size(sample.image)
        ignore = datasets.read_ignore(sample, shape)
        usable = np.ones(shape, bool) if ignore is None else ~ignore
        found = {} if masks is None else masks(sample.id, shape)
        seen = []
        for head, plane in datasets.read_truth(dataset, sample, shape).items():
            truth = (plane >= DEFECT) & usable
            marked = found.get(head)
            probability = None if maps is None else maps(sample.id, head)
            counts = None if probability is None else _counts(probability, truth, usable)
            seen.append(Seen(sample, head, *_defects(truth, marked), counts))
        return seen

    parts = []
    for done, part in enumerate(ordered_map(see, samples, workers=workers), 1):
        parts.extend(part)
        if progress is not None:
            progress(done, len(samples), label)
    return parts


def _defects(
    truth: NDArray[np.bool_], found: NDArray[np.bool_] | None
) -> tuple[NDArray[np.int64], NDArray[np.int64] | None]:
    count, labels = cv2.connectedComponents(truth.view(np.uint8), connectivity=8)
    sizes = np.bincount(labels.ravel(), minlength=count)[1:].astype(np.int64)
    if found is None:
        return sizes, None
    return sizes, np.bincount(labels[found], minlength=count)[1:].astype(np.int64)


def _counts(probability: NDArray[np.float32], truth: NDArray[np.bool_], usable: NDArray[np.bool_]) -> NDArray[np.int64]:
    levels = np.rint(probability * np.float32(LEVELS - 1)).astype(np.int64)
    return np.stack([np.bincount(levels[kind], minlength=LEVELS) for kind in (truth, ~truth & usable)])


def pooled(seen: Iterable[Seen], head: str) -> NDArray[np.int64] | None:
    """(2, LEVELS) counts of all images of a head; None without maps or without a defect."""
    counts = [item.counts for item in seen if item.head == head and item.counts is not None]
    total: NDArray[np.int64] = np.sum([np.zeros((2, LEVELS), np.int64), *counts], axis=0)
    return total if total[0].any() else None
