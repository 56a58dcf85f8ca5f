"""The answer file of the layout `konica-minolta`: one zip with a text mask for every image."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pixelgbm import files, formats
from pixelgbm.datasets.answers import submission_errors
from pixelgbm.datasets.layout import Answer, Masks
from pixelgbm.errors import SubmissionError

__all__ = ["HEAD", "read_answer", "write_answer"]

HEAD = "dirt"
"""The one head of the layout."""

_MEMBER = re.compile(r"(?:^|/)([0-9]+)_mask\.txt$")
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError)


def write_answer(masks: Iterable[tuple[str, Masks]], out: Path, *, data: Path | None = None) -> None:
    """Write the zip of `ID_mask.txt`, one line each, in the order given; the same masks give the same bytes.

    `data` changes nothing: there is no sample.
    Raises SubmissionError for an identifier that is no number, comes twice, or does not have exactly
    one head; OutputError when the file cannot be written.
    """
    buffer = io.BytesIO()
    done: set[str] = set()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for id, heads in masks:
            if not (id.isascii() and id.isdecimal()) or id in done:
                raise SubmissionError(f"{out}: identifier {id!r}; allowed are numbers, each once")
            if len(heads) != 1:
                raise SubmissionError(
                    f"{out}: image {id} has the heads {', '.join(heads)}; this answer has room for one"
                )
            done.add(id)
            member = zipfile.ZipInfo(f"{id}_mask.txt", date_time=(1980, 1, 1, 0, 0, 0))
            member.compress_type = zipfile.ZIP_DEFLATED
            member.create_system, member.external_attr = 3, 0o100644 << 16
            (mask,) = heads.values()
            archive.writestr(member, formats.encode_mask_text(mask))
    if not done:
        raise SubmissionError(f"{out}: no images to answer")
    files.write_bytes(out, buffer.getvalue())


def read_answer(path: Path) -> Answer:
    """Open a zip under the contest's rules: a file anywhere in it that ends in `_mask.txt`, a number before it.

    Other members are passed over. Raises SubmissionError, one line, for a file that is no zip or is
    damaged, and for two files of the same number.
    """
    members: dict[str, str] = {}
    try:
        archive = zipfile.ZipFile(io.BytesIO(path.read_bytes()))
    except OSError as error:
        raise SubmissionError(f"{path}: {error.strerror or error}") from error
    except _DAMAGE as error:
        raise SubmissionError(f"{path}: not a readable zip file ({error})") from error
    for name in archive.namelist():
        match = _MEMBER.search(name)
        if match is None:
            continue
        if match[1] in members:
            raise SubmissionError(f"{path}: image {match[1]} twice: {members[match[1]]} and {name}; allowed is one")
        members[match[1]] = name

    def read(id: str, shape: tuple[int, int]) -> dict[str, NDArray[np.bool_]]:
        if id not in members:
            raise SubmissionError(f"{path}: no {id}_mask.txt in it")
        where = f"{path}: {members[id]}"
        length, room = archive.getinfo(members[id]).file_size, 4 * shape[0] * shape[1] + 4096
        if length > room:
            raise SubmissionError(f"{where}: {length} bytes, a mask of {shape[0]}x{shape[1]} needs at most {room}")
        try:
            text = archive.read(members[id])
        except _DAMAGE as error:
            raise SubmissionError(f"{where}: damaged ({error})") from error
        with submission_errors():
            return {HEAD: formats.decode_mask_text(text, shape, where=where)}

    return Answer(path, "konica-minolta", frozenset(members), read)
