"""Data folders: which layout one has, its samples, and their pixels and truth.

`LAYOUTS` is the only list of layouts. A new one is one file here that makes a `Layout`, and one row.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from pixelgbm.datasets import (
    coco,
    good_bad,
    konica_minolta,
    manifest,
    mask_folders,
    mvtec,
    steel,
    textured_surfaces,
    via,
)
from pixelgbm.datasets.layout import Answer, Labelled, Layout, read_ignore, relative_to
from pixelgbm.errors import DatasetError, PixelgbmError
from pixelgbm.images import image_size, read_gray, read_image
from pixelgbm.records import Dataset, Pair, Sample, Truth

__all__ = [
    "LAYOUTS",
    "Answer",
    "Labelled",
    "Layout",
    "check_dataset",
    "check_folder",
    "data_digest",
    "has_truth",
    "open_dataset",
    "read_answer",
    "read_ignore",
    "read_pair",
    "read_truth",
]

LAYOUTS: dict[str, Layout] = {
    module.LAYOUT.name: module.LAYOUT
    for module in (konica_minolta, manifest, textured_surfaces, good_bad, mvtec, mask_folders, steel, via, coco)
}
"""The layouts by name."""

Progress = Callable[[int, int, str], None]


def open_dataset(
    root: Path | str, *, layout: str | None = None, truth: Path | None = None, contest_exclusions: bool = False
) -> Dataset:
    """The samples of a data folder, listed and not read, so that opening thousands is a matter of a second.

    layout: a name in `LAYOUTS`; None recognises it. truth: the root of sealed truth.
    contest_exclusions: leave out the contest's wrong references wherever the data come from.
    Raises DatasetError, one line, for the first thing that is wrong; `check_folder` lists everything.
    """
    dataset, problems = _survey(root, layout, truth, contest_exclusions=contest_exclusions)
    if problems:
        more = f" (and {len(problems) - 1} more; check lists them)" if len(problems) > 1 else ""
        raise DatasetError(problems[0] + more)
    return dataset


def check_folder(
    root: Path | str,
    *,
    layout: str | None = None,
    truth: Path | None = None,
    contest_exclusions: bool = False,
    progress: Progress | None = None,
) -> tuple[Dataset | None, list[str]]:
    """Read everything in a data folder; the data set and one line for each thing that is wrong.

    The data set is None when not even the samples can be listed.
    """
    try:
        dataset, problems = _survey(root, layout, truth, contest_exclusions=contest_exclusions)
    except PixelgbmError as error:
        return None, [str(error)]
    listed = "\n".join(problems)
    for problem in check_dataset(dataset, progress=progress):
        # The survey has named the files that are missing, with their row: once is enough.
        missing = problem.split(": ", 1)[0] in listed and not Path(problem.split(": ", 1)[0]).exists()
        if not missing and problem not in problems:
            problems.append(problem)
    return dataset, problems


def check_dataset(dataset: Dataset, *, progress: Progress | None = None) -> list[str]:
    """Read every image, reference and mask of a data set; one line for each thing that is wrong."""
    problems: list[str] = []
    for done, sample in enumerate(dataset.samples):
        if progress is not None:
            progress(done, len(dataset.samples), "reading")
        problems.extend(_check_sample(dataset, sample))
    if progress is not None:
        progress(len(dataset.samples), len(dataset.samples), "reading")
    return list(dict.fromkeys(problems))


def read_pair(dataset: Dataset, sample: Sample) -> Pair:
    """The pixels of one sample. Raises ImageError or DatasetError, naming the file."""
    return LAYOUTS[dataset.layout].read_pair(sample)


def read_truth(dataset: Dataset, sample: Sample, shape: tuple[int, ...]) -> Truth:
    """{head: (rows, cols) uint8} for the labelled heads of one sample; `shape` is that of its image.

    Raises ImageError or DatasetError, naming the file.
    """
    return LAYOUTS[dataset.layout].read_truth(sample, (shape[0], shape[1]))


def has_truth(dataset: Dataset, sample: Sample) -> bool:
    """Whether a sample is labelled for any head of the data set."""
    return any(head in dataset.heads for head in sample.labelled_heads)


def read_answer(path: Path, *, layout: str) -> Answer:
    """Open an answer file. Raises SubmissionError; DatasetError when the layout has no answer file."""
    reader = LAYOUTS[layout].read_answer
    if reader is None:
        able = ", ".join(name for name, row in LAYOUTS.items() if row.read_answer is not None)
        raise DatasetError(f"{path}: the layout {layout} has no answer file; these have one: {able}")
    return reader(path)


def data_digest(dataset: Dataset, *, contents: bool = False) -> str:
    """A hexadecimal digest of the samples: identifiers, splits, groups, objects, relative paths and sizes of files.

    Cheap, and the same wherever the folder lies; it sees a file that was added, removed or cut, not
    one whose bytes changed in place. `contents` also reads and sums every byte of every file.
    Raises DatasetError when a file cannot be read.
    """
    total = hashlib.sha256()
    facts: dict[Path, list[object]] = {}
    for sample in dataset.samples:
        paths = [p for p in (sample.image, sample.reference, sample.ignore) if p is not None]
        paths += [p for head in sorted(sample.masks) for p in sample.masks[head]]
        names: list[object] = [sample.id, sample.split, sample.group, sample.level, sorted(sample.labelled_heads)]
        if sample.object_id is not None:  # objects part no fold and get one verdict; their views change nothing
            names.append({"object": sample.object_id})
        for path in paths:
            if path not in facts:  # a table of truth belongs to thousands of samples
                facts[path] = _facts(path, contents=contents)
        found = [[relative_to(path, dataset.root), *facts[path]] for path in paths]
        total.update(json.dumps([names, sample.id in dataset.excluded, found]).encode() + b"\n")
    return total.hexdigest()


def _facts(path: Path, *, contents: bool) -> list[object]:
    try:
        if contents:
            return [hashlib.sha256(path.read_bytes()).hexdigest()]
        return [path.stat().st_size]
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror or error}") from error


def _survey(
    root: Path | str, layout: str | None, truth: Path | None, *, contest_exclusions: bool
) -> tuple[Dataset, list[str]]:
    root = Path(root)
    if layout is not None and layout not in LAYOUTS:
        raise DatasetError(f"{root}: unknown layout {layout!r}; known are {', '.join(LAYOUTS)}")
    try:
        if not root.exists():
            raise DatasetError(f"{root}: no such folder")
        row = LAYOUTS[layout or _recognise(root)]
        if contest_exclusions and not row.has_contest_exclusions:
            able = ", ".join(name for name, other in LAYOUTS.items() if other.has_contest_exclusions)
            raise DatasetError(f"{root}: the contest's exclusions belong to the layout {able}, this one is {row.name}")
        options = {"contest_exclusions": True} if contest_exclusions else {}
        return row.read(root, truth=truth, **options)
    except OSError as error:
        raise DatasetError(f"{root}: {error.strerror or error}") from error


def _recognise(root: Path) -> str:
    """The one layout that a folder has. Raises DatasetError when none fits, and when more than one does."""
    if LAYOUTS["konica-minolta"].recognise(root):  # contest folders carry tables for other programs
        return "konica-minolta"
    fitting = [name for name, row in LAYOUTS.items() if row.recognise(root)]
    if not fitting:
        known = "; ".join(f"{row.looks} ({name})" for name, row in LAYOUTS.items())
        raise DatasetError(f"{root}: no layout recognised; allowed are {known}")
    if len(fitting) > 1:
        told = " and ".join(f"{name} ({LAYOUTS[name].looks})" for name in fitting)
        raise DatasetError(f"{root}: fits the layouts {told}; --layout names the one that is meant")
    return fitting[0]


def _check_sample(dataset: Dataset, sample: Sample) -> list[str]:
    problems: list[str] = []
    shape: tuple[int, ...] | None = None
    try:
        shape = read_pair(dataset, sample).test.shape
    except PixelgbmError as error:
        problems.append(str(error))
        readers = ((sample.image, read_image), (sample.reference, read_image), (sample.ignore, read_gray))
        problems.extend(_complaint(path, reader) for path, reader in readers if path is not None)
    try:
        if sample.masks:
            read_truth(dataset, sample, shape or image_size(sample.image))
    except PixelgbmError as error:
        problems.append(str(error))
    return [problem for problem in problems if problem]


def _complaint(path: Path, reader: Callable[[Path], object]) -> str:
    """What `reader` says against a file; "" when it reads."""
    try:
        reader(path)
    except PixelgbmError as error:
        return str(error)
    return ""
