"""Printing: the separation into four inks and their screens, evaluated at any sampling grid.

A screen is a formula, not a bitmap. Each capture asks for it at its own sub-pixel positions, so two
captures of one sheet differ by more than noise: their samples beat differently against the dots.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pixelgbm.synth.fields import Plane

__all__ = ["Press", "make_press", "print_tone", "separate"]

_KINDS = ("amplitude", "stochastic", "continuous")
_ANGLES = (15.0, 75.0, 0.0, 45.0)  # degrees of the C, M, Y and K screens against each other
_SOLIDS = np.array(  # what a full layer of C, M, Y, K lets through of R, G, B
    [[0.10, 0.54, 0.78], [0.78, 0.12, 0.40], [0.93, 0.82, 0.12], [0.05, 0.05, 0.05]], np.float32
)


@dataclass(frozen=True, slots=True)
class Press:
    """How a sheet is printed.

    kind: "amplitude" (a regular screen), "stochastic" or "continuous". period: of the dots, 0 without a screen.
    waves: per ink (row frequency, column frequency, phase, phase), radians per pixel and radians.
    amplitude: share of the full modulation that the screen reaches. shape: 0 for round dots, 1 for chequered ones.
    grain: deviation of the ink cover in midtones. gain: growth of midtone dots. solids: (4, 3) transmission.
    """

    kind: str
    period: float
    waves: tuple[tuple[float, float, float, float], ...]
    amplitude: float
    shape: float
    grain: float
    gain: float
    solids: Plane


def make_press(rng: np.random.Generator) -> Press:
    """A press with its screen: periods of 2.1 to 4.4 px, near what the camera can just resolve."""
    kind = _KINDS[int(rng.choice(3, p=(0.72, 0.16, 0.12)))]
    period = rng.uniform(2.1, 3.2) if rng.random() < 0.8 else rng.uniform(3.2, 4.4)
    base, waves = rng.uniform(0, 90), []
    for angle in _ANGLES:
        turn = np.radians(base + angle + rng.normal(0, 0.7))
        frequency = 2 * np.pi / (period * (1 + rng.normal(0, 0.015)))
        phases = rng.uniform(0, 2 * np.pi, 2)
        waves.append((frequency * np.sin(turn), frequency * np.cos(turn), float(phases[0]), float(phases[1])))
    screened = kind == "amplitude"
    return Press(
        kind=kind,
        period=round(period, 3) if screened else 0.0,
        waves=tuple(waves),
        amplitude=float(np.clip(np.exp(rng.normal(np.log(0.5), 0.4)), 0.12, 1.0)) if screened else 0.0,
        shape=rng.uniform(0.0, 0.8),
        grain=rng.uniform(0.05, 0.12) if kind == "stochastic" else rng.uniform(0.008, 0.03),
        gain=rng.uniform(0.02, 0.16),
        solids=np.clip(_SOLIDS * np.exp(rng.normal(0, 0.05, (4, 3))), 0.02, 0.96).astype(np.float32),
    )


def separate(tone: Plane, press: Press) -> Plane:
    """Ink covers (rows, cols, 4) C, M, Y, K in 0..1 for linear reflectance `tone` (rows, cols, 3).

    Grey components move to black above a threshold; midtones gain as ink spreads, by the parabola that
    printers call dot gain.
    """
    wanted = [np.float32(1) - tone[..., channel] for channel in range(3)]
    black = np.minimum(np.minimum(wanted[0], wanted[1]), wanted[2])
    black = np.clip(black * np.float32(1.2) - np.float32(0.3), 0, np.float32(0.98))
    scale = 1 / (np.float32(1.001) - black)
    covers = np.empty((*tone.shape[:2], 4), np.float32)
    for ink, plane in enumerate([*((w - black) * scale for w in wanted), black]):
        cover = np.clip(plane, 0, 1)
        covers[..., ink] = np.minimum(cover + np.float32(4 * press.gain) * cover * (1 - cover), 1)
    return covers


def print_tone(covers: Plane, grain: Plane, press: Press, rows: Plane, cols: Plane) -> Plane:
    """Linear reflectance (n, m, 3) of the screened print at sheet positions `rows`, `cols` (n, m).

    covers: (n, m, 4) ink covers and grain: (n, m) unit noise, both already sampled at those positions. A
    layer of cover a lets 1 - a (1 - solid) through; layers multiply (Demichel's independent inks).
    """
    light = [np.ones(grain.shape, np.float32) for _ in range(3)]
    for ink, (row_wave, col_wave, first, second) in enumerate(press.waves):
        cover = np.ascontiguousarray(covers[..., ink])
        if float(cover.max()) < 0.003:
            continue
        swing = grain * np.float32(press.grain * (-1.0 if ink % 2 else 1.0))
        if press.amplitude > 0:
            u = np.cos(np.float32(row_wave) * rows + np.float32(col_wave) * cols + np.float32(first))
            v = np.cos(np.float32(-col_wave) * rows + np.float32(row_wave) * cols + np.float32(second))
            swing += np.float32(press.amplitude) * (
                np.float32(0.5) * (u + v) + np.float32(press.shape) * (1 - 2 * cover) * u * v
            )
        printed = np.clip(cover + 4 * cover * (1 - cover) * swing, 0, 1)
        for channel in range(3):
            light[channel] *= 1 - printed * np.float32(1 - press.solids[ink, channel])
    return np.stack(light, axis=2)
