"""Which pixels of one image the pixel booster learns from, and with what label and weight."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelgbm.config import SamplingConfig

__all__ = ["DEFECT", "draw", "generator"]

DEFECT = 128
"""A truth byte from here on counts as defect wherever a yes or no is needed (probability of a half)."""

_SMALL_DEFECT = 400.0
"""Images with this many defect pixels weigh 1 per defect pixel; smaller defects weigh more, larger less."""

_LARGEST_WEIGHT = 8.0


def generator(seed: int, *parts: str) -> np.random.Generator:
    """A generator that depends on the seed and on names only, so neither order nor workers can matter.

    `parts` name the purpose and the image: `generator(seed, "round-1", sample.id)`.
    """
    digits = "\0".join(parts).encode()
    return np.random.default_rng([seed, len(parts), *digits])


def draw(
    truth: NDArray[np.uint8],
    ignore: NDArray[np.bool_] | None,
    *,
    rng: np.random.Generator,
    config: SamplingConfig,
    hardness: NDArray[np.uint8] | None = None,
) -> tuple[NDArray[np.intp], NDArray[np.float32], NDArray[np.float32]]:
    """Draw training pixels of one image: all defect up to a cap, and easy, near and hard negatives.

    truth: (rows, cols) uint8, 255 x the probability of a defect. ignore: (rows, cols) bool, never drawn.
    hardness: (rows, cols) uint8, the out-of-fold map of the round before; `hard_share` of the negatives
    are drawn in proportion to it. Returns pixels (n, 2) as (row, col) in raster order, labels (n,) and
    weights (n,) float32. A defect pixel weighs sqrt(400 / defect pixels of the image): the metric is
    a mean over images, so a small defect counts as much as a large one.
    """
    usable = np.ones(truth.shape, dtype=bool) if ignore is None else ~ignore
    defect = truth >= DEFECT
    positive = np.flatnonzero(defect & usable)
    weight = min(_LARGEST_WEIGHT, float(np.sqrt(_SMALL_DEFECT / max(positive.size, 1))))
    if positive.size > config.positives:
        positive = rng.choice(positive, size=config.positives, replace=False)
    negative = _negatives(defect, usable, rng=rng, config=config, hardness=hardness)
    chosen = np.concatenate([positive, negative])
    weights = np.concatenate([np.full(positive.size, weight), np.ones(negative.size)]).astype(np.float32)
    order = np.argsort(chosen, kind="stable")
    chosen = chosen[order]
    pixels = np.stack(np.unravel_index(chosen, truth.shape), axis=1)
    labels = (truth.ravel()[chosen] / np.float32(255)).astype(np.float32)
    return pixels, labels, weights[order]


def _negatives(
    defect: NDArray[np.bool_],
    usable: NDArray[np.bool_],
    *,
    rng: np.random.Generator,
    config: SamplingConfig,
    hardness: NDArray[np.uint8] | None,
) -> NDArray[np.intp]:
    """Flat indices of `config.negatives` pixels without defect: hard, then near the defect, then any."""
    free = usable & ~defect
    parts: list[NDArray[np.intp]] = []
    if hardness is not None:
        hard = np.flatnonzero(free & (hardness > 0))
        count = min(round(config.hard_share * config.negatives), hard.size)
        parts.append(_weighted(hard, hardness.ravel()[hard].astype(np.float64), count, rng=rng))
        free.ravel()[parts[-1]] = False
    if config.ring_share > 0 and defect.any():
        distance = cv2.distanceTransform((~defect).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        near = np.flatnonzero(free & (distance >= config.ring_inner) & (distance <= config.ring_outer))
        count = min(round(config.ring_share * config.negatives), near.size)
        parts.append(rng.choice(near, size=count, replace=False))
        free.ravel()[parts[-1]] = False
    rest = np.flatnonzero(free)
    count = min(config.negatives - sum(part.size for part in parts), rest.size)
    parts.append(rng.choice(rest, size=count, replace=False))
    return np.concatenate(parts)


def _weighted(
    items: NDArray[np.intp], weights: NDArray[np.float64], count: int, *, rng: np.random.Generator
) -> NDArray[np.intp]:
    """`count` distinct items, drawn one after another in proportion to their weights.

    By exponential races: the item with the smallest Exp(1) / weight arrives first (Efraimidis and
    Spirakis 2006, doi:10.1016/j.ipl.2005.11.003).
    """
    if count == 0:
        return items[:0]
    arrival = rng.exponential(size=items.size) / weights
    return items[np.argpartition(arrival, count - 1)[:count]]
