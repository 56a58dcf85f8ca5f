"""What the splits of a head's trees gained in training, by column and by family: what the booster leans on.

Of two columns that say the same either may get all of it, so a column without gain may still know as much as one with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pixelgbm.explanation.contributions import gains
from pixelgbm.explanation.families import family_of, family_sums, model_families
from pixelgbm.model import Head, Look

__all__ = ["ColumnGain", "column_gains", "family_gains"]


@dataclass(frozen=True, slots=True)
class ColumnGain:
    """A column's share, 0..1, of the gain of one look (from 1)."""

    look: int
    column: str
    family: str
    share: float


def column_gains(head: Head) -> tuple[ColumnGain, ...]:
    """Every column of every look, the largest share of each look first. The family of context columns is "context"."""
    found = []
    for look, booster in enumerate(head.boosters, 1):
        shares = _shares(gains(booster))
        for k in np.argsort(-shares, kind="stable").tolist():
            name = booster.columns[k]
            found.append(ColumnGain(look, name, family_of(name), float(shares[k])))
    return tuple(found)


def family_gains(looks: Sequence[Look], head: Head) -> dict[str, float]:
    """Each family's share, 0..1, of the last look's gain.

    What context gained is shared out by the families' shares in the look before, down to the first, which has none:
    the rule by which `explanation.families` reads a pixel.
    """
    families = model_families(looks)
    sums = np.zeros((1, len(families)))
    for booster in head.boosters:
        sums = family_sums(_shares(gains(booster))[np.newaxis], booster.columns, families, before=sums)
    return dict(zip(families, sums[0].tolist(), strict=True))


def _shares(gained: np.ndarray) -> np.ndarray:
    """Of trees without a single split nobody has a share."""
    return np.asarray(gained / max(gained.sum(), np.finfo(float).tiny))
