"""Which images a peer learns from, is tuned on and answers: by splits, or with whole groups held out."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pixelgbm import datasets
from pixelgbm.crossvalidation import outer_folds
from pixelgbm.errors import ConfigError
from pixelgbm.records import Dataset, Sample
from pixelgbm.training import known_groups

__all__ = ["CROSSVAL", "Lot", "Plan", "plan_folds", "plan_splits"]

CROSSVAL = "crossval"
"""What the answers of held-out groups are called instead of a split."""


@dataclass(frozen=True)
class Lot:
    """Images that one fitting answers: learnt from, tuned on, answered; folder: its place below a peer's."""

    folder: str
    train: tuple[Sample, ...]
    dev: tuple[Sample, ...]
    answered: tuple[Sample, ...]


@dataclass(frozen=True)
class Plan:
    """The whole comparison: its data without what is excluded, the name of its answers, and its lots."""

    dataset: Dataset
    split: str
    lots: tuple[Lot, ...]

    @property
    def answered(self) -> tuple[Sample, ...]:
        """All images to be answered, in the order of the data."""
        ids = {sample.id for lot in self.lots for sample in lot.answered}
        return tuple(sample for sample in self.dataset.samples if sample.id in ids)


def plan_splits(dataset: Dataset, split: str, *, workers: int = 1) -> Plan:
    """Learn from `train`, tune on `dev`, answer `split`.

    A head that no dev image is labelled for is tuned on held-out groups of train, as our own tuning does; the groups
    are then those of our training.
    """
    usable = dataset.select({"train", "dev", split}, usable_only=True)
    parts = {name: tuple(s for s in usable.samples if s.split == name) for name in ("train", "dev", split)}
    for name in ("train", "dev"):
        parts[name] = tuple(sample for sample in parts[name] if datasets.has_truth(usable, sample))
    for name in ("train", split):
        if not parts[name]:
            raise ConfigError(f"{dataset.root}: no images in the split {name}; without splits: --leave-one-group-out")
    if not set(usable.heads) <= {head for sample in parts["dev"] for head in sample.labelled_heads}:
        groups = known_groups(replace(usable, samples=parts["train"]), workers=workers, progress=None)
        parts["train"] = tuple(replace(s, group=groups[s.id]) for s in parts["train"])
    return Plan(usable, split, (Lot("", parts["train"], parts["dev"], parts[split]),))


def plan_folds(dataset: Dataset, *, folds: int | None, seed: int, workers: int) -> Plan:
    """The folds of `pixelgbm crossval`: one for each group, or `folds` of whole groups."""
    labelled = tuple(s for s in dataset.select(usable_only=True).samples if datasets.has_truth(dataset, s))
    groups = known_groups(replace(dataset, samples=labelled), workers=workers, progress=None)
    grouped = replace(dataset, samples=tuple(replace(s, group=groups[s.id]) for s in labelled), excluded={})
    table = outer_folds(grouped, folds=folds, seed=seed)
    lots = []
    for fold in range(max(table.values()) + 1):
        kept, held = (tuple(s for s in grouped.samples if (table[s.id] == fold) == out) for out in (False, True))
        lots.append(Lot(f"fold-{fold + 1}", kept, (), held))
    return Plan(grouped, CROSSVAL, tuple(lots))
