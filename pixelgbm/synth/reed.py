"""A reed straw as an unrolled skin with its flaws, and how it looks from one side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from pixelgbm.synth import dirt_shapes
from pixelgbm.synth.fields import Plane, blur, noise, smooth_field, soft_step, streaks
from pixelgbm.synth.flaws import Box, Flaw, blot, lay, line, place, within

__all__ = ["HEADS", "SHAPE", "Reed", "View", "add_flaw", "draw_reed", "look"]

SHAPE = (256, 1248)
HEADS = ("crack", "stain", "hole", "fraying", "discolouration")
"""The kinds of flaws; discolouration has no sharp border."""

_SKIN = (560, SHAPE[1])  # rows once around, columns along
_MARGIN = 60  # columns from the picture's border within which the straw may end


@dataclass(slots=True)
class Reed:
    """One straw, its skin unrolled.

    tone: (560, 1248, 3) grey levels / 255. ends: (560, 2) first and last column of the straw, row by row.
    nodes: columns of its knots. radius: px. bend: px, of the middle of the straw off the line between its ends.
    """

    tone: Plane
    ends: Plane
    nodes: tuple[int, ...]
    radius: float
    bend: float
    slope: float


@dataclass(frozen=True, slots=True)
class View:
    """A straw from one side: tone (256, 1248, 3), and the alpha plane of every flaw as far as it shows there."""

    tone: Plane
    alphas: tuple[Plane, ...]


def draw_reed(rng: np.random.Generator) -> Reed:
    """A straw without flaws: fibres along it, none to two knots, specks and mottles of its own."""
    colour = np.array([0.74, 0.62, 0.39]) * np.exp(rng.normal(0, [0.05, 0.05, 0.10])) * rng.uniform(0.82, 1.05)
    fibres = np.zeros(_SKIN, np.float32)
    for width, length, rms in ((1.3, 90, 0.035), (2.4, 320, 0.04), (9, 700, 0.025)):
        fibres += streaks(rng, _SKIN, pitch=(width, length), rms=rms)
    fibres += np.float32(0.05) * blur(streaks(rng, _SKIN, pitch=(1.0, 24), rms=1.0), 0.5)
    mottle = smooth_field(rng, _SKIN, cells=14, rms=0.03)
    warmth = smooth_field(rng, _SKIN, cells=6, rms=0.03)
    tone = (1 + fibres + mottle)[..., None] * colour.astype(np.float32)
    tone *= 1 + warmth[..., None] * np.array([0.3, 0.0, -1.0], np.float32)
    specks = soft_step(noise(rng, _SKIN, sigma=1.2), 4.0, 0.5)
    tone *= 1 - np.float32(0.35) * specks[..., None]
    nodes = tuple(sorted(int(rng.integers(160, SHAPE[1] - 160)) for _ in range(int(rng.integers(0, 3)))))
    for node in nodes:
        _add_node(rng, tone, node)
    first, last = rng.uniform(16, _MARGIN), SHAPE[1] - rng.uniform(16, _MARGIN)
    around = np.stack([_around(rng, 30.0), _around(rng, 30.0)], axis=1)
    cut = around * np.float32(rng.uniform(0.5, 1.6)) + noise(rng, (_SKIN[0], 2)) * np.float32(0.5)
    return Reed(
        tone,
        np.asarray(np.array([first, last]) + cut, np.float32),
        nodes,
        radius=float(rng.uniform(72, 96)),
        bend=float(rng.normal(0, 8)),
        slope=float(rng.normal(0, 5)),
    )


def _around(rng: np.random.Generator, pitch: float) -> Plane:
    """A line of (560,) around the skin, smooth over `pitch` rows and closed, unit deviation."""
    spectrum = np.fft.rfft(rng.standard_normal(_SKIN[0]))
    frequency = np.fft.rfftfreq(_SKIN[0]) * pitch
    wave = np.fft.irfft(spectrum * np.exp(-np.square(frequency)), n=_SKIN[0])
    return np.asarray(wave / wave.std(), np.float32)


def _add_node(rng: np.random.Generator, tone: Plane, node: int) -> None:
    """A knot: a dark scar around the straw, a pale ridge beside it, brown that fades away from both."""
    cols = np.arange(_SKIN[1], dtype=np.float32)[None, :]
    off = cols - np.float32(node) - _around(rng, 60.0)[:, None] * np.float32(2.0)
    scar = np.exp(-np.square(off / np.float32(rng.uniform(1.6, 2.6))))
    ridge = np.exp(-np.square((off - 8) / np.float32(5.0)))
    brown = np.exp(-np.abs(off) / np.float32(rng.uniform(14, 30)))
    uneven = 1 + streaks(rng, _SKIN, pitch=(10, 60), rms=0.25)
    tint = np.array([0.16, 0.22, 0.26], np.float32)
    tone *= 1 - np.clip(brown * uneven, 0, 1.3)[..., None] * tint
    tone *= (1 - np.float32(0.5) * scar * np.clip(uneven, 0.4, 1.4) + np.float32(0.15) * ridge)[..., None]


def add_flaw(rng: np.random.Generator, reed: Reed, head: str) -> Flaw:
    """Lay a flaw of the kind `head` on the skin, its alpha a plane of the skin; fraying also eats the straw's end."""
    if head == "fraying":
        return _fray(rng, reed)
    # Drawn half way round, then rolled to its place: the skin closes on itself.
    half = _SKIN[0] // 2
    box = (half, 90, half + 1, _SKIN[1] - 90)
    alpha = np.roll(_ALPHAS[head](rng, box), int(rng.integers(_SKIN[0])), axis=0)
    delta = -reed.tone * alpha[..., None]
    if head == "crack":  # one lip stands up and catches the light
        delta += reed.tone * np.roll(alpha, 3, axis=0)[..., None] * np.float32(0.25)
        return lay(rng, reed.tone, head, alpha, delta, signal=(70, 150), levels=(22, 95))
    if head == "hole":
        delta += reed.tone * np.clip(blur(alpha, 2.0) - alpha, 0, 1)[..., None] * np.float32(0.3)
        return lay(rng, reed.tone, head, alpha, delta, signal=(90, 180), levels=(28, 100), most=0.8)
    if head == "stain":
        delta *= np.array([0.8, 1.0, 1.1], np.float32) * np.exp(rng.normal(0, 0.08, 3)).astype(np.float32)
        return lay(rng, reed.tone, head, alpha, delta, signal=(60, 150), levels=(11, 60))
    delta *= _TINTS[int(rng.integers(len(_TINTS)))]
    return lay(rng, reed.tone, head, alpha, delta, signal=(350, 1000), levels=(13, 34))


