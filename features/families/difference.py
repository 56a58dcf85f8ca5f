"""The aligned-difference family: where the image departs from its reference, against edges, shifts and noise."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from features.column import Column
from features.families import joint
from features.families.measured import (
    LINE_ORIENTATIONS,
    blurred,
    curvature,
    envelope,
    gradient,
    lines,
    local,
    mean_local,
    peak,
)
from features.kernels.difference import correlation, ratio, tolerant_minimum, variance_contrast
from features.scene import Canvas
from features.smoothing import reach_of

__all__ = ["columns"]

Plane = NDArray[np.float32]

SIGNED = (1.0, 2.0, 4.0, 8.0, 16.0)
RATIO = (1.0, 2.4, 4.8, 9.6)
EDGE = (0.7, 2.0, 4.0)
LOCAL = (1.2, 2.4, 4.8)
ENVELOPES = ((0.8, 1), (0.8, 2), (1.6, 2), (2.4, 2), (3.2, 3))
WINDOWS = (2.0, 4.0, 8.0)
BANDS = ((1.0, 2.0), (2.0, 4.0), (4.0, 8.0))
CURVATURES = (2.0, 4.0)
LINES = (5, 11)


def columns(blue: str, scale: float) -> tuple[Column, ...]:
    """All columns; `blue` plays no part here, for the luminance leaves it out."""
    k = scale
    made: list[Column] = []

    def add(name: str, formula: str, signed: bool, reach: int, make: object) -> None:
        made.append(Column(f"difference.{name}", formula, signed, reach, make, reference=True))  # type: ignore[arg-type]

    for s in SIGNED:
        add(f"level-{s:g}", f"G_{s:g} D", True, reach_of(k * s), partial(blurred, name="difference", sigma=k * s))
    for s in RATIO:
        add(f"ratio-{s:g}", f"G_{s:g} Q", True, reach_of(k * s), partial(blurred, name="ratio", sigma=k * s))
    for s in (2.0, 6.0):
        add(f"absolute-{s:g}", f"G_{s:g} |D|", False, reach_of(k * s), partial(_absolute, sigma=k * s))
    for s in EDGE:
        reach = reach_of(k * s) + 1
        add(f"edge-{s:g}", f"G_{s:g} D / (n + .5 G_{s:g} |grad R|)", True, reach, partial(_edge, sigma=k * s))
    for s in LOCAL:
        reach = reach_of(k * s) + reach_of(5 * k * s)
        add(f"local-{s:g}", f"G_{s:g} Q / (q + G_{5 * s:g} |G_{s:g} Q|)", True, reach, partial(local, sigma=k * s))
    for s in (1.2, 2.4):
        reach = max(reach_of(k * s), reach_of(1.5) + reach_of(8 * k))
        formula = f"G_{s:g} D / (.5 + G_8 (|T - G_1.5 T| + |R - G_1.5 R|))"
        add(f"grain-{s:g}", formula, True, reach, partial(_grain, sigma=k * s, wide=8 * k))
    for blur, radius in ((0.7, 1), (0.7, 2), (1.6, 2)):
        reach = reach_of(blur) + radius + reach_of(1.0)
        formula = f"G_1 min_(|q| <= {radius}) max_(red, green) |T_{blur:g}(p) - R_{blur:g}(p + q)|"
        add(f"tolerant-{blur:g}-{radius}", formula, False, reach, partial(_tolerant, sigma=blur, radius=radius))
    for s, radius in ENVELOPES:
        reach = reach_of(s) + radius
        add(
            f"outside-{s:g}-{radius}",
            f"log T_{s:g} outside min..max_{radius} log R_{s:g}",
            True,
            reach,
            partial(_outside, sigma=s, radius=radius),
        )
    add(
        "inside-out",
        "log R_1.6 outside min..max_2 log T_1.6",
        True,
        reach_of(1.6) + 2,
        partial(_reverse, sigma=1.6, radius=2),
    )
    add(
        "outside-local",
        "outside-2.4-2 / (q + G_12 |G_2.4 Q|)",
        True,
        reach_of(2.4) + reach_of(12 * k),
        partial(_outside_local, sigma=2.4, wide=12 * k),
    )
    for s in WINDOWS:
        reach = reach_of(12 * k) + reach_of(k * s)
        add(
            f"agreement-{s:g}",
            f"(cov + 4) / sqrt((var T + 4)(var R + 4)), window G_{s:g}",
            True,
            reach,
            partial(_moments, sigma=k * s, wide=12 * k, kernel="correlation"),
        )
        add(
            f"roughness-{s:g}",
            f"(var T - var R) / (var T + var R + 8), window G_{s:g}",
            True,
            reach,
            partial(_moments, sigma=k * s, wide=12 * k, kernel="variance"),
        )
    add("edge-change", "|grad G_1.5 T| - |grad G_1.5 R|", True, reach_of(1.5) + 1, _edge_change)
    add("ratio-edge", "|grad G_2 Q|", False, reach_of(2 * k) + 1, partial(gradient, name="ratio", sigma=2 * k))
    for fine, broad in BANDS:
        add(
            f"band-{fine:g}-{broad:g}",
            f"G_{fine:g} Q - G_{broad:g} Q",
            True,
            reach_of(k * broad),
            partial(_band, fine=k * fine, broad=k * broad),
        )
    for s in CURVATURES:
        for which in (0, 1):
            add(
                f"curvature-{s:g}-{('low', 'high')[which]}",
                f"{('smaller', 'larger')[which]} eigenvalue of s^2 Hessian G_{s:g} Q",
                True,
                reach_of(k * s) + 1,
                partial(curvature, sigma=k * s, which=which),
            )
    for half in LINES:
        for which in (0, 1):
            add(
                f"line-{2 * half + 1}-{('low', 'high')[which]}",
                f"{('min', 'max')[which]} over {LINE_ORIENTATIONS} directions, mean of G_1 Q on {2 * half + 1} px",
                True,
                reach_of(1.0) + half,
                partial(lines, half=half, which=which),
            )
    for s in (1.0, 4.0):
        add(f"reference-edge-{s:g}", f"G_{s:g} |grad R|", False, reach_of(s) + 1, partial(_reference_edge, sigma=s))
    reach_local = reach_of(2.4 * k) + reach_of(12 * k)
    add("around-peak", "max over 13x13 of |local-2.4|", False, reach_local + 6, partial(peak, sigma=2.4 * k, radius=6))
    add(
        "around-mean",
        "G_8 |local-2.4|",
        False,
        reach_local + reach_of(8 * k),
        partial(mean_local, sigma=2.4 * k, wide=8 * k),
    )
    add("trust", "how far a difference can be believed here, 0..1", False, 0, partial(_plane, name="trust"))
    made.extend(joint.columns(scale))
    for name in ("correlation", "noise", "ratio_noise", "ratio_tail"):
        add(
            f"image-{name.replace('_', '-')}",
            f"{name.replace('_', ' ')} of the whole image",
            name == "correlation",
            0,
            partial(_constant, name=name),
        )
    return tuple(made)


def _plane(canvas: Canvas, *, name: str) -> Plane:
    return canvas[name]


def _absolute(canvas: Canvas, *, sigma: float) -> Plane:
    return canvas.smooth(np.abs(canvas["difference"]), sigma)


def _reference_edge(canvas: Canvas, *, sigma: float) -> Plane:
    return canvas.once(
        ("reference edge", sigma), lambda: canvas.smooth(gradient(canvas, name="reference_light", sigma=0.0), sigma)
    )


def _edge(canvas: Canvas, *, sigma: float) -> Plane:
    out = canvas.empty()
    ratio(
        canvas.blur("difference", sigma),
        _reference_edge(canvas, sigma=sigma),
        canvas.measure("noise"),
        np.float32(0.5),
        out,
    )
    return out


def _grain(canvas: Canvas, *, sigma: float, wide: float) -> Plane:
    def both() -> Plane:
        fine = [np.abs(canvas[name] - canvas.blur(name, 1.5)) for name in ("focused_light", "reference_light")]
        return canvas.smooth(fine[0] + fine[1], wide)

    out = canvas.empty()
    noise = canvas.once(("grain", wide), both)
    ratio(canvas.blur("difference", sigma), noise, np.float32(0.5), np.float32(1.0), out)
    return out


def _tolerant(canvas: Canvas, *, sigma: float, radius: int) -> Plane:
    first, second = ("red", "green") if canvas.scene.colour else ("light", "light")
    out = canvas.empty()
    tolerant_minimum(
        canvas.blur(f"focused_{first}", sigma),
        canvas.blur(f"focused_{second}", sigma),
        canvas.blur(f"reference_{first}", sigma),
        canvas.blur(f"reference_{second}", sigma),
        radius,
        out,
    )
    return canvas.smooth(out, 1.0)


def _outside(canvas: Canvas, *, sigma: float, radius: int) -> Plane:
    return canvas.once(
        ("outside", sigma, radius),
        lambda: envelope(canvas, "focused_log_light", "reference_log_light", sigma, radius),
    )


def _reverse(canvas: Canvas, *, sigma: float, radius: int) -> Plane:
    return envelope(canvas, "reference_log_light", "focused_log_light", sigma, radius)


def _outside_local(canvas: Canvas, *, sigma: float, wide: float) -> Plane:
    around = canvas.smooth(np.abs(canvas.blur("ratio", sigma)), wide)
    out = canvas.empty()
    ratio(
        _outside(canvas, sigma=sigma, radius=2),
        around,
        np.float32(0.25) * canvas.measure("ratio_noise"),
        np.float32(1.0),
        out,
    )
    return out


def _moments(canvas: Canvas, *, sigma: float, wide: float, kernel: str) -> Plane:
    test = canvas.once(("flat", "focused_light"), lambda: canvas["focused_light"] - canvas.blur("focused_light", wide))
    other = canvas.once(
        ("flat", "reference_light"), lambda: canvas["reference_light"] - canvas.blur("reference_light", wide)
    )
    mean_t = canvas.once(("moment", "t", sigma), lambda: canvas.smooth(test, sigma))
    mean_r = canvas.once(("moment", "r", sigma), lambda: canvas.smooth(other, sigma))
    mean_tt = canvas.once(("moment", "tt", sigma), lambda: canvas.smooth(test * test, sigma))
    mean_rr = canvas.once(("moment", "rr", sigma), lambda: canvas.smooth(other * other, sigma))
    out = canvas.empty()
    if kernel == "variance":
        variance_contrast(mean_t, mean_r, mean_tt, mean_rr, np.float32(4.0), out)
    else:
        correlation(mean_t, mean_r, mean_tt, mean_rr, canvas.smooth(test * other, sigma), np.float32(4.0), out)
    return out


def _edge_change(canvas: Canvas) -> Plane:
    return gradient(canvas, name="focused_light", sigma=1.5) - gradient(canvas, name="reference_light", sigma=1.5)


def _band(canvas: Canvas, *, fine: float, broad: float) -> Plane:
    return canvas.blur("ratio", fine) - canvas.blur("ratio", broad)


def _constant(canvas: Canvas, *, name: str) -> Plane:
    return np.full(canvas.shape, canvas.measure(name), np.float32)
