"""One pass over labelled images: the defects in them, how much of each was found, how probable their pixels were."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelgbm import datasets
from pixelgbm.calibration import count_labels
from pixelgbm.comparison import Maps, Masks
from pixelgbm.images import image_size
from pixelgbm.records import Dataset, Sample
from pixelgbm.sampling import DEFECT
from pixelgbm.threads import ordered_map

__all__ = ["LEVELS", "MapCounts", "Seen", "pooled", "survey"]

LEVELS = 256
"""Of the counts: what out-of-fold maps are kept in; finer maps are rounded."""


@dataclass(frozen=True, slots=True, eq=False)
class MapCounts:
    """What a map says of the pixels of an image that are not ignored, by level.

    counts: (2, LEVELS) pixels with and without defect. labels: (2, LEVELS), as `count_labels` counts them. said:
    (LEVELS,) the sum of their probabilities.
    """

    counts: NDArray[np.int64]
    labels: NDArray[np.int64]
    said: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """One image under one head; ignored pixels are left out.

    sizes: (n,) px of its connected defects. covered: (n,) px of each that were marked, None without masks.
    mapped: None without maps.
    """

    sample: Sample
    head: str
    sizes: NDArray[np.int64]
    covered: NDArray[np.int64] | None
    mapped: MapCounts | None


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
            mapped = None if maps is None else _counted(maps(sample.id, head), plane, usable)
            seen.append(Seen(sample, head, *_defects(truth, marked), mapped))
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


def _counted(probability: NDArray[np.float32], truth: NDArray[np.uint8], usable: NDArray[np.bool_]) -> MapCounts:
    levels, defect = np.rint(probability * np.float32(LEVELS - 1)).astype(np.uint8), truth >= DEFECT
    counts = [np.bincount(levels[kind & usable], minlength=LEVELS) for kind in (defect, ~defect)]
    said = np.bincount(levels[usable], weights=probability[usable], minlength=LEVELS).astype(np.float64)
    return MapCounts(np.stack(counts), count_labels(levels, truth, usable), said)


def pooled(seen: Iterable[Seen], head: str) -> NDArray[np.int64] | None:
    """(2, LEVELS) counts of all images of a head; None without maps or without a defect."""
    counts = [item.mapped.counts for item in seen if item.head == head and item.mapped is not None]
    total: NDArray[np.int64] = np.sum([np.zeros((2, LEVELS), np.int64), *counts], axis=0)
    return total if total[0].any() else None
