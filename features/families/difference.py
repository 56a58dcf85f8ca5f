"""The aligned-difference family: where the image departs from its reference, against edges, shifts and noise."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from features.column import Column
from features.kernels.contrast import gradient_magnitude, hessian_eigenvalues
from features.kernels.difference import (
    correlation,
    line_extremes,
    outside_envelope,
    ratio,
    tolerant_minimum,
    variance_contrast,
)
from features.kernels.extremes import window_maximum, window_minimum
from features.scene import Canvas, reach_of

__all__ = ["columns", "line_steps"]

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
JOINT = (1.0, 2.4, 4.8, 9.6)
PEAKS = ((2.4, 3), (2.4, 6), (4.8, 12), (4.8, 24))
LINE_ORIENTATIONS = 8


def columns(blue: str, scale: float) -> tuple[Column, ...]:
    """All columns; `blue` plays no part here, for the luminance leaves it out."""
    k = scale
    made: list[Column] = []

    def add(name: str, formula: str, signed: bool, reach: int, make: object) -> None:
        made.append(Column(f"difference.{name}", formula, signed, reach, make, reference=True))  # type: ignore[arg-type]

    for s in SIGNED:
        add(f"level-{s:g}", f"G_{s:g} D", True, reach_of(k * s), partial(_blurred, name="difference", sigma=k * s))
    for s in RATIO:
        add(f"ratio-{s:g}", f"G_{s:g} Q", True, reach_of(k * s), partial(_blurred, name="ratio", sigma=k * s))
    for s in (2.0, 6.0):
        add(f"absolute-{s:g}", f"G_{s:g} |D|", False, reach_of(k * s), partial(_absolute, sigma=k * s))
    for s in EDGE:
        reach = reach_of(k * s) + 1
        add(f"edge-{s:g}", f"G_{s:g} D / (n + .5 G_{s:g} |grad R|)", True, reach, partial(_edge, sigma=k * s))
    for s in LOCAL:
        reach = reach_of(k * s) + reach_of(5 * k * s)
        add(f"local-{s:g}", f"G_{s:g} Q / (q + G_{5 * s:g} |G_{s:g} Q|)", True, reach, partial(_local, sigma=k * s))
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
    add("ratio-edge", "|grad G_2 Q|", False, reach_of(2 * k) + 1, partial(_gradient, name="ratio", sigma=2 * k))
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
                partial(_curvature, sigma=k * s, which=which),
            )
    for half in LINES:
        for which in (0, 1):
            add(
                f"line-{2 * half + 1}-{('low', 'high')[which]}",
                f"{('min', 'max')[which]} over {LINE_ORIENTATIONS} directions, mean of G_1 Q on {2 * half + 1} px",
                True,
                reach_of(1.0) + half,
                partial(_lines, half=half, which=which),
            )
    for s in (1.0, 4.0):
        add(f"reference-edge-{s:g}", f"G_{s:g} |grad R|", False, reach_of(s) + 1, partial(_reference_edge, sigma=s))
    reach_local = reach_of(2.4 * k) + reach_of(12 * k)
    add("around-peak", "max over 13x13 of |local-2.4|", False, reach_local + 6, partial(_peak, sigma=2.4 * k, radius=6))
    add(
        "around-mean",
        "G_8 |local-2.4|",
        False,
        reach_local + reach_of(8 * k),
        partial(_mean_local, sigma=2.4 * k, wide=8 * k),
    )
    for s in JOINT:
        add(f"joint-{s:g}", f"G_{s:g} J", True, reach_of(k * s), partial(_blurred, name="joint", sigma=k * s))
    for s in (1.2, 2.4, 4.8, 9.6):
        wide = reach_of(k * s) + reach_of(5 * k * s)
        formula = f"G_{s:g} J / (q + G_{5 * s:g} |G_{s:g} J|)"
        add(f"joint-local-{s:g}", formula, True, wide, partial(_local, sigma=k * s, name="joint"))
    for s, radius in PEAKS:
        add(
            f"joint-peak-{radius}",
            f"max over {2 * radius + 1}x{2 * radius + 1} of |joint-local-{s:g}|",
            False,
            reach_of(k * s) + reach_of(5 * k * s) + radius,
            partial(_peak, sigma=k * s, radius=radius, name="joint"),
        )
    for which in (0, 1):
        add(
            f"joint-curvature-{('low', 'high')[which]}",
            f"{('smaller', 'larger')[which]} eigenvalue of s^2 Hessian G_3 J",
            True,
            reach_of(3 * k) + 1,
            partial(_curvature, sigma=3 * k, which=which, name="joint"),
        )
        add(
            f"joint-line-{('low', 'high')[which]}",
            f"{('min', 'max')[which]} over {LINE_ORIENTATIONS} directions, mean of G_1 J on 23 px",
            True,
            reach_of(1.0) + 11,
            partial(_lines, half=11, which=which, name="joint"),
        )
    for s in (1.0, 2.4, 4.8):
        formula = f"G_{s:g} J / (q + .5 G_{s:g} |grad J_R|)"
        add(f"joint-edge-{s:g}", formula, True, reach_of(k * s) + 1, partial(_joint_edge, sigma=k * s))
    for s, radius in ((1.0, 1), (1.6, 2), (3.2, 3)):
        formula = f"G_{s:g} J_T outside min..max_{radius} G_{s:g} J_R"
        add(
            f"joint-outside-{s:g}", formula, True, reach_of(s) + radius, partial(_joint_outside, sigma=s, radius=radius)
        )
    add(
        "joint-outside-peak",
        "max over 13x13 of |joint-outside-1.6| / (q + G_12 |G_1.6 J|)",
        False,
        reach_of(1.6) + reach_of(12 * k) + 6,
        partial(_joint_outside_peak, sigma=1.6, wide=12 * k, radius=6),
    )
    add(
        "joint-mean",
        "G_6 |joint-local-2.4|",
        False,
        reach_of(2.4 * k) + reach_of(12 * k) + reach_of(6 * k),
        partial(_mean_local, sigma=2.4 * k, wide=6 * k, name="joint"),
    )
    add(
        "joint-edge-peak",
        "max over 13x13 of |joint-edge-2.4|",
        False,
        reach_of(2.4 * k) + 7,
        partial(_joint_edge_peak, sigma=2.4 * k, radius=6),
    )
    add(
        "joint-rank",
        "|G_2.4 J| / its 99.5th percentile in the image",
        False,
        reach_of(2.4 * k),
        partial(_joint_rank, sigma=2.4 * k),
    )
    for s in (3.0, 10.0):
        add(
            f"joint-mass-{s:g}",
            f"G_{s:g} min(max(|joint-local-2.4| - 1.5, 0), 4)",
            False,
            reach_of(2.4 * k) + reach_of(12 * k) + reach_of(k * s),
            partial(_joint_mass, sigma=2.4 * k, wide=k * s),
        )
    add(
        "joint-outside-mass",
        "G_3 min(|joint-outside-1.6| / (q + G_12 |G_1.6 J|), 4)",
        False,
        reach_of(1.6) + reach_of(12 * k) + reach_of(3 * k),
        partial(_joint_outside_mass, sigma=1.6, local=12 * k, wide=3 * k),
    )
    add(
        "joint-grain",
        "G_2 J / (q + G_8 (|J_T - G_1.5 J_T| + |J_R - G_1.5 J_R|))",
        True,
        max(reach_of(2 * k), reach_of(1.5) + reach_of(8 * k)),
        partial(_joint_grain, sigma=2 * k, wide=8 * k),
    )
    for s in (3.0, 6.0):
        add(
            f"joint-agreement-{s:g}",
            f"(cov + f) / sqrt((var J_T + f)(var J_R + f)), f = .0004, window G_{s:g}",
            True,
            reach_of(12 * k) + reach_of(k * s),
            partial(_joint_agreement, sigma=k * s, wide=12 * k),
        )
    for name in ("correlation", "noise", "ratio_noise", "ratio_tail"):
        add(
            f"image-{name.replace('_', '-')}",
            f"{name.replace('_', ' ')} of the whole image",
            name == "correlation",
            0,
            partial(_constant, name=name),
        )
    return tuple(made)


def _blurred(canvas: Canvas, *, name: str, sigma: float) -> Plane:
    return canvas.blur(name, sigma)


def _absolute(canvas: Canvas, *, sigma: float) -> Plane:
    return canvas.smooth(np.abs(canvas["difference"]), sigma)


def _gradient(canvas: Canvas, *, name: str, sigma: float) -> Plane:
    def make() -> Plane:
        out = canvas.empty()
        gradient_magnitude(canvas.blur(name, sigma), out)
        return out

    return canvas.once(("gradient", name, sigma), make)


def _reference_edge(canvas: Canvas, *, sigma: float) -> Plane:
    return canvas.once(
        ("reference edge", sigma), lambda: canvas.smooth(_gradient(canvas, name="reference_light", sigma=0.0), sigma)
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


def _local(canvas: Canvas, *, sigma: float, name: str = "ratio") -> Plane:
    def make() -> Plane:
        value = canvas.blur(name, sigma)
        around = canvas.smooth(np.abs(value), 5 * sigma)
        out = canvas.empty()
        ratio(value, around, np.float32(0.25) * canvas.measure("ratio_noise"), np.float32(1.0), out)
        return out

    return canvas.once(("local", name, sigma), make)


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


def _envelope(canvas: Canvas, value: str, around: str, sigma: float, radius: int) -> Plane:
    buffer, low, high, out = canvas.empty(), canvas.empty(), canvas.empty(), canvas.empty()
    plane = canvas.blur(around, sigma)
    window_minimum(plane, radius, buffer, low)
    window_maximum(plane, radius, buffer, high)
    outside_envelope(canvas.blur(value, sigma), low, high, out)
    return out


def _outside(canvas: Canvas, *, sigma: float, radius: int) -> Plane:
    return canvas.once(
        ("outside", sigma, radius),
        lambda: _envelope(canvas, "focused_log_light", "reference_log_light", sigma, radius),
    )


def _reverse(canvas: Canvas, *, sigma: float, radius: int) -> Plane:
    return _envelope(canvas, "reference_log_light", "focused_log_light", sigma, radius)


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
    return _gradient(canvas, name="focused_light", sigma=1.5) - _gradient(canvas, name="reference_light", sigma=1.5)


def _band(canvas: Canvas, *, fine: float, broad: float) -> Plane:
    return canvas.blur("ratio", fine) - canvas.blur("ratio", broad)


def _curvature(canvas: Canvas, *, sigma: float, which: int, name: str = "ratio") -> Plane:
    def make() -> NDArray[np.float32]:
        both = np.empty((2, *canvas.shape), np.float32)
        hessian_eigenvalues(canvas.blur(name, sigma), np.float32(sigma * sigma), both[0], both[1])
        return both

    return canvas.once(("curvature", name, sigma), make)[which, :, :]


def line_steps(half: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(orientations, 2 half + 1) row and column offsets of straight lines, their longer axis without gaps."""
    t = np.arange(-half, half + 1)
    angles = np.arange(LINE_ORIENTATIONS) * np.pi / LINE_ORIENTATIONS
    longest = np.maximum(np.abs(np.sin(angles)), np.abs(np.cos(angles)))
    rows = np.rint(np.outer(np.sin(angles) / longest, t)).astype(np.int64)
    cols = np.rint(np.outer(np.cos(angles) / longest, t)).astype(np.int64)
    return rows, cols


