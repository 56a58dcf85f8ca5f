"""How each kind of dirt looks: one drawing function per kind, density in, at two pixels per image pixel."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelgbm.synth.fields import Plane, blur, noise, smooth_field, soft_step

__all__ = ["fibre", "fingerprint", "scratch", "smear", "spatter", "speck", "stain"]

Curve = NDArray[np.float64]

# Every function takes (rng, area) with the area wanted in image pixels, and returns (rows, cols) float32
# density of about 1 at its darkest, 0 at its border. The bank scales the result to the area exactly.


def speck(rng: np.random.Generator, area: float) -> Plane:
    """An irregular grain: a disc with a wavy outline, darker towards its middle or evenly dark."""
    radius = 2 * np.sqrt(area / np.pi)
    return _blob(rng, radius, ragged=rng.uniform(0.08, 0.45), soft=rng.uniform(0.15, 0.6))


def spatter(rng: np.random.Generator, area: float) -> Plane:
    """A main drop with smaller ones around it, as splashed."""
    count = int(rng.integers(2, 12))
    weights = rng.pareto(1.6, count) + 0.15
    reach = rng.uniform(10, 60)
    drops = [_blob(rng, 2 * np.sqrt(area * w / weights.sum() / np.pi) + 1.5, ragged=0.25, soft=0.4) for w in weights]
    centres = rng.normal(0, reach, (count, 2)) * (1, rng.uniform(0.3, 1.0))
    half = int(max(np.abs(centres).max() + max(max(d.shape) for d in drops) / 2, 8)) + 4
    canvas = np.zeros((2 * half, 2 * half), np.float32)
    for drop, centre in zip(drops, centres, strict=True):
        top, left = (int(half + c - n / 2) for c, n in zip(centre, drop.shape, strict=True))
        view = canvas[top : top + drop.shape[0], left : left + drop.shape[1]]
        np.maximum(view, drop * np.float32(rng.uniform(0.6, 1.0)), out=view)
    return canvas


def fibre(rng: np.random.Generator, area: float) -> Plane:
    """A hair or thread: a curve whose direction drifts, of nearly even width, sometimes in a loop."""
    width = max(2 * rng.uniform(1.5, 3.2), area / 260)
    length = float(np.clip(4 * area / width, 3 * width, 1300))
    steps = max(8, int(length / 3))
    bend = rng.normal(0, 2.2 / length) + np.cumsum(rng.normal(0, 0.9 / length, steps))
    path = _path(rng, np.cumsum(bend * length / steps), length / steps)
    taper = np.clip(np.minimum(np.arange(steps) + 1, steps - np.arange(steps)) / (0.08 * steps + 1), 0.4, 1)
    return _stroke(rng, path, width * taper, fade=rng.uniform(0.0, 0.35))


def scratch(rng: np.random.Generator, area: float) -> Plane:
    """One to three nearly straight fine lines side by side, broken where the tool jumped."""
    lines = int(rng.choice(3, p=(0.6, 0.25, 0.15))) + 1
    width = max(2 * rng.uniform(1.2, 2.3), area / (140 * lines))
    length = float(np.clip(4 * area / (width * lines), 4 * width, 640))
    steps = max(8, int(length / 3))
    drift = np.cumsum(rng.normal(0, 0.12 / steps, steps)) + np.linspace(0, rng.normal(0, 0.2), steps)
    path = _path(rng, drift, length / steps)
    half = int(np.abs(path).max()) + 40
    canvas = np.zeros((2 * half, 2 * half), np.float32)
    across = np.array([-(path[-1] - path[0])[1], (path[-1] - path[0])[0]])
    across /= max(1e-6, float(np.hypot(*across)))
    for line in range(lines):
        start, stop = sorted(rng.uniform(0, 1, 2)) if line else (0.0, 1.0)
        if stop - start < 0.3:
            start, stop = 0.2, 0.8
        part = path[int(start * steps) : max(int(stop * steps), int(start * steps) + 4)]
        offset = across * line * rng.uniform(5, 12)
        stroke = _stroke(rng, part + offset, np.full(len(part), width * rng.uniform(0.7, 1.1)), fade=0.75, half=half)
        np.maximum(canvas, stroke, out=canvas)
    return canvas


def smear(rng: np.random.Generator, area: float) -> Plane:
    """Something wiped along: streaks within a long ellipse that thin out in one direction."""
    ratio = rng.uniform(2.0, 5.5)
    short = 2 * np.sqrt(area * 1.4 / np.pi / ratio)
    rows, cols, reach = _grid(short, short * ratio)
    streaks = noise(rng, rows.shape)
    streaks = blur(np.asarray(cv2.GaussianBlur(streaks, (0, 0), 0.25 * short * ratio, sigmaY=1.6), np.float32), 0.4)
    streaks = streaks / max(1e-6, float(streaks.std()))
    body = 1 - soft_step(reach + 0.12 * noise(rng, rows.shape, sigma=3.0), 0.85, 0.5)
    along = np.clip(0.65 - 0.45 * cols / (short * ratio), 0.15, 1.0)
    return np.asarray(body * along * np.clip(0.75 + rng.uniform(0.25, 0.5) * streaks, 0.05, 1.6), np.float32)


def stain(rng: np.random.Generator, area: float) -> Plane:
    """A dried drop: an uneven blot, often darkest along its rim."""
    radius = 2 * np.sqrt(area / np.pi)
    ratio = rng.uniform(1.0, 1.8)
    rows, _, reach = _grid(radius / np.sqrt(ratio), radius * np.sqrt(ratio))
    size = rows.shape[0]
    wobble = smooth_field(rng, size, cells=int(rng.integers(2, 6)), rms=rng.uniform(0.08, 0.25))
    edge = reach + wobble[:, : rows.shape[1]] + 0.03 * noise(rng, rows.shape, sigma=1.5)
    body = 1 - soft_step(edge, 1.0, rng.uniform(0.08, 0.4))
    rim = np.exp(-(((edge - 0.92) / rng.uniform(0.06, 0.15)) ** 2)) * rng.uniform(0.0, 1.0)
    inner = 1 + 0.2 * noise(rng, rows.shape, sigma=rng.uniform(2, 8))
    return np.asarray(body * np.clip(0.6 * inner + rim, 0, 1.5), np.float32)


def fingerprint(rng: np.random.Generator, area: float) -> Plane:
    """Curved ridges inside an oval, patchy where the finger pressed less."""
    ratio = rng.uniform(1.1, 1.7)
    short = 2 * np.sqrt(area * 2.0 / np.pi / ratio)
    rows, cols, reach = _grid(short, short * ratio)
    period = 2 * rng.uniform(5.0, 8.0)
    core = (rng.uniform(-0.6, 0.6) * short, rng.uniform(-0.5, 0.5) * short)
    whorl = np.hypot((rows - core[0]) * rng.uniform(0.6, 1.2), cols - core[1])
    drift = smooth_field(rng, max(rows.shape), cells=4, rms=0.9)[: rows.shape[0], : rows.shape[1]]
    ridges = soft_step(np.cos(2 * np.pi * whorl / period + 2.2 * drift).astype(np.float32), 0.1, 1.0)
    pressed = soft_step(smooth_field(rng, max(rows.shape), cells=6, rms=1.0), -0.3, 2.2)[
        : rows.shape[0], : rows.shape[1]
    ]
    return ridges * (1 - soft_step(reach, 0.95, 0.35)) * (0.25 + 0.75 * pressed)


def _grid(short: float, long: float) -> tuple[Plane, Plane, Plane]:
    """Rows, columns and the elliptical radius (1 on the half axes `short`, `long`) of a canvas with a margin."""
    half = int(1.45 * max(short, long)) + 8
    axis = np.arange(-half, half + 1, dtype=np.float32)
    rows, cols = np.meshgrid(axis, axis, indexing="ij")
    return rows, cols, np.hypot(rows / np.float32(short), cols / np.float32(long))


def _blob(rng: np.random.Generator, radius: float, *, ragged: float, soft: float) -> Plane:
    """A filled closed outline: a circle with random harmonics, `soft` of its radius wide at the edge."""
    half = int(1.9 * radius) + 6
    axis = np.arange(-half, half + 1, dtype=np.float32)
    angle = np.arctan2(axis[:, None], axis[None, :])
    outline = np.ones_like(angle)
    for harmonic in range(2, 7):
        size = 1.6 * ragged * rng.normal() / harmonic**1.5
        outline += np.float32(size) * np.cos(np.float32(harmonic) * angle + np.float32(rng.uniform(0, 2 * np.pi)))
    reach = np.hypot(axis[:, None], axis[None, :]) / (radius * np.clip(outline, 0.4, 1.8))
    return 1 - soft_step(reach.astype(np.float32), 1.0, max(soft, 1.5 / radius))


def _path(rng: np.random.Generator, heading: Curve, step: float) -> Curve:
    """Points (n, 2) of a walk with the given headings, centred on its own box."""
    heading = heading + rng.uniform(0, 2 * np.pi)
    points = np.cumsum(np.stack([np.sin(heading), np.cos(heading)], axis=1) * step, axis=0)
    return np.asarray(points - (points.min(axis=0) + points.max(axis=0)) / 2)


def _stroke(rng: np.random.Generator, path: Curve, width: Curve, *, fade: float, half: int | None = None) -> Plane:
    """A line through `path` (n, 2) of varying `width`, its density falling by up to `fade` along the way."""
    half = int(np.abs(path).max()) + 12 if half is None else half
    canvas = np.zeros((2 * half, 2 * half), np.float32)
    wave = np.interp(np.arange(len(path)), np.linspace(0, len(path), 7), rng.uniform(0, 1, 7))
    points = np.rint((path[:, ::-1] + half) * 16).astype(np.int32)  # OpenCV: (column, row) in 1/16 px
    for k in range(len(points) - 1):
        level = float(1 - fade * wave[k])
        thick = max(1, round(float(width[k])))
        start, stop = (int(points[k, 0]), int(points[k, 1])), (int(points[k + 1, 0]), int(points[k + 1, 1]))
        cv2.line(canvas, start, stop, level, thick, cv2.LINE_8, 4)
    return blur(canvas, 0.9)
