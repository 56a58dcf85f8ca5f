"""The task `steel`: rolled strip with four classes of defects, unequally frequent, sometimes several on one image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pixelgbm.datasets import Labelled
from pixelgbm.records import Pair
from pixelgbm.synth.drawn import Drawn, hard_plane, records_of
from pixelgbm.synth.fields import Plane, blur, fractal_field, generator, noise, soft_step, streaks
from pixelgbm.synth.flaws import CUT, Box, Flaw, blot, lay, line, within
from pixelgbm.synth.lighting import Shot, shoot
from pixelgbm.synth.planning import chosen

__all__ = ["CLASSES", "SHAPE", "Job", "draw", "plan"]

SHAPE = (256, 1600)

CLASSES = ("1", "2", "3", "4")
"""Pitting, fine inclusions, long scratches, patches."""

_SHARES = (0.17, 0.08, 0.56, 0.19)  # of the images with a defect that show the class first of all
_SECOND_SHARE = 0.2  # of them show another class too
_NAMES = {"1": "pitting", "2": "inclusion", "3": "scratches", "4": "patch"}


@dataclass(frozen=True, slots=True)
class Job:
    """One image to draw. classes: those of its defects, none for a clean one."""

    id: str
    seed: int
    split: str
    index: int
    classes: tuple[str, ...]


def plan(counts: Mapping[str, int], *, seed: int, clean_share: float) -> list[Job]:
    """Every image; the classes have their exact shares of the images with a defect, to the nearest whole number."""
    jobs: list[Job] = []
    numbers = generator(seed, "steel", "numbers").permutation(10 * sum(counts.values()))
    for split, count in counts.items():
        rng = generator(seed, "steel", "plan", split)
        clean = chosen(rng, count, clean_share)
        flawed = count - sum(clean)
        bounds = np.rint(np.cumsum(_SHARES) * flawed)
        first = rng.permutation(np.searchsorted(bounds, np.arange(flawed), side="right")).tolist()
        for index in range(count):
            classes: tuple[str, ...] = ()
            if not clean[index]:
                classes = (CLASSES[first.pop()],)
                if rng.random() < _SECOND_SHARE:
                    others = [name for name in CLASSES if name not in classes]
                    classes = tuple(sorted((*classes, others[int(rng.integers(3))])))
            jobs.append(Job(f"strip_{int(numbers[len(jobs)]):05d}", seed, split, index, classes))
    return sorted(jobs, key=lambda job: (job.split != "train", job.id))


def draw(job: Job) -> tuple[Drawn, ...]:
    """The one image (256, 1600) of a job, and a mask of every class."""
    rng = generator(job.seed, "steel", job.split, job.index)
    tone = _strip(rng)
    left, right = _margins(rng)
    box = (10, left + 20, SHAPE[0] - 10, right - 20)
    hand = generator(job.seed, "steel", job.split, job.index, "flaws")
    laid = [(name, flaw) for name in job.classes for flaw in _DRAW[name](hand, tone, box)]
    light = _bands(rng)
    tone *= light
    tone = _cut_margins(rng, tone, left, right)
    shot = Shot(
        focus=rng.uniform(0.5, 0.9), gain=1.0, slope=(rng.normal(0, 0.08), 0.0), fall=0.0, field=(0.02, 6), noise=1.8
    )
    picture = shoot(rng, tone, shot)
    steel = np.zeros(SHAPE, bool)
    steel[:, left:right] = True
    shown = [(name, Flaw(flaw.kind, flaw.alpha * steel, flaw.levels)) for name, flaw in laid]
    truth = {name: hard_plane([flaw for head, flaw in shown if head == name], SHAPE) for name in CLASSES}
    item = Labelled(job.id, job.split, Pair(picture), truth, sealed=job.split == "test")
    return (Drawn(item, records_of(item.id, job.split, "steel", shown)),)


def _strip(rng: np.random.Generator) -> Plane:
    """Rolled steel: streaks along the strip, mottle, and on some strips scale or dried water that is no defect."""
    level = np.exp(rng.uniform(np.log(0.26), np.log(0.5)))
    rough = rng.uniform(0.6, 1.5)
    tone = np.zeros(SHAPE, np.float32)
    for height, length, rms in ((1.2, 40, 0.022), (1.5, 200, 0.025), (4, 700, 0.02), (25, 900, 0.02)):
        tone += streaks(rng, SHAPE, pitch=(height, length), rms=rms * rough)
    tone += noise(rng, SHAPE, sigma=0.8) * np.float32(0.025 * rough)
    tone += streaks(rng, SHAPE, pitch=(40, 60), rms=0.02)
    if rng.random() < 0.35:
        cloud = fractal_field(rng, SHAPE, coarsest=30, octaves=3)
        tone -= np.float32(rng.uniform(0.02, 0.06)) * soft_step(cloud, rng.uniform(0.6, 1.6), 1.0)
    if rng.random() < 0.3:  # the rolls leave a faint mark at every turn
        period, first = rng.uniform(90, 260), rng.uniform(0, 200)
        cols = np.arange(SHAPE[1], dtype=np.float32)
        marks = np.exp(-np.square((np.mod(cols - first, period) - period / 2) / rng.uniform(4, 12)))
        tone += (
            np.float32(rng.normal(0, 0.035))
            * marks.astype(np.float32)
            * (1 + streaks(rng, SHAPE, pitch=(30, 90), rms=0.5))
        )
    return np.asarray(np.float32(level) * (1 + tone), np.float32)


def _bands(rng: np.random.Generator) -> Plane:
    """The light of a row of lamps: brighter and darker bands across the strip, (1, cols) around 1."""
    light = 1 + streaks(rng, (1, SHAPE[1]), pitch=(1, 260), rms=rng.uniform(0.05, 0.16))
    light += streaks(rng, (1, SHAPE[1]), pitch=(1, 60), rms=rng.uniform(0.0, 0.02))
    return np.clip(light, 0.45, 1.6)


def _margins(rng: np.random.Generator) -> tuple[int, int]:
    """The first column of the strip and the one behind its last; on most images it fills the view."""
    left, right = 0, SHAPE[1]
    if rng.random() < 0.14:
        left = int(rng.uniform(40, 700))
    elif rng.random() < 0.16:
        right = SHAPE[1] - int(rng.uniform(40, 700))
    return left, right


def _cut_margins(rng: np.random.Generator, tone: Plane, left: int, right: int) -> Plane:
    """What lies beside the strip is nearly black; the strip's edge shines or is dull."""
    cols = np.arange(SHAPE[1], dtype=np.float32)[None, :]
    wave = streaks(rng, (SHAPE[0], 1), pitch=(60, 1), rms=1.0)
    dark = np.float32(0.015) + np.abs(streaks(rng, SHAPE, pitch=(3, 3), rms=0.006))
    for edge, side in ((left, 1.0), (right, -1.0)):
        if 0 < edge < SHAPE[1]:
            inside = np.float32(side) * (cols - np.float32(edge) - wave)
            tone = tone * (1 + np.float32(rng.uniform(-0.3, 0.6)) * np.exp(-np.abs(inside - 3) / np.float32(4)))
            tone = dark + (tone - dark) * soft_step(inside, 0.0, 2.5)
    return np.asarray(tone, np.float32)


