"""What a training run will learn from: everything read once and checked, groups, folds, the views to take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pixelgbm import datasets
from pixelgbm.config import RunConfig
from pixelgbm.errors import DatasetError
from pixelgbm.groups import fold_table, infer_groups
from pixelgbm.records import Dataset, Sample
from pixelgbm.sampling import DEFECT, generator
from pixelgbm.threads import ordered_map

__all__ = ["Plan", "Progress", "View", "known_groups", "make_plan"]

_DONORS = 2
"""Defects laid over one view."""

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class View:
    """One way to look at a sample: as it is, with its reference hidden, or with a defect of another laid over it.

    donors: samples of the same fold whose defects may be laid over it; empty for a view as it is.
    """

    sample: Sample
    hide_reference: bool
    fold: int
    donors: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Unique among the views of a plan."""
        return f"{self.sample.id}/{'hidden' if self.hide_reference else 'shown'}/{'+'.join(self.donors)}"


@dataclass(frozen=True, slots=True)
class Plan:
    """The views of a run in canonical order: every sample once, then the seeded second looks without reference.

    pasted: views with a defect laid over, which are learned from and nothing else. folds: sample id -> 0..folds-1.
    groups: sample id -> group. defects: head -> sample id -> defect pixels.
    """

    views: tuple[View, ...]
    pasted: tuple[View, ...]
    folds: Mapping[str, int]
    groups: Mapping[str, str]
    defects: Mapping[str, Mapping[str, int]]

    @property
    def heads(self) -> tuple[str, ...]:
        return tuple(self.defects)


@dataclass(frozen=True, slots=True)
class _Read:
    """What the first reading of a sample keeps of it.

    packed: the union of all heads' defects, one bit a pixel; empty for a clean image.
    """

    shape: tuple[int, int]
    free: Mapping[str, int]
    defects: Mapping[str, int]
    packed: NDArray[np.uint8]

    def mask(self) -> NDArray[np.bool_]:
        if not self.packed.size:
            return np.zeros(self.shape, dtype=bool)
        flat = np.unpackbits(self.packed, count=self.shape[0] * self.shape[1])
        return flat.reshape(self.shape).astype(bool)


def make_plan(dataset: Dataset, config: RunConfig, *, workers: int, progress: Progress | None) -> Plan:
    """Read and check every labelled sample, infer the groups that are not given, and lay the folds.

    Raises the first error of a file in data order, or DatasetError when the data cannot be learned
    from: nothing labelled, no defect at all, fewer groups with defects than folds.
    """
    samples, read = _read_all(dataset, workers=workers, progress=progress)
    groups = _groups(samples, read)
    samples = _with_fewer_clean(samples, read, config)
    groups = {s.id: groups[s.id] for s in samples}
    _check_learnable(dataset, samples, read, groups, config)
    strata = {s.id: "+".join(head for head, count in read[s.id].defects.items() if count) for s in samples}
    folds = fold_table([s.id for s in samples], groups, folds=config.folds, seed=config.seed, strata=strata)
    _check_folds(dataset, samples, read, folds)
    defects = {
        head: {s.id: read[s.id].defects[head] for s in samples if head in s.labelled_heads} for head in dataset.heads
    }
    return Plan(_views(samples, folds, config), _pasted(samples, folds, defects, config), folds, groups, defects)


def known_groups(dataset: Dataset, *, workers: int, progress: Progress | None) -> dict[str, str]:
    """id -> group of every labelled, not excluded sample: the data's own, or inferred from the masks."""
    return _groups(*_read_all(dataset, workers=workers, progress=progress))


def _read_all(
    dataset: Dataset, *, workers: int, progress: Progress | None
) -> tuple[tuple[Sample, ...], dict[str, _Read]]:
    samples = tuple(s for s in dataset.select(usable_only=True).samples if s.labelled_heads)
    if not samples:
        raise DatasetError(f"{dataset.root}: no labelled sample to train on")
    read: dict[str, _Read] = {}
    results = ordered_map(lambda sample: _read(dataset, sample), samples, workers=workers)
    for done, (sample, item) in enumerate(zip(samples, results, strict=True), 1):
        read[sample.id] = item
        if progress is not None:
            progress(done, len(samples), "reading")
    return samples, read


def _read(dataset: Dataset, sample: Sample) -> _Read:
    pair = datasets.read_pair(dataset, sample)
    shape = (int(pair.test.shape[0]), int(pair.test.shape[1]))
    truth = datasets.read_truth(dataset, sample, shape)
    usable = np.ones(shape, dtype=bool) if pair.ignore is None else ~pair.ignore
    any_defect = np.zeros(shape, dtype=bool)
    defects, free = {}, {}
    for head, plane in truth.items():
        defect = (plane >= DEFECT) & usable
        defects[head] = int(np.count_nonzero(defect))
        free[head] = int(np.count_nonzero(usable)) - defects[head]
        any_defect |= defect
    return _Read(shape, free, defects, np.packbits(any_defect) if any_defect.any() else np.zeros(0, np.uint8))


