"""Runs of pixels as a text of pairs `start length`, counted from 1, down the columns, then left to right."""

from __future__ import annotations

import itertools
import re

import numpy as np
from numpy.typing import NDArray

from pixelgbm.errors import DatasetError

__all__ = ["decode_rle", "encode_rle", "read_runs"]

_NUMBER = re.compile(r"[0-9]{1,15}")
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
    flat = np.zeros(rows * cols, bool)
    for start, length in read_runs(text, where=where):
        if start + length - 1 > flat.size:
            raise DatasetError(
                f"{where}: run '{start} {length}' ends at {start + length - 1}, "
                f"an image of {rows}x{cols} has {flat.size} pixels"
            )
        flat[start - 1 : start - 1 + length] = True
    return np.ascontiguousarray(flat.reshape(cols, rows).T)


def read_runs(text: str, *, where: object) -> list[tuple[int, int]]:
    """(start, length) of every run, in order of the starts, whatever the size of the image.

    Raises DatasetError naming `where` and the value: for what is no number, an odd count, a start or
    length below 1, and runs that overlap.
    """
    words = text.split()
    for word in words:
        if not _NUMBER.fullmatch(word):
            raise DatasetError(f"{where}: {word[:_SHOWN]!r} in the runs; allowed are whole numbers, START LENGTH ...")
    if len(words) % 2:
        raise DatasetError(f"{where}: {len(words)} numbers, {_short(text)}; runs are pairs START LENGTH")
    numbers = [int(word) for word in words]
    runs = sorted(zip(numbers[::2], numbers[1::2], strict=True))
    for start, length in runs:
        if start < 1 or length < 1:
            raise DatasetError(f"{where}: run '{start} {length}'; starts count from 1, lengths are at least 1")
    for (start, length), (following, more) in itertools.pairwise(runs):
        if following < start + length:
            raise DatasetError(f"{where}: run '{following} {more}' overlaps the run '{start} {length}'")
    return runs


def _short(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else "..." + text[-_SHOWN:])
