"""Flaws of a surface: the outline of each, what it changes, and how strongly it shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pixelgbm.synth.fields import Plane, blur, pasted, smooth_field, soft_step, turned
from pixelgbm.synth.visibility import unevenness_of, window_of

__all__ = ["CUT", "Box", "Flaw", "blot", "dent", "lay", "line", "place", "relief", "within"]

CUT = 0.4
"""Of a flaw's full alpha: what a person would still mark."""

Box = tuple[int, int, int, int]
"""(top, left, bottom, right), half-open."""

_EYE = 0.8  # grey levels that even a perfectly smooth surface is uncertain by


@dataclass(frozen=True, slots=True)
class Flaw:
    """One flaw that was laid on a surface. alpha: (rows, cols) float32, 0..1. levels: mean change inside its mask."""

    kind: str
    alpha: Plane
    levels: float

    @property
    def mask(self) -> NDArray[np.bool_]:
        return self.alpha > CUT


def lay(
    rng: np.random.Generator,
    tone: Plane,
    kind: str,
    alpha: Plane,
    delta: Plane,
    *,
    signal: tuple[float, float],
    levels: tuple[float, float],
    most: float = np.inf,
) -> Flaw:
    """Add `delta`, scaled, to `tone` (grey levels / 255), in place.

    The scale makes the mean change inside the mask a multiple, drawn from `signal`, of what can just be told
    from a surface of this unevenness over that many pixels, held inside `levels` (grey levels). `most` is the
    largest scale: 1 where `delta` replaces one surface by another.
    """
    mask = alpha > CUT
    window = window_of(mask, margin=12)
    unevenness = unevenness_of(tone[window] * np.float32(255)) + _EYE
    change = np.abs(delta[mask]).mean(axis=0).max() * 255
    wanted = np.exp(rng.uniform(*np.log(signal))) * unevenness / np.sqrt(np.count_nonzero(mask))
    scale = min(most, float(np.clip(wanted, *levels)) / max(float(change), 1e-6))
    tone += np.float32(scale) * delta
    return Flaw(kind, alpha, scale * float(change))


def place(
    rng: np.random.Generator, density: Plane, shape: tuple[int, int], *, box: Box, reduction: float = 0.5
) -> Plane:
    """The alpha plane of a drawn `density`, turned and flipped at random, its middle somewhere in `box`."""
    flip = -1.0 if rng.random() < 0.5 else 1.0
    part = turned(density, reduction, rng.uniform(0, 2 * np.pi), flip, rng.uniform(-0.5, 0.5, 2))
    part = np.clip(part / max(1e-6, float(np.quantile(part[part > 0.2 * part.max()], 0.8))), 0, 1)
    rows, cols = np.nonzero(part > CUT)
    row, col = within(rng, box)
    return pasted(part, shape, (row - int(rows.mean()), col - int(cols.mean())))


def within(rng: np.random.Generator, box: Box) -> tuple[int, int]:
    """A random place (row, col) in `box`."""
    top, left, bottom, right = box
    return int(rng.integers(top, bottom)), int(rng.integers(left, right))


def line(
    rng: np.random.Generator,
    shape: tuple[int, int],
    *,
    middle: tuple[float, float],
    angle: float,
    length: float,
    width: float,
    pieces: int = 1,
    bend: float = 0.0,
    fade: float = 0.3,
) -> Plane:
    """The alpha plane of a nearly straight line, its direction `angle` from the columns towards the rows, radians.

    pieces: collinear parts with gaps between. bend: px rms off the straight. fade: share of its strength
    that the line loses here and there along the way.
    """
    half = length / 2
    c, s = np.cos(angle), np.sin(angle)
    reach = np.array([abs(s) * half, abs(c) * half]) + 3 * width + 3 * bend + 2
    box = [
        slice(int(np.clip(m - r, 0, extent)), int(np.clip(m + r + 1, 0, extent)))
        for m, r, extent in zip(middle, reach, shape, strict=True)
    ]
    rows = np.arange(box[0].start, box[0].stop, dtype=np.float32)[:, None] - np.float32(middle[0])
    cols = np.arange(box[1].start, box[1].stop, dtype=np.float32)[None, :] - np.float32(middle[1])
    along, across = c * cols + s * rows, c * rows - s * cols
    marks = np.linspace(-half, half, max(8, int(length / 4)))
    knots = np.linspace(-half, half, max(4, int(length / 40)))
    wander = np.interp(marks, knots, rng.normal(0, bend, len(knots))) if bend else np.zeros(len(marks))
    wander = np.convolve(np.pad(wander, 3, mode="edge"), np.full(7, 1 / 7), mode="valid")
    strength = np.interp(marks, knots, rng.uniform(1 - fade, 1, len(knots))) * _presence(rng, len(marks), pieces)
    breadth = np.interp(marks, knots, width * rng.uniform(0.75, 1.25, len(knots)))
    plane = np.zeros(shape, np.float32)
    off = (across - np.interp(along, marks, wander)) / np.interp(along, marks, breadth)
    lit = np.interp(along, marks, strength, left=0, right=0)
    plane[tuple(box)] = lit * np.exp(-1.4 * np.square(off) ** 1.5)
    return plane


def _presence(rng: np.random.Generator, count: int, pieces: int) -> NDArray[np.float64]:
    """1 in `pieces` parts of `count` marks, 0 in the gaps between, which take up to a third of the whole."""
    there = np.ones(count)
    for cut in np.sort(rng.uniform(0.08, 0.92, pieces - 1)):
        size = max(2, int(count * rng.uniform(0.3, 1.0) / (3 * pieces)))
        first = int(cut * count)
        there[first : min(first + size, count - 2)] = 0
    return there


def blot(
    rng: np.random.Generator,
    shape: tuple[int, int],
    *,
    middle: tuple[float, float],
    radii: tuple[float, float],
    soft: float,
    ragged: float,
) -> Plane:
    """The alpha plane of an uneven patch with half axes `radii` (rows, cols); `soft`: of its radius, the border."""
    rows = (np.arange(shape[0], dtype=np.float32) - np.float32(middle[0])) / np.float32(radii[0])
    cols = (np.arange(shape[1], dtype=np.float32) - np.float32(middle[1])) / np.float32(radii[1])
    reach = np.hypot(rows[:, None], cols[None, :])
    cells = int(np.clip(1.6 * max(shape) / max(radii), 3, 150))
    reach = reach + smooth_field(rng, shape, cells=cells, rms=ragged)
    return 1 - soft_step(reach, 1.0, soft)


def dent(shape: tuple[int, int], *, middle: tuple[float, float], radii: tuple[float, float], angle: float) -> Plane:
    """The height (rows, cols), 0..1, of a smooth bump with half axes `radii` that is turned by `angle`, radians."""
    rows = np.arange(shape[0], dtype=np.float32)[:, None] - np.float32(middle[0])
    cols = np.arange(shape[1], dtype=np.float32)[None, :] - np.float32(middle[1])
    c, s = np.cos(angle), np.sin(angle)
    reach = np.square((c * rows - s * cols) / radii[0]) + np.square((s * rows + c * cols) / radii[1])
    return np.asarray(np.square(np.clip(1 - reach, 0, 1)), np.float32)


def relief(height: Plane, light: float) -> Plane:
    """The shading, -1..1, of a height under a low light from the direction `light`, radians."""
    by_row, by_col = np.gradient(blur(height, 0.6))
    shade = np.sin(light) * by_row + np.cos(light) * by_col
    return np.asarray(shade / max(1e-6, float(np.abs(shade).max())), np.float32)
