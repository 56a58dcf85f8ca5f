"""Laws of pixelgbm.images: what is written is read back, and what cannot be read is refused in one line."""

from __future__ import annotations

import io
import os
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from pixelgbm.errors import ImageError, OutputError
from pixelgbm.images import encode_png, encode_tiff, image_size, read_gray, read_image, write_png, write_tiff

RNG = np.random.default_rng(5)
RGB = RNG.integers(0, 256, (23, 31, 3)).astype(np.uint8)
GREY = RGB[..., 0]

shapes = st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(lambda s: st.sampled_from([s, (*s, 3)]))
pixels = st.sampled_from([np.uint8, np.uint16]).flatmap(lambda d: hnp.arrays(d, shapes))


def save(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


@given(pixels=pixels)
@settings(max_examples=60, deadline=None)
def test_png_round_trip(tmp_path_factory, pixels):
    path = tmp_path_factory.getbasetemp() / "round.png"
    write_png(path, pixels)
    back, notes = read_image(path)
    assert back.dtype == pixels.dtype
    assert notes == ()
    assert np.array_equal(back, pixels)
    assert image_size(path) == pixels.shape[:2]


@given(pixels=pixels, compress=st.booleans())
@settings(max_examples=60, deadline=None)
def test_tiff_round_trip(tmp_path_factory, pixels, compress):
    path = tmp_path_factory.getbasetemp() / "round.tif"
    write_tiff(path, pixels, compress=compress)
    back, notes = read_image(path)
    assert back.dtype == pixels.dtype
    assert notes == ()
    assert np.array_equal(back, pixels)
    assert image_size(path) == pixels.shape[:2]


def test_bool_mask_becomes_0_and_255(tmp_path):
    write_png(tmp_path / "m.png", GREY > 128)
    assert np.array_equal(read_gray(tmp_path / "m.png"), np.where(GREY > 128, 255, 0))


def test_files_of_one_image_are_the_same_bytes():
    assert encode_png(RGB) == encode_png(RGB.copy())
    assert encode_tiff(RGB) == encode_tiff(np.asfortranarray(RGB))


@pytest.mark.parametrize(
    "bad", [GREY.astype(np.float32), np.zeros((3, 3, 4), np.uint8), np.zeros((0, 3), np.uint8), np.zeros(4, np.uint8)]
)
def test_pixels_that_no_file_holds_are_refused(bad):
    with pytest.raises(ImageError, match="pixels to write"):
        encode_png(bad)


@pytest.mark.parametrize("ending", ["png", "tif", "bmp"])
def test_one_pixel_image_is_read(tmp_path, ending):
    path = save(tmp_path / f"one.{ending}", Image.new("RGB", (1, 1), (1, 2, 3)))
    assert read_image(path)[0].tolist() == [[[1, 2, 3]]]


@pytest.mark.parametrize("ending", ["png", "tif", "bmp"])
def test_palette_is_expanded(tmp_path, ending):
    image = Image.fromarray(RGB).quantize(16)
    path = save(tmp_path / f"palette.{ending}", image)
    assert np.array_equal(read_image(path)[0], np.asarray(image.convert("RGB")))


def test_coloured_palette_mask_gives_its_numbers_and_a_grey_one_its_greys(tmp_path):
    numbers = (GREY % 3).astype(np.uint8)
    for name, palette, expected in (
        ("labels", [0, 0, 0, 128, 0, 0, 0, 128, 0], numbers),
        ("greys", [255, 255, 255, 0, 0, 0, 9, 9, 9], np.array([255, 0, 9], np.uint8)[numbers]),
    ):
        image = Image.fromarray(numbers)
        image.putpalette(palette)
        assert np.array_equal(read_gray(save(tmp_path / f"{name}.png", image)), expected)


@pytest.mark.parametrize("ending", ["png", "tif"])
@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_is_dropped_and_said(tmp_path, ending, mode):
    colours = RGB if mode == "RGBA" else GREY[..., np.newaxis]
    path = save(tmp_path / f"alpha.{ending}", Image.fromarray(np.dstack([colours, RGB[..., 1]])))
    back, notes = read_image(path)
    assert notes == ("alpha channel dropped",)
    assert np.array_equal(back, colours.squeeze())


def test_alpha_of_16_bits_is_dropped_and_said(tmp_path):
    deep = RGB.astype(np.uint16) * 257
    (tmp_path / "a.png").write_bytes(cv2.imencode(".png", np.dstack([deep[..., ::-1], deep[..., :1]]))[1].tobytes())
    back, notes = read_image(tmp_path / "a.png")
    assert notes == ("alpha channel dropped",)
    assert np.array_equal(back, deep)


@pytest.mark.parametrize(("name", "options"), [("b.png", {}), ("b.tif", {}), ("b.tif", {"compression": "group4"})])
def test_one_bit_becomes_0_and_255(tmp_path, name, options):
    path = save(tmp_path / name, Image.fromarray(GREY > 99), **options)
    assert np.array_equal(read_gray(path), np.where(GREY > 99, 255, 0))


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_deflate", "packbits", None])
def test_tiff_compressions_are_read(tmp_path, compression):
    path = save(tmp_path / "c.tif", Image.fromarray(RGB), compression=compression)
    assert np.array_equal(read_image(path)[0], RGB)


def test_jpeg_is_read_as_stored_whatever_its_orientation(tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    turned = save(tmp_path / "turned.jpg", Image.fromarray(RGB), exif=exif, quality=95)
    plain = save(tmp_path / "plain.jpg", Image.fromarray(RGB), quality=95)
    assert np.array_equal(read_image(turned)[0], read_image(plain)[0])
    assert image_size(turned) == (23, 31)


@pytest.mark.parametrize("deep", [False, True])
def test_tiff_is_read_as_stored_whatever_its_orientation(tmp_path, deep):
    stored = RGB.astype(np.uint16) * 257 if deep else RGB
    data = bytearray(encode_tiff(stored))
    (at,) = struct.unpack_from("<I", data, 4)
    (entries,) = struct.unpack_from("<H", data, at)
    for i in range(entries):
        place = at + 2 + 12 * i
        if struct.unpack_from("<H", data, place)[0] == 339:  # the sample format says what is the default anyway
            struct.pack_into("<HHIHH", data, place, 274, 3, 1, 6, 0)
    assert data != encode_tiff(stored)
    (tmp_path / "turned.tif").write_bytes(data)
    assert np.array_equal(read_image(tmp_path / "turned.tif")[0], stored)


def test_further_pages_are_said(tmp_path):
    path = save(tmp_path / "p.tif", Image.fromarray(RGB), save_all=True, append_images=[Image.fromarray(GREY)])
    back, notes = read_image(path)
    assert notes == ("only the first page read",)
    assert np.array_equal(back, RGB)


def test_wide_characters_in_a_path(tmp_path):
    path = tmp_path / "Prüfling 検査" / "ß.png"
    write_png(path, RGB)
    assert np.array_equal(read_image(path)[0], RGB)


@pytest.mark.parametrize("mode", ["F", "I"])
def test_float_and_32_bits_are_refused(tmp_path, mode):
    path = save(tmp_path / "f.tif", Image.fromarray(GREY).convert(mode))
    with pytest.raises(ImageError, match=r"f\.tif: TIFF of 32.bit"):
        read_image(path)


def test_colours_are_no_mask(tmp_path):
    write_png(tmp_path / "m.png", RGB)
    with pytest.raises(ImageError, match=r"m\.png: holds colours, a mask has one channel"):
        read_gray(tmp_path / "m.png")
    write_png(tmp_path / "g.png", np.dstack([GREY] * 3))
    assert np.array_equal(read_gray(tmp_path / "g.png"), GREY)


def whole_files() -> dict[str, bytes]:
    found = {
        "16.png": encode_png(RGB.astype(np.uint16) * 257),
        "16.tif": encode_tiff(RGB.astype(np.uint16), compress=True),
    }
    for name, options in (
        ("a.png", {}),
        ("a.jpg", {}),
        ("progressive.jpg", {"progressive": True}),
        ("a.bmp", {}),
        ("raw.tif", {}),
        ("lzw.tif", {"compression": "tiff_lzw"}),
        ("deflate.tif", {"compression": "tiff_deflate"}),
    ):
        file = io.BytesIO()
        kind = {"tif": "TIFF", "jpg": "JPEG"}.get(name[-3:], name[-3:].upper())
        Image.fromarray(RGB).save(file, kind, **options)
        found[name] = file.getvalue()
    return found


@pytest.mark.parametrize("name", whole_files())
def test_truncated_file_is_refused_quietly(tmp_path, capfd, name):
    data = whole_files()[name]
    path = tmp_path / name
    for share in (0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97):
        path.write_bytes(data[: int(share * len(data))])
        with pytest.raises(ImageError, match=f"{name}: [^\n]*$"):
            read_image(path)
    for less in (1, 2, 5, 12):
        path.write_bytes(data[:-less])
        with pytest.raises(ImageError, match=f"{name}: the file is cut off"):
            read_image(path)
        with pytest.raises(ImageError, match=f"{name}: the file is cut off"):
            image_size(path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["a.png", "16.png"])
def test_damaged_png_is_refused_quietly(tmp_path, capfd, name):
    data = bytearray(whole_files()[name])
    data[len(data) // 2] ^= 0x55
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ImageError, match="the file is damaged"):
        read_image(tmp_path / name)
    assert capfd.readouterr() == ("", "")


def test_damaged_tiff_that_carries_a_checksum_is_refused(tmp_path):
    data = bytearray(whole_files()["deflate.tif"])
    data[len(data) // 2] ^= 0xFF
    (tmp_path / "d.tif").write_bytes(data)
    with pytest.raises(ImageError, match=r"d\.tif: the file is damaged"):
        read_image(tmp_path / "d.tif")


@pytest.mark.parametrize("reader", [read_image, read_gray, image_size])
def test_file_that_cannot_be_read_is_one_line(tmp_path, reader):
    (tmp_path / "empty.tif").write_bytes(b"")
    (tmp_path / "text.tif").write_text("not an image")
    (tmp_path / "folder.tif").mkdir()
    for name, cause in (
        ("empty.tif", "the file is empty"),
        ("text.tif", "not an image of a kind that is read"),
        ("folder.tif", "Is a directory"),
        ("none.tif", "No such file or directory"),
    ):
        with pytest.raises(ImageError, match=rf"{name}: {cause}[^\n]*$"):
            reader(tmp_path / name)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_unreadable_file_is_one_line(tmp_path):
    write_png(tmp_path / "a.png", RGB)
    (tmp_path / "a.png").chmod(0)
    with pytest.raises(ImageError, match=r"a\.png: Permission denied$"):
        read_image(tmp_path / "a.png")


def test_writing_where_nothing_can_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match=r"a\.png: "):
        write_png(tmp_path / "file" / "a.png", RGB)