def _lines(canvas: Canvas, *, half: int, which: int, name: str = "ratio") -> Plane:
    def make() -> NDArray[np.float32]:
        both = np.empty((2, *canvas.shape), np.float32)
        rows, cols = line_steps(half)
        line_extremes(canvas.blur(name, 1.0), rows, cols, both[0], both[1])
        return both

    return canvas.once(("lines", name, half), make)[which, :, :]


def _peak(canvas: Canvas, *, sigma: float, radius: int, name: str = "ratio") -> Plane:
    buffer, out = canvas.empty(), canvas.empty()
    window_maximum(np.abs(_local(canvas, sigma=sigma, name=name)), radius, buffer, out)
    return out


def _mean_local(canvas: Canvas, *, sigma: float, wide: float, name: str = "ratio") -> Plane:
    return canvas.smooth(np.abs(_local(canvas, sigma=sigma, name=name)), wide)


def _joint_edge(canvas: Canvas, *, sigma: float) -> Plane:
    def make() -> Plane:
        edges = canvas.smooth(_gradient(canvas, name="joint_reference", sigma=0.0), sigma)
        out = canvas.empty()
        ratio(canvas.blur("joint", sigma), edges, canvas.measure("ratio_noise"), np.float32(0.5), out)
        return out

    return canvas.once(("joint edge", sigma), make)


