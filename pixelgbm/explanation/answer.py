"""The records of an explanation: what families of evidence said of regions and pixels, and which tests these failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pixelgbm.explanation.spots import Failed
from pixelgbm.records import Region, Verdict

__all__ = ["Evidence", "ExplainedPixel", "ExplainedRegion", "Explanation", "HeadExplanation"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What each family adds to the log-odds of a pixel, or on average to those of a region's pixels.

    families: above 0 where a family speaks for a defect. base: what the booster expects before it sees anything.
    """

    families: Mapping[str, float]
    base: float

    @property
    def log_odds(self) -> float:
        """All of it together: log(p / (1 - p)) of the pixel, or its mean over the region."""
        return self.base + sum(self.families.values())


@dataclass(frozen=True, slots=True)
class ExplainedRegion:
    """region: as in an Inspection; its score is NaN if it was never a candidate. failed: None if it was found.

    probability: calibrated, the share of its pixels that is expected to be defect. explained: how many of its pixels
    `evidence` is the mean of.
    """

    region: Region
    probability: float
    failed: Failed | None
    evidence: Evidence
    explained: int


@dataclass(frozen=True, slots=True)
class ExplainedPixel:
    """One pixel. look: the last that judged it, from 1. region: its place among the regions, if it lies in one.

    probability: calibrated, as in the maps of `inspect_pair`. raw_probability: what that look says, and the rule sees.
    failed: the test that it or its region failed; None where it was found.
    """

    row: int
    col: int
    probability: float
    raw_probability: float
    look: int
    region: int | None
    failed: Failed | None
    evidence: Evidence


@dataclass(frozen=True, slots=True, eq=False)
class HeadExplanation:
    """What one head made of the image.

    regions: found ones, then rejected candidates, then fainter ones. pixel: the one that was asked for.
    heat: per family (rows, cols) float32, what it adds to the log-odds of the pixels of these regions, of those that
    were not explained what it adds to the nearest one; NaN elsewhere. found: (rows, cols) bool, the mask.
    probability: (rows, cols) float32, calibrated.
    """

    head: str
    regions: tuple[ExplainedRegion, ...]
    pixel: ExplainedPixel | None
    heat: Mapping[str, NDArray[np.float32]]
    found: NDArray[np.bool_]
    probability: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """The verdict of `inspect_pair` and, head by head, its reasons.

    reference: (rows, cols) or (rows, cols, 3) uint8, aligned and of the image's light; None without a usable one.
    """

    verdict: Verdict
    heads: tuple[HeadExplanation, ...]
    reference: NDArray[np.uint8] | None
