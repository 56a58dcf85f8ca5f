"""The text of characters 0 and 1 that carries a mask, column by column."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pixelgbm.errors import DatasetError

__all__ = ["decode_mask_text", "encode_mask_text"]

_WHITE = b" \t\r\n\v\f"


def encode_mask_text(mask: NDArray[np.bool_]) -> str:
    """The characters 0 and 1 of a (rows, cols) bool mask on one line, column by column.

    The first `rows` characters are the first column from top to bottom. No newline at the end.
    """
    return (mask.T.astype(np.uint8) + np.uint8(ord("0"))).tobytes().decode("ascii")


def decode_mask_text(text: str | bytes, shape: tuple[int, int], *, where: object) -> NDArray[np.bool_]:
    """The (rows, cols) bool mask of a text of characters 0 and 1, column by column.

    The text may be broken into lines anywhere, usually one line a column: white space carries no
    meaning. Raises DatasetError naming `where`, the first foreign character or the wrong length.
    """
    data = text.encode() if isinstance(text, str) else text
    digits = np.frombuffer(data.translate(None, _WHITE), np.uint8)
    foreign = np.flatnonzero((digits != ord("0")) & (digits != ord("1")))
    if foreign.size:
        line, column, character = _place(data)
        raise DatasetError(f"{where}: {character!r} in line {line}, place {column}; allowed are 0 and 1")
    rows, cols = shape
    if digits.size != rows * cols:
        raise DatasetError(f"{where}: {digits.size} characters, a mask of {rows}x{cols} has {rows * cols}")
    return np.ascontiguousarray((digits == ord("1")).reshape(cols, rows).T)


def _place(data: bytes) -> tuple[int, int, str]:
    """Line and place, from 1, of the first character that is neither 0, 1 nor white space, and the character."""
    text = data.decode("utf-8", errors="replace")
    at = next(i for i, c in enumerate(text) if c not in "01" and c.encode() not in _WHITE)
    before = text[:at]
    return before.count("\n") + 1, at - before.rfind("\n"), text[at]
