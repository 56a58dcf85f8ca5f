"""Local contrast: how many local deviations a pixel lies off the mean of its surroundings; without a reference.

The adaptive threshold of Niblack (An Introduction to Digital Image Processing, 1986) on both sides of the mean.
"""

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

__all__ = ["SETTINGS", "evidence", "fit", "mapper"]

BLURS = (0.0, 1.0, 2.0, 4.0)
WINDOWS = (11, 21, 41, 81)
"""Sides of the square surroundings, px."""
SIGNS = ("both", "darker", "brighter")
SETTINGS: tuple[Setting, ...] = tuple(product(BLURS, WINDOWS, SIGNS[:1]))
CALM = 1.0
"""Grey levels added to the deviation, so that a flat surface has none to divide by."""
MOST = 30_000_000
"""Pixels of the images the finalists meet: a low threshold on a texture leaves thousands of regions to keep of each."""
FINER = 4.0
"""Thresholds are searched to a sixteenth of a deviation."""


def fit(task: Task) -> None:
    """Choose blur, window, sign and rule on train and dev."""
    keep_best(task, ("blur", "window", "sign"), SETTINGS, evidence, refine=_with_signs, most=MOST)


def mapper(folder: Path) -> Callable[[View], NDArray[np.uint8]]:
    """A function from an image to its map (rows, cols, 1), with the setting in `folder`."""
    return mapper_of(folder, evidence)


def evidence(view: View, settings: Sequence[Setting]) -> Mapping[Setting, NDArray[np.uint8]]:
    """A byte map for every setting, of the channel that stands out most."""
    found = {}
    memory: dict[Setting, NDArray[np.float32]] = {}
    for setting in settings:
        blur, window, sign = setting
        if (blur, window) not in memory:
            memory[blur, window] = _deviations(view.test, blur, window)
        off = memory[blur, window]
        off = np.abs(off) if sign == "both" else np.maximum(-off if sign == "darker" else off, 0)
        found[setting] = to_bytes(FINER * off.max(axis=2))
    return found


def _deviations(image: NDArray[np.float32], blur: float, window: int) -> NDArray[np.float32]:
    """(rows, cols, channels): (image - local mean) / local deviation, the image blurred beforehand."""
    image = cv2.GaussianBlur(image, (0, 0), blur) if blur else image
    shifted = image - image.mean(axis=(0, 1), dtype=np.float64).astype(np.float32)  # small squares keep their digits
    mean, square = (cv2.blur(plane, (window, window)) for plane in (shifted, np.square(shifted)))
    return np.asarray((shifted - mean) / (np.sqrt(np.maximum(square - np.square(mean), 0)) + CALM), np.float32)


def _with_signs(setting: Setting) -> list[Setting]:
    return [(*setting[:-1], sign) for sign in SIGNS]
