"""The cut below which a pixel is not looked at again, chosen on out-of-fold maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pixelgbm.config import RunConfig
from pixelgbm.mapping import map_head, survivors
from pixelgbm.metrics import Metric
from pixelgbm.model import Look
from pixelgbm.sampling import DEFECT, generator
from pixelgbm.threads import ordered_map
from pixelgbm.training.pixels import FoldChains
from pixelgbm.training.plan import Plan, Progress, View
from pixelgbm.training.views import Reader

__all__ = ["CUTS", "MOST_METRIC_LOST", "MOST_PIXELS_LOST", "choose_cuts", "drawn_views"]

CUTS = (1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 26)
"""Bytes of probability that may become the cut."""
MOST_PIXELS_LOST, MOST_METRIC_LOST = 0.01, 0.002
"""Of the defect pixels that the later look would find without a cut; of the mean metric of its thresholded map."""
_VIEWS = 120
_DIRTY = 40
"""At least so many of the views show a defect, where there are as many: with two hundred clean images for each dirty
one a plain draw would see none, and the highest cut would lose nothing."""


def choose_cuts(
    plan: Plan,
    read: Reader,
    looks: Sequence[Look],
    chains: FoldChains,
    config: RunConfig,
    *,
    metric: Metric,
    workers: int,
    progress: Progress | None,
) -> dict[str, float]:
    """Per head the highest cut, as a probability, that loses next to nothing of what the second look finds.

    Measured on a seeded share of the views, each by the chain that has not seen its fold, first without any cut. When
    every cut loses more, the lowest is taken.
    """
    shown = [view for view in plan.views if not view.hide_reference]
    rng = generator(config.seed, "survivors")
    chosen = [shown[k] for k in drawn_views([_is_dirty(plan, view) for view in shown], rng)]

    def measure(view: View) -> dict[str, NDArray[np.int64]]:
        shown = read(view, looks[0])
        counts = {}
        for head in view.sample.labelled_heads:
            chain = replace(chains[head][view.fold], survivor_cut=None)
            mapped = map_head(looks, chain, shown.scene, shown.ignore, first=shown.first, known=shown.known)
            counts[head] = _counts(mapped.first, mapped.levels >= DEFECT, shown.defect(head))
        return counts

    parts: dict[str, list[NDArray[np.int64]]] = {head: [] for head in plan.heads}
    for done, found in enumerate(ordered_map(measure, chosen, workers=workers), 1):
        for head, counts in found.items():
            parts[head].append(counts)
        if progress is not None:
            progress(done, len(chosen), "choosing the survivors' cut")
    return {head: _highest(np.array(counts), metric) / 255 for head, counts in parts.items()}


def _is_dirty(plan: Plan, view: View) -> bool:
    return any(counts.get(view.sample.id, 0) > 0 for counts in plan.defects.values())


def drawn_views(dirty: Sequence[bool], rng: np.random.Generator) -> list[int]:
    """Numbers of views, ascending: `_VIEWS` drawn from all, and further dirty ones where fewer than `_DIRTY` are."""
    order = rng.choice(len(dirty), size=min(_VIEWS, len(dirty)), replace=False).tolist()
    lacking = max(_DIRTY - sum(dirty[k] for k in order), 0)
    others = [k for k in range(len(dirty)) if dirty[k] and k not in set(order)]
    more = rng.choice(others, size=min(lacking, len(others)), replace=False).tolist() if others else []
    return sorted([*order, *more])


def _counts(first: NDArray[np.uint8], found: NDArray[np.bool_], actual: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(1 + cuts, 3): true found, found and actual pixels, without a cut and with each."""
    rows = []
    for cut in (None, *(byte / 255 for byte in CUTS)):
        kept = found & survivors(first, cut, None)
        rows.append((np.count_nonzero(kept & actual), np.count_nonzero(kept), np.count_nonzero(actual)))
    return np.array(rows, dtype=np.int64)


def _highest(counts: NDArray[np.int64], metric: Metric) -> int:
    """counts: (views, 1 + cuts, 3)."""
    if not len(counts):
        return CUTS[0]
    found = counts[:, :, 0].sum(axis=0)
    tallies = metric.tally(*np.moveaxis(counts, 2, 0)).mean(axis=0)
    score = metric.worth(tallies)
    allowed = [
        byte
        for k, byte in enumerate(CUTS, 1)
        if found[0] - found[k] <= MOST_PIXELS_LOST * found[0] and score[0] - score[k] <= MOST_METRIC_LOST
    ]
    return max(allowed, default=CUTS[0])