def _crack(rng: np.random.Generator, box: Box) -> Plane:
    """A split along the fibres, in one to three parts."""
    return line(
        rng,
        _SKIN,
        middle=within(rng, box),
        angle=rng.normal(0, 0.02),
        length=float(np.exp(rng.uniform(np.log(60), np.log(420)))),
        width=rng.uniform(1.1, 2.5),
        pieces=int(rng.integers(1, 4)),
        bend=rng.uniform(0.3, 1.6),
        fade=0.45,
    )


def _hole(rng: np.random.Generator, box: Box) -> Plane:
    """What an insect left."""
    return place(rng, dirt_shapes.speck(rng, rng.uniform(30, 260)), _SKIN, box=box)


def _stain(rng: np.random.Generator, box: Box) -> Plane:
    """A dried drop."""
    return place(rng, blur(dirt_shapes.stain(rng, np.exp(rng.uniform(5.0, 7.8))), 1.0), _SKIN, box=box)


def _discolouration(rng: np.random.Generator, box: Box) -> Plane:
    """A large patch that nobody could say the border of."""
    radii = (rng.uniform(30, 80), rng.uniform(45, 190))
    soft, ragged = rng.uniform(0.6, 1.0), rng.uniform(0.12, 0.25)
    return blot(rng, _SKIN, middle=within(rng, box), radii=radii, soft=soft, ragged=ragged)


_ALPHAS = {"crack": _crack, "stain": _stain, "hole": _hole, "discolouration": _discolouration}
_TINTS = np.array([[0.9, 0.7, 0.35], [0.75, 0.95, 1.2], [-0.35, -0.45, -0.8]], np.float32)  # grey-green, brown, pale


