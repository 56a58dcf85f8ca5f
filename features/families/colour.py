"""The colour family: channels, opponent colours, and how both depart from the reference."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from features.column import Column
from features.scene import Canvas
from features.smoothing import reach_of

__all__ = ["columns", "gap_band"]

Plane = NDArray[np.float32]


def columns(blue: str, scale: float) -> tuple[Column, ...]:
    """`blue`: "use" compares blue as it comes, "match" with the luminance blurred as blue was, "drop" leaves it out."""
    k = scale
    channels = ("red", "green") if blue == "drop" else ("red", "green", "blue")
    partner = "matched_light" if blue == "match" else "light"
    made: list[Column] = []

    def add(name: str, formula: str, signed: bool, reach: int, make: object, *, reference: bool = False) -> None:
        made.append(Column(f"colour.{name}", formula, signed, reach, make, reference=reference, colour=True))  # type: ignore[arg-type]

    for c in channels:
        add(c, f"G_1 {c}", False, reach_of(1.0), partial(_blurred, name=c, sigma=1.0))
    for s in (1.0, 4.0):
        add(
            f"red-green-{s:g}",
            f"G_{s:g} (log red - log green)",
            True,
            reach_of(k * s),
            partial(_gap, one="log_red", two="log_green", sigma=k * s),
        )
        if blue != "drop":
            add(
                f"blue-light-{s:g}",
                f"G_{s:g} (log blue - log {partner})",
                True,
                reach_of(k * s),
                partial(_gap, one="log_blue", two=f"log_{partner}", sigma=k * s),
            )
    add(
        "red-green-band",
        "(G_2 - G_8)(log red - log green)",
        True,
        reach_of(8 * k),
        partial(gap_band, one="log_red", two="log_green", fine=2 * k, broad=8 * k),
    )
    if blue != "drop":
        add(
            "blue-light-band",
            f"(G_2 - G_8)(log blue - log {partner})",
            True,
            reach_of(8 * k),
            partial(gap_band, one="log_blue", two=f"log_{partner}", fine=2 * k, broad=8 * k),
        )
    add("clipped", "G_1 [brightest channel >= 250]", False, reach_of(1.0), partial(_clipped, channels=channels))
    for c in channels:
        add(
            f"ratio-{c}",
            f"G_2 (log T_{c} - log R_{c})",
            True,
            reach_of(2 * k),
            partial(_blurred, name=f"ratio_{c}", sigma=2 * k),
            reference=True,
        )
    for s in (1.5, 4.0):
        add(
            f"ratio-red-green-{s:g}",
            f"G_{s:g} (Q_red - Q_green)",
            True,
            reach_of(k * s),
            partial(_gap, one="ratio_red", two="ratio_green", sigma=k * s),
            reference=True,
        )
        if blue != "drop":
            two = "ratio_matched_light" if blue == "match" else "ratio"
            add(
                f"ratio-blue-light-{s:g}",
                f"G_{s:g} (Q_blue - Q_{partner})",
                True,
                reach_of(k * s),
                partial(_gap, one="ratio_blue", two=two, sigma=k * s),
                reference=True,
            )
    return tuple(made)


def _blurred(canvas: Canvas, *, name: str, sigma: float) -> Plane:
    return canvas.blur(name, sigma)


def _gap(canvas: Canvas, *, one: str, two: str, sigma: float) -> Plane:
    gap = canvas.once(("gap", one, two), lambda: canvas[one] - canvas[two])
    return canvas.once(("gap", one, two, sigma), lambda: canvas.smooth(gap, sigma))


def gap_band(canvas: Canvas, *, one: str, two: str, fine: float, broad: float) -> Plane:
    """G_fine - G_broad of the difference of two named planes."""
    return _gap(canvas, one=one, two=two, sigma=fine) - _gap(canvas, one=one, two=two, sigma=broad)


def _clipped(canvas: Canvas, *, channels: tuple[str, ...]) -> Plane:
    brightest = np.maximum.reduce([canvas[c] for c in channels])
    return canvas.smooth((brightest >= 250).astype(np.float32), 1.0)
