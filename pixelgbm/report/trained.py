"""Which images of a data folder a model was trained on, and the out-of-fold maps of that training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pixelgbm.datasets import data_digest
from pixelgbm.mapstore import MapStore, maps_folder, open_store
from pixelgbm.model import Model
from pixelgbm.records import Dataset, Sample

__all__ = ["Trained", "find_trained"]


@dataclass(frozen=True, slots=True)
class Trained:
    """samples: trained on, () where unknown. store: the maps, if they are there. remark: what a reader must know."""

    samples: tuple[Sample, ...]
    store: MapStore | None
    remark: str

    @property
    def splits(self) -> tuple[str, ...]:
        """Of the samples, in the order of the data."""
        return tuple(dict.fromkeys(sample.split for sample in self.samples))


def find_trained(model: Model, folder: Path, dataset: Dataset) -> Trained:
    """By the fold table in MODEL.maps; without it, the split whose digest the model carries.

    Raises ModelError for a store that is damaged.
    """
    maps = maps_folder(folder)
    store = open_store(maps) if maps.exists() else None
    if store is not None and store.digest != model.boosters_digest:
        return Trained((), None, f"The maps in {maps.name} are of another training than {folder.name}: not used.")
    if store is None:
        remark = f"There is no {maps.name} beside the model: no out-of-fold figures, no surface of the decision rule."
        return Trained(_by_digest(model, dataset), None, remark)
    samples = tuple(sample for sample in dataset.samples if sample.id in store.folds)
    if len(samples) < len(store.folds):
        remark = f"The model was trained on {len(store.folds)} images, the data folder holds {len(samples)} of them."
        return Trained(samples, store if samples else None, remark)
    whole = dataset.select({sample.split for sample in samples})
    same = model.training.get("data_digest") in (data_digest(whole), data_digest(dataset))
    return Trained(samples, store, "" if same else "The data folder has changed since the model was trained on it.")


def _by_digest(model: Model, dataset: Dataset) -> tuple[Sample, ...]:
    for split in dict.fromkeys(sample.split for sample in dataset.samples):
        part = dataset.select({split})
        if data_digest(part) == model.training.get("data_digest"):
            return dataset.select({split}, usable_only=True).samples
    return ()
