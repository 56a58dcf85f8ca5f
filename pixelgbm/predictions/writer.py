"""Writing a PRED folder so that a kill loses nothing and the order of the workers changes nothing.

An image's files are written aside and renamed before its line is appended to the journal, so a line
vouches for files. When every image is done, run.json and the tables are made from the lines, in data
order; the lines stay only as long as an image has failed.
"""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from pixelgbm import files, images
from pixelgbm.errors import OutputError
from pixelgbm.predictions.tables import (
    FORMAT,
    JOURNAL,
    OBJECT_COLUMNS,
    OBJECTS,
    REGION_COLUMNS,
    RUN,
    VERDICT_COLUMNS,
    WITHOUT_REFERENCES,
    csv_text,
    parse_json,
    plane_path,
    read_json,
    region_cells,
)
from pixelgbm.records import Inspection

__all__ = ["PredictionWriter"]


class PredictionWriter:
    """Fills a PRED folder image by image, in any order, from any threads.

    Leaving the `with` block normally finishes the folder if every image is done or has failed; after
    an exception or a kill everything done so far stays, and `resume=True` continues from there.
    A failed image is tried again on resuming.
    """

    def __init__(
        self,
        folder: Path | str,
        *,
        model_digest: str,
        data_digest: str,
        layout: str,
        ids: Sequence[str],
        heads: Sequence[str],
        objects: Mapping[str, str] | None = None,
        probabilities: bool = False,
        min_size: str | None = None,
        resume: bool = False,
    ) -> None:
        """Open `folder` for the images `ids`, in data order. min_size: the smallest defect that was kept, in words.
        objects: id -> the object it is a view of, of those that are.

        Raises OutputError for a folder that is not empty and no PRED folder, or cannot be written,
        or, on resuming, that was made with another model, other data or other options.
        """
        self.folder = Path(folder)
        self._header = {
            "format": FORMAT,
            "model": model_digest,
            "data": data_digest,
            "layout": layout,
            "heads": list(heads),
            "probabilities": probabilities,
            "min_size": min_size,
            "ids": list(ids),
        }
        self._ids = tuple(ids)
        self._heads = tuple(heads)
        self._objects = dict(objects or {})
        self._lock = threading.Lock()
        self._lines: dict[str, int] = {}  # where the line of an image starts; a later line replaces an earlier
        self._failed: set[str] = set()
        self._finished = False
        self._open(resume=resume)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()

    def done(self, id: str) -> bool:
        """Whether the image needs no more work."""
        return self._finished or (id in self._lines and id not in self._failed)

    def write(self, inspection: Inspection) -> None:
        """Store what was found in one image. Raises OutputError; what is complete stays complete."""
        id = inspection.id
        for head in self._heads:
            images.write_png(plane_path(self.folder, "masks", head, id), inspection.masks[head])
            if self._header["probabilities"]:
                deep = np.rint(inspection.probabilities[head] * np.float32(65535)).astype(np.uint16)
                images.write_png(plane_path(self.folder, "probabilities", head, id), deep)
        rows, cols = inspection.masks[self._heads[0]].shape
        area = sum(int(mask.sum()) for mask in inspection.masks.values())
        regions = [region_cells(region) for region in inspection.regions]
        verdict = [
            "yes" if inspection.verdict.accepted else "no",
            len(regions),
            area,
            ";".join(inspection.verdict.flags),
        ]
        self._append(id, {"id": id, "size": [rows, cols], "verdict": verdict, "regions": regions})
        self._failed.discard(id)

    def fail(self, id: str, reason: str) -> None:
        """Note that an image could not be read or inspected, and why. Raises OutputError."""
        self._failed.add(id)
        self._append(id, {"id": id, "failure": reason})

    def close(self) -> None:
        """Make run.json and the tables if every image is done or has failed; otherwise leave all for resuming."""
        if self._finished or any(id not in self._lines for id in self._ids):
            return
        journal = self.folder / JOURNAL
        entries = dict(self._entries(journal))
        regions, verdicts, samples, failures = [], [], [], []
        for id, entry in entries.items():
            if "failure" in entry:
                failures.append({"id": id, "reason": entry["failure"]})
                continue
            samples.append({"id": id, "rows": entry["size"][0], "cols": entry["size"][1]})
            verdicts.append([id, *entry["verdict"]])
            counts = dict.fromkeys(self._heads, 0)
            for head, *cells in entry["regions"]:
                counts[head] = counts.get(head, 0) + 1
                regions.append([id, head, counts[head], *cells])
        files.write_text(self.folder / "regions.csv", csv_text(REGION_COLUMNS, regions))
        files.write_text(self.folder / "verdicts.csv", csv_text(VERDICT_COLUMNS, verdicts))
        if self._objects:
            files.write_text(self.folder / OBJECTS, csv_text(OBJECT_COLUMNS, self._object_rows(entries)))
        run = self._header | {"samples": samples, "failures": failures}
        if failures:
            lines = [json.dumps(self._header), *(json.dumps(entry) for entry in entries.values())]
            files.write_text(journal, "\n".join(lines) + "\n")
        files.write_text(self.folder / RUN, json.dumps(run, indent=1) + "\n")
        self._finished = True
        if not failures:
            with files.output_errors(journal):
                journal.unlink(missing_ok=True)

    def _object_rows(self, entries: Mapping[str, Mapping[str, Any]]) -> list[list[Any]]:
        """One verdict per object: rejected when a view is; without one, unknown when a view has failed."""
        views: dict[str, list[str]] = {}
        for id in self._ids:
            if id in self._objects:
                views.setdefault(self._objects[id], []).append(id)
        rows = []
        for name, ids in views.items():
            failed = [id for id in ids if "failure" in entries[id]]
            rejected = [id for id in ids if id not in failed and entries[id]["verdict"][0] == "no"]
            accepted = "no" if rejected else "unknown" if failed else "yes"
            rows.append([name, accepted, len(ids), ";".join(rejected), ";".join(failed)])
        return rows

    def _open(self, *, resume: bool) -> None:
        journal, run = self.folder / JOURNAL, self.folder / RUN
        with files.output_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            known = journal.exists() or run.exists()
            if not known and any(not e.name.startswith(".") for e in self.folder.iterdir()):
                raise OutputError(f"{self.folder}: not empty and no PRED folder; choose a new or empty folder")
            for torn in self.folder.rglob(".*.tmp"):
                torn.unlink(missing_ok=True)
            if resume and known:
                self._continue(journal if journal.exists() else run)
                return
            for old in (run, *(self.folder / name for name in ("regions.csv", "verdicts.csv", OBJECTS))):
                old.unlink(missing_ok=True)
            # The journal is renewed before the planes go: whatever a kill leaves is still a PRED folder.
            files.write_text(journal, json.dumps(self._header) + "\n")
            for kind in ("masks", "probabilities", WITHOUT_REFERENCES):
                if (self.folder / kind).exists():
                    shutil.rmtree(self.folder / kind)

    def _continue(self, source: Path) -> None:
        if source.name == RUN:
            found = read_json(source)
        else:
            data = source.read_bytes()
            whole = data.rfind(b"\n") + 1  # a kill may tear the last line
            if whole < len(data):
                with source.open("r+b") as file:
                    file.truncate(whole)
            found = parse_json(data[: data.find(b"\n") + 1], source)
        self._check_same_run(source, found)
        if source.name == RUN:
            self._finished = True
            return
        at = 0
        for line in data[:whole].splitlines(keepends=True):
            if at:
                entry = parse_json(line, source)
                if "failure" in entry:
                    self._failed.add(entry["id"])
                    self._lines[entry["id"]] = at
                elif self._has_planes(entry["id"]):
                    self._failed.discard(entry["id"])
                    self._lines[entry["id"]] = at
            at += len(line)
        # Until it is finished again it is not finished: nobody may read a run.json of an earlier state.
        (self.folder / RUN).unlink(missing_ok=True)

    def _check_same_run(self, source: Path, found: dict[str, Any]) -> None:
        names = {"format": "format", "model": "model", "data": "data", "layout": "layout", "heads": "heads"}
        names |= {"probabilities": "--probabilities", "min_size": "--min-size", "ids": "images"}
        for key, name in names.items():
            if found.get(key) != self._header[key]:
                got, now = (str(h.get(key))[:16] for h in (found, self._header))
                detail = "" if key == "ids" else f" ({got} there, {now} now)"
                raise OutputError(f"{source}: made with other {name}{detail}; --resume continues the same run only")

    def _has_planes(self, id: str) -> bool:
        kinds = ("masks", "probabilities") if self._header["probabilities"] else ("masks",)
        return all(plane_path(self.folder, kind, head, id).is_file() for kind in kinds for head in self._heads)

    def _append(self, id: str, entry: dict[str, Any]) -> None:
        with self._lock:
            self._lines[id] = files.append_line(self.folder / JOURNAL, json.dumps(entry))

    def _entries(self, journal: Path) -> Iterator[tuple[str, dict[str, Any]]]:
        """The last line of every image, in data order."""
        with files.output_errors(journal), journal.open("rb") as file:
            for id in self._ids:
                file.seek(self._lines[id])
                yield id, json.loads(file.readline())
