"""Annotators: how several people mark the same flaws, each a little differently."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelgbm.synth.fields import Plane, blur, generator, smooth_field
from pixelgbm.synth.flaws import CUT, Flaw
from pixelgbm.synth.visibility import window_of

__all__ = ["Annotator", "hire", "mark"]

_REACH = 24  # px around a flaw within which an outline may stray


@dataclass(frozen=True, slots=True)
class Annotator:
    """One person's habits.

    cut: of a flaw's alpha, where its border is drawn. hand: px rms by which an outline strays. brush: px of
    detail that is smoothed away. blindness: chance to miss a flaw of 100 pixels that changes 10 grey levels.
    fancy: chance to mark something that is no flaw, per image and head.
    """

    number: int
    cut: float
    hand: float
    brush: float
    blindness: float
    fancy: float


def hire(count: int, *, seed: int) -> tuple[Annotator, ...]:
    """`count` annotators, numbered from 1; the first ones stay the same when more are asked for."""
    found = []
    for number in range(1, count + 1):
        rng = generator(seed, "annotator", number)
        found.append(
            Annotator(
                number,
                cut=float(rng.uniform(0.22, 0.58)),
                hand=float(rng.uniform(0.8, 2.2)),
                brush=float(rng.uniform(0.6, 1.8)),
                blindness=float(rng.uniform(0.08, 0.3)),
                fancy=float(rng.uniform(0.0, 0.05)),
            )
        )
    return tuple(found)


def mark(rng: np.random.Generator, who: Annotator, flaws: Sequence[Flaw], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """What `who` marks for one head of one image: (rows, cols) uint8, 255 or 0. Small and faint flaws go missing."""
    plane = np.zeros(shape, np.uint8)
    for flaw in flaws:
        area = int(np.count_nonzero(flaw.mask))
        if not area:
            continue
        missed = who.blindness * np.sqrt(100 / area) * (10 / max(flaw.levels, 1.0))
        if rng.random() >= min(0.9, missed):
            window = window_of(flaw.alpha > CUT / 4, margin=_REACH)
            plane[window][_outlined(rng, who, flaw.alpha[window])] = 255
    if rng.random() < who.fancy:
        middle = (int(rng.integers(shape[1])), int(rng.normal(shape[0] / 2, shape[0] / 8)))
        axes = (int(rng.integers(4, 22)), int(rng.integers(3, 9)))
        cv2.ellipse(plane, middle, axes, float(rng.uniform(0, 180)), 0, 360, 255, -1)
    return plane


def _outlined(rng: np.random.Generator, who: Annotator, alpha: Plane) -> NDArray[np.bool_]:
    """The flaw as a hand draws it: its border strays smoothly, fine detail is lost, thin parts are widened."""
    shape = (alpha.shape[0], alpha.shape[1])
    rows, cols = np.meshgrid(*(np.arange(extent, dtype=np.float32) for extent in shape), indexing="ij")
    cells = max(2, max(shape) // 18)
    rows += smooth_field(rng, shape, cells=cells, rms=who.hand) + np.float32(rng.normal(0, 0.4 * who.hand))
    cols += smooth_field(rng, shape, cells=cells, rms=who.hand) + np.float32(rng.normal(0, 0.4 * who.hand))
    strayed = cv2.remap(np.ascontiguousarray(alpha), cols, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    cut = float(np.clip(who.cut + rng.normal(0, 0.05), 0.1, 0.8))
    inside = np.asarray(strayed, np.float32) > cut
    found: NDArray[np.bool_] = blur(inside.astype(np.float32), who.brush) > 0.35
    return found if found.any() else inside
