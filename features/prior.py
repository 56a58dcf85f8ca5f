"""What an earlier look said of an image, as planes of its scene."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from features.errors import FeatureError
from features.kernels.components import component_sums, log_odds, paint
from features.scene import Canvas, Components, Scene

__all__ = ["COMPONENT_LEVELS", "IMAGE_LEVELS", "NOWHERE", "ODDS_FLOOR", "odds", "own_contrast", "painted", "with_prior"]

Plane = NDArray[np.float32]

ODDS_FLOOR = np.float32(0.002)
"""Half a byte of probability: the log-odds of bytes 0 and 255 are -6.2 and 6.2."""
NOWHERE = np.float32(-12.0)
"""The log-odds of a component where there is none, apart from every real one."""
COMPONENT_LEVELS = (13, 38, 90, 153)
"""Bytes the map is cut at: p = .05, .15, .35 and .6."""
IMAGE_LEVELS = (0.9, 0.99, 0.999, 1.0)
"""Quantiles of the map that describe the image as a whole."""
MASS_ABOVE = np.float32(0.2)
OWN_BACKGROUND = 16.0
"""Sigma, px, of what an image without reference is compared with: its own surroundings."""


def with_prior(scene: Scene, prior: NDArray[np.uint8]) -> Scene:
    """The scene with an earlier look's byte map (rows, cols), 255 x probability, and what only the whole map tells.

    Adds the plane `prior` (0..1), the components of every level of `COMPONENT_LEVELS`, and image-level numbers
    `prior_quantile_Q`, `prior_mass`. Per component: `area` (log(1 + px), 0 outside), `mean`, `peak` (log-odds) and
    `value` (mean evidence: `joint` where there is a reference, else the contrast to the surroundings).
    """
    shape = scene.planes["light"].shape
    if prior.shape != shape or prior.dtype != np.uint8:
        raise FeatureError(
            f"prior: {prior.dtype} of shape {prior.shape}; a uint8 map of the image's {shape[0]}x{shape[1]} is needed"
        )
    probability = prior.astype(np.float32) / np.float32(255)
    canvas = Canvas(scene)
    value = canvas.blur("joint", 1.0) if scene.covered is not None else own_contrast(canvas, 1.0)
    components = {level: _components(prior, probability, value, level) for level in COMPONENT_LEVELS}
    measures = {
        f"prior_quantile_{q:g}": float(_odds_of(v))
        for q, v in zip(IMAGE_LEVELS, np.quantile(prior, IMAGE_LEVELS), strict=True)
    }
    measures["prior_mass"] = float(np.log1p(probability[probability > MASS_ABOVE].sum(dtype=np.float64)))
    return replace(
        scene,
        planes=scene.planes | {"prior": probability},
        measures=scene.measures | measures,
        components=components,
    )


def odds(probability: Plane) -> Plane:
    """Log-odds of a plane of probabilities, finite."""
    out = np.empty_like(probability)
    log_odds(probability, ODDS_FLOOR, out)
    return out


def own_contrast(canvas: Canvas, sigma: float) -> Plane:
    """G_sigma of the logarithm of the luminance, less its wide surroundings; remembered."""
    return canvas.once(
        ("own contrast", sigma), lambda: canvas.blur("log_light", sigma) - canvas.blur("log_light", OWN_BACKGROUND)
    )


def _odds_of(byte: float) -> float:
    p = float(byte) / 255
    return float(np.log((p + float(ODDS_FLOOR)) / (1 - p + float(ODDS_FLOOR))))


def painted(canvas: Canvas, what: str, level: int) -> Plane:
    """What is known of the component of `prior` >= level that each pixel lies in; remembered."""

    def make() -> Plane:
        found, out = canvas.scene.components[level], canvas.empty()
        paint(found.labels, found.told[what], out)
        return out

    return canvas.once(("painted", what, level), make)


def _components(prior: NDArray[np.uint8], probability: Plane, value: Plane, level: int) -> Components:
    """What is measured on the 8-connected components of prior >= level."""
    count, found = cv2.connectedComponents((prior >= level).view(np.uint8), connectivity=8, ltype=cv2.CV_32S)
    labels = np.ascontiguousarray(found, np.int32)
    area, mass, peak, total = np.zeros((4, count))
    component_sums(labels, probability, value, area, mass, peak, total)
    pixels = np.maximum(area, 1.0)
    chances = odds(np.stack([mass / pixels, peak]).astype(np.float32))
    chances[:, 0] = NOWHERE
    told = {
        "area": np.log1p(area).astype(np.float32),
        "mean": chances[0],
        "peak": chances[1],
        "value": (total / pixels).astype(np.float32),
    }
    return Components(labels, told)
