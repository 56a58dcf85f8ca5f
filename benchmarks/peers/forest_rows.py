"""The pixels of an image that a forest learns from, drawn and described once for all fittings.

An image has its own random order of pixels, whatever else is learnt from; a fitting takes as many from the front as it
wants. So the folds of a cross-validation share what costs time.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from peers.pairs import Item, View
from peers.task import Task

__all__ = ["Counts", "Rows", "rows_of"]

NEAR = 12
AHEAD = 1.25
"""Kept are so many times the pixels first asked for: another fold, with fewer masks, may want a few more of each."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Pixels to draw from an image: of the defects of each head, and of the rest."""

    positives: int
    negatives: int


@dataclass(frozen=True, slots=True)
class Rows:
    """columns: (n, columns) float32. labels: (n, heads) bool. cpu_seconds: of making them; spent_now: of this call."""

    columns: NDArray[np.float32]
    labels: NDArray[np.bool_]
    cpu_seconds: float
    spent_now: float


@dataclass(frozen=True, slots=True)
class _Kept:
    """order: drawn pixels, flat, of every kind: the defects of each head, near them, anywhere off them."""

    order: list[NDArray[np.int32]]
    counts: Counts
    pixels: NDArray[np.int32]
    columns: NDArray[np.float32]
    labels: NDArray[np.bool_]
    cpu_seconds: float


def rows_of(task: Task, item: Item, counts: Counts, features: Callable[[View], NDArray[np.float32]]) -> Rows:
    """The rows of an image, kept in the task's folder of what is shared."""
    started = time.process_time()
    path = task.kept / "rows" / f"{item.id}.npz"
    kept = _read(path) if path.exists() else None
    if kept is None or kept.counts.positives < counts.positives or kept.counts.negatives < counts.negatives:
        kept = _made(task, item, counts, features, started)
        _write(path, kept)
    *defects, near, off = kept.order
    near = near[: counts.negatives // 3]
    chosen = [*(pixels[: counts.positives] for pixels in defects), near, off[: counts.negatives - len(near)]]
    rows = np.searchsorted(kept.pixels, np.unique(np.concatenate(chosen)))
    return Rows(kept.columns[rows], kept.labels[rows], kept.cpu_seconds, time.process_time() - started)


def _made(
    task: Task, item: Item, counts: Counts, features: Callable[[View], NDArray[np.float32]], started: float
) -> _Kept:
    wide = Counts(*(int(np.ceil(AHEAD * count)) for count in (counts.positives, counts.negatives)))
    truth = item.truth()
    rng = task.rng(4, zlib.crc32(item.id.encode()))
    order = _drawn(rng, truth, item.ignore(), wide)
    pixels = np.unique(np.concatenate(order))
    columns = features(item.view()).reshape(truth[..., 0].size, -1)[pixels]
    labels = truth.reshape(-1, truth.shape[2])[pixels]
    return _Kept(order, wide, pixels, columns, labels, time.process_time() - started)


def _drawn(
    rng: np.random.Generator, truth: NDArray[np.bool_], ignore: NDArray[np.bool_], counts: Counts
) -> list[NDArray[np.int32]]:
    """The first pixels of a random order: of each head's defects, near any, off all; every image about as many."""
    dirty = truth.any(axis=2)
    away = cv2.distanceTransform((~dirty).astype(np.uint8), cv2.DIST_L2, 5) if dirty.any() else np.full(dirty.shape, 99)
    off = ~dirty & ~ignore
    kinds = [(truth[..., head] & ~ignore, counts.positives) for head in range(truth.shape[2])]
    kinds += [(off & (away <= NEAR), counts.negatives // 3), (off, counts.negatives)]
    return [rng.permutation(np.flatnonzero(where).astype(np.int32))[:most] for where, most in kinds]


def _read(path: Path) -> _Kept:
    with np.load(path) as found:
        order = np.split(found["order"], np.cumsum(found["lengths"])[:-1])
        counts = Counts(*(int(n) for n in found["counts"]))
        return _Kept(order, counts, found["pixels"], found["columns"], found["labels"], float(found["cpu_seconds"]))


def _write(path: Path, kept: _Kept) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.tmp")
    with aside.open("wb") as file:
        np.savez(
            file,
            order=np.concatenate(kept.order),
            lengths=np.array([len(pixels) for pixels in kept.order]),
            counts=np.array([kept.counts.positives, kept.counts.negatives]),
            pixels=kept.pixels,
            columns=kept.columns,
            labels=kept.labels,
            cpu_seconds=np.array(kept.cpu_seconds),
        )
    aside.replace(path)
