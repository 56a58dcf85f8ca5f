"""The layout `konica-minolta`: SPLIT/level-N/ID.tif with ID_ref.tif, ID_mask.tif and ID_mask.txt.

An image and its reference lie side by side; masks lie beside them or in a sealed tree. A text mask
holds the characters 0 and 1 column by column; in a mask image any positive value is dirt. The answer
is one zip with a text mask for every image.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pixelgbm import files, formats, images
from pixelgbm.datasets.konica_minolta_answer import HEAD, read_answer, write_answer
from pixelgbm.datasets.layout import (
    Labelled,
    Layout,
    check_size,
    excluded_in,
    list_folder,
    make_pair,
    read_bytes,
    truth_root,
)
from pixelgbm.errors import DatasetError, ImageError
from pixelgbm.records import Dataset, Pair, Sample, Truth

__all__ = ["CONTEST_EXCLUSIONS", "HEAD", "LAYOUT"]

# fmt: off
CONTEST_EXCLUSIONS = frozenset(map(str, (
    340, 491, 817, 937, 1125, 1751, 1858, 2091, 2378, 2385, 3030, 3050, 3326, 3333, 3435, 3761, 3905,
    4505, 4620, 4661, 4750, 4839, 5020, 5160, 5425, 5481, 5597, 5607, 6100, 6163, 6349, 6460, 6555,
    6578, 6683, 6760, 6877,
)))
# fmt: on
"""The identifiers whose references show another sheet in the contest's own data."""

_CONTEST_COUNTS = {"train": 4119, "dev": 1405, "test": 1358}
_SPLIT_ORDER = {"train": 0, "dev": 1, "test": 2}
_LEVEL = re.compile(r"level-([0-9]+)")
_NAME = re.compile(r"([0-9]+)(_ref|_mask)?\.(tif|tiff|txt)", re.IGNORECASE)
_ALLOWED = "ID.tif, ID_ref.tif, ID_mask.tif, ID_mask.txt with a number for ID"


@dataclass(slots=True)
class _Found:
    """The files of one identifier in one folder."""

    split: str
    level: str
    image: Path | None = None
    reference: Path | None = None
    masks: list[Path] = field(default_factory=list)


def recognise(root: Path) -> bool:
    """Whether a folder holds `*/level-N/`, whatever else lies in it; `truth/` does not count."""
    return root.is_dir() and bool(_level_folders(root))


def read(root: Path, *, truth: Path | None = None, contest_exclusions: bool = False) -> tuple[Dataset, list[str]]:
    """List the samples by split (train, dev, test, others), level and number, and every problem of the structure."""
    problems: list[str] = []
    found: dict[str, _Found] = {}
    for split, level, folder in _level_folders(root):
        for id, entry in _list_level(folder, split, level, problems).items():
            first = found.setdefault(id, entry)
            if first is not entry:
                a, b = (e.image or e.reference or e.masks[0] for e in (first, entry))
                problems.append(f"{b}: identifier {id} a second time, it is also {a}; every identifier is used once")
    for id, entry in found.items():
        _check_complete(id, entry, problems)
    if truth is not None:
        _add_sealed(truth, found, problems)
    complete = {id: entry for id, entry in found.items() if entry.image is not None}
    if not complete:
        problems.append(f"{root}: no images; allowed are {_ALLOWED} in SPLIT/level-N/")
    samples = tuple(_sample(id, entry) for id, entry in sorted(complete.items(), key=lambda item: _data_order(*item)))
    excluded = _exclusions(root, samples, contest_exclusions=contest_exclusions)
    return Dataset(root, LAYOUT.name, LAYOUT.metric, (HEAD,), samples, excluded), problems


def read_pair(sample: Sample) -> Pair:
    """Image and reference; the reference must be at least as large as the image. Raises ImageError, DatasetError."""
    pair = make_pair(sample)
    if pair.reference is not None:
        (rows, cols), (ref_rows, ref_cols) = pair.test.shape[:2], pair.reference.shape[:2]
        if ref_rows < rows or ref_cols < cols:
            raise ImageError(
                f"{sample.reference}: {ref_rows}x{ref_cols}, a reference must be at least as large as "
                f"its image ({rows}x{cols})"
            )
    return pair


def read_truth(sample: Sample, shape: tuple[int, int]) -> Truth:
    """The dirt plane, 0 or 255, if the sample is labelled. All masks of a sample must agree.

    Raises DatasetError for a mask of another size, a text with foreign characters, or masks that
    disagree (named with the first differing pixel), ImageError for an unreadable mask.
    """
    paths = sample.masks.get(HEAD, ())
    planes = [_read_mask(path, shape) for path in paths]
    if not planes:
        return {}
    for path, plane in zip(paths[1:], planes[1:], strict=True):
        different = np.argwhere(plane != planes[0])
        if len(different):
            row, col = different[0]
            raise DatasetError(
                f"{path}: differs from {paths[0].name} in {len(different)} pixels, "
                f"first at (row, col) = ({row}, {col}): {int(plane[row, col])} here, {int(planes[0][row, col])} there"
            )
    return {HEAD: planes[0].astype(np.uint8) * np.uint8(255)}


