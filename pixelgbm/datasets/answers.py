"""Answers that are tables: their rows written, read back whole or not at all, and in the order of a sample."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from pixelgbm import files
from pixelgbm.datasets.layout import Masks
from pixelgbm.datasets.tables import Row, table_bytes
from pixelgbm.errors import DatasetError, SubmissionError

__all__ = ["in_sample_order", "read_flawless", "submission_errors", "write_rows"]

_Found = TypeVar("_Found")


def write_rows(
    masks: Iterable[tuple[str, Masks]],
    out: Path,
    columns: list[str],
    rows_of: Callable[[str, Masks], Iterable[Row]],
) -> None:
    """Write the rows of every (id, {head: mask}) in the order given.

    Raises SubmissionError for an image that comes twice and for no image at all, OutputError.
    """
    rows: list[Row] = []
    done: set[str] = set()
    for id, heads in masks:
        if id in done:
            raise SubmissionError(f"{out}: identifier {id!r} a second time; allowed is each once")
        done.add(id)
        rows += rows_of(id, heads)
    if not done:
        raise SubmissionError(f"{out}: no images to answer")
    files.write_bytes(out, table_bytes(columns, rows))


def read_flawless(path: Path, read: Callable[[Path, list[str]], _Found]) -> _Found:
    """What `read(path, problems)` finds in an answer. Raises SubmissionError for the first problem."""
    problems: list[str] = []
    with submission_errors():
        found = read(path, problems)
    if problems:
        raise SubmissionError(problems[0])
    return found


@contextmanager
def submission_errors() -> Iterator[None]:
    """In an answer, whatever would be wrong in a data folder is a SubmissionError."""
    try:
        yield
    except DatasetError as error:
        raise SubmissionError(str(error)) from error


def in_sample_order(
    sample: Path, rows: Mapping[str, int], pictures: Mapping[str, Path], problems: list[str]
) -> dict[str, Path]:
    """The test images, named and ordered as the sample of an answer does; what only one of the two has is a problem.

    rows: {identifier: the row of the sample that names it}. pictures: {identifier: image}; several may mean one image.
    """
    for id, number in rows.items():
        if id not in pictures:
            problems.append(f"{sample}: row {number}: ImageId {id!r}; there is no such image")
    found = {id: pictures[id] for id in rows if id in pictures}
    for path in sorted(set(pictures.values()) - set(found.values())):
        problems.append(f"{path}: not in {sample.name}; allowed are its images")
    return found
