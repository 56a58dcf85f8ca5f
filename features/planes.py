"""Planes by name, each made when it is first asked for: a lean look asks for few of them, a tile for a window."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from threading import RLock
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

__all__ = ["COLOURS", "LIGHT", "Of", "Planes", "Recipe", "plane_of"]

Plane = NDArray[np.float32]
Of = tuple[str, ...]
"""The name of a plane of logarithms, or of two: their difference."""
LIGHT: Of = ("log_light",)
COLOURS: dict[str, Of] = {"red-green": ("log_red", "log_green"), "blue-light": ("log_blue", "log_light")}


class Planes(Mapping[str, Plane]):
    """name -> (rows, cols) float32.

    known: those that are there. recipes: how the others are made of these planes, once, whichever thread asks first.
    """

    def __init__(self, known: Mapping[str, Plane], recipes: Mapping[str, Recipe] = MappingProxyType({})) -> None:
        self._known = dict(known)
        self._recipes = dict(recipes)
        self._derived: dict[str, Plane] = {}
        self._outer: Callable[[str, Recipe], Plane] | None = None
        self._lock = RLock()

    def __getitem__(self, name: str) -> Plane:
        if name not in self._known:
            with self._lock:
                if name not in self._known:
                    self._known[name] = self._recipes[name](self)
        return self._known[name]

    def __contains__(self, name: object) -> bool:
        return name in self._known or name in self._recipes  # a mapping's own would make the plane

    def __iter__(self) -> Iterator[str]:
        return iter(self._known | self._recipes)

    def __len__(self) -> int:
        return len(self._known | self._recipes)

    def __or__(self, others: Mapping[str, Plane]) -> Planes:
        """These planes and `others`, which win."""
        both = Planes(others, {name: self._handed(name) for name in self if name not in others})
        both._outer = self.of_whole
        return both

    def window(self, rows: slice, cols: slice) -> Planes:
        """The same planes seen through a window, contiguous."""
        cut = Planes({}, {name: self._cut(name, rows, cols) for name in self})
        cut._outer = lambda name, make: np.ascontiguousarray(self.of_whole(name, make)[..., rows, cols])
        return cut

    def of_whole(self, name: str, make: Recipe, *, keep: bool = True) -> Plane:
        """What `make` makes of the planes of the whole image, as these planes show it; made once under that name.

        keep: False where nobody else will ask: then the whole image does not hold it, but a window of it still has the
        whole keep it for the next window.
        """
        found = self._derived.get(name)
        if found is None:
            with self._lock:
                found = self._derived.get(name)
                if found is None:
                    found = make(self) if self._outer is None else self._outer(name, make)
                    if keep:
                        self._derived[name] = found
        return found

    def forget(self) -> None:
        """Let go of what `of_whole` made here; a window leaves the whole image as it is, for the next window."""
        with self._lock:
            self._derived.clear()

    def _handed(self, name: str) -> Recipe:
        return lambda _: self[name]

    def _cut(self, name: str, rows: slice, cols: slice) -> Recipe:
        return lambda _: np.ascontiguousarray(self[name][rows, cols])


Recipe = Callable[[Planes], Plane]
"""Makes one plane of others."""


def plane_of(planes: Planes, of: Of) -> Plane:
    """The plane of one logarithm, or the difference of two."""
    return planes[of[0]] - planes[of[1]] if len(of) > 1 else planes[of[0]]
