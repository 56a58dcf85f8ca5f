"""Tables as rows of text: every cell stripped, "" where it is empty."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

from pixelgbm.errors import DatasetError

__all__ = ["Row", "read_table", "table_bytes"]

Row = dict[str, str]


def read_table(table: Path) -> tuple[list[str], list[Row]]:
    """The columns and the rows of a CSV or, by its suffix, a Parquet file. Raises DatasetError, one line."""
    names, rows = _parquet(table) if table.suffix.lower() == ".parquet" else _csv(table)
    columns = [name.strip() for name in names]
    for name in columns:
        if columns.count(name) > 1:
            raise DatasetError(f"{table}: the column {name!r} stands twice; allowed is each once")
    return columns, [
        {c: "" if v is None else str(v).strip() for c, v in zip_longest(columns, row, fillvalue="")} for row in rows
    ]


def _csv(table: Path) -> tuple[list[str], Sequence[Sequence[object]]]:
    # Polars reads such a table, too, but would be 30 MB and a third of a second of every `predict`.
    csv.field_size_limit(2**31 - 1)  # a mask as run lengths may be longer than what is allowed otherwise, 128 KB
    try:
        text = table.read_bytes().decode("utf-8-sig")
        lines = [line for line in csv.reader(io.StringIO(text, newline=""), strict=True) if line]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        cause = getattr(error, "strerror", None) or error
        raise DatasetError(f"{table}: not a readable table ({cause})") from error
    if not lines:
        raise DatasetError(f"{table}: the table is empty")
    columns, *rows = lines
    for number, row in enumerate(rows, 1):
        if len(row) > len(columns):
            raise DatasetError(f"{table}: row {number}: {len(row)} cells; there are {len(columns)} columns")
    return columns, rows


def _parquet(table: Path) -> tuple[list[str], Sequence[Sequence[object]]]:
    import polars  # a third of a second to import, and most runs read no Parquet

    try:
        frame = polars.read_parquet(table.read_bytes())
    except (OSError, polars.exceptions.PolarsError) as error:
        cause = str(getattr(error, "strerror", None) or error).strip().splitlines()[0]
        raise DatasetError(f"{table}: not a readable table ({cause})") from error
    return frame.columns, frame.rows()


def table_bytes(columns: list[str], rows: list[Row]) -> bytes:
    """The CSV file of rows, a cell that a row lacks empty."""
    import polars

    frame = polars.DataFrame(
        {c: [row.get(c) or None for row in rows] for c in columns}, schema=dict.fromkeys(columns, polars.String)
    )
    return frame.write_csv().encode()
