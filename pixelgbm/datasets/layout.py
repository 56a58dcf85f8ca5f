"""What a data layout is, and what all layouts share: identifiers, exclusions, pairs, where truth is written."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelgbm import images
from pixelgbm.errors import DatasetError
from pixelgbm.records import Dataset, Pair, Sample, Truth

__all__ = [
    "Answer",
    "Labelled",
    "Layout",
    "Masks",
    "check_size",
    "excluded_in",
    "list_folder",
    "make_pair",
    "read_bytes",
    "read_ignore",
    "refuse_reference",
    "relative_to",
    "truth_root",
    "why_not_an_id",
]


Masks = Mapping[str, NDArray[np.bool_]]
"""{head: (rows, cols) bool} of one image."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer file of a layout: which images it answers, read mask by mask.

    read(id, shape) -> {head: (rows, cols) bool}; raises SubmissionError naming the member of the file.
    verdicts: {id: whether it has a defect} where the file says no more than that; then `read` raises.
    """

    path: Path
    layout: str
    ids: frozenset[str]
    read: Callable[[str, tuple[int, int]], dict[str, NDArray[np.bool_]]]
    verdicts: Mapping[str, bool] | None = None


@dataclass(frozen=True, slots=True)
class Labelled:
    """One image with its pixels and truth, to be written in some layout.

    truth: {head: (rows, cols) uint8}; a head that is absent is not labelled. sealed: the truth goes
    to the sealed tree instead of beside the image.
    """

    id: str
    split: str
    pair: Pair
    truth: Truth = field(default_factory=dict)
    sealed: bool = False
    group: str | None = None
    level: str | None = None
    object_id: str | None = None
    view: str | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """One row of the registry: how one kind of data folder is recognised, read, written and answered.

    looks: by what a folder of this layout is told, in a few words, for messages.
    recognise(root) -> whether the folder looks like this layout.
    read(root, truth=) -> the data set and every problem of its structure, one line each; no pixels
        are read. Raises DatasetError when nothing at all can be listed.
    read_pair(sample) -> Pair. read_truth(sample, shape) -> Truth of the labelled heads.
    write(root, labelled, sealed=) -> None: a data folder of this layout from pixels in memory;
        `sealed` is the root of the sealed truth, needed when anything is sealed.
    write_answer(masks, out, data=) -> None: an answer file from (id, {head: mask}) in data order, in
        the form of the sample in the data folder `data`, if one is named and holds one.
    read_answer(path) -> Answer. Both are None where the layout has no answer file.
    metric: the name of the layout's own metric in `metrics.METRICS`.
    has_contest_exclusions: whether `read` takes contest_exclusions=, the contest's list of wrong references.
    """

    name: str
    looks: str
    metric: str
    recognise: Callable[[Path], bool]
    read: Callable[..., tuple[Dataset, list[str]]]
    read_pair: Callable[[Sample], Pair]
    read_truth: Callable[[Sample, tuple[int, int]], Truth]
    write: Callable[..., None]
    write_answer: Callable[..., None] | None = None
    read_answer: Callable[[Path], Answer] | None = None
    has_contest_exclusions: bool = False


def why_not_an_id(text: str) -> str | None:
    """Why `text` cannot be an identifier (None: it can): identifiers name files in a PRED folder."""
    if not text:
        return "is empty"
    if text.startswith("."):
        return "starts with a dot"
    if len(text.encode("utf-8", errors="replace")) > 200:
        return "is longer than 200 bytes"
    if any(c in "/\\" or not c.isprintable() for c in text):
        return "holds a slash, a backslash or a control character"
    return None


def relative_to(path: Path, root: Path) -> str:
    """`path` as seen from `root`, with forward slashes, so that it does not depend on where a folder lies."""
    return Path(os.path.relpath(path, root)).as_posix()


def list_folder(folder: Path) -> list[os.DirEntry[str]]:
    """The visible entries of a folder by name. Raises DatasetError when it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return sorted((e for e in entries if not e.name.startswith(".")), key=lambda e: e.name)
    except OSError as error:
        raise DatasetError(f"{folder}: {error.strerror or error}") from error


def excluded_in(folder: Path) -> tuple[str, ...]:
    """The identifiers in the `excluded.txt` of a data folder, in its order; () without such a file.

    They are separated by white space; what follows a # is a remark.
    """
    path = folder / "excluded.txt"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    return tuple(dict.fromkeys(word for line in text.splitlines() for word in line.partition("#")[0].split()))


def refuse_reference(item: Labelled, layout: str) -> None:
    """Raise DatasetError for an image to be written with what a layout of images and masks has no place for."""
    if item.pair.reference is not None or item.pair.ignore is not None:
        raise DatasetError(f"{item.id}: the layout {layout} has no place for a reference or an ignore mask")


def truth_root(item: Labelled, root: Path, sealed: Path | None) -> Path:
    """The folder below which the truth of an image is written. Raises DatasetError for sealed truth without one."""
    if not item.sealed:
        return root
    if sealed is None:
        raise DatasetError(f"{item.id}: its truth is sealed, but no folder for sealed truth was named")
    return sealed


def read_bytes(path: Path) -> bytes:
    """The contents of a file. Raises DatasetError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror or error}") from error


def check_size(path: Path, plane: NDArray[Any], shape: tuple[int, int], *, what: str = "a mask") -> None:
    """Raise DatasetError for a plane that is not as large as its image."""
    if plane.shape != shape:
        (rows, cols), got = shape, "x".join(map(str, plane.shape))
        raise DatasetError(f"{path}: {got}, {what} must be as large as its image ({rows}x{cols})")


def make_pair(sample: Sample) -> Pair:
    """Read the files of a sample and bring the reference to the form (grey or RGB, 8 or 16 bits) of the image.

    Raises ImageError for unreadable files, DatasetError for an ignore mask of another size.
    """
    test, notes = images.read_image(sample.image)
    reference: NDArray[Any] | None = None
    if sample.reference is not None:
        reference, more = images.read_image(sample.reference)
        notes += tuple(f"reference: {note}" for note in more)
        test, reference, more = _same_form(test, reference)
        notes += more
    return Pair(test, reference, read_ignore(sample, (test.shape[0], test.shape[1])), notes)


def read_ignore(sample: Sample, shape: tuple[int, int]) -> NDArray[np.bool_] | None:
    """True where nothing is learnt or scored, of the shape of the image; None when everything is.

    Raises ImageError for an unreadable file, DatasetError for one of another size.
    """
    if sample.ignore is None:
        return None
    ignore: NDArray[np.bool_] = images.read_gray(sample.ignore) > 0
    check_size(sample.ignore, ignore, shape, what="an ignore mask")
    return ignore


def _same_form(test: NDArray[Any], reference: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], tuple[str, ...]]:
    """Both in the richer form of the two, so that nothing that was measured is thrown away."""
    notes: tuple[str, ...] = ()
    if test.ndim != reference.ndim:
        notes += ("grey image compared with RGB reference" if test.ndim == 2 else "grey reference for RGB image",)
        test, reference = (np.dstack([a, a, a]) if a.ndim == 2 else a for a in (test, reference))
    if test.dtype != reference.dtype:
        notes += (
            "8-bit image with 16-bit reference" if test.dtype == np.uint8 else "8-bit reference for 16-bit image",
        )
        test, reference = (
            a.astype(np.uint16) * np.uint16(257) if a.dtype == np.uint8 else a for a in (test, reference)
        )
    return test, reference, notes
