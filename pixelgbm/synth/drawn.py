"""What a task hands over for each thing it draws: images with their truth, and a record of every flaw on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

import numpy as np
from numpy.typing import NDArray

from pixelgbm.datasets import Labelled
from pixelgbm.records import Truth
from pixelgbm.synth.flaws import Flaw

__all__ = ["Drawn", "FlawRecord", "hard_plane", "records_of"]


@dataclass(frozen=True, slots=True)
class FlawRecord:
    """One row of OUT/truth/flaws.csv. surface: what it lies on. levels: mean change of grey levels inside it."""

    id: str
    split: str
    head: str
    kind: str
    surface: str
    pixels: int
    levels: float

    @classmethod
    def columns(cls) -> tuple[str, ...]:
        return tuple(field.name for field in fields(cls))

    def values(self) -> tuple[object, ...]:
        return tuple(asdict(self).values())


@dataclass(frozen=True, slots=True)
class Drawn:
    """One image as its layout takes it. readings: the truth once more as each of several annotators marked it."""

    labelled: Labelled
    flaws: tuple[FlawRecord, ...] = ()
    readings: tuple[Truth, ...] = ()


def records_of(id: str, split: str, surface: str, flaws: Sequence[tuple[str, Flaw]]) -> tuple[FlawRecord, ...]:
    """The records of (head, flaw) on one image."""
    return tuple(
        FlawRecord(id, split, head, flaw.kind, surface, int(np.count_nonzero(flaw.mask)), round(flaw.levels, 2))
        for head, flaw in flaws
    )


def hard_plane(flaws: Sequence[Flaw], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """255 where any of the flaws lies, else 0."""
    plane = np.zeros(shape, np.uint8)
    for flaw in flaws:
        plane[flaw.mask] = 255
    return plane
