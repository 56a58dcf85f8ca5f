"""The rarity family: how unlike the rest of its own image a pixel's surroundings are."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from features.column import Column
from features.rarity import TREND, palette_of, rarity_of
from features.scene import Canvas

__all__ = ["columns"]

SIGMAS = (1.0, 2.0, 4.0)
BLURS = (0.0, 1.5, 4.0)
"""Of each sigma."""
PALETTES = (1.5, 4.0, 10.0)


def columns(blue: str, scale: float) -> tuple[Column, ...]:
    """All columns; blue is compared with red and green blurred as the camera blurred it, or left out."""
    structure = tuple(
        Column(
            f"rarity.{sigma:g}-{share * sigma:g}",
            f"G_{share * sigma:g} log(1 + x' C^-1 x), standardised; x: filters at s = {sigma:g}",
            True,
            0,
            partial(_rarity, sigma=scale * sigma, blur=scale * share * sigma, colour=blue != "drop"),
        )
        for sigma in SIGMAS
        for share in BLURS
    )
    if blue == "drop":
        return structure
    return structure + tuple(
        Column(
            f"rarity.palette-{blur:g}",
            f"G_{blur:g} -log h(colour), standardised; h: how often the image has it",
            True,
            0,
            partial(_palette, blur=scale * blur, trend=scale * TREND),
            colour=True,
        )
        for blur in PALETTES
    )


def _rarity(canvas: Canvas, *, sigma: float, blur: float, colour: bool) -> NDArray[np.float32]:
    return canvas.scene.planes.of_whole(*rarity_of(sigma, blur, colour=colour and canvas.scene.colour), keep=False)


def _palette(canvas: Canvas, *, blur: float, trend: float) -> NDArray[np.float32]:
    return canvas.scene.planes.of_whole(*palette_of(blur, trend), keep=False)
