"""The bank of dirt patterns: 420 procedurally drawn specks, fibres, smears, stains, scratches and fingerprints.

The bank belongs to the version, not to the seed: a pattern is drawn from its number alone and its split
never changes, so sets made with different seeds share no pattern across splits either.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from pixelgbm.synth import dirt_shapes
from pixelgbm.synth.fields import Plane, blur, generator, pasted, turned

__all__ = ["LARGEST", "PATTERNS", "Pattern", "pattern", "place"]

PATTERNS: dict[str, range] = {"train": range(252), "dev": range(252, 336), "test": range(336, 420)}
"""Pattern numbers by split: 60, 20 and 20 %."""

LARGEST = 2600
"""Most pixels of dirt in one image: 1.7 % of 390x390, the largest known of the headline job."""

_SMALLEST = 7
_MEDIAN, _BELOW, _ABOVE = 138.0, 1.30, 1.62  # of the areas, a log-normal with another deviation on each side
_LONGEST = 330  # px, so that a turned pattern still lies inside the image
_CUT = 0.38  # of a pattern's own full density: what a person would still paint as dirt
_FINE = 2  # patterns are drawn at this many pixels per pixel, then turned and reduced at once

# Per kind: how it is drawn, its share among patterns, and the smallest area at which it is recognisable.
_KINDS: dict[str, tuple[Callable[[np.random.Generator, float], Plane], float, float]] = {
    "speck": (dirt_shapes.speck, 0.27, 0.0),
    "spatter": (dirt_shapes.spatter, 0.14, 25.0),
    "fibre": (dirt_shapes.fibre, 0.19, 30.0),
    "scratch": (dirt_shapes.scratch, 0.12, 40.0),
    "smear": (dirt_shapes.smear, 0.11, 80.0),
    "stain": (dirt_shapes.stain, 0.11, 90.0),
    "fingerprint": (dirt_shapes.fingerprint, 0.16, 350.0),
}
_LIGHT_SHARE = {"speck": 0.18, "spatter": 0.12, "fibre": 0.3, "scratch": 0.25}
_TINTS = np.array(  # density in R, G, B: soot, brown, rust, blue ink, grease
    [[1, 1, 1], [0.75, 1.0, 1.25], [0.55, 1.05, 1.4], [1.25, 1.0, 0.75], [0.9, 0.95, 1.2]], np.float32
)


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """One piece of dirt as it is drawn, before it is turned and laid on an image.

    density: (rows, cols) float32 >= 0, optical density relative to the pattern's own full one, at _FINE times
    the size. reduction: from there to image pixels. cut: the density above which it is masked. tint: (3,)
    density in R, G, B. light: dust that brightens dark ground.
    """

    number: int
    kind: str
    density: Plane
    reduction: float
    cut: float
    tint: Plane
    light: bool


@lru_cache(maxsize=512)
def pattern(number: int) -> Pattern:
    """Pattern `number` of the bank, drawn on first use."""
    split = next(name for name, numbers in PATTERNS.items() if number in numbers)
    rng = generator("dirt pattern", number)
    area = _wanted_area(split, number)
    names = [name for name, (_, _, least) in _KINDS.items() if area >= least]
    shares = np.array([_KINDS[name][1] for name in names])
    if area > 500:  # a single speck is seldom as large as a hand
        shares[names.index("speck")] *= 0.25
    kind = names[int(rng.choice(len(names), p=shares / shares.sum()))]
    density = blur(_KINDS[kind][0](rng, area), 0.5)
    reduction, cut = _fit(density, area)
    tint = _TINTS[int(rng.choice(5, p=(0.4, 0.25, 0.12, 0.1, 0.13)))] * np.exp(rng.normal(0, 0.06, 3))
    light = bool(rng.random() < _LIGHT_SHARE.get(kind, 0.0))
    return Pattern(number, kind, density, reduction, cut, tint.astype(np.float32), light)


def place(found: Pattern, rng: np.random.Generator, size: int) -> tuple[Plane, NDArray[np.bool_]]:
    """The pattern at a random place, angle, flip and sub-pixel offset of a (size, size) image: density and mask."""
    angle, flip = rng.uniform(0, 2 * np.pi), -1.0 if rng.random() < 0.5 else 1.0
    density = turned(found.density, found.reduction, angle, flip, rng.uniform(-0.5, 0.5, 2))
    mask = density > found.cut
    rows, cols = np.nonzero(mask)
    top, left = (int(rng.integers(1 - v.min(), size - 1 - v.max())) for v in (rows, cols))
    # The faint skirt may hang over the border; the mask never does.
    return pasted(density, (size, size), (top, left)), pasted(mask, (size, size), (top, left))


def _wanted_area(split: str, number: int) -> float:
    """The area of a pattern: every split holds the same quantiles of the distribution, in random order."""
    numbers = PATTERNS[split]
    rank = int(generator("dirt areas", split).permutation(len(numbers))[number - numbers.start])
    z = float(ndtri((rank + 0.5) / len(numbers)))
    return float(np.clip(_MEDIAN * np.exp(z * (_BELOW if z < 0 else _ABOVE)), _SMALLEST, LARGEST))


def _fit(density: Plane, area: float) -> tuple[float, float]:
    """(reduction, cut) that bring the drawn density to `area` masked pixels, or as near as _LONGEST allows."""
    rows, cols = np.nonzero(density > 0.2 * float(density.max()))
    most = _LONGEST / float(np.hypot(np.ptp(rows) + 1, np.ptp(cols) + 1))
    reduction, cut = min(1 / _FINE, most), 0.0
    for _ in range(6):
        reduced = turned(density, reduction, 0.0, 1.0, np.zeros(2))
        cut = _CUT * float(np.quantile(reduced[reduced > 0.25 * reduced.max()], 0.9))
        reached = int(np.count_nonzero(reduced > cut))
        wanted = min(most, reduction * float(np.clip(np.sqrt(area / max(reached, 1)), 0.6, 1.6)))
        if abs(reached - area) <= 0.03 * area or wanted == reduction:
            break
        reduction = wanted
    return reduction, cut
