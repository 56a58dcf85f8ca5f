"""The registered pairs that all peers read, made once and kept on disk."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from features import register
from features.levels import to_float
from features.photometry import match_light
from pixelgbm import datasets, files
from pixelgbm.errors import ConfigError
from pixelgbm.records import Dataset, Sample
from pixelgbm.sampling import DEFECT
from pixelgbm.threads import ordered_map

__all__ = ["Item", "View", "items_of", "prepare"]

Planes = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]


@dataclass(frozen=True, slots=True)
class View:
    """One registered pair.

    test, reference: (rows, cols, 3) float32, 0..255, the reference aligned and of the image's light; where it shows
    nothing it repeats the test. covered: (rows, cols) bool, where it shows anything; nowhere without a reference or
    with one of another scene. cpu_seconds: what reading, registering and matching the light took.
    """

    test: NDArray[np.float32]
    reference: NDArray[np.float32]
    covered: NDArray[np.bool_]
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Item:
    """One image of a data set for some of its heads, read when asked for."""

    dataset: Dataset
    sample: Sample
    heads: tuple[str, ...]
    path: Path

    @property
    def id(self) -> str:
        return self.sample.id

    @property
    def group(self) -> str:
        return self.sample.group or self.sample.id

    def view(self) -> View:
        """The registered pair from the disk."""
        with np.load(self.path) as kept:
            covered = np.unpackbits(kept["covered"], count=int(np.prod(kept["shape"]))).reshape(kept["shape"])
            test = kept["test"].astype(np.float32)
            reference = kept["reference"].astype(np.float32) if covered.any() else test
            return View(test, reference, covered > 0, float(kept["cpu_seconds"]))

    @property
    def masked(self) -> tuple[bool, ...]:
        """Which of the heads a mask is given for; the others are known to be clean without one."""
        return tuple(bool(self.sample.masks.get(head)) for head in self.heads)

    def truth(self) -> NDArray[np.bool_]:
        """(rows, cols, heads) bool; only for images that are learnt from or tuned on."""
        found = datasets.read_truth(self.dataset, self.sample, self._shape())
        return np.dstack([found[head] >= DEFECT for head in self.heads])

    def ignore(self) -> NDArray[np.bool_]:
        """(rows, cols) bool, where nothing is learnt or scored."""
        found = datasets.read_ignore(self.sample, self._shape())
        return np.zeros(self._shape(), bool) if found is None else found

    def _shape(self) -> tuple[int, int]:
        with np.load(self.path) as kept:
            rows, cols = (int(n) for n in kept["shape"])
        return rows, cols


def items_of(dataset: Dataset, samples: Sequence[Sample], *, heads: tuple[str, ...], work: Path) -> tuple[Item, ...]:
    """The samples as items of these heads, in their order; `prepare` has made their pairs."""
    return tuple(Item(dataset, sample, heads, _path(work, sample)) for sample in samples)


def prepare(dataset: Dataset, *, work: Path, workers: int = 1) -> None:
    """Register every pair of `dataset` that WORK/pairs does not hold yet.

    Raises ConfigError when WORK holds the pairs of other data.
    """
    _claim(work, dataset)
    missing = [sample for sample in dataset.samples if not _path(work, sample).exists()]

    def make(sample: Sample) -> None:
        started = time.thread_time()
        view = _registered(dataset, sample)
        _keep(_path(work, sample), view, time.thread_time() - started)

    for done, _ in enumerate(ordered_map(make, missing, workers=workers), start=1):
        if done % 100 == 0 or done == len(missing):
            print(f"registered {done} of {len(missing)}", flush=True)


def _claim(work: Path, dataset: Dataset) -> None:
    note = work / "pairs" / "data.txt"
    root = str(dataset.root.resolve())
    if note.exists() and note.read_text(encoding="utf-8") != root:
        raise ConfigError(f"{work}: holds the pairs of {note.read_text(encoding='utf-8')}; choose another folder")
    files.write_text(note, root)


def _path(work: Path, sample: Sample) -> Path:
    return work / "pairs" / f"{sample.id}.npz"


def _registered(dataset: Dataset, sample: Sample) -> Planes:
    pair = datasets.read_pair(dataset, sample)
    test = _coloured(to_float(pair.test))
    nowhere = np.zeros(test.shape[:2], bool)
    if pair.reference is None:
        return test, test, nowhere
    found = register(pair.test, pair.reference)
    if found.quality.status == "mismatch":
        return test, test, nowhere
    aligned = _coloured(found.aligned)
    planes = [
        match_light(*(np.ascontiguousarray(image[..., k]) for image in (test, aligned)), found.covered)
        for k in range(3)
    ]
    return test, np.where(found.covered[..., None], np.dstack(planes), test), found.covered


def _coloured(image: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.dstack([image] * 3) if image.ndim == 2 else image


def _keep(path: Path, view: Planes, cpu_seconds: float) -> None:
    test, reference, covered = view
    whole = bool((test == np.rint(test)).all())  # 16-bit images lie between the grey levels
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.tmp")
    with aside.open("wb") as file:
        np.savez(
            file,
            test=test.astype(np.uint8 if whole else np.float16),
            reference=reference.astype(np.float16) if covered.any() else np.zeros(0, np.float16),
            covered=np.packbits(covered),
            shape=np.array(covered.shape),
            cpu_seconds=np.array(cpu_seconds),
        )
    aside.replace(path)
