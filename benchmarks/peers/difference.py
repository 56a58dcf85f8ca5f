"""Differencing against the registered reference of the same light: one threshold, one least area."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from peers import rule
from peers.pairs import View
from peers.settings import Setting, choose, to_bytes
from peers.task import Task, read_setting, write_setting

__all__ = ["SETTINGS", "evidence", "fit", "predictor"]

BLURS = (1.0, 1.7, 2.6, 4.0)
UNITS = ("levels", "log", "deviations")
"""Grey levels; hundredths of the logarithm of the ratio; median absolute deviations of the image."""
CHANNELS = ("mean", "max", "luminance")
SETTINGS: tuple[Setting, ...] = tuple(product(BLURS, UNITS, CHANNELS))


def fit(task: Task) -> None:
    """Choose blur, unit, channels and rule on train and dev."""
    started = time.process_time()
    setting, chosen, values = choose(task, SETTINGS, evidence, refine=lambda s: [s])
    names = dict(zip(("blur", "unit", "channels"), setting, strict=True))
    seconds = {"fit_cpu_seconds": round(time.process_time() - started, 1)}
    write_setting(task, {"setting": names, "rule": chosen.to_dict(), **values, **seconds})


def predictor(folder: Path) -> Callable[[View], NDArray[np.bool_]]:
    """A function from a pair to its mask, with the setting in `folder`."""
    found = read_setting(folder)
    setting, chosen = tuple(found["setting"].values()), rule.Rule(**found["rule"])
    return lambda view: rule.apply(evidence(view, [setting])[setting], chosen)


def evidence(view: View, settings: Sequence[Setting]) -> Mapping[Setting, NDArray[np.uint8]]:
    """A byte map for every setting; 0 where the reference shows nothing."""
    found = {}
    ratio = 100 * np.log((view.test + 4) / (view.reference + 4))
    signed = {"levels": view.test - view.reference, "log": ratio, "deviations": view.test - view.reference}
    for setting in settings:
        blur, unit, channels = setting
        # Blurred before its sign is dropped: the two screens then cancel and dirt does not.
        strength = _joined(np.abs(_blurred(signed[unit], blur, channels)), channels)
        if unit == "deviations":
            inside = strength[view.covered]
            strength = strength / (1.4826 * float(np.median(inside) if inside.size else 0.0) + 0.15)
        found[setting] = to_bytes(np.where(view.covered, strength, 0))
    return found


def _blurred(signed: NDArray[np.float32], sigma: float, channels: str) -> NDArray[np.float32]:
    if channels == "luminance":
        signed = (signed @ np.array([0.35, 0.65, 0], np.float32))[..., None]
    smooth = np.asarray(cv2.GaussianBlur(signed, (0, 0), sigma), np.float32)
    return smooth[..., None] if smooth.ndim == 2 else smooth


def _joined(strength: NDArray[np.float32], channels: str) -> NDArray[np.float32]:
    return np.asarray(strength.max(axis=2) if channels == "max" else strength.mean(axis=2), np.float32)
