"""Reading a finished PRED folder, and making an answer file of it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelgbm import images
from pixelgbm.datasets import LAYOUTS
from pixelgbm.errors import ImageError, SubmissionError
from pixelgbm.predictions.tables import (
    FORMAT,
    JOURNAL,
    REGION_COLUMNS,
    RUN,
    VERDICT_COLUMNS,
    plane_path,
    read_csv,
    read_json,
    region_of,
)
from pixelgbm.records import Dataset, Region, Verdict

__all__ = ["Predictions", "is_predictions", "read_predictions", "submit"]


@dataclass(frozen=True, slots=True)
class Predictions:
    """A finished PRED folder, its masks read one by one.

    ids: in data order, failures included. sizes: (rows, cols) of every image that did not fail.
    failures: the reason for every image that did.
    """

    folder: Path
    model_digest: str
    data_digest: str
    layout: str
    heads: tuple[str, ...]
    ids: tuple[str, ...]
    sizes: dict[str, tuple[int, int]]
    failures: dict[str, str]
    has_probabilities: bool

    def mask(self, id: str, head: str) -> NDArray[np.bool_]:
        """The (rows, cols) mask of one image. Raises SubmissionError when it is missing or damaged."""
        found: NDArray[np.bool_] = self._plane("masks", id, head) > 0
        return found

    def masks(self, id: str) -> dict[str, NDArray[np.bool_]]:
        """{head: mask} of one image. Raises SubmissionError when one is missing or damaged."""
        return {head: self.mask(id, head) for head in self.heads}

    def probability(self, id: str, head: str) -> NDArray[np.float32]:
        """The (rows, cols) map of one image, 0..1. Raises SubmissionError when the run did not keep maps."""
        if not self.has_probabilities:
            raise SubmissionError(f"{self.folder}: holds no probabilities; predict with --probabilities keeps them")
        return (self._plane("probabilities", id, head) / np.float32(65535)).astype(np.float32)

    def verdicts(self) -> dict[str, Verdict]:
        """The verdict of every image that did not fail, in data order."""
        rows = read_csv(self.folder / "verdicts.csv", VERDICT_COLUMNS)
        return {r["id"]: Verdict(r["accepted"] == "yes", tuple(f for f in r["flags"].split(";") if f)) for r in rows}

    def regions(self) -> dict[str, tuple[Region, ...]]:
        """The regions of every image that did not fail, in data order; () where nothing was found."""
        found: dict[str, tuple[Region, ...]] = {id: () for id in self.ids if id not in self.failures}
        for row in read_csv(self.folder / "regions.csv", REGION_COLUMNS):
            found[row["id"]] += (region_of(row),)
        return found

    def _plane(self, kind: str, id: str, head: str) -> NDArray[Any]:
        if id in self.failures:
            raise SubmissionError(f"{self.folder}: image {id} failed ({self.failures[id]})")
        if head not in self.heads or id not in self.sizes:
            raise SubmissionError(f"{self.folder}: holds no image {id} for the head {head}")
        path = plane_path(self.folder, kind, head, id)
        try:
            plane = images.read_gray(path)
        except ImageError as error:
            raise SubmissionError(str(error)) from error
        if plane.shape != self.sizes[id]:
            raise SubmissionError(f"{path}: {plane.shape[0]}x{plane.shape[1]}, run.json says {self.sizes[id]}")
        return plane


def is_predictions(path: Path) -> bool:
    """Whether a path is a PRED folder, finished or not."""
    return (path / RUN).is_file() or (path / JOURNAL).is_file()


def read_predictions(folder: Path | str) -> Predictions:
    """Open a finished PRED folder. Raises SubmissionError for one that is unfinished, foreign or damaged."""
    folder = Path(folder)
    path = folder / RUN
    if not path.is_file():
        if (folder / JOURNAL).is_file():
            raise SubmissionError(f"{folder}: not finished; predict --resume continues it")
        raise SubmissionError(f"{folder}: not a PRED folder, it holds no {RUN}")
    run = read_json(path)
    if run.get("format") != FORMAT:
        raise SubmissionError(f"{path}: format {run.get('format')!r}, this version reads {FORMAT}")
    with suppress(KeyError, TypeError, ValueError):
        return Predictions(
            folder=folder,
            model_digest=str(run["model"]),
            data_digest=str(run["data"]),
            layout=str(run["layout"]),
            heads=tuple(run["heads"]),
            ids=tuple(run["ids"]),
            sizes={s["id"]: (int(s["rows"]), int(s["cols"])) for s in run["samples"]},
            failures={f["id"]: str(f["reason"]) for f in run["failures"]},
            has_probabilities=bool(run["probabilities"]),
        )
    raise SubmissionError(f"{path}: damaged (a PRED folder's run.json has ids, samples, failures and digests)")


def submit(folder: Path | str, out: Path | str, *, layout: str | None = None, dataset: Dataset | None = None) -> int:
    """Write the answer file of a PRED folder in its own layout or another; returns the number of images.

    dataset: the images to answer, in its order; their folder may hold a sample whose form the answer
    takes. None: all of the PRED folder.
    An answer needs every image: raises SubmissionError naming those that are missing or failed, or when
    the layout has no answer file; OutputError when `out` cannot be written.
    """
    found = read_predictions(folder)
    name = layout or found.layout
    if name not in LAYOUTS:
        raise SubmissionError(f"{folder}: unknown layout {name!r}; known are {', '.join(LAYOUTS)}")
    write_answer = LAYOUTS[name].write_answer
    if write_answer is None:
        able = ", ".join(n for n, row in LAYOUTS.items() if row.write_answer is not None)
        raise SubmissionError(f"{folder}: the layout {name} has no answer file; these have one: {able}")
    wanted = found.ids if dataset is None else tuple(sample.id for sample in dataset.samples)
    there = set(found.ids)
    for lacking, how in (
        ([id for id in wanted if id not in there], "are missing"),
        ([id for id in wanted if id in found.failures], "failed"),
    ):
        if lacking:
            some = ", ".join(lacking[:10]) + (", ..." if len(lacking) > 10 else "")
            raise SubmissionError(
                f"{folder}: {len(lacking)} of {len(wanted)} images {how} ({some}); an answer needs every image"
            )
    data = None if dataset is None else dataset.root
    write_answer(((id, found.masks(id)) for id in wanted), Path(out), data=data)
    return len(wanted)
