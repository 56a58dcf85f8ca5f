"""How far a score would wander with other images of the same kind: the bootstrap over groups."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pixelgbm.metrics.units import numbered

__all__ = ["bootstrap_interval", "group_weights"]

_AT_ONCE = 250
"""Draws that are weighed together: the weights of 4,000 images then take 8 MB."""


def group_weights(groups: Sequence[Hashable], *, seed: int, resamples: int) -> Iterator[NDArray[np.float64]]:
    """How often each unit is drawn when whole groups are drawn again with replacement, some draws at a time.

    groups: of the units. Gives (draws, units) arrays of up to `_AT_ONCE` draws. Images of one group resemble each
    other, so they are drawn together or not at all.
    """
    number = numbered(groups)
    count = int(number.max()) + 1
    rng = np.random.default_rng(seed)
    for start in range(0, resamples, _AT_ONCE):
        drawn = rng.integers(count, size=(min(_AT_ONCE, resamples - start), count))
        times = np.zeros(drawn.shape)
        np.add.at(times, (np.arange(len(drawn))[:, np.newaxis], drawn), 1.0)
        yield times[:, number]


def bootstrap_interval(
    score: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    groups: Sequence[Hashable],
    *,
    seed: int,
    resamples: int = 2000,
    level: float = 0.95,
) -> tuple[float, float]:
    """The percentile bootstrap interval of `score` when whole groups are drawn again with replacement.

    score: (draws, units) how often each unit counts -> (draws,). groups: of the units; (NaN, NaN) without any.
    With few groups the interval is too narrow.
    """
    if not len(groups):
        return float("nan"), float("nan")
    scores = np.concatenate([score(weights) for weights in group_weights(groups, seed=seed, resamples=resamples)])
    low, high = np.nanquantile(scores, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
