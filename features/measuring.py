"""Column after column of a scene, holding no shared plane longer than a column to come needs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from features.column import Column
from features.scene import Canvas, Scene
from features.spec import FeatureSpec

__all__ = ["can_be_measured", "measured"]

Plane = NDArray[np.float32]
_Key = tuple[object, ...]

_REHEARSED = 16
"""Rows and columns of the made-up scene that shows which planes a column asks for."""


def can_be_measured(column: Column, scene: Scene) -> bool:
    """Whether the scene has what the column looks at."""
    return not (column.reference and scene.covered is None) and not (column.colour and not scene.colour)


def measured(scene: Scene, spec: FeatureSpec, columns: Sequence[int]) -> Iterator[tuple[int, Plane]]:
    """The number and the plane, (rows, cols) float32, of one column of `spec.table` after another.

    columns: numbers of columns that can be measured. All columns of a pair share 170 planes; at most 14 of them are
    held at a time, for each is dropped after the last column that asks for it. A plane that is yielded may be one of
    them: look at it before the next is asked for, and do not write to it.
    """
    canvas = Canvas(scene)
    names = tuple(scene.planes), tuple(scene.measures)
    last = _last_asked_for(spec, tuple(columns), *names, covered=scene.covered is not None, colour=scene.colour)
    for k, done in zip(columns, last, strict=True):
        yield k, spec.table[k].make(canvas)
        canvas.forget(done)


class _Rehearsal(Canvas):
    """A canvas that notes under which keys planes were asked for since `asked` was last emptied."""

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self.asked: set[_Key] = set()

    def once(self, key: _Key, make: Callable[[], NDArray[np.float32]]) -> NDArray[np.float32]:
        self.asked.add(key)
        return super().once(key, make)


@lru_cache(maxsize=64)
def _last_asked_for(
    spec: FeatureSpec,
    columns: tuple[int, ...],
    planes: tuple[str, ...],
    measures: tuple[str, ...],
    *,
    covered: bool,
    colour: bool,
) -> tuple[frozenset[_Key], ...]:
    """Per column the keys that no later one asks for; found by measuring a tiny made-up scene of the same kind.

    Takes 3 ms for all columns of a pair, once. Which planes are asked for depends on the kind of scene only.
    """
    shape = (_REHEARSED, _REHEARSED)
    seen = np.ones(shape, np.bool_) if covered else None
    tiny = Scene(dict.fromkeys(planes, np.ones(shape, np.float32)), seen, colour, None, dict.fromkeys(measures, 1.0))
    rehearsal = _Rehearsal(tiny)
    asked = []
    for k in columns:
        spec.table[k].make(rehearsal)
        asked.append(frozenset(rehearsal.asked))
        rehearsal.asked.clear()
    later: frozenset[_Key] = frozenset()
    last = []
    for keys in reversed(asked):
        last.append(keys - later)
        later |= keys
    return tuple(reversed(last))
