"""The whitened family: spots, lines and flanks that the texture of their own image does not explain."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from features.column import Column
from features.planes import COLOURS, LIGHT, Of, Recipe
from features.scene import Canvas
from features.whitening import DIRECTIONS, LENGTH, edge_of, line_of, spot_of

__all__ = ["columns"]

SPOTS = (2.0, 3.5, 6.0, 10.0)
EDGES = (4.0, 7.0)
COLOURED_SPOTS = (6.0, 10.0)
COLOURED_EDGES = (7.0,)


def columns(blue: str, scale: float) -> tuple[Column, ...]:
    """All columns; colours are left out where blue is to be dropped, but for red against green."""
    made: list[Column] = []

    def add(
        name: str, formula: str, signed: bool, template: Callable[..., tuple[str, Recipe]], of: Of, size: float
    ) -> None:
        make = partial(_plane, template=template, of=of, size=size, scale=scale)
        made.append(Column(f"whitened.{name}", formula, signed, 0, make, colour=of != LIGHT))

    for s in SPOTS:
        add(f"spot-{s:g}", f"G_{s:g} w / mad; w: log T whitened and clipped", True, spot_of, LIGHT, s)
    for times in (1, 2):
        formula = f"strongest of {times * DIRECTIONS} directions of line_{times * LENGTH:g} w / mad"
        make = partial(_line, long=times == 2, scale=scale)
        made.append(Column(f"whitened.line-{times * LENGTH:g}", formula, True, 0, make))
    for s in EDGES:
        add(f"edge-{s:g}", f"|grad G_{s:g} w| / mad", False, edge_of, LIGHT, s)
    for colour, of in COLOURS.items():
        if blue == "drop" and "log_blue" in of:
            continue
        for s in COLOURED_SPOTS:
            add(f"spot-{s:g}-{colour}", f"G_{s:g} w / mad; w: {colour} whitened and clipped", True, spot_of, of, s)
        for s in COLOURED_EDGES:
            add(f"edge-{s:g}-{colour}", f"|grad G_{s:g} w| / mad; w: of {colour}", False, edge_of, of, s)
    return tuple(made)


def _plane(
    canvas: Canvas, *, template: Callable[..., tuple[str, Recipe]], of: Of, size: float, scale: float
) -> NDArray[np.float32]:
    return canvas.scene.planes.of_whole(*template(of, size, scale), keep=False)


def _line(canvas: Canvas, *, long: bool, scale: float) -> NDArray[np.float32]:
    return canvas.scene.planes.of_whole(*line_of(LIGHT, scale, long=long), keep=False)
