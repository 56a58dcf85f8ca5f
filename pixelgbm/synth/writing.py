"""Writing what was drawn: images and truth in a layout, what annotators marked, and a table of every flaw."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pixelgbm import files, images
from pixelgbm.datasets import LAYOUTS, Labelled
from pixelgbm.datasets.manifest import CLEAN, column_of, write_table
from pixelgbm.datasets.tables import Row
from pixelgbm.records import Truth
from pixelgbm.synth.drawn import Drawn, FlawRecord
from pixelgbm.threads import ordered_map

__all__ = ["Progress", "Write", "layout_writer", "write_csv"]

Progress = Callable[[int, int, str], None]

Write = Callable[[Path, Sequence[Any], int, Progress | None], None]
"""write(folder, jobs, workers, progress) draws the jobs into an empty folder. Raises OutputError."""


def layout_writer(layout: str, draw: Callable[[Any], tuple[Drawn, ...]]) -> Write:
    """A writer of drawn images in `layout`, the truth of the split test to truth/, and with it a row for every flaw."""

    def write(folder: Path, jobs: Sequence[Any], workers: int, progress: Progress | None) -> None:
        records: list[FlawRecord] = []
        readings = _Readings(folder)

        def stream() -> Iterator[Labelled]:
            for done, drawn in enumerate(ordered_map(draw, jobs, workers=workers), start=1):
                for one in drawn:
                    records.extend(one.flaws)
                    readings.add(one.labelled, one.readings)
                    yield one.labelled
                if progress is not None:
                    progress(done, len(jobs), "drawing")

        LAYOUTS[layout].write(folder, stream(), sealed=folder / "truth")
        readings.finish()
        write_csv(folder / "truth" / "flaws.csv", FlawRecord.columns(), (record.values() for record in records))

    return write


def write_csv(path: Path, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Write a table. Raises OutputError."""
    table = io.StringIO(newline="")
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    files.write_text(path, table.getvalue())


class _Readings:
    """What annotators marked: for each of them a manifest of their own masks and everybody's images."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "annotators"
        self._rows: dict[Path, list[Row]] = {}

    def add(self, item: Labelled, readings: Sequence[Truth]) -> None:
        """Write the masks of every annotator for one image."""
        for number, truth in enumerate(readings, start=1):
            folder = self._folder / str(number)
            row = {"id": item.id, "image": f"../../images/{item.id}.png", "split": item.split}
            row |= {"object_id": item.object_id or "", "view": item.view or ""}
            for head, plane in truth.items():
                row[column_of(head)] = f"masks/{head}/{item.id}.png" if plane.any() else CLEAN
                if plane.any():
                    images.write_png(folder / row[column_of(head)], plane)
            self._rows.setdefault(folder, []).append(row)

    def finish(self) -> None:
        """Write the tables."""
        for folder, rows in self._rows.items():
            write_table(folder / "manifest.csv", rows)
