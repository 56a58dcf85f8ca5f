"""The task `text`: scratches across print on paper and labels, or, to test on another surface, across brushed metal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from pixelgbm.datasets import Labelled
from pixelgbm.records import Pair
from pixelgbm.synth import assets
from pixelgbm.synth.drawn import Drawn, hard_plane, records_of
from pixelgbm.synth.fields import Plane, blur, generator, noise, smooth_field, soft_step
from pixelgbm.synth.flaws import Flaw, lay, line, within
from pixelgbm.synth.lighting import make_shot, shoot
from pixelgbm.synth.planning import chosen
from pixelgbm.synth.sheets import phrase
from pixelgbm.synth.surfaces import brushed

__all__ = ["SHAPE", "SURFACES", "Job", "draw", "plan"]

SHAPE = (320, 320)

SURFACES = ("text", "metal")
"""What is scratched."""

_CANVAS = 440  # print is set on this, then turned and cut to SHAPE
_LEVELS = (9.0, 75.0)
_BRIGHT, _DULL = 0.6, -0.75  # at most, what a scratch adds to the light of bare metal, or takes
_SIGNAL = {"text": (30.0, 80.0), "metal": (30.0, 80.0)}


@dataclass(frozen=True, slots=True)
class Job:
    """One image to draw. scratches: how many, none for a good one."""

    id: str
    seed: int
    split: str
    index: int
    surface: str
    scratches: int


def plan(counts: Mapping[str, int], *, seed: int, clean_share: float, surface: str) -> list[Job]:
    """Every image; the number in its name says nothing of what is on it."""
    jobs = []
    for split, count in counts.items():
        rng = generator(seed, "text", "plan", split)
        for index, clean in enumerate(chosen(rng, count, clean_share)):
            scratches = 0 if clean else int(rng.choice((1, 2, 3), p=(0.6, 0.28, 0.12)))
            jobs.append(Job(f"{split}_{index:04d}", seed, split, index, surface, scratches))
    return jobs


def draw(job: Job) -> tuple[Drawn, ...]:
    """The one image (320, 320) or (320, 320, 3) of a job, and its mask."""
    rng = generator(job.seed, "text", job.surface, job.split, job.index)
    bare: Plane | None = None
    if job.surface == "metal":
        tone = brushed(generator(job.seed, "text", "metal"), rng, SHAPE).tone
    else:
        tone, bare = _printed(rng, job.split)
    shot = make_shot(rng, unevenness=0.06, noise=1.6)
    hand = generator(job.seed, "text", job.surface, job.split, job.index, "scratches")
    found: list[Flaw] = []
    for _ in range(job.scratches):
        alpha = _scratch(hand)
        if bare is None:
            delta = alpha * tone * np.float32(_BRIGHT if hand.random() < 0.6 else _DULL)
        else:
            # The tool takes the ink off; on bare paper it leaves no more than a crease.
            crease = np.float32(hand.uniform(-0.32, -0.12)) * bare
            delta = alpha[..., None] * (bare - tone + crease)
        found.append(lay(hand, tone, "scratch", alpha, delta, signal=_SIGNAL[job.surface], levels=_LEVELS, most=1.0))
    item = Labelled(
        job.id,
        job.split,
        Pair(shoot(rng, tone, shot)),
        {"defect": hard_plane(found, SHAPE)},
        sealed=job.split == "test",
    )
    return (Drawn(item, records_of(job.id, job.split, job.surface, [("defect", flaw) for flaw in found])),)


def _scratch(rng: np.random.Generator) -> Plane:
    """A thin straight line in up to five collinear pieces, faint in parts."""
    return line(
        rng,
        SHAPE,
        middle=within(rng, (50, 50, SHAPE[0] - 50, SHAPE[1] - 50)),
        angle=rng.uniform(0, np.pi),
        length=rng.uniform(70, 300),
        width=rng.uniform(1.0, 2.1),
        pieces=int(rng.integers(1, 6)),
        bend=rng.uniform(0.1, 1.2),
        fade=0.55,
    )


def _printed(rng: np.random.Generator, split: str) -> tuple[Plane, Plane]:
    """(tone, bare): print in dark or coloured ink on light paper, and the paper without it; (320, 320, 3) both."""
    paper = rng.uniform(0.72, 0.9) * np.array([1.0, 1.0, 1.0]) * (1 + rng.normal(0, [0.02, 0.015, 0.05]))
    grain = 1 + noise(rng, SHAPE, sigma=rng.uniform(0.6, 1.2)) * np.float32(rng.uniform(0.008, 0.02))
    grain *= 1 + smooth_field(rng, SHAPE, cells=int(rng.integers(12, 50)), rms=rng.uniform(0.003, 0.012))
    bare = np.asarray(grain[..., None] * np.clip(paper, 0, 0.93).astype(np.float32), np.float32)
    ink = rng.uniform(0.1, 0.42) * np.ones(3)
    if rng.random() < 0.35:
        ink = np.clip(ink * np.exp(rng.normal(0, 0.45, 3)), 0.06, 0.6)
    cover = _cover(rng, _set_text(rng, split))
    mottle = 1 + smooth_field(rng, SHAPE, cells=40, rms=0.04) + noise(rng, SHAPE, sigma=0.6) * np.float32(0.05)
    inked = mottle[..., None] * ink.astype(np.float32)
    return np.asarray(bare + cover[..., None] * (inked - bare), np.float32), bare


def _cover(rng: np.random.Generator, canvas: NDArray[np.uint8]) -> Plane:
    """The drawn canvas turned a little, cut to the image, its edges spread and ragged as ink makes them, 0..1."""
    turn = rng.normal(0, 2.0) + (90.0 if rng.random() < 0.1 else 0.0)
    matrix = np.asarray(cv2.getRotationMatrix2D((_CANVAS / 2, _CANVAS / 2), turn, 1.0), np.float64)
    matrix[:, 2] += (SHAPE[0] - _CANVAS) / 2
    turned = cv2.warpAffine(canvas, matrix, SHAPE[::-1], flags=cv2.INTER_LINEAR)
    ragged = blur(np.asarray(turned, np.float32), 0.8) * np.float32(1 / 255) + noise(rng, SHAPE, sigma=0.9) * 0.03
    return soft_step(np.asarray(ragged, np.float32), 0.5, 0.7) * np.float32(rng.uniform(0.85, 1.0))


def _set_text(rng: np.random.Generator, split: str) -> NDArray[np.uint8]:
    """Lines of text in one or two faces and sizes, with rules and a frame now and then, 255 where there is ink."""
    image = Image.new("L", (_CANVAS, _CANVAS), 0)
    pen = ImageDraw.Draw(image)
    row, font = int(rng.integers(-10, 40)), _font(rng, split)
    while row < _CANVAS:
        if rng.random() < 0.15:
            font = _font(rng, split)
        left = int(rng.integers(-int(font.size), 60))
        bold = int(rng.random() < 0.15 and font.size > 24)
        pen.text((left, row), phrase(rng, 2 + 500 // int(6 * font.size)), fill=255, font=font, stroke_width=bold)
        row += int(font.size * rng.uniform(1.2, 1.8))
        if rng.random() < 0.12:
            pen.line((left, row, left + int(rng.integers(80, 400)), row), fill=255, width=int(rng.integers(1, 4)))
            row += int(rng.integers(4, 20))
    if rng.random() < 0.08:
        edge = int(rng.integers(70, 110))
        pen.rectangle((edge, edge, _CANVAS - edge, _CANVAS - edge), outline=255, width=int(rng.integers(1, 4)))
    canvas = np.asarray(image)
    return _dotted(rng, canvas) if rng.random() < 0.15 else canvas


def _font(rng: np.random.Generator, split: str) -> ImageFont.FreeTypeFont:
    """A face of the split in a size between fine print and a headline."""
    names = assets.FACES[split]
    return assets.face(names[int(rng.integers(len(names)))], int(np.exp(rng.uniform(np.log(12), np.log(60)))))


def _dotted(rng: np.random.Generator, canvas: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The same print in separate dots, as ink-jet coders and needle printers make it."""
    wave = np.cos(2 * np.pi * np.arange(_CANVAS) / rng.uniform(3.2, 4.2))
    return np.where(wave[:, None] + wave[None, :] > -0.5, canvas, 0).astype(np.uint8)
