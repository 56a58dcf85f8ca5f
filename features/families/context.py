"""The context family: what an earlier look said here and around, and how much of the found dirt a pixel shows."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from features.column import Column
from features.kernels.components import share_of, weighted_spread
from features.prior import COMPONENT_LEVELS, IMAGE_LEVELS, odds, own_contrast, painted
from features.scene import Canvas
from features.smoothing import reach_of

__all__ = ["columns"]

Plane = NDArray[np.float32]

BLURS = (1.0, 2.0, 4.0, 8.0, 16.0)
PEAKS = (1, 2, 4, 8, 16, 32)
LOWS = (1, 2)
SMOOTH_ODDS = (1.5, 3.0, 6.0)
DIRT_WINDOWS = (4.0, 10.0, 25.0)
COLOUR_WINDOW = 6.0

ODDS_SCALE, LEVEL_SCALE, SHARE_SCALE, AREA_SCALE = 2.0, 0.1, 1.0, 5.0
"""Fixed byte scales: log-odds, log-ratios, shares and log-areas mean the same on every data set."""
WEIGHT_FLOOR = np.float32(1e-3)
"""Added to the probability as a weight, so that far from all dirt the mean is that of the surroundings."""


def columns(blue: str, scale: float) -> tuple[Column, ...]:
    """All need a prior; those of the dirt's level need a reference, those named `own` stand in without one."""
    k = scale
    made: list[Column] = []

    def add(
        name: str,
        formula: str,
        make: Callable[[Canvas], Plane],
        reach: int,
        bytes_scale: float,
        *,
        signed: bool = True,
        reference: bool = False,
        colour: bool = False,
    ) -> None:
        made.append(
            Column(
                f"context.{name}",
                formula,
                signed,
                reach,
                make,
                reference=reference,
                colour=colour,
                prior=True,
                scale=bytes_scale,
            )
        )

    add("prior", "odds p", _prior_odds, 0, ODDS_SCALE)
    for s in BLURS:
        add(f"blur-{s:g}", f"odds G_{s:g} p", partial(_blurred, sigma=k * s), reach_of(k * s), ODDS_SCALE)
    for r in PEAKS:
        add(f"peak-{r}", f"odds max_{r} p", partial(_highest, radius=r), r, ODDS_SCALE)
    for r in LOWS:
        add(f"low-{r}", f"odds min_{r} p", partial(_lowest, radius=r), r, ODDS_SCALE)
    for s in SMOOTH_ODDS:
        add(f"odds-{s:g}", f"G_{s:g} odds p", partial(_smooth_odds, sigma=k * s), reach_of(k * s), ODDS_SCALE)
    for s in DIRT_WINDOWS:
        reach = max(reach_of(k * s), reach_of(2.4 * k)) + reach_of(k)
        level = f"L_{s:g}"
        add(f"dirt-{s:g}", f"{level} = G_{s:g}(p J) / G_{s:g} p", partial(_dirt, sigma=k * s), reach, LEVEL_SCALE,
            reference=True)  # fmt: skip
        for fine in (1.0, 2.4):
            make = partial(_share, sigma=k * s, fine=k * fine)
            name = f"share-{s:g}-{fine:g}"
            add(name, f"G_{fine:g} J / {level}", make, reach, SHARE_SCALE, reference=True)
        add(f"spread-{s:g}", f"deviation of J weighted by p, G_{s:g}", partial(_spread, sigma=k * s), reach,
            LEVEL_SCALE, signed=False, reference=True)  # fmt: skip
    own = partial(_own_share, sigma=k * 10)
    add("own-share-10", "contrast / (G_10(p contrast) / G_10 p)", own, reach_of(16.0) + reach_of(10 * k), SHARE_SCALE)
    channels = ("red", "green") if blue == "drop" else ("red", "green", "blue")
    for name, which in (("along", 0), ("across", 1)):
        make = partial(_hue, channels=channels, sigma=k * COLOUR_WINDOW, which=which)
        formula = "G_1 of the channels' ratios, along (across) their mean weighted by p, in units of its length"
        add(f"hue-{name}", formula, make, reach_of(k * COLOUR_WINDOW) + reach_of(1.0), SHARE_SCALE, signed=which == 0,
            reference=True, colour=True)  # fmt: skip
    for level_byte in COMPONENT_LEVELS:
        where = f"of the component of p >= {level_byte / 255:.2f}"
        add(f"area-{level_byte}", f"log(1 + area) {where}", partial(painted, what="area", level=level_byte), 0,
            AREA_SCALE, signed=False)  # fmt: skip
        for what in ("mean", "peak"):
            make = partial(painted, what=what, level=level_byte)
            add(f"{what}-{level_byte}", f"odds of the {what} p {where}", make, 0, ODDS_SCALE)
        add(f"value-{level_byte}", f"mean evidence {where}", partial(painted, what="value", level=level_byte), 0,
            LEVEL_SCALE)  # fmt: skip
        make = partial(_component_share, level=level_byte)
        add(f"value-share-{level_byte}", f"G_1 evidence / mean evidence {where}", make, reach_of(16.0), SHARE_SCALE)
    for q in IMAGE_LEVELS:
        make = partial(_measure, name=f"prior_quantile_{q:g}")
        add(f"image-{q:g}", f"odds of the {q:g} quantile of p", make, 0, ODDS_SCALE)
    add("image-mass", "log(1 + sum of p > 0.2)", partial(_measure, name="prior_mass"), 0, AREA_SCALE, signed=False)
    return tuple(made)


