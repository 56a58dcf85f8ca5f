"""What the header of an image file says, and whether the file is whole."""

from __future__ import annotations

import mmap
import struct
import zlib
from dataclasses import dataclass

from pixelgbm.errors import ImageError

__all__ = ["KINDS", "Header", "check_png_sums", "read_header"]

KINDS = "TIFF, PNG, JPEG, BMP"
"""The kinds of files that are read, for messages."""

# A per-pixel classifier keeps tens of bytes a pixel; beyond this a header is rather damaged than honest.
_MOST_PIXELS = 2**28

_TIFF_TYPES = {1: "B", 3: "H", 4: "I", 16: "Q"}
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}

Buffer = bytes | mmap.mmap


@dataclass(frozen=True, slots=True)
class Header:
    """The facts a reader needs before it decodes.

    bits: per sample. inverted: 0 is white and the decoder for 16 bits does not know.
    grey: one colour channel (beside alpha). orientation_at: where a TIFF keeps an orientation other
    than upright, which must not be applied: masks are drawn on the pixels as stored.
    """

    kind: str
    rows: int
    cols: int
    bits: int
    grey: bool = False
    inverted: bool = False
    more_pages: bool = False
    orientation_at: int | None = None


def read_header(data: Buffer, where: object) -> Header:
    """The header of the file `data`; raises ImageError when the file is cut off, foreign or not supported.

    Decoders are lax: some hand out the part of a cut file that they could read. So completeness is
    judged here, from the structure of the file alone, whatever decodes it afterwards.
    """
    if len(data) == 0:
        raise ImageError(f"{where}: the file is empty")
    start = data[:8]
    try:
        if start == b"\x89PNG\r\n\x1a\n":
            header = _png(data, where)
        elif start[:2] == b"\xff\xd8":
            header = _jpeg(data, where)
        elif start[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
            header = _tiff(data, where)
        elif start[:2] == b"BM":
            header = _bmp(data, where)
        else:
            raise ImageError(f"{where}: not an image of a kind that is read ({KINDS})")
    except (struct.error, IndexError) as error:
        raise ImageError(f"{where}: the file is cut off ({len(data)} bytes)") from error
    if not 0 < header.rows * header.cols <= _MOST_PIXELS:
        raise ImageError(f"{where}: {header.rows}x{header.cols} pixels, allowed are 1 to {_MOST_PIXELS}")
    return header


def check_png_sums(data: Buffer, where: object) -> None:
    """Raise ImageError if a checksum of the whole PNG file `data` is wrong (libpng would print, not say)."""
    at = 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        (kept,) = struct.unpack_from(">I", data, at + 8 + length)
        if zlib.crc32(data[at + 4 : at + 8 + length]) != kept:
            raise ImageError(f"{where}: the file is damaged (checksum)")
        if data[at + 4 : at + 8] == b"IEND":
            return
        at += 12 + length


def _cut(where: object, data: Buffer) -> ImageError:
    return ImageError(f"{where}: the file is cut off ({len(data)} bytes)")


def _png(data: Buffer, where: object) -> Header:
    cols, rows, bits, colour = struct.unpack_from(">IIBB", data, 16)
    at = 8
    while True:
        (length,) = struct.unpack_from(">I", data, at)
        if at + 12 + length > len(data):
            raise _cut(where, data)
        if data[at + 4 : at + 8] == b"IEND":
            return Header("png", rows, cols, bits, grey=colour in (0, 4))
        at += 12 + length


def _jpeg(data: Buffer, where: object) -> Header:
    at, header = 2, None
    while True:
        mark, code = struct.unpack_from(">BB", data, at)
        if mark != 0xFF:
            raise ImageError(f"{where}: the file is damaged (no JPEG segment at byte {at})")
        if code == 0xFF:  # a fill byte
            at += 1
            continue
        if code == 0x01 or 0xD0 <= code <= 0xD8:  # segments without a body
            at += 2
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        if code in _JPEG_FRAMES:
            bits, rows, cols, channels = struct.unpack_from(">BHHB", data, at + 4)
            if bits != 8:
                raise ImageError(f"{where}: JPEG of {bits} bits, allowed are 8")
            header = Header("jpeg", rows, cols, bits, grey=channels == 1)
        at += 2 + length
        if code in (0xDA, 0xD9):
            # Entropy-coded bytes never hold FF D9, so any such pair from here on ends the image.
            if header is None or data.find(b"\xff\xd9", at) < 0:
                raise _cut(where, data)
            return header


def _bmp(data: Buffer, where: object) -> Header:
    pixels_at, header_size = struct.unpack_from("<II", data, 10)
    if header_size == 12:
        cols, rows, _, bits = struct.unpack_from("<HHHH", data, 18)
        packed = 0
    else:
        cols, rows, _, bits, packed = struct.unpack_from("<iiHHI", data, 18)
    rows = abs(rows)
    if packed in (0, 3) and pixels_at + (cols * bits + 31) // 32 * 4 * rows > len(data):
        raise _cut(where, data)
    return Header("bmp", rows, cols, min(bits, 8))


def _tiff(data: Buffer, where: object) -> Header:
    order = "<" if data[:2] == b"II" else ">"
    big = 43 in data[2:4]
    (at,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
    tags, places, following = _tiff_directory(data, at, order, big=big)

    def first(tag: int, default: int) -> int:
        values = tags.get(tag)
        return values[0] if values else default

    if 256 not in tags or 257 not in tags or not (273 in tags or 324 in tags):
        raise ImageError(f"{where}: the file is damaged (a TIFF page without size or pixels)")
    for offsets, counts in ((273, 279), (324, 325)):
        for offset, count in zip(tags.get(offsets, ()), tags.get(counts, ()), strict=False):
            if offset + count > len(data):
                raise _cut(where, data)
    bits, sample_format, photometric = first(258, 1), first(339, 1), first(262, 1)
    if sample_format not in (1, 4):
        name = {2: "signed integers", 3: "floating point"}.get(sample_format, f"sample format {sample_format}")
        raise ImageError(f"{where}: TIFF of {bits}-bit {name}, allowed are unsigned 8 or 16 bits")
    if bits not in (1, 2, 4, 8, 16) or (bits == 16 and photometric not in (0, 1, 2)):
        raise ImageError(
            f"{where}: TIFF of {bits} bits, photometric {photometric}; allowed are grey or RGB, 8 or 16 bits"
        )
    return Header(
        "tiff",
        rows=first(257, 0),
        cols=first(256, 0),
        bits=bits,
        grey=photometric in (0, 1),
        inverted=photometric == 0 and bits == 16,
        more_pages=following != 0,
        orientation_at=places[274] if first(274, 1) != 1 else None,
    )


def _tiff_directory(
    data: Buffer, at: int, order: str, *, big: bool
) -> tuple[dict[int, tuple[int, ...]], dict[int, int], int]:
    """The integer tags of the directory at byte `at`, where their values lie, and the next directory's place."""
    count_form, offset_form, inline = ("Q", "Q", 8) if big else ("H", "I", 4)
    (entries,) = struct.unpack_from(order + count_form, data, at)
    at += struct.calcsize("=" + count_form)
    size = 4 + 2 * inline
    if at + entries * size > len(data):
        raise IndexError
    tags: dict[int, tuple[int, ...]] = {}
    places: dict[int, int] = {}
    for _ in range(entries):
        tag, kind = struct.unpack_from(order + "HH", data, at)
        (count,) = struct.unpack_from(order + offset_form, data, at + 4)
        form = _TIFF_TYPES.get(kind)
        if form is not None:
            place = at + 4 + inline
            if count * struct.calcsize("=" + form) > inline:
                (place,) = struct.unpack_from(order + offset_form, data, place)
            if place + count * struct.calcsize("=" + form) > len(data):
                raise IndexError
            tags[tag] = struct.unpack_from(f"{order}{count}{form}", data, place)
            places[tag] = place
        at += size
    (following,) = struct.unpack_from(order + offset_form, data, at)
    return tags, places, following
