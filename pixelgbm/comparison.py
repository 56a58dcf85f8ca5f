"""What was found beside what is there: predictions or an answer file, and the truth of the same images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pixelgbm import datasets
from pixelgbm.datasets import Answer
from pixelgbm.errors import DatasetError, PixelgbmError, SubmissionError
from pixelgbm.images import image_size
from pixelgbm.predictions import Predictions, read_predictions
from pixelgbm.records import Dataset, Sample

__all__ = [
    "DEFECT",
    "Maps",
    "Masks",
    "compared_planes",
    "due_samples",
    "maps_of",
    "masks_of",
    "open_predicted",
    "scored_samples",
    "true_planes",
    "unit_name",
    "wrong_answer",
]

DEFECT = 128
"""A soft truth of one half or more counts as a defect."""

Masks = Callable[[str, tuple[int, int]], dict[str, NDArray[np.bool_]]]
"""Reads the masks of one image, by its identifier and (rows, cols), by head."""

Maps = Callable[[str, str], NDArray[np.float32]]
"""Reads the (rows, cols) probabilities of one image (its identifier) and head."""


def open_predicted(path: Path | str, dataset: Dataset) -> Predictions | Answer:
    """A PRED folder, or an answer file of the layout of `dataset`. Raises SubmissionError or DatasetError."""
    path = Path(path)
    if not path.exists():
        raise SubmissionError(f"{path}: no such PRED folder or answer file")
    return read_predictions(path) if path.is_dir() else datasets.read_answer(path, layout=dataset.layout)


def due_samples(predicted: Predictions | Answer, dataset: Dataset) -> list[Sample]:
    """The images of every split of which the prediction holds an image; all when it holds none."""
    answered = frozenset(predicted.ids)
    splits = {s.split for s in dataset.samples if s.id in answered}
    return [s for s in dataset.samples if not splits or s.split in splits]


def scored_samples(predicted: Predictions | Answer, dataset: Dataset) -> list[Sample]:
    """The images to score, with truth and not excluded. Raises DatasetError when there are none."""
    due = due_samples(predicted, dataset)
    scored = [s for s in due if datasets.has_truth(dataset, s) and s.id not in dataset.excluded]
    if not scored:
        raise DatasetError(
            f"{dataset.root}: no truth for any of the {len(due)} images to score; "
            "masks lie beside the images or in a sealed tree that is named with --truth"
        )
    return scored


def masks_of(predicted: Predictions | Answer, dataset: Dataset) -> Masks:
    """Reads the masks of one image, by the names that the data set has for its heads.

    Raises SubmissionError when heads of the data set were not predicted.
    """
    if isinstance(predicted, Answer):
        return predicted.read
    if len(predicted.heads) == 1 and len(dataset.heads) == 1:
        # One head each can only mean the same thing, whatever the two call it.
        (theirs,), (ours,) = predicted.heads, dataset.heads
        return lambda id, shape: {ours: predicted.mask(id, theirs)}
    lacking = [head for head in dataset.heads if head not in predicted.heads]
    if lacking:
        raise SubmissionError(
            f"{predicted.folder}: no masks for {', '.join(lacking)}; it holds {', '.join(predicted.heads)}, "
            f"the data label {', '.join(dataset.heads)}"
        )
    return lambda id, shape: predicted.masks(id)


def maps_of(predicted: Predictions, dataset: Dataset) -> Maps | None:
    """Reads the maps of one image, by the names that the data set has for its heads; None where none were kept."""
    if not predicted.has_probabilities:
        return None
    if len(predicted.heads) == 1 and len(dataset.heads) == 1:
        return lambda id, head: predicted.probability(id, predicted.heads[0])
    return predicted.probability


def true_planes(sample: Sample, dataset: Dataset) -> dict[str, NDArray[np.bool_]]:
    """{head: (rows, cols) defect pixels that are not ignored} of the labelled heads, in the order of the data set."""
    shape = image_size(sample.image)
    truth = datasets.read_truth(dataset, sample, shape)
    ignore = datasets.read_ignore(sample, shape)
    planes = {head: truth[head] >= DEFECT for head in dataset.heads if head in truth}
    return planes if ignore is None else {head: plane & ~ignore for head, plane in planes.items()}


def compared_planes(
    sample: Sample, dataset: Dataset, masks: Masks
) -> dict[str, tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """{head: (marked, true)}, (rows, cols) each, without ignored pixels, of the labelled heads of one image.

    Raises SubmissionError for a mask of another size.
    """
    shape = image_size(sample.image)
    ignore = datasets.read_ignore(sample, shape)
    found = masks(sample.id, shape)
    planes = {}
    for head, actual in true_planes(sample, dataset).items():
        marked = found[head]
        if marked.shape != shape:
            raise SubmissionError(
                f"image {sample.id}: a mask of {marked.shape[0]}x{marked.shape[1]}, "
                f"its image {sample.image} has {shape[0]}x{shape[1]}"
            )
        planes[head] = (marked if ignore is None else marked & ~ignore, actual)
    return planes


def wrong_answer(sample: Sample, dataset: Dataset) -> tuple[int, int, int]:
    """The counts (tp, predicted, actual) of the wrong verdict, which stand, for every head, for an image that failed.

    Where even the truth cannot be read, an image with a mask is taken for dirty.
    """
    try:
        dirty = any(plane.any() for plane in true_planes(sample, dataset).values())
    except PixelgbmError:
        dirty = bool(sample.masks)
    return (0, 0, 1) if dirty else (0, 1, 0)


def unit_name(id: str, object_id: str | None) -> tuple[str, str]:
    """What an image is judged as: its object, or itself."""
    return ("image", id) if object_id is None else ("object", object_id)
