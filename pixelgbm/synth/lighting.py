"""What a lamp and a sensor do to any surface: uneven light, focus, noise, grey levels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pixelgbm.synth.fields import Plane, blur, smooth_field

__all__ = ["Shot", "add_noise", "illumination", "make_shot", "shoot"]


@dataclass(frozen=True, slots=True)
class Shot:
    """How one picture of a surface is taken.

    focus: blur, px. gain: of all light. slope: (row, col) and fall: of the light at the border. field: rms and
    cells of the smooth unevenness. noise: grey levels in midtones.
    """

    focus: float
    gain: float
    slope: tuple[float, float]
    fall: float
    field: tuple[float, int]
    noise: float


def make_shot(rng: np.random.Generator, *, unevenness: float, noise: float) -> Shot:
    """A shot whose light is off by about `unevenness` (a share) over the picture and from one picture to the next."""
    return Shot(
        focus=float(rng.uniform(0.4, 0.8)),
        gain=float(np.exp(rng.normal(0, 0.8 * unevenness))),
        slope=(float(rng.normal(0, unevenness)), float(rng.normal(0, unevenness))),
        fall=float(abs(rng.normal(0, unevenness))),
        field=(0.4 * unevenness, int(rng.integers(2, 6))),
        noise=float(noise * np.exp(rng.normal(0, 0.25))),
    )


def shoot(rng: np.random.Generator, tone: Plane, shot: Shot) -> NDArray[np.uint8]:
    """The picture of `tone` (rows, cols) or (rows, cols, 3), grey levels / 255, under the light of `shot`."""
    light = blur(tone, shot.focus)
    shade = shot.gain * illumination(rng, tone.shape[:2], slope=shot.slope, fall=shot.fall, field=shot.field)
    levels = np.asarray(light * (shade if tone.ndim == 2 else shade[..., None]) * np.float32(255), np.float32)
    np.clip(levels, 0, 255, out=levels)
    add_noise(rng, levels, shot.noise)
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def illumination(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    *,
    slope: tuple[float, float],
    fall: float,
    field: tuple[float, int],
) -> Plane:
    """A plane of `shape` around 1: a slope, a fall towards the corners and a smooth field of (rms, cells)."""
    rows, cols = (np.linspace(-1, 1, extent, dtype=np.float32) for extent in shape)
    sloped = np.float32(slope[0]) * rows[:, None] + np.float32(slope[1]) * cols[None, :]
    fallen = np.float32(fall / 2) * (rows[:, None] ** 2 + cols[None, :] ** 2)
    rms, cells = field
    uneven = smooth_field(rng, (shape[0], shape[1]), cells=cells, rms=rms)
    return np.asarray((1 + sloped - fallen) * (1 + uneven), np.float32)


def add_noise(rng: np.random.Generator, levels: Plane, amount: float) -> None:
    """Lay shot and read noise of `amount` grey levels in midtones on `levels`, 0..255, in place."""
    grain = rng.standard_normal(levels.shape, dtype=np.float32)
    grain = np.float32(0.6) * grain + blur(grain, 0.7)  # interpolated colours share part of their noise
    # In levels of a gamma curve, shot noise is nearly even over the tones; read noise shows in the shadows.
    levels += grain * (np.float32(amount) * np.sqrt(np.float32(0.7) + np.float32(12.0) / (levels + 12)))
