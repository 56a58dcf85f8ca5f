"""Runs of pixels as a text of pairs `start length`, counted from 1, down the columns, then left to right."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pixelgbm.errors import DatasetError

__all__ = ["decode_rle", "encode_rle", "read_runs"]

_MOST_DIGITS = 15
_SHOWN = 40  # characters of a value that a message repeats


def encode_rle(mask: NDArray[np.bool_]) -> str:
    """The runs of a (rows, cols) bool mask, in order, none touching the next; "" for an empty mask."""
    flat = np.zeros(mask.size + 2, np.int8)
    flat[1:-1] = mask.T.ravel()
    edges = np.flatnonzero(np.diff(flat))
    starts, ends = edges[::2], edges[1::2]
    return " ".join(f"{start + 1} {end - start}" for start, end in zip(starts.tolist(), ends.tolist(), strict=True))


def decode_rle(text: str, shape: tuple[int, int], *, where: object) -> NDArray[np.bool_]:
    """The (rows, cols) bool mask of a text of runs, in any order; "" is an empty mask.

    Raises DatasetError as `read_runs`, and for a run past the end of the image.
    """
    rows, cols = shape
    runs = read_runs(text, where=where)
    if len(runs) and runs[-1].sum() - 1 > rows * cols:
        start, length = (int(value) for value in runs[-1])
        raise DatasetError(
            f"{where}: run '{start} {length}' ends at {start + length - 1}, "
            f"an image of {rows}x{cols} has {rows * cols} pixels"
        )
    # +1 where a run starts, -1 behind its end: the running sum is the mask.
    steps = np.zeros(rows * cols + 1, np.int8)
    steps[runs[:, 0] - 1] += 1
    steps[runs.sum(axis=1) - 1] -= 1
    return np.ascontiguousarray(np.cumsum(steps[:-1], dtype=np.int8).reshape(cols, rows).T > 0)


def read_runs(text: str, *, where: object) -> NDArray[np.int64]:
    """(runs, 2): start and length of every run, in order of the starts, whatever the size of the image.

    Raises DatasetError naming `where` and the value: for what is no number, an odd count, a start or
    length below 1, and runs that overlap.
    """
    words = text.split()
    if not (text.isascii() and "".join(words).isdigit() and max(map(len, words)) <= _MOST_DIGITS):
        for word in words:
            if not (word.isascii() and word.isdigit() and len(word) <= _MOST_DIGITS):
                raise DatasetError(
                    f"{where}: {word[:_SHOWN]!r} in the runs; allowed are whole numbers, START LENGTH ..."
                )
    if len(words) % 2:
        raise DatasetError(f"{where}: {len(words)} numbers, {_short(text)}; runs are pairs START LENGTH")
    runs = np.array(list(map(int, words)), np.int64).reshape(-1, 2)
    for start, length in runs[(runs < 1).any(axis=1)][:1]:
        raise DatasetError(f"{where}: run '{start} {length}'; starts count from 1, lengths are at least 1")
    runs = runs[np.argsort(runs[:, 0], kind="stable")]
    for at in np.flatnonzero(runs[1:, 0] < runs[:-1].sum(axis=1))[:1]:
        (start, length), (following, more) = runs[at], runs[at + 1]
        raise DatasetError(f"{where}: run '{following} {more}' overlaps the run '{start} {length}'")
    return runs


def _short(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else "..." + text[-_SHOWN:])