def _groups(samples: tuple[Sample, ...], read: Mapping[str, _Read]) -> dict[str, str]:
    """The data's own groups where every sample has one, else its objects, else images that share a defect pattern.

    Whatever they are named after, images of one group or of one object are never parted.
    """
    groups, objects = ({s.id: getattr(s, name) for s in samples} for name in ("group", "object_id"))
    if None not in groups.values():
        return _joined(samples, "group", groups)
    if None not in objects.values():
        return _joined(samples, "object", objects)
    return _joined(samples, "pattern", infer_groups((s.id, read[s.id].mask()) for s in samples))


def _joined(samples: tuple[Sample, ...], kind: str, names: Mapping[str, str]) -> dict[str, str]:
    """Groups of a kind by id, made coarser where a sample's own group or object says that images belong together."""
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        parent.setdefault(key, key)
        while parent[key] != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    for sample in samples:
        own = root(f"{kind} {names[sample.id]}")
        for what, value in (("group", sample.group), ("object", sample.object_id)):
            if value is not None:
                parent[root(f"{what} {value}")] = own
    return {s.id: root(f"{kind} {names[s.id]}").removeprefix(f"{kind} ") for s in samples}


def _with_fewer_clean(samples: tuple[Sample, ...], read: Mapping[str, _Read], config: RunConfig) -> tuple[Sample, ...]:
    """All samples with a defect, and at most `clean_images` of the others, drawn by the seed; in the same order."""
    clean = [s.id for s in samples if not any(read[s.id].defects.values())]
    most = config.sampling.clean_images
    if len(clean) <= most:
        return samples
    rng = generator(config.seed, "clean-images")
    left_out = {clean[k] for k in rng.permutation(len(clean))[most:].tolist()}
    return tuple(s for s in samples if s.id not in left_out)


def _check_learnable(
    dataset: Dataset,
    samples: tuple[Sample, ...],
    read: Mapping[str, _Read],
    groups: Mapping[str, str],
    config: RunConfig,
) -> None:
    """Refuse data that folds of whole groups cannot be learned from, head by head."""
    for head in dataset.heads:
        labelled = [s for s in samples if head in s.labelled_heads]
        where = f"{dataset.root}: {head}"
        dirty = {groups[s.id] for s in labelled if read[s.id].defects[head]}
        if not dirty:
            raise DatasetError(f"{where}: none of {len(labelled)} labelled images has a defect pixel; nothing to learn")
        if len(dirty) < config.folds:
            raise DatasetError(
                f"{where}: {len(dirty)} groups with defects; {config.folds} folds of whole groups need as many"
            )


def _check_folds(
    dataset: Dataset, samples: tuple[Sample, ...], read: Mapping[str, _Read], folds: Mapping[str, int]
) -> None:
    """Refuse a fold table that would leave a booster without defects, or without anything else."""
    for head in dataset.heads:
        for fold in sorted(set(folds.values())):
            others = [read[s.id] for s in samples if head in s.labelled_heads and folds[s.id] != fold]
            for what, count in (
                ("a defect", sum(item.defects[head] for item in others)),
                ("anything but defects", sum(item.free[head] for item in others)),
            ):
                if count == 0:
                    raise DatasetError(
                        f"{dataset.root}: {head}: no image outside fold {fold} has {what}; "
                        "smaller groups or more images are needed"
                    )


def _views(samples: tuple[Sample, ...], folds: Mapping[str, int], config: RunConfig) -> tuple[View, ...]:
    """All samples as they are, then a seeded share of those with a reference once more without it."""
    referenced = [s for s in samples if s.reference is not None]
    count = round(config.sampling.reference_dropout * len(referenced))
    rng = generator(config.seed, "reference-dropout")
    chosen = sorted(rng.choice(len(referenced), size=count, replace=False).tolist()) if count else []
    plain = [View(s, False, folds[s.id]) for s in samples]
    return (*plain, *(View(referenced[k], True, folds[referenced[k].id]) for k in chosen))


def _pasted(
    samples: tuple[Sample, ...],
    folds: Mapping[str, int],
    defects: Mapping[str, Mapping[str, int]],
    config: RunConfig,
) -> tuple[View, ...]:
    """A seeded share of the pairs, each with donors of its own fold: no defect may be seen in two folds.

    Only for data with one head: what one kind of defect hides of another is not known.
    """
    if len(defects) != 1:
        return ()
    (counts,) = defects.values()
    able = [s for s in samples if s.reference is not None and s.id in counts]
    rng = generator(config.seed, "pasting")
    views = []
    for k in _rounds(len(able), config.sampling.pasted_share, rng):
        sample = able[k]
        others = [s.id for s in able if counts[s.id] and folds[s.id] == folds[sample.id] and s.id != sample.id]
        if others:
            chosen = rng.choice(len(others), size=min(_DONORS, len(others)), replace=False)
            views.append(View(sample, False, folds[sample.id], tuple(others[i] for i in sorted(chosen.tolist()))))
    return tuple({view.name: view for view in views}.values())


def _rounds(count: int, share: float, rng: np.random.Generator) -> list[int]:
    """round(share x count) numbers below `count`, each as often as any other give or take one, ascending."""
    wanted = round(share * count)
    whole = [k for k in range(count) for _ in range(wanted // count)] if count else []
    rest = rng.choice(count, size=wanted - len(whole), replace=False).tolist() if count else []
    return sorted([*whole, *rest])