def _fray(rng: np.random.Generator, reed: Reed) -> Flaw:
    """A sector of one cut end split into fibres: teeth of all lengths, pale strands and dark gaps above them."""
    end = int(rng.integers(2))
    sector = np.hanning(int(rng.integers(60, 220)))
    around = np.zeros(_SKIN[0], np.float32)
    around[: len(sector)] = np.minimum(1, 2.2 * sector)
    around = np.roll(around, int(rng.integers(_SKIN[0])))
    depth = rng.uniform(14, 50)
    teeth = np.abs(_around(rng, 4.0)) * 0.6 + np.abs(_around(rng, 2.0)) * 0.3
    inward = 1.0 if end == 0 else -1.0
    base = reed.ends[:, end].copy()
    reed.ends[:, end] += inward * np.float32(depth) * around * np.clip(teeth, 0, 1.4).astype(np.float32)
    cols = np.arange(_SKIN[1], dtype=np.float32)[None, :]
    inside = inward * (cols - base[:, None])
    alpha = around[:, None] * (1 - soft_step(inside, 1.5 * depth, 0.5 * depth)) * soft_step(inside, -1.0, 2.0)
    strands = streaks(rng, _SKIN, pitch=(2.0, 40), rms=0.8)
    delta = reed.tone * (alpha * (np.float32(0.5) * strands + np.float32(0.1)))[..., None]
    return lay(rng, reed.tone, "fraying", alpha, delta, signal=(60, 120), levels=(10, 45))


def look(rng: np.random.Generator, reed: Reed, flaws: Sequence[Flaw], turn: float) -> View:
    """The straw from the side `turn` (radians around it) on a dark belt, under a light from above."""
    rows = np.arange(SHAPE[0], dtype=np.float32)[:, None]
    cols = np.arange(SHAPE[1], dtype=np.float32)[None, :]
    along = cols / np.float32(SHAPE[1] / 2) - 1
    middle = SHAPE[0] / 2 + reed.bend * np.cos(turn) * (1 - along**2) + reed.slope * along + rng.normal(0, 4)
    radius = np.full((1, SHAPE[1]), reed.radius, np.float32)
    for node in reed.nodes:
        radius += np.float32(4.5) * np.exp(-np.square((cols - node - 4) / np.float32(14)))
    height = np.asarray((rows - middle) / radius, np.float32)
    angle = np.arcsin(np.clip(height, -1, 1))
    at = np.asarray(np.mod((angle + turn) / (2 * np.pi), 1) * _SKIN[0], np.float32)
    across = np.broadcast_to(cols, SHAPE).astype(np.float32)

    def seen(plane: Plane) -> Plane:
        wrapped = np.concatenate([plane, plane[:1]])  # the skin closes on itself
        return np.asarray(cv2.remap(wrapped, across, at, cv2.INTER_LINEAR), np.float32)

    first, last = (seen(np.repeat(reed.ends[:, k : k + 1], SHAPE[1], axis=1)) for k in (0, 1))
    silhouette = soft_step(1 - np.abs(height), 0.0, 0.02)
    body = silhouette * soft_step(across - first, 0.0, 1.5) * soft_step(last - across, 0.0, 1.5)
    lit = np.clip(np.cos(angle + np.float32(0.45)), 0, 1)
    shade = np.float32(0.35) + np.float32(0.68) * lit + np.float32(0.14) * lit**24
    weave = streaks(rng, SHAPE, pitch=(3, 200), rms=0.10) + noise(rng, SHAPE, sigma=0.7) * np.float32(0.06)
    belt = np.float32(0.13) * (1 + weave)
    belt *= 1 - np.float32(0.5) * blur(np.roll(body, 14, axis=0), 9.0)
    tone = belt[..., None] + (seen(reed.tone) * shade[..., None] - belt[..., None]) * body[..., None]
    # What is frayed away is marked too; any other flaw ends where the straw does.
    alphas = (seen(flaw.alpha) * (silhouette if flaw.kind == "fraying" else body) for flaw in flaws)
    return View(np.asarray(tone, np.float32), tuple(alphas))
