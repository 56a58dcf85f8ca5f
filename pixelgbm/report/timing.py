"""Where the time of an image goes: each stage measured here and now, on a few images."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from pixelgbm import datasets
from pixelgbm.inspection import inspect_pair
from pixelgbm.model import Model
from pixelgbm.records import Dataset, Sample
from pixelgbm.stages import heard, stage

__all__ = ["IMAGES", "REPEATS", "Timing", "time_stages"]

IMAGES, REPEATS = 5, 2
"""Images timed, the median counting; how often each, the faster run counting."""

STAGES = (
    "decode",
    "prepare",
    "first look: columns",
    "first look: trees",
    "later looks: columns",
    "later looks: trees",
    "regions",
)
"""As `pixelgbm.stages` names them; `prepare` is registration, light and focus."""


@dataclass(frozen=True, slots=True)
class Timing:
    """ms: by stage, the median over `images`. pixels: of the median image."""

    ms: dict[str, float]
    images: int
    pixels: int


def time_stages(model: Model, dataset: Dataset, samples: Sequence[Sample]) -> Timing:
    """Milliseconds of one thread by the clock, for images drawn evenly from `samples` (at least one).

    Raises DatasetError or ImageError for a file that cannot be read.
    """
    cv2.setNumThreads(1)
    chosen = [samples[k] for k in np.linspace(0, len(samples) - 1, min(IMAGES, len(samples))).astype(int)]
    _measured(model, dataset, chosen[0])  # the first image pays for what is compiled
    runs = [np.min([_measured(model, dataset, sample) for _ in range(REPEATS)], axis=0) for sample in chosen]
    shapes = [datasets.read_pair(dataset, sample).test.shape for sample in chosen]
    median = np.median(runs, axis=0).tolist()
    return Timing(
        ms=dict(zip(STAGES, median, strict=True)),
        images=len(chosen),
        pixels=int(np.median([rows * cols for rows, cols, *_ in shapes])),
    )


def _measured(model: Model, dataset: Dataset, sample: Sample) -> list[float]:
    """Milliseconds of each of `STAGES` for one image."""
    spent: dict[str, float] = defaultdict(float)
    with heard(lambda name, seconds: spent.__setitem__(name, spent[name] + seconds)):
        with stage("decode"):
            pair = datasets.read_pair(dataset, sample)
        inspect_pair(model, pair)
    return [1e3 * spent[name] for name in STAGES]
