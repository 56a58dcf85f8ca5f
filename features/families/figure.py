"""The figure family: what departs from the rest of the object that the image shows, apart from its ground."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from features import figure
from features.column import Column
from features.planes import COLOURS, LIGHT, Recipe
from features.scene import Canvas

__all__ = ["columns"]

SPOTS = (0.7, 1.5, 3.0, 6.0, 12.0, 24.0)
COLOURED_SPOTS = (1.5, 4.0, 10.0, 24.0)
PATCH = 12.0
LINES = (3.0, 8.0, 20.0, 50.0)
ROUGHNESS = (3.0, 8.0)
UNLIKE = (0.0, 2.0, 6.0)


def columns(blue: str, scale: float) -> tuple[Column, ...]:
    """All columns; colours are left out where blue is to be dropped, but for red against green."""
    made: list[Column] = []

    def add(name: str, formula: str, signed: bool, recipe: tuple[str, Recipe], *, colour: bool = False) -> None:
        made.append(Column(f"figure.{name}", formula, signed, 0, partial(_plane, recipe=recipe), colour=colour))

    colours = {name: of for name, of in COLOURS.items() if blue != "drop" or "log_blue" not in of}
    add("depth", "px to the outline, below 0 outside", True, figure.depth_of())
    for s in SPOTS:
        add(f"spot-{s:g}", f"G_{s:g} (log T - mean along), standardised", True, figure.spot_of(LIGHT, s, scale))
    for name, of in colours.items():
        for s in COLOURED_SPOTS:
            formula = f"G_{s:g} ({name} - mean along), standardised"
            add(f"spot-{s:g}-{name}", formula, True, figure.spot_of(of, s, scale), colour=True)
    for name, of in {"light": LIGHT, **colours}.items():
        patch, colour = scale * PATCH, of != LIGHT
        add(f"level-{name}", f"G_{PATCH:g} {name} - median", True, figure.level_of(of, patch), colour=colour)
        add(
            f"patch-{name}",
            f"G_{PATCH:g} {name} - G of 3 to 10 times that",
            True,
            figure.wide_of(of, patch),
            colour=colour,
        )
    for length in LINES:
        add(
            f"line-{length:g}",
            f"line of {length:g} px along, over local deviation",
            True,
            figure.line_of(length, scale),
        )
        add(
            f"rim-{length:g}",
            f"step across, {length:g} px along, over local deviation",
            True,
            figure.rim_of(length, scale),
        )
    for s in ROUGHNESS:
        add(f"roughness-{s:g}", f"log deviation of T, window G_{s:g}", False, figure.roughness_of(s, scale))
    for s in UNLIKE:
        recipes = figure.unlike_of(scale * s, (), scale), figure.unlike_of(scale * s, tuple(colours.values()), scale)
        make = partial(_unlike, recipes=recipes)
        made.append(Column(f"figure.unlike-{s:g}", f"G_{s:g} log(1 + x' C^-1 x), standardised", True, 0, make))
    return tuple(made)


def _plane(canvas: Canvas, *, recipe: tuple[str, Recipe]) -> NDArray[np.float32]:
    return canvas.scene.planes.of_whole(*recipe, keep=False)


def _unlike(canvas: Canvas, *, recipes: tuple[tuple[str, Recipe], tuple[str, Recipe]]) -> NDArray[np.float32]:
    """recipes: of grey and of colour images."""
    return canvas.scene.planes.of_whole(*recipes[canvas.scene.colour], keep=False)
