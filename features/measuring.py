"""Column after column of a scene, holding no shared plane longer than a column to come needs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from features.column import Column
from features.planes import Planes
from features.scene import Canvas, Components, Scene
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
    held at a time, for each is dropped after the last column that asks for it, as are those that a family made of the
    whole image after its last column. A plane that is yielded may be one of them: look at it before the next is asked
    for, and do not write to it.
    """
    canvas = Canvas(scene)
    last = _last_asked_for(spec, tuple(columns), _Kind.of(scene))
    family = ""
    for k, done in zip(columns, last, strict=True):
        before, family = family, spec.table[k].name.partition(".")[0]
        if before not in ("", family):
            scene.planes.forget()  # families share no planes of the whole image
        yield k, spec.table[k].make(canvas)
        canvas.forget(done)
    scene.planes.forget()


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a scene has: all that the planes that columns ask for depend on."""

    planes: tuple[str, ...]
    measures: tuple[str, ...]
    components: tuple[tuple[int, tuple[str, ...]], ...]
    covered: bool
    colour: bool

    @classmethod
    def of(cls, scene: Scene) -> _Kind:
        components = tuple((level, tuple(found.told)) for level, found in scene.components.items())
        return cls(tuple(scene.planes), tuple(scene.measures), components, scene.covered is not None, scene.colour)

    def scene(self, side: int) -> Scene:
        """One of this kind, of `side` x `side` px, all ones."""
        ones = np.ones((side, side), np.float32)
        return Scene(
            planes=Planes(dict.fromkeys(self.planes, ones)),
            covered=ones.astype(np.bool_) if self.covered else None,
            colour=self.colour,
            quality=None,
            measures=dict.fromkeys(self.measures, 1.0),
            components={
                level: Components(ones.astype(np.int32), dict.fromkeys(told, np.ones(2, np.float32)))
                for level, told in self.components
            },
        )


class _Rehearsal(Canvas):
    """A canvas that notes under which keys planes were asked for since `asked` was last emptied."""

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self.asked: set[_Key] = set()

    def once(self, key: _Key, make: Callable[[], NDArray[np.float32]]) -> NDArray[np.float32]:
        self.asked.add(key)
        return super().once(key, make)


@lru_cache(maxsize=64)
def _last_asked_for(spec: FeatureSpec, columns: tuple[int, ...], kind: _Kind) -> tuple[frozenset[_Key], ...]:
    """Per column the keys that no later one asks for; found by measuring a tiny scene, which takes 3 ms, once."""
    rehearsal = _Rehearsal(kind.scene(_REHEARSED))
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
