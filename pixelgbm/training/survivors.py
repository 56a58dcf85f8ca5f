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
from pixelgbm.sampling import DEFECT
from pixelgbm.threads import ordered_map
from pixelgbm.training.cutting import Losses, losses_of, measuring_views
from pixelgbm.training.pixels import FoldChains
from pixelgbm.training.plan import Plan, Progress, View
from pixelgbm.training.views import Reader

__all__ = ["CUTS", "choose_cuts"]

CUTS = (1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 26)
"""Bytes of probability that may become the cut."""


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
    chosen = measuring_views(plan, config.seed, "survivors")

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
    return {head: CUTS[_losses(counts, metric).highest()] / 255 for head, counts in parts.items()}


def _losses(counts: list[NDArray[np.int64]], metric: Metric) -> Losses:
    return losses_of(np.array(counts, dtype=np.int64).reshape(len(counts), 1 + len(CUTS), 3), metric)


def _counts(first: NDArray[np.uint8], found: NDArray[np.bool_], actual: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(1 + cuts, 3): true found, found and actual pixels, without a cut and with each."""
    rows = []
    for cut in (None, *(byte / 255 for byte in CUTS)):
        kept = found & survivors(first, cut, None)
        rows.append((np.count_nonzero(kept & actual), np.count_nonzero(kept), np.count_nonzero(actual)))
    return np.array(rows, dtype=np.int64)
