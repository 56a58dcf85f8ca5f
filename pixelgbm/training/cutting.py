"""What a cut that spares work may lose, and the views on which that is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pixelgbm.metrics import Metric
from pixelgbm.sampling import generator
from pixelgbm.training.plan import Plan, View

__all__ = ["MOST_METRIC_LOST", "MOST_PIXELS_LOST", "Losses", "drawn_views", "losses_of", "measuring_views"]

MOST_PIXELS_LOST, MOST_METRIC_LOST = 0.01, 0.002
"""Of the defect pixels that would be found without a cut; of the mean metric of the thresholded map."""
_VIEWS = 120
_DIRTY = 40
"""At least so many of the views show a defect, where there are as many: with two hundred clean images for each dirty
one a plain draw would see none, and the highest cut would lose nothing."""


def measuring_views(plan: Plan, seed: int, name: str) -> list[View]:
    """A seeded share of the views that show their sample as it is. name: tells one draw from another."""
    shown = [view for view in plan.views if not view.hide_reference]
    return [shown[k] for k in drawn_views([_is_dirty(plan, view) for view in shown], generator(seed, name))]


def _is_dirty(plan: Plan, view: View) -> bool:
    return any(counts.get(view.sample.id, 0) > 0 for counts in plan.defects.values())


def drawn_views(dirty: Sequence[bool], rng: np.random.Generator) -> list[int]:
    """Numbers of views, ascending: `_VIEWS` drawn from all, and further dirty ones where fewer than `_DIRTY` are."""
    order = rng.choice(len(dirty), size=min(_VIEWS, len(dirty)), replace=False).tolist()
    lacking = max(_DIRTY - sum(dirty[k] for k in order), 0)
    others = [k for k in range(len(dirty)) if dirty[k] and k not in set(order)]
    more = rng.choice(others, size=min(lacking, len(others)), replace=False).tolist() if others else []
    return sorted([*order, *more])


@dataclass(frozen=True, slots=True)
class Losses:
    """Against no cut, (cuts,) each: pixels, the share of the defect pixels found that are lost; metric."""

    pixels: NDArray[np.float64]
    metric: NDArray[np.float64]

    def highest(self) -> int:
        """The number of the last cut that loses next to nothing; of the first where all lose more."""
        allowed = (self.pixels <= MOST_PIXELS_LOST) & (self.metric <= MOST_METRIC_LOST)
        return int(np.flatnonzero(allowed).max(initial=0))


def losses_of(counts: NDArray[np.int64], metric: Metric) -> Losses:
    """counts: (views, 1 + cuts, 3), true found, found and actual pixels without a cut and with each."""
    if not len(counts):
        nothing = np.zeros(counts.shape[1] - 1)
        return Losses(nothing, nothing)
    found = counts[:, :, 0].sum(axis=0)
    score = metric.worth(metric.tally(*np.moveaxis(counts, 2, 0)).mean(axis=0))
    return Losses((found[0] - found[1:]) / max(found[0], 1), score[0] - score[1:])
