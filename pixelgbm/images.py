"""Reading and writing the pixels of image files; nothing else in pixelgbm does."""

from __future__ import annotations

import io
import mmap
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import BmpImagePlugin, Image, JpegImagePlugin, PngImagePlugin, TiffImagePlugin

from pixelgbm import files
from pixelgbm.errors import ImageError
from pixelgbm.headers import Header, check_png_sums, read_header

__all__ = [
    "encode_jpeg",
    "encode_png",
    "encode_tiff",
    "encode_webp",
    "image_size",
    "read_gray",
    "read_image",
    "write_png",
    "write_tiff",
]

Pixels = NDArray[Any]
"""(rows, cols) or (rows, cols, 3) RGB, uint8 or uint16."""

# The readers by kind, called directly: `Image.open` would guess the kind again and warn about large images.
_READERS: dict[str, Any] = {
    "png": PngImagePlugin.PngImageFile,
    "jpeg": JpegImagePlugin.JpegImageFile,
    "tiff": TiffImagePlugin.TiffImageFile,
    "bmp": BmpImagePlugin.BmpImageFile,
}

# OpenCV prints its complaints; here they are raised as one line of our own.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def read_image(path: Path | str) -> tuple[Pixels, tuple[str, ...]]:
    """The pixels of an image file and what was done to them, one phrase each.

    Returns (rows, cols) or (rows, cols, 3) in the order R, G, B, uint8 or uint16, rows as stored: an
    orientation tag is not applied, because masks are drawn on the stored pixels. Palettes are
    expanded, alpha is dropped, 1-bit images become 0 and 255. Of several pages the first is read.

    Raises ImageError, one line, for a file that is missing, empty, cut off, damaged, foreign, or of
    another sample type (float, 32 bits).

    Notes
    -----
    OpenCV returns 8-bit TIFF pages with silently damaged rows and prints JPEG damage instead of
    raising; Pillow has no 16-bit RGB. So 8 bits go through Pillow and 16 bits through OpenCV; both
    take 0.2 to 2 ms for 500x500 RGB.
    """
    pixels, _, notes = _read(path)
    return pixels, notes


def read_gray(path: Path | str) -> Pixels:
    """The (rows, cols) values of a mask or label file as stored, uint8 or uint16.

    A palette of greys gives its greys, a coloured palette the numbers of its colours (label images).
    RGB with three equal channels is taken as grey. Raises ImageError as `read_image`, and for colours.
    """
    pixels, labels, _ = _read(path)
    if pixels.ndim == 2:
        return pixels
    first = pixels[..., 0]
    if (first == pixels[..., 1]).all() and (first == pixels[..., 2]).all():
        return np.ascontiguousarray(first)
    if labels is not None:
        return labels
    raise ImageError(f"{path}: holds colours, a mask has one channel (or three equal ones)")


def image_size(path: Path | str) -> tuple[int, int]:
    """(rows, cols) of an image file, from its header alone. Raises ImageError as `read_image`."""
    try:
        with Path(path).open("rb") as file:
            if not file.seek(0, io.SEEK_END):
                raise ImageError(f"{path}: the file is empty")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                header = read_header(data, path)
    except OSError as error:
        raise ImageError(f"{path}: {error.strerror or error}") from error
    return header.rows, header.cols


def encode_png(pixels: NDArray[Any]) -> bytes:
    """The PNG file of (rows, cols) or (rows, cols, 3) RGB uint8 or uint16 pixels; bool becomes 0 and 255."""
    return _encode(".png", pixels, [])


def encode_tiff(pixels: NDArray[Any], *, compress: bool = False) -> bytes:
    """The TIFF file of (rows, cols) or (rows, cols, 3) RGB uint8 or uint16 pixels; bool becomes 0 and 255.

    `compress` (LZW) pays for masks; photographs of halftone screens only grow and take longer.
    """
    return _encode(".tif", pixels, [cv2.IMWRITE_TIFF_COMPRESSION, 5 if compress else 1])


def encode_webp(pixels: NDArray[np.uint8], *, quality: int) -> bytes:
    """The WebP file, with loss, of (rows, cols) or (rows, cols, 3) RGB uint8 pixels; quality: 1..100."""
    return _encode(".webp", pixels, [cv2.IMWRITE_WEBP_QUALITY, quality])


def encode_jpeg(pixels: NDArray[np.uint8], *, quality: int) -> bytes:
    """The JPEG file of (rows, cols) or (rows, cols, 3) RGB uint8 pixels; quality: 1..100."""
    return _encode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])


def write_png(path: Path | str, pixels: NDArray[Any]) -> None:
    """Write a PNG file as `encode_png` makes it. Raises OutputError."""
    files.write_bytes(path, encode_png(pixels))


