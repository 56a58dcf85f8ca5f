"""What is read from a file once, and again only when the file changes: truth is asked for image by image."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from pixelgbm.errors import DatasetError

__all__ = ["kept"]

_Found = TypeVar("_Found")


def kept(read: Callable[[Path], _Found], *, files: int = 8) -> Callable[[Path], _Found]:
    """`read`, with what it found in the last `files` files kept until their size or time of change differs.

    Raises DatasetError for a file that is not there.
    """

    @lru_cache(maxsize=files)
    def found(path: Path, changed: int, size: int) -> _Found:
        return read(path)

    def look_up(path: Path) -> _Found:
        try:
            state = path.stat()
        except OSError as error:
            raise DatasetError(f"{path}: {error.strerror or error}") from error
        return found(path, state.st_mtime_ns, state.st_size)

    return look_up
