"""The variation model of machine vision with one reference: wide tolerances where the reference has edges.

Steger, Ulrich, Wiedemann, Machine Vision Algorithms and Applications (2018), chapter 3.4: a pixel is defect when
|c - i| > max(a, b v). With a single reference its gradient stands for the variation v.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from peers import rule
from peers.pairs import View
from peers.settings import STEPS_PER_UNIT, Setting, keep_best, mapper_of, to_bytes
from peers.task import Task

__all__ = ["SETTINGS", "evidence", "fit", "mapper"]

BLURS = (0.7, 1.2, 2.0, 3.0)
RATIOS = (0.0, 0.1, 0.2, 0.4, 0.8, 1.6)
"""b / a: what a grey level a pixel of gradient adds to the tolerance, in units of the least tolerance."""
CHANNELS = ("luminance", "any")
SIGNS = ("both", "darker", "brighter")
SETTINGS: tuple[Setting, ...] = tuple(product(BLURS, RATIOS, CHANNELS, SIGNS[:1]))


def fit(task: Task) -> None:
    """Choose smoothing, a, b, channels, sign and rule on train and dev."""
    keep_best(task, ("blur", "ratio", "channels", "sign"), SETTINGS, evidence, refine=_with_signs, told=_a_and_b)


def _a_and_b(setting: Setting, chosen: rule.Rule) -> dict[str, Any]:
    """The two numbers of the model, grey levels and grey levels a pixel."""
    least = chosen.threshold / STEPS_PER_UNIT
    return {"model": {"a": least, "b": least * setting[1]}}


def mapper(folder: Path) -> Callable[[View], NDArray[np.uint8]]:
    """A function from a pair to its map (rows, cols, 1), with the setting in `folder`."""
    return mapper_of(folder, evidence)


def evidence(view: View, settings: Sequence[Setting]) -> Mapping[Setting, NDArray[np.uint8]]:
    """A byte map for every setting: |c - i| / max(1, b / a v), for |c - i| > max(a, b v) is that map > a."""
    found = {}
    compared: dict[Setting, tuple[NDArray[np.float32], NDArray[np.float32]]] = {}
    for setting in settings:
        blur, ratio, channels, sign = setting
        if (blur, channels) not in compared:
            compared[blur, channels] = _compared(view, blur, channels)
        gap, variation = compared[blur, channels]
        gap = np.abs(gap) if sign == "both" else np.maximum(-gap if sign == "darker" else gap, 0)
        strength = (gap / np.maximum(1, ratio * variation)).max(axis=2)
        found[setting] = to_bytes(np.where(view.covered, strength, 0))
    return found


def _compared(view: View, blur: float, channels: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Signed difference and gradient of the reference, (rows, cols, channels) each, grey levels (a pixel)."""
    shots = [view.test, view.reference]
    if channels == "luminance":
        shots = [(shot @ np.array([0.35, 0.65, 0], np.float32))[..., None] for shot in shots]
    c, i = (cv2.GaussianBlur(shot, (0, 0), blur).reshape(shot.shape) for shot in shots)
    d_row, d_col = (
        cv2.Sobel(i, cv2.CV_32F, int(axis == 1), int(axis == 0), ksize=3, scale=1 / 8).reshape(i.shape)
        for axis in (0, 1)
    )
    return c - i, np.hypot(d_row, d_col)


def _with_signs(setting: Setting) -> list[Setting]:
    return [(*setting[:-1], sign) for sign in SIGNS]