def write(root: Path, labelled: Iterable[Labelled], *, sealed: Path | None = None, text_masks: bool = False) -> None:
    """Write a data folder of this layout; sealed truth goes to SEALED/SPLIT/level-N/.

    `text_masks` writes ID_mask.txt beside every ID_mask.tif. Raises OutputError.
    """
    for item in labelled:
        if not item.id.isdecimal() or item.level is None:
            raise DatasetError(f"{item.id}: level {item.level}; this layout needs a number as identifier and a level")
        inner = Path(item.split) / f"level-{item.level}"
        images.write_tiff(root / inner / f"{item.id}.tif", item.pair.test)
        if item.pair.reference is not None:
            images.write_tiff(root / inner / f"{item.id}_ref.tif", item.pair.reference)
        if HEAD in item.truth:
            folder = truth_root(item, root, sealed) / inner
            mask = item.truth[HEAD] > 0
            images.write_tiff(folder / f"{item.id}_mask.tif", mask, compress=True)
            if text_masks:
                files.write_text(folder / f"{item.id}_mask.txt", formats.encode_mask_text(mask))


def _level_folders(root: Path) -> list[tuple[str, str, Path]]:
    """(split, level, folder) of every `SPLIT/level-N` below `root`."""
    folders = []
    for split in list_folder(root):
        if split.name == "truth" or not split.is_dir():
            continue
        for inner in list_folder(Path(split.path)):
            match = _LEVEL.fullmatch(inner.name)
            if match and inner.is_dir():
                folders.append((split.name, match[1], Path(inner.path)))
    return folders


def _list_level(folder: Path, split: str, level: str, problems: list[str]) -> dict[str, _Found]:
    found: dict[str, _Found] = {}
    for item in list_folder(folder):
        path = Path(item.path)
        match = _NAME.fullmatch(item.name)
        if match is None or (match[3].lower() == "txt" and match[2] != "_mask"):
            # Remarks and thumbnails may lie about; what looks like ours but is not must not be lost in silence.
            if path.suffix.lower() in (".tif", ".tiff") or "_mask" in item.name or "_ref" in item.name:
                problems.append(f"{path}: not a name of this layout; allowed are {_ALLOWED}")
            continue
        entry = found.setdefault(match[1], _Found(split, level))
        if match[2] is None or match[2] == "_ref":
            role = "image" if match[2] is None else "reference"
            if getattr(entry, role) is not None:
                problems.append(f"{path}: identifier {match[1]} a second time, it is also {getattr(entry, role)}")
            setattr(entry, role, path)
        else:
            entry.masks.append(path)
    return found


def _check_complete(id: str, entry: _Found, problems: list[str]) -> None:
    if entry.image is None:
        for path in entry.masks:
            problems.append(f"{path}: mask without image; {id}.tif must lie beside it")
        if entry.reference is not None:
            problems.append(f"{entry.reference}: reference without image; {id}.tif must lie beside it")
    elif entry.reference is None:
        problems.append(f"{entry.image}: no reference; {id}_ref.tif must lie beside it")


def _add_sealed(truth: Path, found: dict[str, _Found], problems: list[str]) -> None:
    """Add the masks anywhere below `truth` to the samples they belong to."""
    if not truth.is_dir():
        raise DatasetError(f"{truth}: no such folder of sealed masks")
    sealed: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(p for p in _walk(truth) if "_mask." in p.name):
        match = _NAME.fullmatch(path.name)
        if match is None:
            problems.append(f"{path}: not a name of this layout; allowed are ID_mask.tif, ID_mask.txt")
            continue
        sealed[match[1]].append(path)
    if not sealed:
        raise DatasetError(f"{truth}: holds no masks; allowed are ID_mask.tif and ID_mask.txt in any folder below it")
    for id, paths in sealed.items():
        entry = found.get(id)
        if entry is None or entry.image is None:
            problems.append(f"{paths[0]}: mask without image; the data folder holds no {id}.tif")
            continue
        known = {path.resolve() for path in entry.masks}
        entry.masks.extend(path for path in paths if path.resolve() not in known)


def _walk(folder: Path) -> Iterable[Path]:
    for entry in list_folder(folder):
        if entry.is_dir():
            yield from _walk(Path(entry.path))
        else:
            yield Path(entry.path)


def _sample(id: str, entry: _Found) -> Sample:
    assert entry.image is not None
    return Sample(
        id=id,
        split=entry.split,
        image=entry.image,
        reference=entry.reference,
        masks={HEAD: tuple(entry.masks)} if entry.masks else {},
        labelled_heads=(HEAD,) if entry.masks else (),
        level=entry.level,
    )


def _data_order(id: str, entry: _Found) -> tuple[int, str, int, int, str]:
    return _SPLIT_ORDER.get(entry.split, 3), entry.split, int(entry.level), int(id), id


def _exclusions(root: Path, samples: tuple[Sample, ...], *, contest_exclusions: bool) -> dict[str, str]:
    counts = {split: sum(s.split == split for s in samples) for split in _CONTEST_COUNTS}
    listed = frozenset(excluded_in(root))
    contest = CONTEST_EXCLUSIONS if contest_exclusions or counts == _CONTEST_COUNTS else frozenset()
    reasons = {}
    for sample in samples:
        if sample.id in listed:
            reasons[sample.id] = "listed in excluded.txt"
        elif sample.id in contest:
            reasons[sample.id] = "wrong reference in the contest's data"
    return reasons


def _read_mask(path: Path, shape: tuple[int, int]) -> NDArray[np.bool_]:
    if path.suffix.lower() == ".txt":
        return formats.decode_mask_text(read_bytes(path), shape, where=path)
    mask: NDArray[np.bool_] = images.read_gray(path) > 0
    check_size(path, mask, shape)
    return mask


LAYOUT = Layout(
    name="konica-minolta",
    looks="folders SPLIT/level-N",
    metric="macro-f1",
    recognise=recognise,
    read=read,
    read_pair=read_pair,
    read_truth=read_truth,
    write=write,
    write_answer=write_answer,
    read_answer=read_answer,
    has_contest_exclusions=True,
)
