"""Tables as rows of text: every cell stripped, "" where it is empty."""

from __future__ import annotations

from pathlib import Path

from pixelgbm.errors import DatasetError

__all__ = ["Row", "read_table", "table_bytes"]

Row = dict[str, str]


def read_table(table: Path) -> tuple[list[str], list[Row]]:
    """The columns and the rows of a CSV or, by its suffix, a Parquet file. Raises DatasetError, one line."""
    import polars  # a third of a second to import, and most runs read no table

    try:
        if table.suffix.lower() == ".parquet":
            frame = polars.read_parquet(table.read_bytes())
        else:
            frame = polars.read_csv(table.read_bytes(), infer_schema=False, encoding="utf8")
    except polars.exceptions.NoDataError as error:
        raise DatasetError(f"{table}: the table is empty") from error
    except (OSError, polars.exceptions.PolarsError) as error:
        cause = str(getattr(error, "strerror", None) or error).strip().splitlines()[0]
        raise DatasetError(f"{table}: not a readable table ({cause})") from error
    columns = [name.strip().removeprefix("\ufeff") for name in frame.columns]
    rows = [
        {c: "" if v is None else str(v).strip() for c, v in zip(columns, row, strict=True)} for row in frame.iter_rows()
    ]
    return columns, rows


def table_bytes(columns: list[str], rows: list[Row]) -> bytes:
    """The CSV file of rows, a cell that a row lacks empty."""
    import polars

    frame = polars.DataFrame(
        {c: [row.get(c) or None for row in rows] for c in columns}, schema=dict.fromkeys(columns, polars.String)
    )
    return frame.write_csv().encode()
