"""The names, rows and cells of the files in a PRED folder."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pixelgbm.errors import SubmissionError
from pixelgbm.records import Region

__all__ = [
    "FORMAT",
    "JOURNAL",
    "OBJECTS",
    "OBJECT_COLUMNS",
    "REGION_COLUMNS",
    "RUN",
    "VERDICT_COLUMNS",
    "WITHOUT_REFERENCES",
    "csv_text",
    "parse_json",
    "plane_path",
    "read_csv",
    "read_json",
    "region_cells",
    "region_of",
]

FORMAT = 1

WITHOUT_REFERENCES = "without-references"
"""The folder in a PRED folder that holds the same run made without references, itself a PRED folder."""

RUN = "run.json"
JOURNAL = "unfinished.jsonl"
OBJECTS = "objects.csv"
"""One verdict per object, of data that say which images are views of one."""
REGION_COLUMNS = (
    *("id", "head", "region", "top", "left", "bottom", "right", "row", "col"),
    *("area", "score", "mean_probability", "max_probability"),
)
VERDICT_COLUMNS = ("id", "accepted", "regions", "area", "flags")
OBJECT_COLUMNS = ("object_id", "accepted", "views", "rejected", "failed")


def plane_path(folder: Path, kind: str, head: str, id: str) -> Path:
    """Where the mask or map (`kind`) of one image and head lies."""
    return folder / kind / head / f"{id}.png"


def region_cells(region: Region) -> list[Any]:
    """Head and numbers of a region, as text where they are not whole."""
    row, col = region.centroid
    numbers = (region.score, region.mean_probability, region.max_probability)
    place = [*(int(v) for v in region.bbox), f"{row:.2f}", f"{col:.2f}", int(region.area)]
    return [region.head, *place, *(f"{float(v):.6g}" for v in numbers)]


def region_of(row: dict[str, str]) -> Region:
    """The region of one row of regions.csv."""
    return Region(
        head=row["head"],
        bbox=(int(row["top"]), int(row["left"]), int(row["bottom"]), int(row["right"])),
        centroid=(float(row["row"]), float(row["col"])),
        area=int(row["area"]),
        score=float(row["score"]),
        mean_probability=float(row["mean_probability"]),
        max_probability=float(row["max_probability"]),
    )


def csv_text(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table as the text of a CSV file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def read_csv(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """The rows of a CSV file. Raises SubmissionError when it cannot be read or has other columns."""
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
    except (OSError, UnicodeDecodeError) as error:
        raise SubmissionError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    if any(None in row.values() or tuple(row) != tuple(columns) for row in rows):
        raise SubmissionError(f"{path}: damaged, allowed are the columns {', '.join(columns)}")
    return rows


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file. Raises SubmissionError when it cannot be read."""
    try:
        return parse_json(path.read_bytes(), path)
    except OSError as error:
        raise SubmissionError(f"{path}: {error.strerror or error}") from error


def parse_json(data: bytes, path: Path) -> dict[str, Any]:
    """The object in a JSON text. Raises SubmissionError naming `path` when there is none."""
    try:
        found = json.loads(data)
    except ValueError as error:
        raise SubmissionError(f"{path}: damaged ({error})") from error
    if not isinstance(found, dict):
        raise SubmissionError(f"{path}: damaged (no JSON object)")
    return found
