"""The line family: long straight scratches among print and texture, of the image alone."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from features.column import Column
from features.kernels.lines import steady_lines
from features.scene import Canvas
from features.smoothing import at_lower_resolution, coarse_reach, reach_of, smooth

__all__ = ["columns", "steps"]

Plane = NDArray[np.float32]

LENGTHS = (18, 42)
"""Px: longer than a stroke of small print; as long as a scratch that a person calls one."""
ORIENTATIONS = 24
FINE, BROAD = 0.8, 4.0
LIMIT = 0.12
"""Of the contrast, logarithm: a black letter on the way weighs no more than a faint scratch."""
HALVINGS = 1


def columns(blue: str, scale: float) -> tuple[Column, ...]:
    """All columns; they read luminance, so `blue` plays no part."""
    made: list[Column] = []
    for length in LENGTHS:
        points = 3 * max(1, round(scale * length / 6))
        reach = coarse_reach(reach_of(scale * BROAD / 2) + points // 2 + 1, HALVINGS)
        make = partial(_lines, points=points, fine=scale * FINE / 2, broad=scale * BROAD / 2)
        for which, name in enumerate(("dark", "bright")):
            formula = (
                f"{('min', 'max')[which]} over {ORIENTATIONS} directions of the {('max', 'min')[which]} of three means "
                f"along {length} px, D = clip(G_{FINE:g} log T - G_{BROAD:g} log T)"
            )
            made.append(Column(f"lines.{name}-{length}", formula, True, reach, partial(_one, make=make, which=which)))
    for which, name in enumerate(("level", "slant")):
        formula = f"{('cos', 'sin')[which]}(2 angle) x strength of the strongest line of {length} px"
        made.append(Column(f"lines.{name}", formula, True, reach, partial(_one, make=make, which=2 + which)))
    return tuple(made)


def _one(canvas: Canvas, *, make: partial[NDArray[np.float32]], which: int) -> Plane:
    return make(canvas)[which, :, :]


def _lines(canvas: Canvas, *, points: int, fine: float, broad: float) -> NDArray[np.float32]:
    """(4, rows, cols): dark, bright, and the two components of the direction of the stronger; remembered.

    points: of a line. fine, broad: of the blurs; all in px of half the resolution, at which lines are looked for.
    """

    def measure(plane: Plane) -> NDArray[np.float32]:
        contrast = np.clip(smooth(plane, fine) - smooth(plane, broad), -LIMIT, LIMIT)
        out = np.empty((4, *plane.shape), np.float32)
        way = np.empty(plane.shape, np.uint8)
        steady_lines(contrast, *steps(points), out[0], out[1], way)
        strength = np.maximum(-out[0], out[1])
        angles = 2 * np.pi * np.arange(ORIENTATIONS) / ORIENTATIONS
        out[2] = strength * np.cos(angles).astype(np.float32)[way]
        out[3] = strength * np.sin(angles).astype(np.float32)[way]
        return out

    return canvas.once(("steady lines", points), lambda: at_lower_resolution(canvas["log_light"], HALVINGS, measure))


def steps(points: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(orientations, points) row and column offsets of straight lines, their longer axis without gaps."""
    t = np.arange(points) - points // 2
    angles = np.arange(ORIENTATIONS) * np.pi / ORIENTATIONS
    longest = np.maximum(np.abs(np.sin(angles)), np.abs(np.cos(angles)))
    rows = np.rint(np.outer(np.sin(angles) / longest, t)).astype(np.int64)
    cols = np.rint(np.outer(np.cos(angles) / longest, t)).astype(np.int64)
    return rows, cols
