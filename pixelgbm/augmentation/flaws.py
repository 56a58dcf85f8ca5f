"""Scratches, specks, stains and dents drawn onto a surface: defects that nobody has photographed yet.

Nothing here is shared with `pixelgbm.synth`, whose flaws are what a benchmark's test images show.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelgbm.augmentation.grafting import RIM
from pixelgbm.patches import grown

__all__ = ["KINDS", "draw_flaw"]

_Plane = NDArray[np.float32]

_SIDE = 320.0
"""The sizes below are for an image of this side (px); they grow and shrink with the image."""

_LENGTH, _WIDTH = (15.0, 250.0), (0.8, 3.0)
"""Of a scratch, px."""

_SPECK, _STAIN, _DENT = (8.0, 160.0), (150.0, 3500.0), (60.0, 1200.0)
"""Areas, px."""

_VISIBLE = (20.0, 100.0)
"""How clearly a flaw shows: mean change x root of area over the deviation of the surface. A trained eye needs ten."""

_LEVELS = (4.0, 70.0)
"""Grey levels that a flaw changes inside its mask, on average, at least and at most."""

_MOST = 0.9
"""Share of the light that a dark flaw takes at most."""

_FINE = 2.0
"""Sigma: what is coarser does not hide a flaw."""

_AROUND = 12
"""Pixels around a flaw whose deviation it is compared with."""

_FINER = 4
"""Outlines are drawn so many times as large and then averaged, so that edges fall between pixels."""

_MARGIN = 0.06
"""Share of the image along each border where no middle of a flaw lies."""


@dataclass(frozen=True, slots=True)
class _Shape:
    """What a flaw does to a surface of even light.

    mask: (rows, cols) bool, what is marked. shade: (rows, cols) float32, share of the light that is taken at strength
    1, below zero where light is added. tint: of red, green and blue.
    """

    mask: NDArray[np.bool_]
    shade: _Plane
    tint: NDArray[np.float32]


def draw_flaw(
    image: NDArray[np.generic], kind: str, *, rng: np.random.Generator
) -> tuple[NDArray[np.generic], NDArray[np.uint8]]:
    """A flaw of one of `KINDS` at a random place of `image`.

    image: (rows, cols[, 3]) uint8 or uint16. Returns a new image of the same type and the mask, (rows, cols) uint8,
    0 or 255. Outside the mask, pixels change less than `RIM` away.
    """
    most = np.float32(65535 if image.dtype == np.uint16 else 255)
    tone = image.astype(np.float32) / most
    tone = tone if tone.ndim == 3 else tone[..., np.newaxis]
    shape = _KINDS[kind](rng, (image.shape[0], image.shape[1]), min(image.shape[:2]) / _SIDE)
    away = cv2.distanceTransform((~shape.mask).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    shade = shape.shade * np.clip((RIM - away) / (RIM - 2), 0, 1)
    tint = shape.tint if tone.shape[2] == 3 else np.ones(1, np.float32)
    change = tone * shade[..., np.newaxis] * tint
    change *= np.float32(_strength(tone, change, shape.mask, rng))
    np.minimum(change, np.float32(_MOST) * tone, out=change)
    laid = np.rint(np.clip(tone - change, 0, 1) * most).astype(image.dtype).reshape(image.shape)
    touched = (change != 0).reshape(image.shape)
    return np.where(touched, laid, image), shape.mask.astype(np.uint8) * np.uint8(255)


def _strength(tone: _Plane, change: _Plane, mask: NDArray[np.bool_], rng: np.random.Generator) -> float:
    """The factor on `change` that makes it show as clearly as drawn from `_VISIBLE`, within `_LEVELS`."""
    fine = 255 * (tone - cv2.GaussianBlur(tone, (0, 0), _FINE).reshape(tone.shape))
    deviation = float(fine[grown(mask, _AROUND)].std(axis=0).mean()) + 1
    wanted = _drawn(rng, _VISIBLE) * deviation / math.sqrt(np.count_nonzero(mask))
    found = 255 * float(np.abs(change[mask]).mean(axis=0).max())
    return float(np.clip(wanted, *_LEVELS)) / max(found, 1e-3)


def _scratch(rng: np.random.Generator, shape: tuple[int, int], size: float) -> _Shape:
    """A path whose heading wanders, pressed harder here than there, now and then lifted; dark, light or a groove."""
    steps = max(8, round(size * _drawn(rng, _LENGTH)))
    heading = rng.uniform(0, 2 * math.pi) + np.cumsum(rng.normal(0, rng.uniform(0, 0.03), steps))
    path = np.cumsum(np.stack([np.sin(heading), np.cos(heading)], axis=1), axis=0)
    path += _middle(rng, shape) - path[steps // 2]
    pressure = np.clip(1 + 0.35 * _wave(rng, steps, 20.0), 0.3, None) * np.clip(np.hanning(steps) * 6, 0.2, 1)
    pressed = pressure * (_wave(rng, steps, 15.0) > -0.8) if rng.random() < 0.4 else pressure
    width = max(0.7, _drawn(rng, _WIDTH) * math.sqrt(size))
    line = _stroke(shape, path, pressed, width)
    if not line.any():  # lifted all the way, as far as it lies in the image
        line = _stroke(shape, path, pressure, width)
    mask = line > 0.4 * float(np.quantile(line[line > 0], 0.9))
    lip = _shifted(line, rng.uniform(0, 2 * math.pi), width) * np.float32(rng.choice([0.0, 0.0, 0.6]))
    return _Shape(mask, (line - lip) * _sign(rng, dark=0.5), _tint(rng, 0.03))


def _stroke(shape: tuple[int, int], path: NDArray[np.float64], pressure: NDArray[np.float64], width: float) -> _Plane:
    """(rows, cols) a line of `width` px along a path of (row, col), as dark as it is pressed."""

    def draw(fine: _Plane, points: NDArray[np.int32]) -> None:
        for one, two, pressed in zip(points, points[1:], pressure[1:].tolist(), strict=False):
            if pressed > 0:
                cv2.line(fine, one.tolist(), two.tolist(), float(pressed), max(1, round(_FINER * width)))

    return _rendered(shape, path, draw, margin=2 * width, soft=0.45)


def _speck(rng: np.random.Generator, shape: tuple[int, int], size: float) -> _Shape:
    """One to five ragged dots near each other, some with an edge that catches the light."""
    middle = _middle(rng, shape)
    dots: _Plane = np.zeros(shape, np.float32)
    for _ in range(int(rng.integers(1, 6))):
        area = max(6.0, size**2 * _drawn(rng, _SPECK))
        place = middle + rng.normal(0, 10 * math.sqrt(size), 2)
        outline = _outline(rng, place, area, ragged=0.25)
        np.maximum(dots, _filled(shape, outline, rng.uniform(0.4, 0.9)), out=dots)
    if not (dots > 0.5).any():  # all of them beyond the border, or too small
        dots = _filled(shape, _outline(rng, middle, 12.0, ragged=0.0), 0.4)
    lip = np.clip(_blurred(dots, 1.5) - dots, 0, 1) * np.float32(rng.choice([0.0, 0.7]))
    mask = dots > 0.5 * min(1.0, float(dots.max()))
    return _Shape(mask, (dots - lip) * _sign(rng, dark=0.85), _tint(rng, 0.08))


def _stain(rng: np.random.Generator, shape: tuple[int, int], size: float) -> _Shape:
    """A blot of its own colour, mottled, its rim stronger or fading."""
    area = max(40.0, size**2 * _drawn(rng, _STAIN))
    blot = _filled(shape, _outline(rng, _middle(rng, shape), area, ragged=0.15), rng.uniform(0.8, 3.0))
    mask = blot > 0.5 * min(1.0, float(blot.max()))
    depth = cv2.distanceTransform(mask.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    rim = np.exp(-depth / np.float32(rng.uniform(1.5, 6))) * np.float32(rng.uniform(-0.4, 1.5))
    mottle = _blurred(np.asarray(rng.standard_normal(shape), np.float32), rng.uniform(2, 8))
    mottle *= np.float32(rng.uniform(0, 0.3)) / (mottle.std() + np.float32(1e-6))
    brown = np.array([0.75, 1.0, 1.25], np.float32) if rng.random() < 0.5 else np.ones(3, np.float32)
    return _Shape(mask, blot * (1 + rim + mottle) * _sign(rng, dark=0.8), brown * _tint(rng, 0.15))


def _dent(rng: np.random.Generator, shape: tuple[int, int], size: float) -> _Shape:
    """A hollow or a bump: one flank is lit, the other lies in shade, the surface goes on over both."""
    area, long = max(30.0, size**2 * _drawn(rng, _DENT)), rng.uniform(1.0, 2.5)
    radii = np.sqrt(area / math.pi * np.array([1 / long, long]))
    turn, light = rng.uniform(0, math.pi), rng.uniform(0, 2 * math.pi)
    row, col = _middle(rng, shape)
    rows = np.arange(shape[0], dtype=np.float32)[:, np.newaxis] - np.float32(row)
    cols = np.arange(shape[1], dtype=np.float32)[np.newaxis, :] - np.float32(col)
    c, s = np.float32(math.cos(turn)), np.float32(math.sin(turn))
    reach = np.hypot((c * rows - s * cols) / radii[0], (s * rows + c * cols) / radii[1])
    height = np.exp(-np.square(reach) * np.float32(1.2)).astype(np.float32)
    by_row, by_col = np.gradient(height)
    shade = np.asarray(math.sin(light) * by_row + math.cos(light) * by_col, np.float32)
    return _Shape(reach < 1, shade / np.float32(np.abs(shade).max()), np.ones(3, np.float32))


_KINDS: dict[str, Callable[[np.random.Generator, tuple[int, int], float], _Shape]] = {
    "scratch": _scratch,
    "speck": _speck,
    "stain": _stain,
    "dent": _dent,
}

KINDS = tuple(_KINDS)
"""What can be drawn."""


def _outline(rng: np.random.Generator, middle: NDArray[np.float64], area: float, *, ragged: float) -> _Plane:
    """(n, 2) a closed line around `middle` (row, col): a circle of `area`, squeezed, with waves of falling height."""
    angle = np.linspace(0, 2 * math.pi, 64, endpoint=False)
    radius = np.ones_like(angle)
    for wave in range(2, 8):
        radius += ragged * rng.normal() / (wave - 1) * np.cos(wave * angle + rng.uniform(0, 2 * math.pi))
    radius = np.clip(radius, 0.3, None) * math.sqrt(area / math.pi)
    squeeze, turn = rng.uniform(0.65, 1.0), rng.uniform(0, 2 * math.pi)
    along, across = radius * np.cos(angle) / math.sqrt(squeeze), radius * np.sin(angle) * math.sqrt(squeeze)
    c, s = math.cos(turn), math.sin(turn)
    return np.asarray(np.stack([c * along - s * across, s * along + c * across], axis=1) + middle, np.float32)


def _filled(shape: tuple[int, int], outline: _Plane, soft: float) -> _Plane:
    """(rows, cols) 1 inside an outline (row, col), its edge blurred by `soft` px."""
    return _rendered(shape, outline, lambda fine, points: cv2.fillPoly(fine, [points], 1.0), margin=0, soft=soft)


def _rendered(
    shape: tuple[int, int],
    points: NDArray[np.floating],
    draw: Callable[[_Plane, NDArray[np.int32]], object],
    *,
    margin: float,
    soft: float,
) -> _Plane:
    """(rows, cols) what `draw` makes of points (row, col) on a finer canvas around them, averaged and blurred.

    draw: gets the canvas and the points on it as OpenCV wants them, (n, 2) int32 of (col, row).
    """
    reach = margin + 4 * soft + 2
    low = np.clip(np.floor(points.min(axis=0) - reach), 0, np.array(shape) - 1).astype(int)
    high = np.clip(np.ceil(points.max(axis=0) + reach), low + 1, shape).astype(int)
    rows, cols = (high - low).tolist()
    fine: _Plane = np.zeros((rows * _FINER, cols * _FINER), np.float32)
    draw(fine, np.rint((points - low)[:, ::-1] * _FINER).astype(np.int32))
    plane: _Plane = np.zeros(shape, np.float32)
    window = plane[low[0] : high[0], low[1] : high[1]]
    window[:] = cv2.GaussianBlur(cv2.resize(fine, (cols, rows), interpolation=cv2.INTER_AREA), (0, 0), soft)
    return plane


def _blurred(plane: _Plane, sigma: float) -> _Plane:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma), np.float32)


def _shifted(plane: _Plane, angle: float, distance: float) -> _Plane:
    matrix = np.array([[1, 0, distance * math.cos(angle)], [0, 1, distance * math.sin(angle)]], np.float64)
    return np.asarray(cv2.warpAffine(plane, matrix, plane.shape[::-1]), np.float32)


def _wave(rng: np.random.Generator, count: int, pitch: float) -> NDArray[np.float64]:
    """(count,) noise that is smooth over `pitch`, of mean 0 and deviation 1."""
    knots = rng.standard_normal(max(3, math.ceil(count / pitch) + 2))
    return np.interp(np.linspace(0, len(knots) - 1, count), np.arange(len(knots)), knots)


def _middle(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    """A place (row, col) off the border."""
    return np.array([rng.uniform(_MARGIN * extent, (1 - _MARGIN) * extent) for extent in shape])


def _sign(rng: np.random.Generator, *, dark: float) -> np.float32:
    """1 for the share `dark`, else -1: light."""
    return np.float32(1 if rng.random() < dark else -1)


def _tint(rng: np.random.Generator, spread: float) -> NDArray[np.float32]:
    """(3,) factors around 1."""
    return np.asarray(np.exp(rng.normal(0, spread, 3)), np.float32)


def _drawn(rng: np.random.Generator, bounds: tuple[float, float]) -> float:
    """A number between two, even on a logarithmic scale."""
    return float(np.exp(rng.uniform(*np.log(bounds))))
