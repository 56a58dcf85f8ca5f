"""Laws of pixelgbm.headers: the size is right, and a cut file is never taken for a whole one."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelgbm.errors import ImageError
from pixelgbm.headers import check_png_sums, read_header

ENDINGS = {".png": "png", ".jpg": "jpeg", ".tif": "tiff", ".bmp": "bmp"}


def encoded(ending: str, rows: int, cols: int, dtype: type = np.uint8, *options: int) -> bytes:
    pixels = np.random.default_rng(rows * 1000 + cols).integers(0, 256, (rows, cols, 3)).astype(dtype)
    return cv2.imencode(ending, pixels, list(options))[1].tobytes()


@pytest.mark.parametrize("ending", ENDINGS)
@given(rows=st.integers(1, 40), cols=st.integers(1, 40))
@settings(max_examples=15, deadline=None)
def test_header_knows_kind_and_size(ending, rows, cols):
    header = read_header(encoded(ending, rows, cols), "x")
    assert (header.kind, header.rows, header.cols, header.bits) == (ENDINGS[ending], rows, cols, 8)


@pytest.mark.parametrize("ending", ENDINGS)
@given(share=st.floats(0, 1, exclude_max=True))
@settings(max_examples=60, deadline=None)
def test_every_cut_is_seen(ending, share):
    data = encoded(ending, 30, 41)
    with pytest.raises(ImageError, match=r"^x: (the file is (cut off \(\d+ bytes\)|empty)|not an image of a kind)"):
        read_header(data[: int(share * len(data))], "x")


@pytest.mark.parametrize("compression", [1, 5, 8], ids=["raw", "lzw", "deflate"])
def test_every_cut_of_a_tiff_is_seen(compression):
    data = encoded(".tif", 16, 16, np.uint16, cv2.IMWRITE_TIFF_COMPRESSION, compression)
    assert read_header(data, "x").bits == 16
    for length in range(8, len(data), 7):
        with pytest.raises(ImageError, match="cut off"):
            read_header(data[:length], "x")


def test_damaged_png_sum_is_seen():
    data = bytearray(encoded(".png", 20, 20, np.uint16))
    check_png_sums(bytes(data), "x")
    data[len(data) // 2] ^= 1
    with pytest.raises(ImageError, match="x: the file is damaged"):
        check_png_sums(bytes(data), "x")


@pytest.mark.parametrize("data", [b"GIF89a" + bytes(100), b"hello", b"%PDF-1.7" + bytes(40)])
def test_foreign_file_is_refused_with_what_is_read(data):
    with pytest.raises(ImageError, match=r"not an image of a kind that is read \(TIFF, PNG, JPEG, BMP\)"):
        read_header(data, "x")


def test_absurd_size_is_refused():
    data = bytearray(encoded(".png", 2, 2))
    data[16:24] = b"\x00\x0f\xff\xff\x00\x0f\xff\xff"
    with pytest.raises(ImageError, match="1048575x1048575 pixels, allowed are"):
        read_header(bytes(data), "x")
