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
3. an image's tally is the mean over all the times it was left out.

What is averaged is what the metric counts of an image, its *tally*; the score is what the mean tally is worth. For a
mean of F1 both are the same; verdicts are counted as shares of a confusion matrix, whose F1 is that of the whole. The
unit stays that of the metric, which an average precision would not keep.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pixelgbm.decision import Rule
from pixelgbm.mapstore import Tables
from pixelgbm.metrics import Metric, group_weights
from pixelgbm.regions import GRID
from pixelgbm.tuning.objective import Point, split_points, unit_counts
from pixelgbm.tuning.rehearsal import POINTS

__all__ = [
    "Interval",
    "best_rule",
    "difference",
    "interval",
    "nested_tallies",
    "over_heads",
    "rule_tallies",
    "score_of",
    "tallies_of",
    "unit_ids",
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
    """A score, or the difference of two, and its 95 % bootstrap interval over groups of images."""

    mean: float
    low: float
    high: float


def unit_ids(tables: Tables, metric: Metric) -> tuple[str, ...]:
    """The units of the metric, each by the identifier of its first image."""
    if not metric.merges:
        return tables.ids
    _, first = np.unique(tables.object, return_index=True)
    return tuple(tables.ids[k] for k in first)


def rule_tallies(tables: Tables, metric: Metric) -> tuple[list[Rule], NDArray[np.float64]]:
    """Every rule of a plain grid, and (rules, units, k) its plateau tallies."""
    points = split_points(tables)
    kept: list[Rule] = []
    parts = []
    for place in POINTS:
        low, operation = GRID[place]
        for trim in TRIMS:
            rules = [[Rule(low, operation, area, cut, fill_holes=False, trim=trim) for area in AREAS] for cut in CUTS]
            found = np.array([[_tallies(points, tables, rule, metric) for rule in row] for row in rules])
            kept += [rule for row in rules for rule in row]
            parts.append(_plateau(_plateau(found, 0), 1).reshape(-1, *found.shape[2:]))
    return kept, np.concatenate(parts)


def _tallies(
    points: Mapping[tuple[int, str], Point], tables: Tables, rule: Rule, metric: Metric
) -> NDArray[np.float64]:
    return metric.tally(*unit_counts(points[rule.low, rule.operation], tables, rule, metric))


def _plateau(values: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Each value averaged with its two neighbours, (1, 2, 1) / 4; at an end with itself."""
    moved = np.moveaxis(values, axis, 0)
    padded = np.concatenate([moved[:1], moved, moved[-1:]])
    averaged: NDArray[np.float64] = np.moveaxis((padded[:-2] + 2 * moved + padded[2:]) / 4, 0, axis)
    return averaged


def nested_tallies(
    tallies: NDArray[np.float64], groups: Sequence[str], metric: Metric, *, seed: int
) -> NDArray[np.float64]:
    """(units, k) what each unit gets from rules chosen without its group.

    tallies: (rules, units, k). groups: of the units. With a single group there is nothing to nest in: the best rule.
    """
    weights = np.concatenate(list(group_weights(groups, seed=seed, resamples=RESAMPLES)))
    mean = np.tensordot(weights, tallies, axes=(1, 1)) / weights.sum(axis=1)[:, np.newaxis, np.newaxis]
    score = metric.worth(mean)
    chosen = np.exp((score - score.max(axis=1, keepdims=True)) / TIE)
    chosen /= chosen.sum(axis=1, keepdims=True)
    out = (weights == 0).astype(np.float64)
    count = out.sum(axis=0)[:, np.newaxis]
    summed = np.einsum("ru,ruk->uk", chosen.T @ out, tallies)
    fallback = tallies[_best(tallies, metric)]
    nested: NDArray[np.float64] = np.where(count > 0, summed / np.maximum(count, 1), fallback)
    return nested


def best_rule(rules: Sequence[Rule], tallies: NDArray[np.float64], metric: Metric) -> Rule:
    """The first of the best rules over all images. tallies: (rules, units, k)."""
    return rules[_best(tallies, metric)]


def _best(tallies: NDArray[np.float64], metric: Metric) -> int:
    return int(np.argmax(metric.worth(tallies.mean(axis=1))))


def tallies_of(tables: Tables, rule: Rule, metric: Metric) -> NDArray[np.float64]:
    """(units, k) the tallies themselves, no average, of one rule."""
    return _tallies(split_points(tables), tables, rule, metric)


def over_heads(
    found: Mapping[str, tuple[Sequence[str], NDArray[np.float64]]],
) -> tuple[list[str], NDArray[np.float64]]:
    """Units, and (units, k) their mean over the heads each is labelled for. found: head -> (units, (units, k))."""
    by_head = [dict(zip(ids, tallies, strict=True)) for ids, tallies in found.values()]
    units = list(dict.fromkeys(id for ids, _ in found.values() for id in ids))
    return units, np.array([np.mean([table[id] for table in by_head if id in table], axis=0) for id in units])


def score_of(tallies: NDArray[np.float64], metric: Metric) -> float:
    """What the mean of tallies (units, k) is worth."""
    return float(metric.worth(tallies.mean(axis=0)))


def interval(tallies: NDArray[np.float64], groups: Sequence[str], metric: Metric, *, seed: int) -> Interval:
    """The score of tallies (units, k) and its interval when groups are drawn again."""
    low, high = np.quantile(_scores(tallies, groups, metric, seed=seed), [0.025, 0.975])
    return Interval(score_of(tallies, metric), float(low), float(high))


def difference(
    one: NDArray[np.float64], other: NDArray[np.float64], groups: Sequence[str], metric: Metric, *, seed: int
) -> tuple[Interval, float]:
    """The score of `one` less that of `other`, tallies (units, k) of the same units, and its standard error.

    Both are drawn with the same groups, so what they share does not widen it.
    """
    drawn = [_scores(tallies, groups, metric, seed=seed) for tallies in (one, other)]
    gap = drawn[0] - drawn[1]
    low, high = np.quantile(gap, [0.025, 0.975])
    return Interval(score_of(one, metric) - score_of(other, metric), float(low), float(high)), float(np.std(gap))


def _scores(tallies: NDArray[np.float64], groups: Sequence[str], metric: Metric, *, seed: int) -> NDArray[np.float64]:
    """(INTERVAL_RESAMPLES,)"""
    parts = group_weights(groups, seed=seed, resamples=INTERVAL_RESAMPLES)
    return np.concatenate([metric.overall(tallies[:, np.newaxis], weights) for weights in parts])
