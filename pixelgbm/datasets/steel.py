"""The layout `steel`: train_images/, test_images/ and train.csv with a run-length mask for every image and class.

The columns are ImageId, ClassId, EncodedPixels, or, in the older form, ImageId_ClassId, EncodedPixels.
The classes 1 to 4 are the heads. A train image without a row for a class, or with an empty one, has no
defect of it. Runs are pairs `start length`, counted from 1, down the columns, then left to right.
An identifier is the name of the file, as in the tables.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pixelgbm import files, images
from pixelgbm.datasets import folders
from pixelgbm.datasets.answers import in_sample_order, read_flawless, submission_errors, write_rows
from pixelgbm.datasets.kept import kept
from pixelgbm.datasets.layout import Answer, Labelled, Layout, Masks, make_pair, refuse_reference, why_not_an_id
from pixelgbm.datasets.tables import Row, read_table, table_bytes
from pixelgbm.errors import DatasetError, SubmissionError
from pixelgbm.formats.rle import decode_rle, encode_rle, read_runs
from pixelgbm.records import Dataset, Sample, Truth

__all__ = ["HEADS", "LAYOUT"]

HEADS = ("1", "2", "3", "4")
"""The classes of defects."""

_COLUMNS = ["ImageId", "ClassId", "EncodedPixels"]
_OLDER = ["ImageId_ClassId", "EncodedPixels"]
_TRAIN, _TEST, _SAMPLE = "train.csv", "test.csv", "sample_submission.csv"


@dataclass(frozen=True, slots=True)
class _Cell:
    """The runs of one image and class, and where they stand."""

    where: str
    runs: str


_Table = dict[str, dict[str, _Cell]]
"""{image: {class: its runs}}; an image may have no class."""


def recognise(root: Path) -> bool:
    """Whether a folder holds train.csv and train_images/."""
    return (root / _TRAIN).is_file() and (root / "train_images").is_dir()


def read(root: Path, *, truth: Path | None = None) -> tuple[Dataset, list[str]]:
    """The train images by name, then the test images in the order of sample_submission.csv, and every problem.

    `truth` is a table of the form of train.csv, or a folder with such a test.csv: the truth of the test images.
    """
    problems: list[str] = []
    samples = []
    for split, table in (("train", root / _TRAIN), ("test", truth)):
        pictures = {path.name: path for path in folders.list_images(root / f"{split}_images", problems)}
        if split == "test":
            pictures = _as_in_sample(root / _SAMPLE, pictures, problems)
        part = [Sample(name, split, path) for name, path in pictures.items()]
        if table is not None:
            part = _label(part, table / _TEST if table.is_dir() else table, problems)
        samples += part
    seen: dict[str, Path] = {}
    for sample in samples:
        if why := why_not_an_id(sample.id):
            problems.append(f"{sample.image}: identifier {sample.id!r} {why}")
        if seen.setdefault(sample.id, sample.image) != sample.image:
            problems.append(f"{sample.image}: identifier {sample.id} a second time; every identifier is used once")
    return folders.finish(root, LAYOUT.name, LAYOUT.metric, HEADS, samples, problems)


def read_truth(sample: Sample, shape: tuple[int, int]) -> Truth:
    """The plane, 0 or 255, of every class. Raises DatasetError for bad runs: file, row and value."""
    found: Truth = {}
    for head in sample.labelled_heads:
        plane = np.zeros(shape, np.uint8)
        for table in sample.masks.get(head, ()):
            cell = _cells_of(table)[sample.id][head]
            plane[decode_rle(cell.runs, shape, where=cell.where)] = 255
        found[head] = plane
    return found


def write(root: Path, labelled: Iterable[Labelled], *, sealed: Path | None = None) -> None:
    """Write the images as PNG files and train.csv; sealed truth goes to SEALED/test.csv. Raises OutputError.

    An identifier gets the suffix .png if it has none. Raises DatasetError for an image that is not
    labelled where this layout would take it for clean, or labelled where it has no place for that.
    """
    rows: dict[Path, list[Row]] = {root / _TRAIN: []}
    tests: list[Row] = []
    for item in labelled:
        name = item.id if item.id.lower().endswith(".png") else f"{item.id}.png"
        refuse_reference(item, LAYOUT.name)
        if item.split not in ("train", "test") or item.truth.keys() - set(HEADS):
            raise DatasetError(
                f"{item.id}: split {item.split}, heads {', '.join(item.truth)}; "
                f"allowed are the splits train and test and the heads {', '.join(HEADS)}"
            )
        if item.truth and item.split == "test" and (sealed is None or not item.sealed):
            raise DatasetError(f"{item.id}: in this layout the truth of the split test is sealed, elsewhere")
        if (item.split == "train" or item.truth) and item.truth.keys() != set(HEADS):
            raise DatasetError(f"{item.id}: not labelled for every class; without a row it would be taken for clean")
        images.write_png(root / f"{item.split}_images" / name, item.pair.test)
        if item.split == "test":
            tests.append({"ImageId": name})
        target = root / _TRAIN if item.split == "train" or sealed is None else sealed / _TEST
        if item.truth:
            found = rows.setdefault(target, [])
            for head, plane in sorted(item.truth.items()):
                if runs := encode_rle(plane >= 128):
                    found.append({"ImageId": name, "ClassId": head, "EncodedPixels": runs})
    for path, found in rows.items():
        files.write_bytes(path, table_bytes(_COLUMNS, found))
    if tests:
        sample = [row | {"ClassId": head} for row in tests for head in HEADS]
        files.write_bytes(root / _SAMPLE, table_bytes(_COLUMNS, sample))


def write_answer(masks: Iterable[tuple[str, Masks]], out: Path, *, data: Path | None = None) -> None:
    """Write a row for every image and class, in the order given; no runs where nothing is marked.

    The columns are those of sample_submission.csv in the data folder `data`, where there is one of either form.
    Raises SubmissionError for other heads than the classes and for an image that comes twice, OutputError.
    """

    def rows_of(id: str, heads: Masks) -> list[Row]:
        if strange := heads.keys() - set(HEADS):
            raise SubmissionError(f"{out}: image {id}: head {min(strange)!r}; the classes are {', '.join(HEADS)}")
        return [
            {"ImageId": id, "ClassId": head, "ImageId_ClassId": f"{id}_{head}", "EncodedPixels": runs}
            for head in HEADS
            for runs in (encode_rle(heads[head]) if head in heads else "",)
        ]

    write_rows(masks, out, _answer_columns(data), rows_of)


def read_answer(path: Path) -> Answer:
    """Open an answer of either form. Raises SubmissionError, naming file, row and value, for what `read` refuses."""
    cells = read_flawless(path, _read_cells)

    def read(id: str, shape: tuple[int, int]) -> dict[str, NDArray[np.bool_]]:
        if id not in cells:
            raise SubmissionError(f"{path}: no row for image {id}")
        found = cells[id]
        with submission_errors():
            return {
                head: decode_rle(found[head].runs, shape, where=found[head].where)
                if head in found
                else np.zeros(shape, bool)
                for head in HEADS
            }

    return Answer(path, LAYOUT.name, frozenset(cells), read)


def _answer_columns(data: Path | None) -> list[str]:
    """The columns of the sample of an answer in a data folder; those of the newer form without one."""
    if data is not None and (data / _SAMPLE).is_file():
        columns, _ = read_table(data / _SAMPLE)
        if set(columns) in (set(_COLUMNS), set(_OLDER)):
            return columns
    return _COLUMNS


def _label(samples: list[Sample], table: Path, problems: list[str]) -> list[Sample]:
    """The samples with the truth of a table: labelled for every class, clean where it has no row."""
    cells = _read_cells(table, problems)
    named = {sample.id for sample in samples}
    for name, classes in cells.items():
        if name not in named:
            where = next(iter(classes.values())).where if classes else str(table)
            problems.append(f"{where}: ImageId {name!r}; there is no such image")
    return [
        replace(
            sample,
            labelled_heads=HEADS,
            masks={head: (table,) for head, cell in cells.get(sample.id, {}).items() if cell.runs},
        )
        for sample in samples
    ]


def _as_in_sample(table: Path, pictures: dict[str, Path], problems: list[str]) -> dict[str, Path]:
    """The test images in the order of the sample of an answer, where there is one."""
    if not table.is_file():
        return pictures
    columns, rows = read_table(table)
    if not {"ImageId", "ImageId_ClassId"} & set(columns):
        problems.append(f"{table}: columns {', '.join(columns)}; {_allowed()}")
        return pictures
    listed: dict[str, int] = {}
    for number, row in enumerate(rows, start=1):
        listed.setdefault(row.get("ImageId") or row.get("ImageId_ClassId", "").rpartition("_")[0], number)
    return in_sample_order(table, listed, pictures, problems)


def _read_cells(table: Path, problems: list[str]) -> _Table:
    """The rows of a table of either form; whatever is refused, whatever the size of the image, is a problem."""
    columns, rows = read_table(table)
    older = set(columns) == set(_OLDER)
    if not older and set(columns) != set(_COLUMNS):
        raise DatasetError(f"{table}: columns {', '.join(columns)}; {_allowed()}")
    cells: _Table = {}
    for number, row in enumerate(rows, start=1):
        where = f"{table}: row {number}"
        if older:
            name, _, head = row["ImageId_ClassId"].rpartition("_")
            wanted = f"ImageId_ClassId {row['ImageId_ClassId']!r}; allowed is the name of an image, _ and its class"
        else:
            name, head = row["ImageId"], row["ClassId"]
            wanted = "no ImageId; allowed is the name of an image"
        if not name:
            problems.append(f"{where}: {wanted}")
            continue
        found = cells.setdefault(name, {})
        if not head and not row["EncodedPixels"] and not older:
            continue
        if head not in HEADS:
            problems.append(f"{where}: ClassId {head!r}; allowed are {', '.join(HEADS)}")
        elif head in found:
            problems.append(f"{where}: image {name}, class {head} a second time; allowed is one row")
        else:
            found[head] = _Cell(where, row["EncodedPixels"])
            try:
                read_runs(row["EncodedPixels"], where=where)
            except DatasetError as error:
                problems.append(str(error))
    return cells


def _allowed() -> str:
    return f"allowed are {', '.join(_COLUMNS)}, or {', '.join(_OLDER)}"


@kept
def _cells_of(table: Path) -> _Table:
    return _read_cells(table, [])


LAYOUT = Layout(
    name="steel",
    looks="train.csv and train_images",
    metric="dice",
    recognise=recognise,
    read=read,
    read_pair=make_pair,
    read_truth=read_truth,
    write=write,
    write_answer=write_answer,
    read_answer=read_answer,
)
