"""Sums over feature families, in which what a later look took from the map before it is given to where it came from.

A later look reads the map of the look before through its context columns. "Because the first look said so" explains
nothing, so the sum of a pixel's context contributions is shared out over the families that made the look before
say it at this pixel: a sum that speaks for a defect over those that spoke for one, in proportion to how much; a
sum against over those that spoke against; over all by size where none spoke that way, and evenly where the look
before said nothing. The look before is resolved first in the same way, down to the first, which has no context.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features import EVIDENCE, FeatureStack
from pixelgbm.explanation.contributions import contributions
from pixelgbm.forest import Trees
from pixelgbm.model import Look

__all__ = ["Attribution", "attribute", "family_of", "family_sums", "model_families"]


@dataclass(frozen=True, slots=True, eq=False)
class Attribution:
    """What each family adds to the log-odds of some pixels.

    families: names. values: (n, families) float64, above 0 where a family speaks for a defect. base: (n,) float64.
    """

    families: tuple[str, ...]
    values: NDArray[np.float64]
    base: NDArray[np.float64]


def family_of(column: str) -> str:
    """The family of a column, by its name."""
    return column.partition(".")[0]


def model_families(looks: Sequence[Look]) -> tuple[str, ...]:
    """The families of evidence that any of the looks reads, in the order of the catalogue."""
    return tuple(name for name in EVIDENCE if any(name in look.spec.families for look in looks))


def attribute(
    looks: Sequence[Look],
    boosters: Sequence[Trees],
    stacks: Sequence[FeatureStack],
    pixels: NDArray[np.integer],
    *,
    threads: int = 1,
) -> Attribution:
    """What each family contributed to what the last of `looks` says of some pixels, context shared out.

    boosters, stacks: one per look, of one head. pixels: (n,) flat indices.
    """
    families = model_families(looks)
    values, base = np.zeros((len(pixels), len(families))), np.zeros(len(pixels))
    for booster, stack in zip(boosters, stacks, strict=True):
        found = contributions(booster, stack.rows(pixels), threads=threads)
        values, base = family_sums(found[:, :-1], booster.columns, families, before=values), found[:, -1]
    return Attribution(families, values, base)


def family_sums(
    values: NDArray[np.float64], columns: Sequence[str], families: Sequence[str], *, before: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(n, columns) summed to (n, families); context is shared out by `before`, (n, families), as said above."""
    owners = np.array([family_of(column) for column in columns])
    sums = np.stack([values[:, owners == name].sum(axis=1) for name in families], axis=1)
    context = values[:, owners == "context"].sum(axis=1)
    return np.asarray(sums + context[:, np.newaxis] * _shares(context, before), dtype=np.float64)


def _shares(context: NDArray[np.float64], before: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, families): how much of each row's context belongs to each family; rows add up to 1."""
    towards = np.where(context[:, np.newaxis] >= 0, before, -before)
    weights = np.maximum(towards, 0.0)
    for stand_in in (np.abs(before), np.ones_like(before)):
        none = weights.sum(axis=1) <= 0
        weights[none] = stand_in[none]
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float64)
