"""Which features to compute: families, treatment of blue, scale."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from features.catalog import DEFAULT, FAMILIES, LEAN
from features.column import Column
from features.errors import FeatureError

__all__ = ["BLUE_TREATMENTS", "FeatureSpec"]

BLUE_TREATMENTS = ("match", "use", "drop")


@dataclass(frozen=True)
class FeatureSpec:
    """A frozen choice of columns.

    families: names from `catalog.FAMILIES`; "context" reads an earlier look's map. blue: "match" blurs red and green
    as the camera blurred blue before colours are compared, "use" takes blue as it comes, "drop" leaves it out. scale:
    a factor on the sigmas; raise it when defects are larger than some 20 px across. lean: only the columns in
    `catalog.LEAN`, for a first look that richer ones follow (all columns where the families have none of these).
    """

    families: tuple[str, ...] = DEFAULT
    blue: str = "match"
    scale: float = 1.0
    lean: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "families", tuple(self.families))
        unknown = [f for f in self.families if f not in FAMILIES]
        if unknown or not self.families or len(set(self.families)) < len(self.families):
            raise FeatureError(f"families {list(self.families)}; allowed: one or more of {list(FAMILIES)}, each once")
        if self.blue not in BLUE_TREATMENTS:
            raise FeatureError(f"blue = {self.blue!r}; allowed: {', '.join(BLUE_TREATMENTS)}")
        if not isinstance(self.lean, bool):
            raise FeatureError(f"lean = {self.lean!r}; allowed: true or false")
        if not 0.25 <= self.scale <= 8:
            raise FeatureError(f"scale = {self.scale!r}; allowed: 0.25 to 8")

    @cached_property
    def table(self) -> tuple[Column, ...]:
        """The columns in the order of the catalogue, whatever the order of `families`."""
        columns = tuple(
            column
            for name, family in FAMILIES.items()
            if name in self.families
            for column in family.columns(self.blue, float(self.scale))
        )
        return (tuple(column for column in columns if column.name in LEAN) if self.lean else ()) or columns

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(column.name for column in self.table)

    @cached_property
    def reach(self) -> int:
        """How far the widest column looks, px: the halo of a tile."""
        return max(column.reach for column in self.table)

    @property
    def needs_prior(self) -> bool:
        """Whether a column reads an earlier look's map."""
        return any(column.prior for column in self.table)

    def with_context(self) -> FeatureSpec:
        """The specification of a later look: the same evidence, and what the look before said."""
        return replace(self, families=(*(f for f in self.families if f != "context"), "context"), lean=False)

    @cached_property
    def digest(self) -> str:
        """sha256 over names and formulae: two specifications with the same digest give the same bytes."""
        rows = [(c.name, c.formula, c.signed, c.reach, c.scale) for c in self.table]
        return hashlib.sha256(json.dumps([rows, self.blue, self.scale]).encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; `from_dict` reads them back."""
        return {"families": list(self.families), "blue": self.blue, "scale": self.scale, "lean": self.lean}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> FeatureSpec:
        """The specification `to_dict` wrote; `FeatureError` for unknown keys or values."""
        unknown = sorted(set(values) - {"families", "blue", "scale", "lean"})
        if unknown:
            raise FeatureError(
                f"unknown key {unknown[0]!r} in a feature specification; known: blue, families, lean, scale"
            )
        return cls(**{**values, "families": tuple(values.get("families", DEFAULT))})
