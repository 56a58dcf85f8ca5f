"""Surfaces without a flaw: woven, brushed, cast and stone, each piece another one of the same kind.

Every function takes `style`, which decides what all pieces of a material share, and `rng`, which decides the piece.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pixelgbm.synth.fields import Plane, blur, fractal_field, noise, smooth_field, soft_step, streaks
from pixelgbm.synth.flaws import relief

__all__ = ["SURFACES", "Surface", "brushed"]


@dataclass(frozen=True, slots=True)
class Surface:
    """A piece of surface.

    tone: (rows, cols), or (rows, cols, 3) where the material has a colour, float32, grey levels / 255.
    threads, under: of a woven one, the number of the warp thread at each pixel (its middle is a whole number)
    and the tone that shows where that thread is missing.
    """

    tone: Plane
    threads: Plane | None = None
    under: Plane | None = None


def woven(style: np.random.Generator, rng: np.random.Generator, shape: tuple[int, int]) -> Surface:
    """Cloth of round yarns, one over one or two over one, with yarns of uneven thickness and shade."""
    pitch = style.uniform(6.5, 9.0), style.uniform(6.5, 9.0)
    twill, level = bool(style.random() < 0.5), style.uniform(0.42, 0.6)
    rows, cols = (np.arange(extent, dtype=np.float32) / np.float32(p) for extent, p in zip(shape, pitch, strict=True))
    skew = rng.normal(0, 0.012)
    warp = cols[None, :] + smooth_field(rng, shape, cells=4, rms=0.15) + np.float32(skew) * rows[:, None]
    weft = rows[:, None] + smooth_field(rng, shape, cells=4, rms=0.15)
    warp += streaks(rng, shape, pitch=(60, pitch[1]), rms=0.06) + np.float32(rng.uniform(4, 6))
    weft += streaks(rng, shape, pitch=(pitch[0], 60), rms=0.06) + np.float32(rng.uniform(4, 6))
    tones = [_yarn(rng, across, along, shape) for across, along in ((warp, weft), (weft, warp))]
    order = np.floor(warp) + np.floor(weft)
    over = np.mod(order, 3) < 2 if twill else np.mod(order, 2) < 1
    fluff = 1 + noise(rng, shape, sigma=0.7) * np.float32(0.05)
    tone = blur(np.where(over, tones[0], tones[1]), 0.7) * fluff * np.float32(level)
    under = blur(np.where(over, np.float32(0.72) * tones[1], tones[1]), 0.7) * fluff * np.float32(0.93 * level)
    return Surface(np.asarray(tone, np.float32), warp - np.float32(0.5), np.asarray(under, np.float32))


def _yarn(rng: np.random.Generator, across: Plane, along: Plane, shape: tuple[int, int]) -> Plane:
    """The light on one set of parallel yarns, as if none of the other lay over it; around 1."""
    number = np.floor(across).astype(np.intp)
    off = across - np.floor(across) - np.float32(0.5)
    shades = rng.normal(1, 0.07, int(number.max()) + 2).astype(np.float32)[np.maximum(number, 0)]
    round_ = np.sqrt(np.clip(1 - np.square(off * np.float32(1.9)), 0.04, 1))
    wave = np.float32(0.82) + np.float32(0.18) * np.abs(np.sin(np.float32(np.pi) * along))
    twist = 1 + np.float32(0.07) * np.sin(np.float32(2 * np.pi) * (2 * along + np.float32(1.3) * off))
    slubs = 1 + streaks(rng, shape, pitch=(9, 9), rms=0.03)
    return np.asarray((np.float32(0.35) + np.float32(0.85) * round_) * wave * twist * shades * slubs, np.float32)


def brushed(style: np.random.Generator, rng: np.random.Generator, shape: tuple[int, int]) -> Surface:
    """Metal ground in one direction: fine streaks of all lengths, some deep, under a broad sheen."""
    level, rough = style.uniform(0.45, 0.62), style.uniform(0.7, 1.1)
    tone = np.zeros(shape, np.float32)
    for height, length, rms in ((1.0, 30, 0.035), (1.0, 110, 0.04), (1.6, 260, 0.03), (7, 500, 0.02)):
        tone += streaks(rng, shape, pitch=(height, length), rms=rms * rough)
    deep = streaks(rng, shape, pitch=(1.0, 60), rms=1.0)
    tone -= np.float32(0.07 * rough) * soft_step(deep, 2.2, 1.0)
    tone += np.float32(0.04 * rough) * soft_step(-deep, 2.3, 1.0)
    sheen = streaks(rng, shape, pitch=(shape[0], 150), rms=0.04)
    grain = noise(rng, shape, sigma=0.5) * np.float32(0.015)
    return Surface(np.asarray(np.float32(level) * (1 + tone + sheen + grain), np.float32))


def cast(style: np.random.Generator, rng: np.random.Generator, shape: tuple[int, int]) -> Surface:
    """A sand-cast or lacquered skin: a rough relief under a low light, with small pits of its own, in a warm colour."""
    coarsest, depth, light = style.uniform(9, 15), style.uniform(0.5, 0.8), style.uniform(0, 2 * np.pi)
    colour = style.uniform(0.38, 0.5) * np.array([1.12, 1.0, 0.84]) * np.exp(style.normal(0, 0.04, 3))
    height = fractal_field(rng, shape, coarsest=coarsest, octaves=3)
    pits = soft_step(fractal_field(rng, shape, coarsest=5, octaves=2), 2.7, 0.8)
    shade = np.float32(depth) * relief(height - 2 * pits, light) - np.float32(0.14) * pits
    shade += streaks(rng, shape, pitch=(40, 40), rms=0.02) + noise(rng, shape, sigma=0.6) * np.float32(0.025)
    return Surface(np.asarray((1 + shade)[..., None] * colour.astype(np.float32), np.float32))


def stone(style: np.random.Generator, rng: np.random.Generator, shape: tuple[int, int]) -> Surface:
    """Polished granite: grains of three minerals, none quite like the next, dark mica strewn between."""
    minerals = np.array([[0.66, 0.60, 0.56], [0.58, 0.57, 0.56], [0.46, 0.45, 0.45]]) * style.uniform(0.85, 1.1)
    minerals = minerals * np.exp(style.normal(0, 0.012, (3, 3)))
    size = style.uniform(9, 14)
    first, second, third = (fractal_field(rng, shape, coarsest=size, octaves=3) for _ in range(3))
    feldspar, smoky = soft_step(first, 0.15, 0.25)[..., None], soft_step(second, 0.5, 0.25)[..., None]
    tone = minerals[1] + (minerals[0] - minerals[1]) * feldspar
    tone = tone + (minerals[2] - tone) * smoky
    mica = soft_step(third + np.float32(0.35) * fractal_field(rng, shape, coarsest=4, octaves=2), 1.9, 0.5)[..., None]
    tone = tone * (1 - np.float32(style.uniform(0.45, 0.6)) * mica)
    cloud = (
        1
        + np.float32(0.05) * fractal_field(rng, shape, coarsest=8, octaves=3)
        + noise(rng, shape, sigma=0.7) * np.float32(0.02)
    )
    return Surface(np.asarray(tone * cloud[..., None], np.float32))


SURFACES: dict[str, Callable[[np.random.Generator, np.random.Generator, tuple[int, int]], Surface]] = {
    "woven": woven,
    "brushed": brushed,
    "cast": cast,
    "stone": stone,
}
"""The materials by name."""
