"""Columns of the joint ratio: all channels' evidence in one plane, against edges, the neighbourhood and noise."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from features.column import Column
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
from features.kernels.difference import correlation, ratio
from features.scene import Canvas
from features.smoothing import reach_of

__all__ = ["columns"]

Plane = NDArray[np.float32]

BLURS = (1.0, 2.4, 4.8, 9.6)
PEAKS = ((2.4, 3), (2.4, 6), (4.8, 12), (4.8, 24))


def columns(scale: float) -> tuple[Column, ...]:
    """The columns of the difference family that read `joint`."""
    k = scale
    made: list[Column] = []

    def add(name: str, formula: str, signed: bool, reach: int, make: object) -> None:
        made.append(Column(f"difference.{name}", formula, signed, reach, make, reference=True))  # type: ignore[arg-type]

    for s in BLURS:
        add(f"joint-{s:g}", f"G_{s:g} J", True, reach_of(k * s), partial(blurred, name="joint", sigma=k * s))
    for s in (1.2, 2.4, 4.8, 9.6):
        wide = reach_of(k * s) + reach_of(5 * k * s)
        formula = f"G_{s:g} J / (q + G_{5 * s:g} |G_{s:g} J|)"
        add(f"joint-local-{s:g}", formula, True, wide, partial(local, sigma=k * s, name="joint"))
    for s, radius in PEAKS:
        add(
            f"joint-peak-{radius}",
            f"max over {2 * radius + 1}x{2 * radius + 1} of |joint-local-{s:g}|",
            False,
            reach_of(k * s) + reach_of(5 * k * s) + radius,
            partial(peak, sigma=k * s, radius=radius, name="joint"),
        )
    for which in (0, 1):
        add(
            f"joint-curvature-{('low', 'high')[which]}",
            f"{('smaller', 'larger')[which]} eigenvalue of s^2 Hessian G_3 J",
            True,
            reach_of(3 * k) + 1,
            partial(curvature, sigma=3 * k, which=which, name="joint"),
        )
        add(
            f"joint-line-{('low', 'high')[which]}",
            f"{('min', 'max')[which]} over {LINE_ORIENTATIONS} directions, mean of G_1 J on 23 px",
            True,
            reach_of(1.0) + 11,
            partial(lines, half=11, which=which, name="joint"),
        )
    for s in (1.0, 2.4, 4.8):
        formula = f"G_{s:g} J / (q + .5 G_{s:g} |grad J_R|)"
        add(f"joint-edge-{s:g}", formula, True, reach_of(k * s) + 1, partial(_joint_edge, sigma=k * s))
    for s, radius in ((1.0, 1), (1.6, 2), (3.2, 3)):
        formula = f"G_{s:g} J_T outside min..max_{radius} G_{s:g} J_R"
        add(
            f"joint-outside-{s:g}", formula, True, reach_of(s) + radius, partial(_joint_outside, sigma=s, radius=radius)
        )
    for s in (1.6, 4.8):
        add(
            f"joint-trusted-{s:g}",
            f"G_{s:g}(trust J) / G_{s:g} trust",
            True,
            reach_of(k * s),
            partial(_joint_trusted, sigma=k * s),
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
        partial(mean_local, sigma=2.4 * k, wide=6 * k, name="joint"),
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
    return tuple(made)


def _joint_edge(canvas: Canvas, *, sigma: float) -> Plane:
    def make() -> Plane:
        edges = canvas.smooth(gradient(canvas, name="joint_reference", sigma=0.0), sigma)
        out = canvas.empty()
        ratio(canvas.blur("joint", sigma), edges, canvas.measure("ratio_noise"), np.float32(0.5), out)
        return out

    return canvas.once(("joint edge", sigma), make)


def _joint_edge_peak(canvas: Canvas, *, sigma: float, radius: int) -> Plane:
    return canvas.highest(np.abs(_joint_edge(canvas, sigma=sigma)), radius)


def _joint_outside(canvas: Canvas, *, sigma: float, radius: int) -> Plane:
    return canvas.once(
        ("joint outside", sigma, radius), lambda: envelope(canvas, "joint_test", "joint_reference", sigma, radius)
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
    return canvas.highest(_joint_outside_local(canvas, sigma=sigma, wide=wide), radius)


def _joint_outside_mass(canvas: Canvas, *, sigma: float, local: float, wide: float) -> Plane:
    return canvas.smooth(np.minimum(_joint_outside_local(canvas, sigma=sigma, wide=local), np.float32(4)), wide)


def _joint_rank(canvas: Canvas, *, sigma: float) -> Plane:
    return np.abs(canvas.blur("joint", sigma)) * (np.float32(1) / canvas.measure("joint_tail"))


def _joint_mass(canvas: Canvas, *, sigma: float, wide: float) -> Plane:
    size = np.abs(local(canvas, sigma=sigma, name="joint"))
    return canvas.smooth(np.clip(size - np.float32(1.5), 0, 4), wide)


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


def _joint_trusted(canvas: Canvas, *, sigma: float) -> Plane:
    """Mean joint ratio around, each pixel weighed by how far it can be believed; 1e-3 keeps the untrusted finite."""
    weight = canvas.once(("trust weight",), lambda: canvas["trust"] + np.float32(1e-3))
    return canvas.smooth(weight * canvas["joint"], sigma) / canvas.smooth(weight, sigma)
