"""Writing files and folders aside and renaming them, so that nobody ever sees half of one."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pixelgbm.errors import OutputError

__all__ = ["append_line", "output_errors", "replace_folder", "write_bytes", "write_text"]


@contextmanager
def output_errors(path: Path) -> Iterator[None]:
    """Turn an OSError of the body into an OutputError of one line about `path`."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror or error}") from error


def write_bytes(path: Path | str, data: bytes) -> None:
    """Write `data` to `path`: a reader sees the old file or the new one, never a part.

    Missing parent folders are made. A device such as /dev/null is written to, not replaced, and a
    symbolic link keeps pointing where it points. Raises OutputError (disk full, no permission).
    """
    path = Path(path)
    with output_errors(path):
        if path.is_symlink():
            path = path.resolve()
        if path.exists() and not path.is_file() and not path.is_dir():
            with path.open("wb") as device:
                device.write(data)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        # The thread's number keeps two workers that write the same file out of each other's way.
        aside = path.with_name(f".{path.name[:80]}.{os.getpid()}-{threading.get_ident()}.tmp")
        try:
            with aside.open("wb") as file:
                file.write(data)
            aside.replace(path)
        except BaseException:
            with suppress(OSError):
                aside.unlink(missing_ok=True)
            raise


def write_text(path: Path | str, text: str) -> None:
    """Write `text` as UTF-8 with the newlines it has; otherwise as `write_bytes`."""
    write_bytes(path, text.encode())


def append_line(path: Path | str, line: str) -> int:
    """Append one line to a file that only this process writes; returns the byte where the line starts.

    A kill leaves whole lines and at most one torn last one. Raises OutputError, and then takes back
    what was written of the line, so that the file can be appended to once there is room again.
    """
    path = Path(path)
    data = line.encode() + b"\n"
    with output_errors(path), path.open("ab", buffering=0) as file:
        start = file.seek(0, os.SEEK_END)
        try:
            # A nearly full disk takes a part first and raises on the rest.
            while data:
                data = data[file.write(data) :]
        except BaseException:
            with suppress(OSError):
                file.truncate(start)
            raise
    return start


@contextmanager
def replace_folder(path: Path | str) -> Iterator[Path]:
    """A fresh folder beside `path` to fill; it takes the place of `path` when the body succeeds.

    On any exception, Ctrl-C included, it is removed and `path` stays as it was. Raises OutputError
    when `path` is a file or nothing can be written there; an OutputError of the body names `path`.
    """
    path = Path(path)
    aside = path.with_name(f".{path.name[:80]}.{os.getpid()}.tmp")
    with output_errors(path):
        if path.exists() and not path.is_dir():
            raise OutputError(f"{path}: is a file, a folder can only replace a folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
    try:
        yield aside
        with output_errors(path):
            _swap(aside, path)
    except OutputError as error:
        raise OutputError(str(error).replace(str(aside), str(path))) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _swap(aside: Path, path: Path) -> None:
    """Rename `aside` to `path`; a folder that is there already is moved away first, then removed."""
    if not path.exists():
        aside.rename(path)
        return
    old = path.with_name(f".{path.name[:80]}.{os.getpid()}.old")
    shutil.rmtree(old, ignore_errors=True)
    path.rename(old)
    try:
        aside.rename(path)
    except BaseException:
        old.rename(path)
        raise
    shutil.rmtree(old, ignore_errors=True)