def _joint_edge_peak(canvas: Canvas, *, sigma: float, radius: int) -> Plane:
    buffer, out = canvas.empty(), canvas.empty()
    window_maximum(np.abs(_joint_edge(canvas, sigma=sigma)), radius, buffer, out)
    return out


def _joint_outside(canvas: Canvas, *, sigma: float, radius: int) -> Plane:
    return canvas.once(
        ("joint outside", sigma, radius), lambda: _envelope(canvas, "joint_test", "joint_reference", sigma, radius)
    )


def _joint_outside_local(canvas: Canvas, *, sigma: float, wide: float) -> Plane:
    def make() -> Plane:
        around = canvas.smooth(np.abs(canvas.blur("joint", sigma)), wide)
        out = canvas.empty()
        floor = np.float32(0.25) * canvas.measure("ratio_noise")
        ratio(_joint_outside(canvas, sigma=sigma, radius=2), around, floor, np.float32(1.0), out)
        return np.abs(out)

    return canvas.once(("joint outside local", sigma), make)


def _joint_outside_peak(canvas: Canvas, *, sigma: float, wide: float, radius: int) -> Plane:
    buffer, out = canvas.empty(), canvas.empty()
    window_maximum(_joint_outside_local(canvas, sigma=sigma, wide=wide), radius, buffer, out)
    return out