def _pitting(rng: np.random.Generator, tone: Plane, box: Box) -> list[Flaw]:
    """Swarms of small dark pits; a swarm is marked as a whole, as people outline it."""
    found = []
    for _ in range(int(rng.integers(1, 4))):
        row, col = within(rng, box)
        count = int(rng.integers(5, 45))
        spread = np.array([rng.uniform(5, 26), rng.uniform(4, 18)])
        pits, ground = np.zeros(SHAPE, np.float32), np.zeros(SHAPE, np.float32)
        for at in rng.normal((row, col), spread, (count, 2)):
            if box[0] <= at[0] < box[2] and box[1] <= at[1] < box[3]:
                pits[int(at[0]), int(at[1])] += rng.uniform(0.5, 1.0)
        if not pits.any():
            pits[row, col] = 1
        ground = np.clip(blur(pits, 4.0) * np.float32(2 * np.pi * 16 * 1.5), 0, 1)
        dots = blur(pits, rng.uniform(0.8, 1.3))
        dots /= dots.max()
        found.append(lay(rng, tone, _NAMES["1"], ground, -tone * dots, signal=(25, 70), levels=(3.2, 14)))
    return found


def _inclusion(rng: np.random.Generator, tone: Plane, box: Box) -> list[Flaw]:
    """One to five fine dark lines, short, nearly across the strip."""
    found = []
    for _ in range(int(rng.integers(1, 6))):
        alpha = line(
            rng,
            SHAPE,
            middle=within(rng, box),
            angle=np.pi / 2 + rng.normal(0, 0.12),
            length=rng.uniform(18, 110),
            width=rng.uniform(1.2, 2.6),
            bend=rng.uniform(0.2, 1.5),
            fade=0.5,
        )
        found.append(lay(rng, tone, _NAMES["2"], alpha, -tone * alpha, signal=(22, 55), levels=(5, 50)))
    return found


