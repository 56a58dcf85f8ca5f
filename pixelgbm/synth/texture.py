"""The task `texture`: faint flaws on woven, brushed, cast and stone surfaces, few of them and many normal images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pixelgbm.datasets import Labelled
from pixelgbm.records import Pair
from pixelgbm.synth import dirt_shapes
from pixelgbm.synth.drawn import Drawn, hard_plane, records_of
from pixelgbm.synth.fields import Plane, blur, generator, soft_step
from pixelgbm.synth.flaws import Flaw, dent, lay, line, place, relief, within
from pixelgbm.synth.lighting import make_shot, shoot
from pixelgbm.synth.surfaces import SURFACES, Surface

__all__ = ["SHAPE", "Job", "draw", "plan"]

SHAPE = (320, 320)

_KINDS = {  # the flaws of a material in turn; one named twice comes twice as often
    "woven": ("missing thread", "stain", "missing thread"),
    "brushed": ("scratch", "dent", "stain"),
    "cast": ("pore", "dent", "scratch"),
    "stone": ("scratch", "stain", "pore"),
}
_SIGNAL = (34.0, 75.0)  # of what can just be told from the surface; a trained eye needs about 10
_LEVELS = (5.0, 60.0)
_BOX = (24, 24, SHAPE[0] - 24, SHAPE[1] - 24)


@dataclass(frozen=True, slots=True)
class Job:
    """One image to draw. flaw: a kind of flaw, "" for a normal image."""

    id: str
    seed: int
    split: str
    index: int
    material: str
    flaw: str


def plan(counts: Mapping[str, int], *, seed: int, clean_share: float, defects: int) -> list[Job]:
    """Every image: `defects` of the train images and all but `clean_share` of the test images have a flaw.

    Materials and their kinds of flaws come in turn, so that every one is there as often as any other.
    """
    jobs = []
    for split, count in counts.items():
        flawed = defects if split == "train" else count - round(count * clean_share)
        rng = generator(seed, "texture", "plan", split)
        order = rng.permutation(count)
        for index in range(count):
            turn = index if index < flawed else index - flawed
            material = list(SURFACES)[turn % len(SURFACES)]
            kinds = _KINDS[material]
            flaw = kinds[turn // len(SURFACES) % len(kinds)] if index < flawed else ""
            number = int(order[index]) if split == "test" else turn
            name = split if split == "test" else "defect" if flaw else "normal"
            jobs.append(Job(f"{name}_{number:04d}", seed, split, index, material, flaw))
    return sorted(jobs, key=lambda job: (job.split != "train", job.id))


def draw(job: Job) -> tuple[Drawn, ...]:
    """The one image (320, 320) or (320, 320, 3) of a job, and its mask."""
    rng = generator(job.seed, "texture", job.split, job.index)
    surface = SURFACES[job.material](generator(job.seed, "texture", "style", job.material), rng, SHAPE)
    shot = make_shot(rng, unevenness=0.07, noise=1.6)
    hand = generator(job.seed, "texture", job.split, job.index, "flaw")
    found = _DRAW[job.flaw](hand, surface) if job.flaw else []
    picture = shoot(rng, surface.tone, shot)
    item = Labelled(job.id, job.split, Pair(picture), {"defect": hard_plane(found, SHAPE)}, sealed=job.split == "test")
    return (Drawn(item, records_of(job.id, job.split, job.material, [("defect", flaw) for flaw in found])),)


def _shade(surface: Surface, alpha: Plane, tint: float | Plane = 1.0) -> Plane:
    """What a layer takes away from the tone: more of the dark than of the light colours where `tint` says so."""
    tone = surface.tone
    return -tone * (alpha if tone.ndim == 2 else alpha[..., None] * np.asarray(tint, np.float32))


def _scratch(rng: np.random.Generator, surface: Surface) -> list[Flaw]:
    """A thin line, light or dark, across the grain of the surface, mostly in one piece."""
    alpha = line(
        rng,
        SHAPE,
        middle=within(rng, _BOX),
        angle=rng.uniform(0.25, np.pi - 0.25),
        length=rng.uniform(40, 190),
        width=rng.uniform(0.9, 1.8),
        pieces=int(rng.integers(1, 4)),
        bend=rng.uniform(0.2, 2.5),
        fade=0.5,
    )
    sign = -1.0 if rng.random() < 0.5 else 1.0
    return [lay(rng, surface.tone, "scratch", alpha, sign * _shade(surface, alpha), signal=_SIGNAL, levels=_LEVELS)]


def _stain(rng: np.random.Generator, surface: Surface) -> list[Flaw]:
    """A dried drop: a little darker, in colour a little browner, often with a rim."""
    area = np.exp(rng.uniform(np.log(250), np.log(2600)))
    alpha = place(rng, blur(dirt_shapes.stain(rng, area), 1.0), SHAPE, box=_BOX)
    tint = np.array([0.75, 1.0, 1.25]) * np.exp(rng.normal(0, 0.08, 3))
    delta = _shade(surface, alpha, tint)
    return [lay(rng, surface.tone, "stain", alpha, delta, signal=_SIGNAL, levels=_LEVELS)]


def _dent(rng: np.random.Generator, surface: Surface) -> list[Flaw]:
    """A shallow hollow: one flank lit, the other in shade, the texture going on over it."""
    short = rng.uniform(6, 15)
    radii = (short, short * rng.uniform(1.0, 2.4))
    height = dent(SHAPE, middle=within(rng, _BOX), radii=radii, angle=rng.uniform(0, np.pi))
    shade = relief(height, rng.uniform(0, 2 * np.pi))
    delta = surface.tone * (shade if surface.tone.ndim == 2 else shade[..., None])
    alpha = soft_step(height, 0.02, 0.06)
    return [lay(rng, surface.tone, "dent", alpha, delta, signal=_SIGNAL, levels=_LEVELS)]


def _pore(rng: np.random.Generator, surface: Surface) -> list[Flaw]:
    """One to four small holes near each other, dark with a lighter lip."""
    row, col = within(rng, _BOX)
    found = []
    for _ in range(int(rng.integers(1, 5))):
        density = dirt_shapes.speck(rng, rng.uniform(14, 90))
        box = (max(8, row - 22), max(8, col - 22), min(SHAPE[0] - 8, row + 22), min(SHAPE[1] - 8, col + 22))
        alpha = place(rng, density, SHAPE, box=box)
        lip = np.clip(blur(alpha, 1.6) - alpha, 0, 1) * np.float32(0.8)
        delta = _shade(surface, alpha) - _shade(surface, lip)
        found.append(lay(rng, surface.tone, "pore", alpha, delta, signal=_SIGNAL, levels=_LEVELS, most=0.8))
    return found


def _missing_thread(rng: np.random.Generator, surface: Surface) -> list[Flaw]:
    """A warp thread that is not there for a while, or two side by side; the threads beside it close in a little."""
    if surface.threads is None or surface.under is None:
        raise ValueError("only a woven surface has threads to miss")
    row, col = within(rng, _BOX)
    two = rng.random() < 0.25
    number = np.rint(surface.threads[row, col]) + np.float32(0.5 if two else 0.0)
    off = np.abs(surface.threads - number)
    half = rng.uniform(18, 75)
    ends = np.abs(np.arange(SHAPE[0], dtype=np.float32) - np.float32(row))[:, None]
    alpha = (1 - soft_step(off, 1.0 if two else 0.5, 0.3)) * (1 - soft_step(ends, half, 6.0))
    delta = alpha * (surface.under - surface.tone)
    return [lay(rng, surface.tone, "missing thread", alpha, delta, signal=(60, 130), levels=(4, 60), most=1.0)]


_DRAW = {
    "scratch": _scratch,
    "stain": _stain,
    "dent": _dent,
    "pore": _pore,
    "missing thread": _missing_thread,
}
