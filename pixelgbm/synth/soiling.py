"""Laying dirt on a shot: how strongly it shows, and the least at which a person would have marked it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pixelgbm.synth.capture import Camera, tone_curve
from pixelgbm.synth.dirt import Pattern
from pixelgbm.synth.fields import Plane, blur
from pixelgbm.synth.visibility import unevenness_of, window_of

__all__ = ["Soiling", "soil"]

_CONTRAST = (0.34, 0.48)  # median and log deviation of the share of light that absorbing dirt takes away
_CONTRAST_RANGE = (0.08, 0.93)
_LEAST_LEVELS = 6.0  # mean difference inside the mask, strongest channel
_LEAST_SIGNAL = 16.0  # the same times sqrt(area) over the local unevenness, the detectability of a flat spot


@dataclass(frozen=True, slots=True)
class Soiling:
    """What was laid on: share of light taken (negative: dust that adds light) and mean grey levels of difference."""

    contrast: float
    levels: float


def soil(
    rng: np.random.Generator,
    light: Plane,
    found: Pattern,
    density: Plane,
    mask: NDArray[np.bool_],
    camera: Camera,
) -> Soiling:
    """Lay `found` on the linear `light` (rows, cols, 3) of a shot, in place.

    density, mask: (rows, cols), as `dirt.place` gives them. The contrast is drawn at random and raised
    until the dirt shows, so that no mask marks what nobody could see.
    """
    window = window_of(mask, margin=16)
    inside = mask[window]
    before = light[window]
    thickness = blur(density[window], camera.focus)[..., None]
    full = max(0.15, float(thickness[inside].mean()))
    levels_before = tone_curve(before, camera)
    unevenness = unevenness_of(levels_before) + camera.noise * 0.6
    as_dust = found.light and float(levels_before[inside].mean()) < 150
    dust = np.array([0.95, 0.92, 0.88], np.float32) * camera.light * np.float32(rng.uniform(0.6, 0.95))
    contrast = float(np.clip(_CONTRAST[0] * np.exp(rng.normal(0, _CONTRAST[1])), *_CONTRAST_RANGE))
    while True:
        absorbed = np.float32(-np.log(1 - contrast) / full) * thickness
        if as_dust:
            after = before + (dust - before) * (1 - np.exp(-absorbed))
        else:
            after = before * np.exp(-absorbed * found.tint)
        change = np.abs(tone_curve(after, camera) - levels_before)[inside].mean(axis=0).max()
        signal = float(change) * float(np.sqrt(inside.sum())) / unevenness
        if contrast >= _CONTRAST_RANGE[1] or (change >= _LEAST_LEVELS and signal >= _LEAST_SIGNAL):
            break
        contrast = min(_CONTRAST_RANGE[1], contrast * 1.2)
    light[window] = after
    return Soiling(contrast=-contrast if as_dust else contrast, levels=float(change))
