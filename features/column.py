"""One column of the feature table: its name, what it looks at, and how it is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.scene import Canvas

__all__ = ["Column", "Family"]


@dataclass(frozen=True, slots=True)
class Column:
    """A measured plane.

    name: unique in a specification. formula: in the notation of the catalogue. signed: whether values below zero
    mean something. reference: whether it needs one (without, every byte is 0, no evidence). colour: whether it
    needs a colour image. prior: whether it reads an earlier look's map. reach: how far it looks, px. scale: of its
    bytes where it is the same on all data, None where it is fitted. make: canvas -> (rows, cols) float32.
    """

    name: str
    formula: str
    signed: bool
    reach: int
    make: Callable[[Canvas], NDArray[np.float32]]
    reference: bool = False
    colour: bool = False
    prior: bool = False
    scale: float | None = None


@dataclass(frozen=True, slots=True)
class Family:
    """A set of columns that answer one question, the kernels that compute them and where the formulae come from.

    columns: takes `blue` ("use", "drop" or "match") and `scale` (a factor on every sigma) and gives the columns.
    """

    name: str
    question: str
    kernels: tuple[str, ...]
    source: str
    columns: Callable[[str, float], tuple[Column, ...]]
