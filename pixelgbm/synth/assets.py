"""The font faces and photographs that ship inside the matplotlib and scikit-image wheels, by split."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFont

from pixelgbm.errors import ConfigError
from pixelgbm.images import read_image

__all__ = ["FACES", "PHOTOGRAPHS", "check_assets", "face", "photograph"]

# Whole families stay on one side, so that no split has seen the bold of another split's regular.
FACES: dict[str, tuple[str, ...]] = {
    "train": (
        "DejaVuSans.ttf",
        "DejaVuSans-Bold.ttf",
        "DejaVuSans-Oblique.ttf",
        "DejaVuSans-BoldOblique.ttf",
        "DejaVuSansMono.ttf",
        "DejaVuSansMono-Bold.ttf",
        "DejaVuSansMono-Oblique.ttf",
        "cmr10.ttf",
        "cmb10.ttf",
    ),
    "dev": ("cmss10.ttf", "cmtt10.ttf"),
    "test": (
        "DejaVuSerif.ttf",
        "DejaVuSerif-Bold.ttf",
        "DejaVuSerif-Italic.ttf",
        "STIXGeneral.ttf",
        "STIXGeneralBol.ttf",
        "STIXGeneralItalic.ttf",
    ),
}

# Only files that the wheel itself holds; most of scikit-image's pictures are downloads.
PHOTOGRAPHS: dict[str, tuple[str, ...]] = {
    "train": (
        "astronaut.png",
        "camera.png",
        "coffee.png",
        "coins.png",
        "grass.png",
        "hubble_deep_field.jpg",
        "ihc.png",
        "motorcycle_left.png",
        "page.png",
    ),
    "dev": ("brick.png", "moon.png", "rocket.jpg"),
    "test": ("chelsea.png", "clock_motion.png", "gravel.png", "retina.jpg", "text.png"),
}


@lru_cache(maxsize=1)
def _faces_folder() -> Path:
    return _package_folder("matplotlib") / "mpl-data" / "fonts" / "ttf"


@lru_cache(maxsize=1)
def _photographs_folder() -> Path:
    return _package_folder("skimage") / "data"


def _package_folder(package: str) -> Path:
    """Where an installed package lies, without importing it (matplotlib takes a third of a second)."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ConfigError(
            f"synth: the package {package} is not installed; it holds the faces or photographs to draw with"
        )
    return Path(spec.origin).parent


def check_assets() -> None:
    """Raise ConfigError naming the first face or photograph that the installed wheels lack."""
    for folder, table in ((_faces_folder(), FACES), (_photographs_folder(), PHOTOGRAPHS)):
        for name in (name for names in table.values() for name in names):
            if not (folder / name).is_file():
                raise ConfigError(f"{folder / name}: missing from the installed package; synth draws with it")


@lru_cache(maxsize=128)
def face(name: str, size: int) -> ImageFont.FreeTypeFont:
    """The face in `size` pixels, laid out by Pillow itself, so that a system's text engine changes nothing."""
    return ImageFont.truetype(str(_faces_folder() / name), size, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=16)
def photograph(name: str) -> NDArray[np.uint8]:
    """The photograph as (rows, cols, 3) uint8 RGB; grey ones are repeated over the channels."""
    pixels, _ = read_image(_photographs_folder() / name)
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    return np.ascontiguousarray(pixels, np.uint8)