def _joint_outside_mass(canvas: Canvas, *, sigma: float, local: float, wide: float) -> Plane:
    return canvas.smooth(np.minimum(_joint_outside_local(canvas, sigma=sigma, wide=local), np.float32(4)), wide)


def _constant(canvas: Canvas, *, name: str) -> Plane:
    return np.full(canvas.shape, canvas.measure(name), np.float32)


def _joint_rank(canvas: Canvas, *, sigma: float) -> Plane:
    return np.abs(canvas.blur("joint", sigma)) * (np.float32(1) / canvas.measure("joint_tail"))


def _joint_mass(canvas: Canvas, *, sigma: float, wide: float) -> Plane:
    local = np.abs(_local(canvas, sigma=sigma, name="joint"))
    return canvas.smooth(np.clip(local - np.float32(1.5), 0, 4), wide)


def _joint_grain(canvas: Canvas, *, sigma: float, wide: float) -> Plane:
    fine = [np.abs(canvas[name] - canvas.blur(name, 1.5)) for name in ("joint_test", "joint_reference")]
    out = canvas.empty()
    floor = canvas.measure("ratio_noise")
    ratio(canvas.blur("joint", sigma), canvas.smooth(fine[0] + fine[1], wide), floor, np.float32(1.0), out)
    return out


def _joint_agreement(canvas: Canvas, *, sigma: float, wide: float) -> Plane:
    test = canvas.once(("flat", "jt"), lambda: canvas["joint_test"] - canvas.blur("joint_test", wide))
    other = canvas.once(("flat", "jr"), lambda: canvas["joint_reference"] - canvas.blur("joint_reference", wide))
    a, b, aa, bb, ab = (canvas.smooth(p, sigma) for p in (test, other, test * test, other * other, test * other))
    out = canvas.empty()
    correlation(a, b, aa, bb, ab, np.float32(4e-4), out)
    return out
