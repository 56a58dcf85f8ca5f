"""Who marked images: people, by their data sets or folders of masks, and models, by their predictions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pixelgbm import datasets
from pixelgbm.comparison import DEFECT
from pixelgbm.datasets import LAYOUTS, folders
from pixelgbm.errors import DatasetError
from pixelgbm.images import image_size
from pixelgbm.predictions import Predictions
from pixelgbm.records import Dataset

__all__ = ["Marks", "Rater", "open_rater", "rater_of"]


@dataclass(frozen=True, slots=True)
class Marks:
    """What a rater marked in one image: {head: (rows, cols) bool}; nothing counts where `ignore` is True."""

    planes: Mapping[str, NDArray[np.bool_]]
    ignore: NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True)
class Rater:
    """Somebody, or a model, who marked images. read(id) -> Marks of an image of `ids`."""

    name: str
    heads: tuple[str, ...]
    ids: tuple[str, ...]
    read: Callable[[str], Marks]
    is_model: bool = False


def open_rater(path: Path, *, name: str, splits: Sequence[str] = (), layout: str | None = None) -> Rater:
    """A data set, with its truth as the marks; or a folder of masks, named as their images, or of such folders by head.

    splits: of a data set; () takes all. Raises DatasetError, one line.
    """
    if not path.is_dir():
        raise DatasetError(f"{path}: no such folder; allowed are data folders and folders of masks")
    if layout is not None or any(row.recognise(path) for row in LAYOUTS.values()):
        dataset = datasets.open_dataset(path, layout=layout).select(set(splits) or None, usable_only=True)
        return _labeller(dataset, name=name)
    return _folder_of_masks(path, name=name)


def rater_of(predicted: Predictions, *, name: str) -> Rater:
    """The model behind a PRED folder, with the images that did not fail."""
    ids = tuple(id for id in predicted.ids if id not in predicted.failures)
    return Rater(name, predicted.heads, ids, lambda id: Marks(predicted.masks(id)), is_model=True)


def _labeller(dataset: Dataset, *, name: str) -> Rater:
    samples = {sample.id: sample for sample in dataset.samples if datasets.has_truth(dataset, sample)}
    if not samples:
        raise DatasetError(f"{dataset.root}: none of its {len(dataset.samples)} images is labelled")

    def read(id: str) -> Marks:
        shape = image_size(samples[id].image)
        planes = datasets.read_truth(dataset, samples[id], shape)
        marked = {head: plane >= DEFECT for head, plane in planes.items()}
        return Marks(marked, datasets.read_ignore(samples[id], shape))

    return Rater(name, dataset.heads, tuple(samples), read)


def _folder_of_masks(path: Path, *, name: str) -> Rater:
    """An image without a file for a head is not labelled for it."""
    problems: list[str] = []
    inside = folders.folders_in(path)
    parts = {part.name: part for part in inside} if inside else {folders.HEAD: path}
    masks = {
        head: {folders.image_name(mask): mask for mask in folders.list_images(part, problems)}
        for head, part in parts.items()
    }
    ids = tuple(dict.fromkeys(id for found in masks.values() for id in found))
    if not ids:
        raise DatasetError(f"{path}: neither a data folder nor a folder of masks, which are named as their images")
    if problems:
        raise DatasetError(problems[0])

    def read(id: str) -> Marks:
        found = {head: table[id] for head, table in masks.items() if id in table}
        return Marks({head: folders.read_hard_plane(mask, image_size(mask)) > 0 for head, mask in found.items()})

    return Rater(name, tuple(parts), ids, read)
