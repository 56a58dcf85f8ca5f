"""Compiled trees kept in the user's cache folder.

Code is only ever read from this folder, which is the user's own, never from a model. The digest in front of it finds
damage; it is no signature, so a file that belongs to somebody else or that everybody may write is not read either.
"""

from __future__ import annotations

import hashlib
import os
import stat
from contextlib import suppress
from pathlib import Path

import llvmlite

from pixelgbm import files
from pixelgbm.errors import OutputError
from pixelgbm.forest.codegen import CODE_FORMAT, Host
from pixelgbm.forest.trees import Trees

__all__ = ["cache_folder", "key_of", "load", "store"]

_MAGIC = b"pixelgbm trees\n"
_KEPT = 64  # files of about 1 MB each


def cache_folder() -> Path | None:
    """Where compiled trees are kept: $PIXELGBM_CACHE, else `pixelgbm` in $XDG_CACHE_HOME or ~/.cache.

    None when $PIXELGBM_CACHE is `off`, or when there is no home.
    """
    said = os.environ.get("PIXELGBM_CACHE", "")
    if said:
        return None if said == "off" else Path(said)
    with suppress(RuntimeError):
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pixelgbm"
    return None


def key_of(trees: Trees, host: Host) -> str:
    """sha256 over everything that the code depends on."""
    parts = [str(CODE_FORMAT), trees.digest, llvmlite.__version__, host.triple, host.cpu, host.features]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def load(key: str) -> bytes | None:
    """The code kept under `key`; None when there is none. A damaged file is thrown away."""
    folder = cache_folder()
    if folder is None:
        return None
    path = folder / f"{key}.o"
    try:
        with path.open("rb") as file:
            if not _is_ours(os.fstat(file.fileno())):
                return None
            data = file.read()
    except OSError:
        return None
    code = data[len(_MAGIC) + 32 :]
    if data == _sealed(key, code):
        return code
    with suppress(OSError):
        path.unlink()
    return None


def store(key: str, code: bytes) -> None:
    """Keep `code`; the oldest files give way. A folder that cannot be written is no error: the next run compiles."""
    folder = cache_folder()
    if folder is None:
        return
    with suppress(OutputError, OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.write_bytes(folder / f"{key}.o", _sealed(key, code))
        newest_first = sorted(folder.glob("*.o"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in newest_first[_KEPT:]:
            path.unlink(missing_ok=True)


def _sealed(key: str, code: bytes) -> bytes:
    """The file's content: a mark, sha256 over key and code, the code."""
    return _MAGIC + hashlib.sha256(key.encode() + code).digest() + code


def _is_ours(found: os.stat_result) -> bool:
    """Belongs to this user and is not writable by everybody (where the system knows such a thing)."""
    if not hasattr(os, "getuid"):
        return True
    return found.st_uid == os.getuid() and not found.st_mode & stat.S_IWOTH
