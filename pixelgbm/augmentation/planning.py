"""Which defect goes onto which clean image, so that no fold of whole groups ever parts the two.

A new image shows a defect of one group on a clean image of another. Were both mixed freely, every fold would know the
defects of every other fold, or all groups would have to be one. So every clean group is given to at most one group of
defects, and joins it: the donor's group, the clean images that were given to it, and all new images made of the two are
one group from then on. Clean images of the donor's own group come first; then those whose surface looks most like it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice

import numpy as np
from numpy.typing import NDArray

from pixelgbm.augmentation.survey import Surveyed
from pixelgbm.errors import DatasetError
from pixelgbm.records import Sample
from pixelgbm.sampling import generator

__all__ = ["PREFIX", "Job", "Plan", "make_plan"]

PREFIX = "augmented_"
"""How the identifiers of new images begin."""


@dataclass(frozen=True, slots=True)
class Job:
    """One new image. donor: where its defect is cut out; None for a drawn one."""

    id: str
    background: Sample
    donor: Sample | None
    group: str


@dataclass(frozen=True, slots=True)
class Plan:
    """jobs: the new images. groups: sample id -> group, joined where a new image ties two together."""

    jobs: tuple[Job, ...]
    groups: Mapping[str, str]


def make_plan(
    found: Sequence[Surveyed], groups: Mapping[str, str], *, pasted: int, drawn: int, seed: int, where: str
) -> Plan:
    """`pasted` images with a defect of the data and `drawn` ones without a donor, each a clean image of `found`.

    groups: sample id -> group. where: the data, for messages. Raises DatasetError when nothing is clean, or when
    defects are to be pasted and no defect can be cut out, or none has a clean image of its form.
    """
    clean = [item for item in found if item.clean]
    if not clean:
        raise DatasetError(f"{where}: none of {len(found)} labelled train images is clean; defects need a background")
    joined = dict(groups)
    pairs: list[tuple[Sample, Sample]] = []
    if pasted:
        pairs = _pairs(found, clean, joined, pasted=pasted, seed=seed, where=where)
    order = generator(seed, "augment", "backgrounds").permutation(len(clean)).tolist()
    plain = [(clean[order[k % len(order)]].sample, None) for k in range(drawn)]
    jobs = [
        Job(f"{PREFIX}{k:06d}", background, donor, joined[background.id])
        for k, (background, donor) in enumerate([*pairs, *plain])
    ]
    return Plan(tuple(jobs), joined)


def _pairs(
    found: Sequence[Surveyed], clean: Sequence[Surveyed], joined: dict[str, str], *, pasted: int, seed: int, where: str
) -> list[tuple[Sample, Sample]]:
    """(background, donor) of every pasted image, the groups of defects in turn; joins groups in `joined`."""
    donors: dict[str, list[Surveyed]] = defaultdict(list)
    for item in found:
        if item.least:
            donors[joined[item.sample.id]].append(item)
    if not donors:
        raise DatasetError(
            f"{where}: none of {len(found)} labelled train images has a defect that can be cut out: one off the "
            "border that leaves room for its surroundings"
        )
    names = [list(donors)[k] for k in generator(seed, "augment", "donors").permutation(len(donors))]
    wanted = -(-pasted // len(names))
    pools = _pools(clean, donors, joined, names=names, wanted=wanted)
    streams = {name: stream for name in names if (stream := _combined(donors[name], pools[name])) is not None}
    if not streams:
        raise DatasetError(
            f"{where}: no clean train image has the channels, the depth and the labelled heads of one with a defect, "
            "and room for it"
        )
    in_turn = (next(stream) for _ in count() for stream in streams.values())
    return list(islice(in_turn, pasted))


def _pools(
    clean: Sequence[Surveyed],
    donors: Mapping[str, Sequence[Surveyed]],
    joined: dict[str, str],
    *,
    names: Sequence[str],
    wanted: int,
) -> dict[str, list[Surveyed]]:
    """Per group of defects its clean images: its own, then in rounds the free group that looks most like it."""
    members: dict[str, list[int]] = defaultdict(list)
    for k, item in enumerate(clean):
        members[joined[item.sample.id]].append(k)
    table = _table(clean)
    pools = {name: [clean[k] for k in members.get(name, ())] for name in names}
    free = np.array([joined[item.sample.id] not in donors for item in clean])
    ids_of: dict[str, list[str]] = defaultdict(list)
    for id, group in joined.items():
        ids_of[group].append(id)
    for _ in range(wanted):
        for name in names:
            nearest = _nearest(donors[name], table, free) if len(pools[name]) < wanted else None
            if nearest is not None:
                group = joined[clean[nearest].sample.id]
                pools[name] += [clean[k] for k in members[group]]
                free[members[group]] = False
                joined.update(dict.fromkeys(ids_of[group], name))
    return pools


@dataclass(frozen=True, slots=True)
class _Table:
    """The clean images as columns. forms: form -> (n,) which images have it."""

    forms: Mapping[tuple[object, ...], NDArray[np.bool_]]
    side: NDArray[np.int64]
    look: NDArray[np.float64]


def _table(clean: Sequence[Surveyed]) -> _Table:
    look = np.stack([item.look for item in clean])
    forms = {form: np.array([item.form == form for item in clean]) for form in {item.form for item in clean}}
    return _Table(forms, np.array([item.side for item in clean]), look)


def _nearest(donors: Sequence[Surveyed], table: _Table, free: NDArray[np.bool_]) -> int | None:
    """The number of the free clean image that looks most like one of `donors` and can take its patch."""
    best, nearest = np.inf, None
    for donor in donors:
        able = free & (table.side >= donor.least) & table.forms.get(donor.form, np.False_)
        if able.any():
            apart = np.square(table.look - donor.look).sum(axis=1)
            apart[~able] = np.inf
            k = int(np.argmin(apart))
            if apart[k] < best:
                best, nearest = float(apart[k]), k
    return nearest


def _combined(donors: Sequence[Surveyed], pool: Sequence[Surveyed]) -> Iterator[tuple[Sample, Sample]] | None:
    """(background, donor) without end, both in turn; None when no clean image can take a patch."""
    able = [
        (donor.sample, fitting)
        for donor in donors
        if (fitting := [item.sample for item in pool if item.form == donor.form and item.side >= donor.least])
    ]
    if not able:
        return None
    turns = ((k, *able[k % len(able)]) for k in count())
    return ((fitting[k % len(fitting)], donor) for k, donor, fitting in turns)
