"""The records that flow through pixelgbm: samples, pairs, regions, verdicts and inspections."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["Dataset", "Inspection", "Pair", "Region", "Sample", "Truth", "Verdict"]

Truth = dict[str, NDArray[np.uint8]]
"""Per head a (rows, cols) uint8 plane: 255 x the probability of a defect."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One image of a data set, named but not loaded.

    A head listed in `labelled_heads` without files in `masks` is known to be clean there;
    a head that is not listed is unknown, never clean.
    """

    id: str
    split: str
    image: Path
    reference: Path | None = None
    ignore: Path | None = None
    masks: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    labelled_heads: tuple[str, ...] = ()
    group: str | None = None
    level: str | None = None
    object_id: str | None = None
    view: str | None = None


@dataclass(frozen=True, slots=True)
class Dataset:
    """The samples of one data folder in the order of the data, and how the folder is laid out.

    `excluded` maps an identifier to the reason why it is neither trained on nor scored; such samples
    stay in `samples`, because a submission still answers them.
    """

    root: Path
    layout: str
    metric: str
    heads: tuple[str, ...]
    samples: tuple[Sample, ...]
    excluded: Mapping[str, str] = field(default_factory=dict)

    def select(self, splits: Collection[str] | None = None, *, usable_only: bool = False) -> Dataset:
        """The same data set with only the samples of `splits` (None: all), in the same order.

        `usable_only` also leaves out the excluded samples: set it for training, tuning and scoring.
        """
        kept = tuple(
            s
            for s in self.samples
            if (splits is None or s.split in splits) and not (usable_only and s.id in self.excluded)
        )
        return replace(self, samples=kept)


@dataclass(frozen=True, slots=True)
class Pair:
    """The pixels of one sample.

    test: (rows, cols) or (rows, cols, 3) uint8 or uint16, channels in the order R, G, B.
    reference: the same form, of any size; None when there is none.
    ignore: (rows, cols) bool, True where nothing is sampled or scored.
    notes: what the reader did to the pixels (`"alpha channel dropped"`), one phrase each.
    """

    test: NDArray[np.generic]
    reference: NDArray[np.generic] | None = None
    ignore: NDArray[np.bool_] | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Region:
    """One connected defect that was found.

    bbox: (top, left, bottom, right), half-open. centroid: (row, col). score: 0..1, the calibrated
    confidence of the region booster. mean_probability and max_probability: of the pixel map inside, before it is
    calibrated, as the rule sees it.
    """

    head: str
    bbox: tuple[int, int, int, int]
    centroid: tuple[float, float]
    area: int
    score: float
    mean_probability: float
    max_probability: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """Accepted or rejected, and what a person should know about how it was reached.

    `flags` are short fixed phrases, such as `"reference mismatch"` or `"no reference"`.
    """

    accepted: bool
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Inspection:
    """All that is known of one image after it was inspected.

    masks: per head (rows, cols) bool. probabilities: per head (rows, cols) float32, 0..1, calibrated: of the pixels
    with a probability p the share p is defect. The rule decides on the maps before calibration.
    """

    id: str
    masks: Mapping[str, NDArray[np.bool_]]
    probabilities: Mapping[str, NDArray[np.float32]]
    regions: tuple[Region, ...]
    verdict: Verdict
