"""Which images are judged as one: the views of an object."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["numbered", "summed"]


def numbered(names: Sequence[Hashable]) -> NDArray[np.int64]:
    """(n,) equal names as equal numbers, 0.. in the order in which they come first."""
    place = {name: k for k, name in enumerate(dict.fromkeys(names))}
    return np.array([place[name] for name in names], dtype=np.int64)


def summed(counts: ArrayLike, unit: NDArray[np.int64]) -> NDArray[np.float64]:
    """(units,) counts of images added up. unit: (images,) as `numbered` gives them."""
    return np.bincount(unit, weights=np.asarray(counts, np.float64)).astype(np.float64)
