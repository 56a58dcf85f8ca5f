"""What a setting is worth: the metric with the rule chosen on other images, averaged until it is smooth.

The metric itself is a staircase: one pixel on a clean image moves it by a whole image, and the best rule of a few dozen
images jumps with each trial, so a sampler would chase luck. Three averages make it smooth, none of which sees an image
through a rule that was chosen on it:

1. each rule's value for an image is averaged with that of the neighbouring cuts and areas (the plateau, as in `tune`),
   so a clean image counts by how far it is from a false alarm;
2. groups of images are drawn again with replacement many times; each time the best rules of the drawn ones are applied
   to those that were not drawn (Efron and Tibshirani 1997, doi:10.1080/01621459.1997.10474007, without the .632 part:
   the maps are out-of-fold already, only the rule has to be nested). Rules that are nearly as good as the best share in
   it, by exp(mean / `TIE`), so that a hair's difference never swaps one rule for another;
3. an image's value is the mean over all the times it was left out.

The unit stays that of the metric, which an average precision would not keep.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pixelgbm.decision import Rule
from pixelgbm.mapstore import Tables
from pixelgbm.metrics import Metric
from pixelgbm.regions import GRID
from pixelgbm.tuning.objective import marked, split_points
from pixelgbm.tuning.rehearsal import POINTS

__all__ = [
    "Interval",
    "best_rule",
    "interval",
    "nested_values",
    "over_heads",
    "rule_values",
    "standard_error",
    "values_of",
]

CUTS: tuple[float, ...] = (0.05, 0.12, 0.2, 0.28, 0.36, 0.44, 0.52, 0.6, 0.68, 0.76)
AREAS: tuple[int, ...] = (1, 6, 12, 24, 48)
TRIMS: tuple[float | None, ...] = (None, 0.5)

TIE = 0.005
"""Rules this close in their mean are not told apart by a few dozen images."""

RESAMPLES = 200
INTERVAL_RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over images and its 95 % bootstrap interval over groups of images."""

    mean: float
    low: float
    high: float


def rule_values(tables: Tables, metric: Metric) -> tuple[list[Rule], NDArray[np.float64]]:
    """Every rule of a plain grid, and (rules, images) its plateau values."""
    points = split_points(tables)
    kept: list[Rule] = []
    parts = []
    for place in POINTS:
        low, operation = GRID[place]
        for trim in TRIMS:
            values = np.empty((len(CUTS), len(AREAS), len(tables.ids)))
            for i, cut in enumerate(CUTS):
                for j, area in enumerate(AREAS):
                    rule = Rule(low, operation, area, cut, fill_holes=False, trim=trim)
                    tp, predicted = marked(points[low, operation], rule, len(tables.ids))
                    values[i, j] = metric.per_image(tp, predicted, tables.actual)
                    kept.append(rule)
            parts.append(_plateau(_plateau(values, 0), 1).reshape(-1, len(tables.ids)))
    return kept, np.concatenate(parts)


def _plateau(values: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Each value averaged with its two neighbours, (1, 2, 1) / 4; at an end with itself."""
    moved = np.moveaxis(values, axis, 0)
    padded = np.concatenate([moved[:1], moved, moved[-1:]])
    averaged: NDArray[np.float64] = np.moveaxis((padded[:-2] + 2 * moved + padded[2:]) / 4, 0, axis)
    return averaged


def nested_values(values: NDArray[np.float64], groups: Sequence[str], *, seed: int) -> NDArray[np.float64]:
    """(images,) what each image gets from rules chosen without its group.

    values: (rules, images). groups: of the images. With a single group there is nothing to nest in: the best rule.
    """
    number = _numbers(groups)
    weights = _drawn(number, seed=seed, resamples=RESAMPLES)
    total = weights.sum(axis=1, keepdims=True)
    mean = weights @ values.T / total
    chosen = np.exp((mean - mean.max(axis=1, keepdims=True)) / TIE)
    chosen /= chosen.sum(axis=1, keepdims=True)
    out = (weights == 0).astype(np.float64)
    count = out.sum(axis=0)
    summed = (out * (chosen @ values)).sum(axis=0)
    fallback = values[int(np.argmax(values.mean(axis=1)))]
    nested: NDArray[np.float64] = np.where(count > 0, summed / np.maximum(count, 1), fallback)
    return nested


def best_rule(rules: Sequence[Rule], values: NDArray[np.float64]) -> Rule:
    """The first of the best rules over all images."""
    return rules[int(np.argmax(values.mean(axis=1)))]


def values_of(tables: Tables, rule: Rule, metric: Metric) -> NDArray[np.float64]:
    """(images,) the metric itself, no average, of one rule."""
    tp, predicted = marked(split_points(tables)[rule.low, rule.operation], rule, len(tables.ids))
    return np.asarray(metric.per_image(tp, predicted, tables.actual), dtype=np.float64)


def over_heads(
    found: Mapping[str, tuple[Sequence[str], NDArray[np.float64]]], ids: Sequence[str]
) -> NDArray[np.float64]:
    """(images,) the mean over the heads each image is labelled for. found: head -> (ids, values)."""
    by_id = {head: dict(zip(of, values.tolist(), strict=True)) for head, (of, values) in found.items()}
    return np.array([np.mean([table[id] for table in by_id.values() if id in table]) for id in ids])


def interval(values: NDArray[np.float64], groups: Sequence[str], *, seed: int) -> Interval:
    """The mean of `values` (images,) and its interval when groups are drawn again."""
    low, high = np.quantile(_means(values, groups, seed=seed), [0.025, 0.975])
    return Interval(float(values.mean()), float(low), float(high))


def standard_error(values: NDArray[np.float64], groups: Sequence[str], *, seed: int) -> float:
    """The bootstrap standard error of the mean of `values` (images,) over groups."""
    return float(np.std(_means(values, groups, seed=seed)))


def _means(values: NDArray[np.float64], groups: Sequence[str], *, seed: int) -> NDArray[np.float64]:
    weights = _drawn(_numbers(groups), seed=seed, resamples=INTERVAL_RESAMPLES)
    return np.asarray(weights @ values / weights.sum(axis=1))


def _numbers(groups: Sequence[str]) -> NDArray[np.int64]:
    place = {group: k for k, group in enumerate(dict.fromkeys(groups))}
    return np.array([place[group] for group in groups], dtype=np.int64)


def _drawn(number: NDArray[np.int64], *, seed: int, resamples: int) -> NDArray[np.float64]:
    """(resamples, images): how often each image's group was drawn."""
    count = int(number.max()) + 1
    rng = np.random.default_rng([seed, 0x66756C6C])
    return rng.multinomial(count, np.full(count, 1 / count), size=resamples)[:, number].astype(np.float64)
