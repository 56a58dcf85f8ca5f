"""The task `straws`: reed straws from three sides, five kinds of flaws, every image labelled for some of them only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pixelgbm.datasets import Labelled
from pixelgbm.records import Pair
from pixelgbm.synth.annotators import hire, mark
from pixelgbm.synth.drawn import Drawn, hard_plane, records_of
from pixelgbm.synth.fields import generator
from pixelgbm.synth.flaws import Flaw
from pixelgbm.synth.lighting import make_shot, shoot
from pixelgbm.synth.planning import Deck, chosen
from pixelgbm.synth.reed import HEADS, SHAPE, add_flaw, draw_reed, look

__all__ = ["SOFT", "VIEWS", "Job", "draw", "plan"]

VIEWS = 3
"""Pictures of each straw, a third of a turn apart."""

SOFT = "discolouration"
"""The head whose masks are probabilities: its borders are vague."""

_LEAST = 26  # of 255: a lower probability is written as 0, so that no mask holds nothing but traces
_SLIVER = 24  # px: of a flaw that lies nearly behind the straw nobody would mark less
_MOST = {"crack": 3, "stain": 2, "hole": 4, "fraying": 2, "discolouration": 2}


@dataclass(frozen=True, slots=True)
class Job:
    """One straw to draw. kinds: of flaws on it. heads: those each of its views is labelled for."""

    id: str
    seed: int
    split: str
    index: int
    kinds: tuple[str, ...]
    heads: tuple[tuple[str, ...], ...]
    annotators: int


def plan(counts: Mapping[str, int], *, seed: int, clean_share: float, annotators: int) -> list[Job]:
    """Every straw; kinds of flaws and labelled heads come equally often, or nearly.

    Views of the split test are labelled for all heads, others for one to three. Annotators mark the images of
    the split train only.
    """
    jobs = []
    for split, count in counts.items():
        rng = generator(seed, "straws", "plan", split)
        kinds, labels = Deck(rng, HEADS), Deck(rng, HEADS)
        for index, clean in enumerate(chosen(rng, count, clean_share)):
            flaws = () if clean else kinds.deal(int(rng.integers(1, 5)))
            heads = tuple(HEADS if split == "test" else labels.deal(int(rng.integers(1, 4))) for _ in range(VIEWS))
            hired = annotators if split == "train" else 0
            jobs.append(Job(f"{split}_{index:04d}", seed, split, index, flaws, heads, hired))
    return jobs


def draw(job: Job) -> tuple[Drawn, ...]:
    """The three views (256, 1248, 3) of a straw with their truth, soft for the head SOFT."""
    rng = generator(job.seed, "straws", job.split, job.index)
    reed = draw_reed(rng)
    hand = generator(job.seed, "straws", job.split, job.index, "flaws")
    laid = [add_flaw(hand, reed, kind) for kind in job.kinds for _ in range(int(hand.integers(1, _MOST[kind] + 1)))]
    start = rng.uniform(0, 2 * np.pi)
    drawn = []
    for number, heads in enumerate(job.heads):
        view = look(rng, reed, laid, start + number * 2 * np.pi / VIEWS)
        seen = (Flaw(flaw.kind, alpha, flaw.levels) for flaw, alpha in zip(laid, view.alphas, strict=True))
        shown = [flaw for flaw in seen if np.count_nonzero(flaw.mask) >= _SLIVER]
        picture = shoot(rng, view.tone, make_shot(rng, unevenness=0.04, noise=1.6))
        drawn.append(_labelled(job, number, heads, picture, shown))
    return tuple(drawn)


def _labelled(job: Job, number: int, heads: Sequence[str], picture: NDArray[np.uint8], shown: Sequence[Flaw]) -> Drawn:
    """One view with the truth, and every annotator's reading, of the heads it is labelled for."""
    id = f"{job.id}_view_{number + 1}"
    by_head = {head: [flaw for flaw in shown if flaw.kind == head] for head in heads}
    item = Labelled(
        id,
        job.split,
        Pair(picture),
        {head: (_soft_plane if head == SOFT else hard_plane)(flaws, SHAPE) for head, flaws in by_head.items()},
        sealed=job.split == "test",
        object_id=job.id,
        view=str(number + 1),
    )
    readings = []
    for who in hire(job.annotators, seed=job.seed):
        rng = generator(job.seed, "straws", id, "annotator", who.number)
        readings.append({head: mark(rng, who, flaws, SHAPE) for head, flaws in by_head.items()})
    return Drawn(item, records_of(id, job.split, "reed", [(flaw.kind, flaw) for flaw in shown]), tuple(readings))


def _soft_plane(flaws: Sequence[Flaw], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """255 x the probability that a pixel belongs to any of the flaws."""
    plane = np.zeros(shape, np.float32)
    for flaw in flaws:
        np.maximum(plane, flaw.alpha, out=plane)
    levels = np.rint(np.clip(plane, 0, 1) * 255).astype(np.uint8)
    levels[levels < _LEAST] = 0
    return levels
