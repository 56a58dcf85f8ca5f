"""The layout `manifest`: one table names every image and what belongs to it.

The table is `manifest.csv` or `manifest.parquet`, paths are relative to it. `id` and `image` are
required. `mask` labels the head "defect", `mask:HEAD` the head HEAD; there, an empty cell says
nothing (unknown), the word `clean` says that the image has no defect, anything else is a file whose
values 0 to 255 are the probability of a defect. Where `ignore` is not 0, nothing is learnt or scored.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pixelgbm import files, images
from pixelgbm.datasets.layout import (
    Labelled,
    Layout,
    check_size,
    excluded_in,
    list_folder,
    make_pair,
    truth_root,
    why_not_an_id,
)
from pixelgbm.datasets.tables import Row, read_table, table_bytes
from pixelgbm.errors import DatasetError
from pixelgbm.records import Dataset, Sample, Truth

__all__ = ["CLEAN", "HEAD", "LAYOUT", "column_of", "write_table"]

HEAD = "defect"
"""The head that the plain column `mask` labels."""

CLEAN = "clean"
"""The cell of a mask column that says: labelled, and without a defect."""

_COLUMNS = ("id", "image", "reference", "ignore", "split", "group", "level", "object_id", "view", "mask")
_KNOWN = f"{', '.join(_COLUMNS)}, mask:HEAD"
_NAMES = ("manifest.csv", "manifest.parquet")
_SUFFIXES = (".csv", ".parquet")


def recognise(root: Path) -> bool:
    """Whether `root` holds a manifest.csv or manifest.parquet, or is such a table."""
    if root.is_file():
        return root.suffix.lower() in _SUFFIXES
    return any((root / name).is_file() for name in _NAMES)


def read(root: Path, *, truth: Path | None = None) -> tuple[Dataset, list[str]]:
    """The samples in the order of the rows, and every problem of the table.

    `truth` is a folder with a manifest, or such a table, whose mask columns label the images by `id`.
    """
    table = _table_of(root)
    problems: list[str] = []
    columns, rows = read_table(table)
    _check_columns(table, columns, problems, required=("id", "image"))
    heads = {_head(c): c for c in columns if _head(c)}
    masks = _masks_by_id(table, rows, heads, problems)
    if truth is not None:
        _add_sealed(_table_of(truth), heads, masks, {row.get("id", "") for row in rows}, problems)
    samples: dict[str, Sample] = {}
    for number, row in enumerate(rows, start=1):
        sample = _sample(table, number, row, masks.get(row.get("id", ""), {}), problems)
        if sample is None:
            continue
        if sample.id in samples:
            problems.append(
                f"{table}: row {number}: identifier {sample.id} a second time; every identifier is used once"
            )
        samples.setdefault(sample.id, sample)
    if not rows:
        problems.append(f"{table}: no rows; every image needs one")
    excluded = {id: "listed in excluded.txt" for id in excluded_in(table.parent) if id in samples}
    found = tuple(samples.values())
    return Dataset(table.parent, LAYOUT.name, LAYOUT.metric, tuple(heads) or (HEAD,), found, excluded), problems


def read_truth(sample: Sample, shape: tuple[int, int]) -> Truth:
    """Per labelled head the plane as stored (16 bits scaled to 8), all 0 where the image is clean.

    Raises DatasetError for a mask of another size or one whose largest value is 1.
    """
    return {head: _read_plane(sample.masks.get(head, ()), shape) for head in sample.labelled_heads}


def write(root: Path, labelled: Iterable[Labelled], *, sealed: Path | None = None) -> None:
    """Write images, masks and `manifest.csv`; sealed masks get a manifest of their own in `sealed`.

    Raises OutputError.
    """
    rows: list[Row] = []
    hidden: list[Row] = []
    for item in labelled:
        row = {"id": item.id, "image": f"images/{item.id}.png", "split": item.split}
        row |= {key: value for key in ("group", "level", "object_id", "view") if (value := getattr(item, key))}
        images.write_png(root / row["image"], item.pair.test)
        for name, plane in (("reference", item.pair.reference), ("ignore", item.pair.ignore)):
            if plane is not None:
                row[name] = f"{name}/{item.id}.png"
                images.write_png(root / row[name], plane)
        target = truth_root(item, root, sealed) if item.truth else root
        cells = row if target is root else {"id": item.id}
        for head, plane in item.truth.items():
            cells[column_of(head)] = f"masks/{head}/{item.id}.png" if plane.any() else CLEAN
            if plane.any():
                images.write_png(target / cells[column_of(head)], plane)
        rows.append(row)
        if target is not root:
            hidden.append(cells)
    write_table(root / _NAMES[0], rows)
    if sealed is not None and hidden:
        write_table(sealed / _NAMES[0], hidden)


def write_table(path: Path, rows: list[Row]) -> None:
    """Write a manifest.csv with the columns that any row has, known columns first. Raises OutputError."""
    used = {key for row in rows for key in row}
    columns = [c for c in _COLUMNS if c in used] + sorted(c for c in used if c not in _COLUMNS)
    files.write_bytes(path, table_bytes(columns, rows))


def column_of(head: str) -> str:
    """The column that labels a head."""
    return "mask" if head == HEAD else f"mask:{head}"


def _head(column: str) -> str:
    """The head that a column labels; "" when it labels none."""
    if column == "mask":
        return HEAD
    return column.removeprefix("mask:") if column.startswith("mask:") else ""


def _table_of(root: Path) -> Path:
    """The table that `root` is or holds."""
    if root.is_file():
        return root
    there = {entry.name for entry in list_folder(root)}
    names = [name for name in _NAMES if name in there]
    if len(names) != 1:
        got = "both tables" if names else "no table"
        raise DatasetError(f"{root}: {got}; allowed is one of {', '.join(_NAMES)}")
    return root / names[0]


def _check_columns(table: Path, columns: list[str], problems: list[str], *, required: tuple[str, ...]) -> None:
    for name in required:
        if name not in columns:
            raise DatasetError(f"{table}: no column {name!r}; it has {', '.join(columns)}")
    heads = [_head(c) for c in columns if _head(c)]
    for column in columns:
        head = _head(column)
        if column not in _COLUMNS and not head:
            problems.append(f"{table}: unknown column {column!r}; known are {_KNOWN}")
        if head and (why := why_not_an_id(head)):
            problems.append(f"{table}: column {column!r}: the name of the head {why}")
        if head and heads.count(head) > 1 and column != "mask":
            problems.append(f"{table}: column {column!r}: the head {head} has a column already")


def _masks_by_id(table: Path, rows: list[Row], heads: dict[str, str], problems: list[str]) -> dict[str, dict[str, str]]:
    """{id: {head: CLEAN or the absolute path of a mask}}; an empty cell labels nothing."""
    masks: dict[str, dict[str, str]] = {}
    for number, row in enumerate(rows, start=1):
        cells = masks.setdefault(row.get("id", ""), {})
        for head, column in heads.items():
            if value := row[column]:
                if value != CLEAN:
                    value = str(_file(table, number, column, value, problems))
                cells.setdefault(head, value)
    return masks


def _add_sealed(
    table: Path, heads: dict[str, str], masks: dict[str, dict[str, str]], ids: set[str], problems: list[str]
) -> None:
    columns, rows = read_table(table)
    _check_columns(table, columns, problems, required=("id",))
    sealed_heads = {_head(c): c for c in columns if _head(c)}
    if not sealed_heads:
        raise DatasetError(f"{table}: labels nothing; sealed truth needs a column mask or mask:HEAD")
    seen: set[str] = set()
    for number, row in enumerate(rows, start=1):
        if row["id"] in seen:
            problems.append(
                f"{table}: row {number}: identifier {row['id']} a second time; every identifier is used once"
            )
        if row["id"] not in ids:
            problems.append(f"{table}: row {number}: mask without image; the data hold no {row['id']!r}")
        seen.add(row["id"])
    for id, cells in _masks_by_id(table, rows, sealed_heads, problems).items():
        for head, value in cells.items():
            if masks.get(id, {}).get(head, value) != value:
                problems.append(f"{table}: identifier {id} is labelled for {head} in the data folder too")
            masks.setdefault(id, {})[head] = value
    heads.update({head: column for head, column in sealed_heads.items() if head not in heads})


def _file(table: Path, number: int, column: str, value: str, problems: list[str]) -> Path:
    path = table.parent / value
    if not path.is_file():
        problems.append(f"{table}: row {number}: {column} {path}: no such file")
    return path


def _sample(table: Path, number: int, row: Row, masks: dict[str, str], problems: list[str]) -> Sample | None:
    id = row["id"]
    if why := why_not_an_id(id):
        problems.append(f"{table}: row {number}: identifier {id!r} {why}")
        return None
    if not row["image"]:
        problems.append(f"{table}: row {number}: no image for identifier {id}")
        return None
    split = row.get("split") or "train"
    if split == "all" or why_not_an_id(split):
        problems.append(f"{table}: row {number}: split {split!r}; allowed is a plain word other than all")
    paths = {
        name: _file(table, number, name, row[name], problems)
        for name in ("image", "reference", "ignore")
        if row.get(name)
    }
    return Sample(
        id=id,
        split=split,
        image=paths["image"],
        reference=paths.get("reference"),
        ignore=paths.get("ignore"),
        masks={head: (Path(value),) for head, value in masks.items() if value != CLEAN},
        labelled_heads=tuple(masks),
        group=row.get("group") or None,
        level=row.get("level") or None,
        object_id=row.get("object_id") or None,
        view=row.get("view") or None,
    )


def _read_plane(paths: tuple[Path, ...], shape: tuple[int, int]) -> NDArray[np.uint8]:
    if not paths:
        return np.zeros(shape, np.uint8)
    (path,) = paths
    plane = images.read_gray(path)
    check_size(path, plane, shape)
    if plane.max() == 1:
        # Read as probabilities this would be an all but clean image: surely a label image.
        raise DatasetError(f"{path}: its largest value is 1; a mask says 255 where a defect is certain")
    if plane.dtype == np.uint16:
        return ((plane.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return np.asarray(plane, np.uint8)


LAYOUT = Layout(
    name="manifest",
    looks="a manifest.csv or manifest.parquet",
    metric="macro-f1",
    recognise=recognise,
    read=read,
    read_pair=make_pair,
    read_truth=read_truth,
    write=write,
)
