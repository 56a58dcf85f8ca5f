"""Leaving pixels early: what the first trees already call clean, the others are not asked about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pixelgbm.errors import ModelError

__all__ = ["EarlyExit"]


@dataclass(frozen=True, slots=True)
class EarlyExit:
    """When a pixel is settled as clean, and what that cost where it was measured.

    trees: how many are asked of every pixel. cut: the probability, after these, below which a pixel is given 0 and the
    other trees are spared. Measured out of fold, against asking all: judged, the share of the pixels that meet all
    trees; pixels_lost, of the defect pixels that would be found; metric_lost, of the mean metric of the thresholded
    map. Raises ModelError for numbers that cannot be.
    """

    trees: int
    cut: float
    judged: float
    pixels_lost: float
    metric_lost: float

    def __post_init__(self) -> None:
        if self.trees < 1 or not 0 < self.cut < 1 or not 0 <= self.judged <= 1:
            raise ModelError(f"early exit: {self.trees} trees, cut {self.cut}, {self.judged} of the pixels judged")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> EarlyExit:
        """The inverse of `to_dict`. Raises ModelError for anything else."""
        try:
            numbers = {name: float(values[name]) for name in ("cut", "judged", "pixels_lost", "metric_lost")}
            return cls(trees=int(values["trees"]), **numbers)
        except (KeyError, TypeError, ValueError):
            raise ModelError("early exit: trees, cut, judged, pixels_lost and metric_lost expected, numbers") from None
