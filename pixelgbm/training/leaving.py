"""When a pixel may leave a booster early, chosen on out-of-fold maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pixelgbm.config import RunConfig
from pixelgbm.forest import EarlyExit, predict_planes, split_trees
from pixelgbm.mapping import map_head
from pixelgbm.metrics import Metric
from pixelgbm.model import Look
from pixelgbm.threads import ordered_map
from pixelgbm.training.cutting import losses_of, measuring_views
from pixelgbm.training.pixels import FoldChains
from pixelgbm.training.plan import Plan, Progress, View
from pixelgbm.training.views import Reader

__all__ = ["choose_exits"]

_FOUND = 38
"""Byte of the map from which a pixel counts as found: rules go as low as .15."""
_BINS = 512
"""Equal steps of the probability after the first trees; cuts up to a half are tried."""


def choose_exits(
    plan: Plan,
    read: Reader,
    looks: Sequence[Look],
    chains: FoldChains,
    config: RunConfig,
    *,
    metric: Metric,
    workers: int,
    progress: Progress | None,
) -> dict[str, EarlyExit]:
    """Per head the highest cut after `config.early_exit_trees` trees that loses next to nothing of the whole map.

    Measured on a seeded share of the views, each by the chain that has not seen its fold. Heads whose boosters stopped
    growing before are left out.
    """
    trees = config.early_exit_trees
    heads = [head for head in plan.heads if all(chain.boosters[0].count > trees for chain in chains[head])]
    chosen = measuring_views(plan, config.seed, "early exit")

    def measure(view: View) -> dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]]:
        shown = read(view, looks[0])
        found = {}
        for head in heads:
            if head not in view.sample.labelled_heads:
                continue
            chain = replace(chains[head][view.fold], early_exit=None)
            mapped = map_head(looks, chain, shown.scene, shown.ignore, first=shown.first, known=shown.known)
            few, _ = split_trees(chain.boosters[0], trees)
            early = predict_planes(few, shown.first.planes)
            found[head] = _counts(early, mapped.levels >= _FOUND, shown.defect(head))
        return found

    counts: dict[str, list[NDArray[np.int64]]] = {head: [] for head in heads}
    pixels = {head: np.zeros(_BINS, np.int64) for head in heads}
    for done, found in enumerate(ordered_map(measure, chosen, workers=workers), 1):
        for head, (tallies, histogram) in found.items():
            counts[head].append(tallies)
            pixels[head] += histogram
        if progress is not None:
            progress(done, len(chosen), "choosing the early exit")
    return {head: _exit(counts[head], pixels[head], trees, metric) for head in heads}


def _counts(
    early: NDArray[np.float32], found: NDArray[np.bool_], actual: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(bins, 3), true found, found and actual pixels without a cut and with each; (bins,) all pixels, by `early`.

    Cut k, from 1 on, settles the pixels of the bins below k.
    """
    bins = np.minimum((early * _BINS).astype(np.int64), _BINS - 1)
    left = [np.bincount(bins[what], minlength=_BINS)[::-1].cumsum()[::-1] for what in (found & actual, found)]
    whole = np.full(_BINS, np.count_nonzero(actual))
    return np.stack([*left, whole], axis=1), np.bincount(bins.ravel(), minlength=_BINS)


def _exit(counts: list[NDArray[np.int64]], pixels: NDArray[np.int64], trees: int, metric: Metric) -> EarlyExit:
    tried = np.array(counts, dtype=np.int64).reshape(len(counts), _BINS, 3)[:, : _BINS // 2]
    losses = losses_of(tried, metric)
    best = losses.highest()
    judged = float(pixels[best + 1 :].sum() / max(int(pixels.sum()), 1))
    return EarlyExit(trees, (best + 1) / _BINS, judged, float(losses.pixels[best]), float(losses.metric[best]))
