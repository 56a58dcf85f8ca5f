"""The images a full search may use: whose they are, which it draws, and which groups are kept for its figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pixelgbm.datasets import data_digest
from pixelgbm.errors import ConfigError, ModelError
from pixelgbm.groups import fold_table
from pixelgbm.mapstore import open_store
from pixelgbm.model import Model
from pixelgbm.records import Dataset
from pixelgbm.sampling import generator
from pixelgbm.training import known_groups
from pixelgbm.training.plan import Progress
from pixelgbm.tuning import refuse_test_split

__all__ = ["Parts", "allowed_data", "parted"]

HELD_OUT_PARTS = 3
"""One of so many parts of the groups is kept from the search."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The images of the search and those kept from it; every image of a group is on one side."""

    search: Dataset
    held_out: Dataset
    groups: Mapping[str, str]


def allowed_data(folder: Path | str, model: Model, maps: Path, dataset: Dataset, also: Sequence[str]) -> Dataset:
    """The data of the model's training, proved by its digest, and the splits of `also`."""
    refuse_test_split(also)
    store = open_store(maps)
    if store.digest != model.boosters_digest:
        raise ModelError(f"{maps}: these maps are of another training than {folder}; train again")
    splits = {sample.split for sample in dataset.samples if sample.id in store.folds}
    refuse_test_split(splits)
    trained = dataset.select(splits)
    if model.training.get("data_digest") not in {data_digest(trained), data_digest(dataset)}:
        raise ModelError(f"{dataset.root}: not the data that {folder} was trained on; the full search needs these")
    return dataset.select(splits | set(also), usable_only=True)


def parted(dataset: Dataset, *, images: int, seed: int, workers: int, progress: Progress | None) -> Parts:
    """A seeded share of the labelled images, parted by whole groups into search and held-out.

    Groups are found among the drawn images only: what is not drawn is never used, so it can give nothing away.
    """
    labelled = [sample for sample in dataset.samples if sample.labelled_heads]
    wanted = min(len(labelled), images + images // (HELD_OUT_PARTS - 1))
    order = generator(seed, "images of the full search").permutation(len(labelled))[:wanted]
    drawn = replace(dataset, samples=tuple(labelled[k] for k in sorted(order.tolist())), excluded={})
    groups = known_groups(drawn, workers=workers, progress=progress)
    if len(set(groups.values())) < HELD_OUT_PARTS:
        raise ConfigError(
            f"{dataset.root}: {len(set(groups.values()))} groups among {wanted} images; the full search needs at "
            f"least {HELD_OUT_PARTS} to keep one of them for its figures"
        )
    levels = {sample.id: sample.level or "" for sample in drawn.samples}
    part = fold_table(list(groups), groups, folds=HELD_OUT_PARTS, seed=seed, strata=levels)
    named = [replace(sample, group=groups[sample.id]) for sample in drawn.samples]
    return Parts(
        search=replace(drawn, samples=tuple(s for s in named if part[s.id] != 0)),
        held_out=replace(drawn, samples=tuple(s for s in named if part[s.id] == 0)),
        groups=groups,
    )