def _scratches(rng: np.random.Generator, tone: Plane, box: Box) -> list[Flaw]:
    """Bundles of long scratches along the strip, light and dark side by side, faint in parts, marked as bundles."""
    found = []
    for _ in range(int(rng.integers(1, 4))):
        row, col = within(rng, box)
        length = float(np.exp(rng.uniform(np.log(90), np.log(800))))
        spread, tilt = rng.uniform(1.0, 9.0), rng.normal(0, 0.03)
        cover, strokes = np.zeros(SHAPE, np.float32), np.zeros(SHAPE, np.float32)
        for _ in range(int(rng.integers(2, 9))):
            stroke = line(
                rng,
                SHAPE,
                middle=(row + rng.normal(0, spread), col + rng.normal(0, 0.18 * length)),
                angle=tilt + rng.normal(0, 0.008),
                length=length * rng.uniform(0.35, 1.0),
                width=rng.uniform(1.0, 2.4),
                pieces=int(rng.integers(1, 4)),
                bend=rng.uniform(0.2, 1.5),
                fade=0.6,
            )
            cover = np.maximum(cover, stroke)
            strokes += np.float32(rng.choice((-1.0, 0.8)) * rng.uniform(0.5, 1.0)) * stroke
        alpha = np.clip(blur(cover, 2.2) * np.float32(2.2), 0, 1)
        found.append(lay(rng, tone, _NAMES["3"], alpha, tone * strokes, signal=(90, 240), levels=(5, 26)))
    return found


def _patch(rng: np.random.Generator, tone: Plane, box: Box) -> list[Flaw]:
    """A scab or rolled-in scale: an uneven patch, torn along the strip, with a dark rim on one side."""
    found = []
    for _ in range(int(rng.integers(1, 3))):
        radii = (rng.uniform(14, 70), rng.uniform(25, 120))
        alpha = blot(rng, SHAPE, middle=within(rng, box), radii=radii, soft=0.25, ragged=rng.uniform(0.15, 0.35))
        inner = streaks(rng, SHAPE, pitch=(3, 25), rms=0.8) + fractal_field(
            rng, SHAPE, coarsest=9, octaves=2
        ) * np.float32(0.5)
        rim = np.clip(alpha - blur(np.roll(alpha, 3, axis=0), 2.5), 0, 1)
        body = alpha * (np.float32(rng.choice((-0.6, 0.5))) + np.float32(0.6) * inner)
        found.append(lay(rng, tone, _NAMES["4"], alpha, tone * (body - 2 * rim), signal=(150, 400), levels=(5, 30)))
    return [flaw for flaw in found if (flaw.alpha > CUT).any()]


_DRAW = {"1": _pitting, "2": _inclusion, "3": _scratches, "4": _patch}