def write_tiff(path: Path | str, pixels: NDArray[Any], *, compress: bool = False) -> None:
    """Write a TIFF file as `encode_tiff` makes it. Raises OutputError."""
    files.write_bytes(path, encode_tiff(pixels, compress=compress))


def _encode(kind: str, pixels: NDArray[Any], options: list[int]) -> bytes:
    if pixels.dtype == np.bool_:
        pixels = pixels.astype(np.uint8) * np.uint8(255)
    if pixels.dtype not in (np.uint8, np.uint16) or pixels.ndim not in (2, 3) or pixels.shape[2:] not in ((), (3,)):
        raise ImageError(f"pixels to write: {pixels.dtype} {pixels.shape}, allowed is uint8 or uint16, grey or RGB")
    if 0 in pixels.shape:
        raise ImageError(f"pixels to write: {pixels.shape[0]}x{pixels.shape[1]}, an image has at least one pixel")
    ordered = np.ascontiguousarray(pixels if pixels.ndim == 2 else pixels[..., ::-1])
    done, encoded = cv2.imencode(kind, ordered, options)
    if not done:
        raise ImageError(f"pixels to write: {pixels.dtype} {pixels.shape} cannot be encoded as {kind}")
    return encoded.tobytes()


def _read(path: Path | str) -> tuple[Pixels, NDArray[np.uint8] | None, tuple[str, ...]]:
    """Pixels, the colour numbers of a palette image (else None), and notes."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ImageError(f"{path}: {error.strerror or error}") from error
    header = read_header(data, path)
    notes: tuple[str, ...] = ("only the first page read",) if header.more_pages else ()
    if header.orientation_at is not None:
        data = _upright(data, header.orientation_at)
    pixels: Pixels
    labels = None
    if header.bits == 16:
        pixels, more = _decode_deep(data, header, path)
    else:
        pixels, labels, more = _decode(data, header, path)
    if pixels.shape[:2] != (header.rows, header.cols):
        raise ImageError(f"{path}: the file is damaged (its header says {header.rows}x{header.cols})")
    return pixels, labels, notes + more


def _upright(data: bytes, at: int) -> bytes:
    """The TIFF file with orientation 1, top left: both decoders would turn the pixels otherwise."""
    value = b"\x01\x00" if data[:2] == b"II" else b"\x00\x01"
    return data[:at] + value + data[at + 2 :]


def _decode_deep(data: bytes, header: Header, path: Path | str) -> tuple[NDArray[np.uint16], tuple[str, ...]]:
    if header.kind == "png":
        check_png_sums(data, path)
    try:
        stored = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        stored = None
    if stored is None or stored.dtype != np.uint16:
        raise ImageError(f"{path}: the file is damaged, or a 16-bit form that is not read (allowed: grey, RGB)")
    pixels: NDArray[np.uint16] = np.asarray(stored, np.uint16)
    notes: tuple[str, ...] = ()
    if pixels.ndim == 3:
        if pixels.shape[2] == 4:
            notes = ("alpha channel dropped",)
        pixels = np.ascontiguousarray(pixels[..., 0] if header.grey else pixels[..., 2::-1])
    if header.inverted:
        pixels = np.uint16(65535) - pixels
    return pixels, notes


def _decode(
    data: bytes, header: Header, path: Path | str
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None, tuple[str, ...]]:
    try:
        image: Image.Image = _READERS[header.kind](io.BytesIO(data))
        image.load()
    except Exception as error:  # Pillow raises whatever its parsers meet: OSError, SyntaxError, ValueError, ...
        cause = " ".join(str(error).split()) or type(error).__name__
        raise ImageError(f"{path}: the file is damaged ({cause})") from error
    if image.mode == "P":
        numbers = np.array(image, np.uint8)
        palette = np.zeros((256, 3), np.uint8)
        colours = np.array(image.getpalette("RGB") or [], np.uint8).reshape(-1, 3)[:256]
        palette[: len(colours)] = colours
        return palette[numbers], numbers, ()
    notes: tuple[str, ...] = ()
    if image.mode in ("LA", "La", "RGBA", "RGBa", "RGBX", "PA"):
        notes = ("extra channel dropped",) if image.mode == "RGBX" else ("alpha channel dropped",)
        if image.mode == "PA":
            image = image.convert("RGB")
        else:
            pixels = np.array(image, np.uint8)
            pixels = pixels[..., 0] if image.mode in ("LA", "La") else pixels[..., :3]
            return np.ascontiguousarray(pixels), None, notes
    if image.mode == "1":
        return np.array(image, np.uint8) * np.uint8(255), None, notes
    if image.mode in ("CMYK", "YCbCr", "LAB"):
        notes = (f"converted from {image.mode} to RGB",)
        image = image.convert("RGB")
    if image.mode not in ("L", "RGB"):
        raise ImageError(f"{path}: pixels of the kind {image.mode!r}, allowed are grey or RGB of 8 or 16 bits")
    return np.array(image, np.uint8), None, notes
