"""The smallest defect that matters to whoever inspects: an area or a length, on top of the tuned rule."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pixelgbm.errors import ConfigError
from pixelgbm.linking import link, longest_extent

__all__ = ["Measure", "MinSize", "large_enough", "parse_min_size", "sizes"]

Measure = Literal["area", "length"]
"""Pixels, or the longest way across in pixels, of fragments that are one."""

_FORM = re.compile(r"([0-9]*\.?[0-9]+)\s*(px2|px|mm2|mm)?")
_MEASURES: dict[str, Measure] = {"px2": "area", "mm2": "area", "px": "length", "mm": "length"}


@dataclass(frozen=True, slots=True)
class MinSize:
    """Regions whose `measure` is less than `least`, px, do not matter."""

    least: float
    measure: Measure

    def __str__(self) -> str:
        return f"{self.least:g} {'px2' if self.measure == 'area' else 'px'}"


def parse_min_size(text: str, *, px_per_mm: float | None = None) -> MinSize:
    """`40` or `40px2`: an area in pixels; `12px`: a length; `0.2mm2`, `0.5mm`: the same in millimetres.

    Raises ConfigError for any other text, and for millimetres without `px_per_mm`.
    """
    match = _FORM.fullmatch(text.strip())
    value = float(match[1]) if match else 0.0
    if match is None or not 0 < value < math.inf:
        raise ConfigError(
            f"--min-size {text!r}; allowed are areas such as 40 or 40px2 (pixels) and 0.2mm2, "
            "and lengths such as 12px and 0.5mm"
        )
    unit = match[2] or "px2"
    measure = _MEASURES[unit]
    if unit.startswith("px"):
        return MinSize(value, measure)
    if px_per_mm is None:
        raise ConfigError(f"--min-size {text!r} is in millimetres: --px-per-mm says how many pixels one is")
    return MinSize(value * px_per_mm ** (2 if measure == "area" else 1), measure)


def sizes(fragments: Sequence[NDArray[np.int64]], measure: Measure) -> NDArray[np.float64]:
    """(n,) the area or length, px, of what each fragment is a part of. fragments: (n, 2) pixels (row, col) of each.

    Fragments that continue each other are one: their areas add up, their length reaches over the gaps.
    """
    whole = link(fragments)
    parts: list[list[NDArray[np.int64]]] = [[] for _ in range(int(whole.max(initial=-1)) + 1)]
    for number, pixels in zip(whole.tolist(), fragments, strict=True):
        parts[number].append(pixels)
    joined = [np.concatenate(part) for part in parts]
    of_whole = [float(len(pixels)) if measure == "area" else longest_extent(pixels) for pixels in joined]
    return np.array([of_whole[number] for number in whole.tolist()], dtype=np.float64)


def large_enough(fragments: Sequence[NDArray[np.int64]], min_size: MinSize) -> NDArray[np.bool_]:
    """(n,) which fragments are part of something that matters."""
    # A millimetre is not a whole number of pixels: a hair's breadth of rounding must not decide.
    found: NDArray[np.bool_] = sizes(fragments, min_size.measure) >= min_size.least - 1e-9
    return found
