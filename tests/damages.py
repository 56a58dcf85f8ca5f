"""What can be wrong with a folder of pairs: each damages one file, and gives the name that must be told."""

import shutil
from pathlib import Path

import numpy as np

from pixelgbm import images


def first(data, pattern):
    return sorted((data / "train").rglob(pattern))[0]


def image_of(folder):
    return first(folder, "*[0-9].tif")


def truncated(data):
    path = image_of(data)
    path.write_bytes(path.read_bytes()[:2000])
    return path


def zero_bytes(data):
    path = first(data, "*_ref.tif")
    path.write_bytes(b"")
    return path


def mask_of_another_size(data):
    path = first(data, "*_mask.tif")
    images.write_tiff(path, np.zeros((10, 12), np.uint8))
    path.with_suffix(".txt").unlink(missing_ok=True)
    return path


def small_reference(data):
    path = first(data, "*_ref.tif")
    images.write_tiff(path, np.zeros((380, 500, 3), np.uint8))
    return path


def foreign_character(data):
    path = image_of(data)
    path = path.with_name(f"{path.stem}_mask.txt")
    path.write_text("01x" * 50700)
    return path


def text_of_wrong_length(data):
    path = image_of(data)
    path = path.with_name(f"{path.stem}_mask.txt")
    path.write_text("0" * 390 * 389)
    return path


def masks_disagree(data):
    path = first(data, "*_mask.tif")
    mask = images.read_gray(path) > 0
    mask[3, 5] ^= True
    images.write_tiff(path, mask.astype(np.uint8) * 255)
    return path.with_suffix("")


def missing_reference(data):
    path = first(data, "*_ref.tif")
    path.unlink()
    return path.with_name(path.name.replace("_ref", ""))


def mask_without_image(data):
    path = image_of(data)
    path.unlink()
    path.with_name(f"{path.stem}_ref.tif").unlink()
    return path.with_suffix("")


def identifier_twice(data):
    path = image_of(data)
    target = data / "dev" / "level-3"
    target.mkdir(parents=True, exist_ok=True)
    for found in path.parent.glob(f"{path.stem}[_.]*"):
        shutil.copy(found, target)
    return Path(path.name)


DAMAGES = [
    truncated,
    zero_bytes,
    mask_of_another_size,
    small_reference,
    foreign_character,
    text_of_wrong_length,
    masks_disagree,
    missing_reference,
    mask_without_image,
    identifier_twice,
]