def _measure(canvas: Canvas, *, name: str) -> Plane:
    return np.full(canvas.shape, canvas.measure(name), np.float32)


def _prior_odds(canvas: Canvas) -> Plane:
    return canvas.once(("prior odds",), lambda: odds(canvas["prior"]))


def _blurred(canvas: Canvas, *, sigma: float) -> Plane:
    return odds(np.clip(canvas.blur("prior", sigma), 0, 1))


def _highest(canvas: Canvas, *, radius: int) -> Plane:
    return canvas.highest(_prior_odds(canvas), radius)


def _lowest(canvas: Canvas, *, radius: int) -> Plane:
    return canvas.lowest(_prior_odds(canvas), radius)


def _smooth_odds(canvas: Canvas, *, sigma: float) -> Plane:
    return canvas.smooth(_prior_odds(canvas), sigma)


def _weight(canvas: Canvas) -> Plane:
    return canvas.once(("prior weight",), lambda: canvas["prior"] + WEIGHT_FLOOR)


def _blurred_weight(canvas: Canvas, sigma: float) -> Plane:
    return canvas.once(("prior weight", sigma), lambda: canvas.smooth(_weight(canvas), sigma))


def _first_moment(canvas: Canvas, sigma: float) -> Plane:
    make = lambda: canvas.smooth(_weight(canvas) * canvas.blur("joint", 1.0), sigma)  # noqa: E731
    return canvas.once(("prior moment", sigma), make)


def _dirt(canvas: Canvas, *, sigma: float) -> Plane:
    """Mean joint ratio around, weighted by the earlier look's probability: the level of the dirt nearby."""
    return canvas.once(("dirt", sigma), lambda: _first_moment(canvas, sigma) / _blurred_weight(canvas, sigma))


def _share(canvas: Canvas, *, sigma: float, fine: float) -> Plane:
    """Where a blurred edge of dirt has half of the dirt's level, its border is."""
    out = canvas.empty()
    share_of(canvas.blur("joint", fine), _dirt(canvas, sigma=sigma), canvas.measure("ratio_noise"), out)
    return out


def _spread(canvas: Canvas, *, sigma: float) -> Plane:
    value = canvas.blur("joint", 1.0)
    second = canvas.smooth(_weight(canvas) * value * value, sigma)
    out = canvas.empty()
    weighted_spread(_blurred_weight(canvas, sigma), _first_moment(canvas, sigma), second, out)
    return out


def _own_share(canvas: Canvas, *, sigma: float) -> Plane:
    value = own_contrast(canvas, 1.0)
    whole = canvas.smooth(_weight(canvas) * value, sigma) / _blurred_weight(canvas, sigma)
    out = canvas.empty()
    share_of(value, whole, np.float32(0.02), out)
    return out


def _component_share(canvas: Canvas, *, level: int) -> Plane:
    value = canvas.blur("joint", 1.0) if canvas.scene.covered is not None else own_contrast(canvas, 1.0)
    out = canvas.empty()
    share_of(value, painted(canvas, "value", level), canvas.measure("ratio_noise"), out)
    return out


def _hue(canvas: Canvas, *, channels: tuple[str, ...], sigma: float, which: int) -> Plane:
    """Colour of the pixel's ratio against the mean colour of the dirt around: along it (0), across it (1)."""

    def make() -> Plane:
        ratios = [canvas.blur(f"ratio_{c}", 1.0) for c in channels]
        weight = _weight(canvas)
        means = [canvas.smooth(weight * ratio, sigma) / _blurred_weight(canvas, sigma) for ratio in ratios]
        length = np.sqrt(np.sum([mean * mean for mean in means], axis=0)) + canvas.measure("ratio_noise")
        along = np.sum([mean * ratio for mean, ratio in zip(means, ratios, strict=True)], axis=0) / length
        across = np.sqrt(np.maximum(np.sum([ratio * ratio for ratio in ratios], axis=0) - along * along, 0))
        return np.stack([along / length, across / length]).astype(np.float32)

    return canvas.once(("hue", channels, sigma), make)[which, :, :]
