"""Differencing against the registered reference of the same light, with or without tolerance for shifts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from peers.pairs import View
from peers.settings import Setting, keep_best, mapper_of, to_bytes
from peers.task import Task

Floats = NDArray[np.float32]

__all__ = ["SETTINGS", "evidence", "fit", "mapper"]

BLURS = (1.0, 1.7, 2.6)
UNITS = ("levels", "log", "deviations")
"""Grey levels; hundredths of the logarithm of the ratio; median absolute deviations of the image."""
CHANNELS = ("mean", "max")
TOLERANCES = (0, 1, 2)
"""Only what lies outside the reference's minimum and maximum within so many px counts."""
SETTINGS: tuple[Setting, ...] = tuple(product(BLURS, UNITS, CHANNELS, TOLERANCES))


def fit(task: Task) -> None:
    """Choose blur, unit, channels, tolerance and rule on train and dev."""
    keep_best(task, ("blur", "unit", "channels", "tolerance"), SETTINGS, evidence, refine=lambda s: [s])


def mapper(folder: Path) -> Callable[[View], NDArray[np.uint8]]:
    """A function from a pair to its map (rows, cols, 1), with the setting in `folder`."""
    return mapper_of(folder, evidence)


def evidence(view: View, settings: Sequence[Setting]) -> Mapping[Setting, NDArray[np.uint8]]:
    """A byte map for every setting; 0 where the reference shows nothing."""
    found = {}
    levels = (view.test, view.reference)
    logs = tuple(100 * np.log(shot + 4) for shot in levels)
    memory: dict[Setting, Floats] = {}
    for setting in settings:
        blur, unit, channels, tolerance = setting
        scale = "log" if unit == "log" else "levels"
        for width in (0, tolerance):
            if (blur, scale, width) not in memory:
                # Blurred before the sign is dropped: the two screens then cancel and dirt does not.
                shots = (cv2.GaussianBlur(shot, (0, 0), blur) for shot in (logs if scale == "log" else levels))
                memory[blur, scale, width] = _outside(*shots, width)
        strength, plain = (getattr(memory[blur, scale, w], channels)(axis=2) for w in (tolerance, 0))
        if unit == "deviations":
            inside = plain[view.covered]
            strength = strength / (1.4826 * float(np.median(inside) if inside.size else 0.0) + 0.15)
        found[setting] = to_bytes(np.where(view.covered, strength, 0))
    return found


def _outside(test: Floats, reference: Floats, tolerance: int) -> Floats:
    """How far the test lies outside the reference's range in a square of 2 tolerance + 1 px; |difference| for 0."""
    window = np.ones((2 * tolerance + 1,) * 2, np.uint8)
    return np.maximum(np.maximum(test - cv2.dilate(reference, window), cv2.erode(reference, window) - test), 0)
