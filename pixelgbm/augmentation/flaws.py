"""Scratches, specks and stains drawn onto a surface: defects that nobody has photographed yet."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelgbm.augmentation.grafting import RIM
from pixelgbm.synth import dirt_shapes
from pixelgbm.synth.fields import Plane, blur
from pixelgbm.synth.flaws import CUT, Box, lay, line, place, within

__all__ = ["KINDS", "draw_flaw"]

KINDS = ("scratch", "speck", "stain")
"""What can be drawn."""

_SIDE = 320.0
"""The sizes below are for an image of this side (px); they grow and shrink with the image."""

_SCRATCH, _SPECK, _STAIN = (30.0, 190.0), (10.0, 120.0), (200.0, 2600.0)
"""Length (px), area and area: drawn between these, even on a logarithmic scale."""

_SIGNAL = (25.0, 90.0)
"""How clearly a flaw shows; a trained eye needs about 10."""

_LEVELS = (4.0, 60.0)
"""Grey levels that a flaw changes inside its mask, on average, at least and at most."""

_BRIGHT = 0.8
"""On a surface of more than this share of white a scratch cannot be told if it is lighter still."""

_BROWN = np.array([0.75, 1.0, 1.25])
"""What a stain takes away of red, green and blue."""

_MARGIN = 0.08
"""Share of the image along each border where no middle of a flaw lies."""


def draw_flaw(
    image: NDArray[np.generic], kind: str, *, rng: np.random.Generator
) -> tuple[NDArray[np.generic], NDArray[np.uint8]]:
    """A flaw of one of `KINDS` at a random place of `image`.

    image: (rows, cols[, 3]) uint8 or uint16. Returns a new image of the same type and the mask, (rows, cols) uint8,
    0 or 255. Outside the mask, pixels change less than `RIM` away.
    """
    most = np.float32(65535 if image.dtype == np.uint16 else 255)
    tone = image.astype(np.float32) / most
    shape = (image.shape[0], image.shape[1])
    alpha = _ALPHA[kind](rng, shape, min(shape) / _SIDE)
    away = cv2.distanceTransform((alpha <= CUT).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    shade = alpha * np.clip((RIM - away) / (RIM - 1), 0, 1)
    light = kind == "scratch" and rng.random() < 0.5 and tone[alpha > CUT].mean() < _BRIGHT
    sign = 1.0 if light else -1.0
    tint = _BROWN * np.exp(rng.normal(0, 0.08, 3)) if kind == "stain" else np.ones(3)
    delta = np.float32(sign) * tone * (shade if tone.ndim == 2 else shade[..., np.newaxis] * tint.astype(np.float32))
    flaw = lay(rng, tone, kind, alpha, delta, signal=_SIGNAL, levels=_LEVELS)
    laid = np.rint(np.clip(tone, 0, 1) * most).astype(image.dtype)
    return np.where(delta != 0, laid, image), flaw.mask.astype(np.uint8) * np.uint8(255)


def _scratch(rng: np.random.Generator, shape: tuple[int, int], size: float) -> Plane:
    return line(
        rng,
        shape,
        middle=within(rng, _inside(shape)),
        angle=rng.uniform(0, np.pi),
        length=max(8.0, size * _drawn(rng, _SCRATCH)),
        width=rng.uniform(0.9, 1.8),
        pieces=int(rng.integers(1, 4)),
        bend=rng.uniform(0.2, 2.5),
    )


def _speck(rng: np.random.Generator, shape: tuple[int, int], size: float) -> Plane:
    density = dirt_shapes.speck(rng, max(8.0, size**2 * _drawn(rng, _SPECK)))
    return place(rng, density, shape, box=_inside(shape))


def _stain(rng: np.random.Generator, shape: tuple[int, int], size: float) -> Plane:
    density = dirt_shapes.stain(rng, max(24.0, size**2 * _drawn(rng, _STAIN)))
    return place(rng, blur(density, 1.0), shape, box=_inside(shape))


_ALPHA = {"scratch": _scratch, "speck": _speck, "stain": _stain}


def _drawn(rng: np.random.Generator, bounds: tuple[float, float]) -> float:
    return float(np.exp(rng.uniform(*np.log(bounds))))


def _inside(shape: tuple[int, int]) -> Box:
    rows, cols = (int(_MARGIN * extent) for extent in shape)
    return rows, cols, shape[0] - rows, shape[1] - cols
