"""More labelled images out of few: defects of the data, and drawn ones, laid onto its clean train images."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from pixelgbm import datasets, files, images
from pixelgbm.augmentation.flaws import KINDS, draw_flaw
from pixelgbm.augmentation.grafting import RIM, cut_patches, graft
from pixelgbm.augmentation.planning import PREFIX, Job, Plan, make_plan
from pixelgbm.augmentation.survey import survey
from pixelgbm.datasets.manifest import CLEAN, column_of, write_table
from pixelgbm.datasets.tables import Row, table_bytes
from pixelgbm.errors import ConfigError, DatasetError, OutputError
from pixelgbm.records import Dataset, Sample, Truth
from pixelgbm.sampling import generator
from pixelgbm.threads import ordered_map
from pixelgbm.training import known_groups

__all__ = ["IMAGES", "RIM", "Augmented", "augment"]

IMAGES = 300
"""New images where no number is given."""

_PROCEDURAL = 0.2
"""Share of drawn defects where none is given and the data have one head."""

_MOST = 1_000_000

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Augmented:
    """What `augment` left in `out`. own: train images of the data; pasted and drawn: new ones; donors: cut from."""

    out: Path
    own: int
    pasted: int
    drawn: int
    donors: int


def augment(
    dataset: Dataset,
    *,
    out: Path,
    count: int = IMAGES,
    procedural: float | None = None,
    seed: int = 0,
    workers: int = 1,
    progress: Progress | None = None,
) -> Augmented:
    """Write a folder of the layout `manifest`: the labelled train images of `dataset`, referred to, and new ones.

    A new image is a clean train image with one defect laid on: cut out of another train image, or, for the share
    `procedural`, drawn (a scratch, specks, a stain or a dent). No image of another split is read. Its mask is exactly
    what was laid on; outside the mask, pixels change less than `RIM` away. Every row has a group: `planning` says how a
    new image stays in one fold with both that it was made of. sources.csv says what those were. The bytes depend on the
    data, `count`, `procedural` and `seed`; images are read, changed and written one by one.

    count: new images. procedural: 0..1; None: 0.2 for data of one head, else 0: which of several heads a drawn scratch
    belongs to, nobody knows.

    Raises ConfigError for values out of range; DatasetError for data with references (training lays
    defects over pairs itself), without a defect that can be cut out or without clean images; ImageError for what cannot
    be read; OutputError when `out` holds anything.
    """
    share = _checked(dataset, count=count, procedural=procedural, seed=seed)
    with files.output_errors(out):
        if out.is_file() or (out.is_dir() and any(out.iterdir())):
            raise OutputError(f"{out}: holds something already; give a new folder or remove this one")
    train = dataset.select({"train"}, usable_only=True)
    train = replace(train, samples=tuple(s for s in train.samples if s.labelled_heads), excluded={})
    _check_samples(train)
    groups = known_groups(train, workers=workers, progress=progress)
    found = []
    for item in survey(train, workers=workers):
        found.append(item)
        _report(progress, len(found), len(train.samples), "looking for defects and clean images")
    drawn = round(share * count)
    plan = make_plan(found, groups, pasted=count - drawn, drawn=drawn, seed=seed, where=str(dataset.root))
    with files.replace_folder(out) as folder:
        _write(folder, out, train, plan, seed=seed, workers=workers, progress=progress)
    donors = {job.donor.id for job in plan.jobs if job.donor is not None}
    return Augmented(out, len(train.samples), count - drawn, drawn, len(donors))


def _checked(dataset: Dataset, *, count: int, procedural: float | None, seed: int) -> float:
    """The share of drawn defects."""
    if not 1 <= count <= _MOST:
        raise ConfigError(f"augment: images={count}, allowed are 1 to {_MOST}")
    if seed < 0:
        raise ConfigError(f"augment: seed={seed}, allowed are whole numbers from 0")
    if procedural is None:
        return _PROCEDURAL if len(dataset.heads) == 1 else 0.0
    if not 0 <= procedural <= 1:
        raise ConfigError(f"augment: procedural={procedural}, allowed are 0 to 1")
    if procedural > 0 and len(dataset.heads) > 1:
        raise ConfigError(
            f"augment: procedural={procedural}, but {dataset.root} has the heads {', '.join(dataset.heads)}: "
            "which of them a drawn defect belongs to is not known; allowed is 0"
        )
    return procedural


def _check_samples(train: Dataset) -> None:
    if not train.samples:
        raise DatasetError(f"{train.root}: no labelled image in a split train; augment lays defects on these only")
    referenced = next((sample for sample in train.samples if sample.reference is not None), None)
    if referenced is not None:
        raise DatasetError(
            f"{train.root}: image {referenced.id} has a reference; augment is for data without, training lays "
            "defects over pairs itself (sampling.pasted_share)"
        )
    taken = next((sample.id for sample in train.samples if sample.id.startswith(PREFIX)), None)
    if taken is not None:
        raise DatasetError(f"{train.root}: image {taken} is of an augmented folder; give the data it was made from")


def _write(
    folder: Path, out: Path, train: Dataset, plan: Plan, *, seed: int, workers: int, progress: Progress | None
) -> None:
    rows: list[Row] = []
    for row in ordered_map(partial(_own_row, folder, out, train, plan), train.samples, workers=workers):
        rows.append(row)
    for done, row in enumerate(ordered_map(partial(_new_row, folder, out, train, seed), plan.jobs, workers=workers), 1):
        rows.append(row)
        _report(progress, done, len(plan.jobs), "laying defects on clean images")
    write_table(folder / "manifest.csv", rows)
    sources: list[Row] = [
        {"id": job.id, "background": job.background.id, "donor": "" if job.donor is None else job.donor.id}
        for job in plan.jobs
    ]
    files.write_bytes(folder / "sources.csv", table_bytes(["id", "background", "donor"], sources))


def _own_row(folder: Path, out: Path, train: Dataset, plan: Plan, sample: Sample) -> Row:
    """The row of an image of the data. Its masks are written as images: a layout may keep them in any form."""
    row = _row_of(sample, out) | {"id": sample.id, "group": plan.groups[sample.id], "image": _seen(sample.image, out)}
    row |= {key: value for key in ("object_id", "view") if (value := getattr(sample, key))}
    truth: Truth = {}
    if sample.masks:
        truth = datasets.read_truth(train, sample, datasets.read_pair(train, sample).test.shape)
    return row | _cells(folder, sample.id, sample.labelled_heads, truth)


def _new_row(folder: Path, out: Path, train: Dataset, seed: int, job: Job) -> Row:
    """The row of a new image, which is written with its masks."""
    rng = generator(seed, "augment", job.id)
    heads = job.background.labelled_heads
    background = datasets.read_pair(train, job.background).test
    if job.donor is None:
        new, mask = draw_flaw(background, KINDS[int(rng.integers(len(KINDS)))], rng=rng)
        truth = {heads[0]: mask}
    else:
        pair = datasets.read_pair(train, job.donor)
        donor_truth = datasets.read_truth(train, job.donor, pair.test.shape)
        new, truth = graft(background, cut_patches(pair.test, donor_truth, pair.ignore), rng=rng)
    row = _row_of(job.background, out) | {"id": job.id, "group": job.group, "image": f"images/{job.id}.png"}
    images.write_png(folder / row["image"], new)
    return row | _cells(folder, job.id, heads, truth)


def _row_of(sample: Sample, out: Path) -> Row:
    """What a row takes from a sample, whether it is the image itself or one made on it."""
    row = {"split": sample.split} | ({"level": sample.level} if sample.level else {})
    return row | ({"ignore": _seen(sample.ignore, out)} if sample.ignore is not None else {})


def _cells(folder: Path, id: str, heads: tuple[str, ...], truth: Truth) -> Row:
    """The mask columns of an image; masks that mark anything are written."""
    row: Row = {}
    for head in heads:
        plane = truth.get(head)
        row[column_of(head)] = CLEAN if plane is None or not plane.any() else f"masks/{head}/{id}.png"
        if plane is not None and plane.any():
            images.write_png(folder / row[column_of(head)], plane)
    return row


def _seen(path: Path, out: Path) -> str:
    """`path` as seen from `out`, whatever links lead to either."""
    return Path(os.path.relpath(path.resolve(), out.resolve())).as_posix()


def _report(progress: Progress | None, done: int, total: int, label: str) -> None:
    if progress is not None:
        progress(done, total, label)
