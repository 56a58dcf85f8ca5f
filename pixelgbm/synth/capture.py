"""Photographing: one sheet, one press, and as many independent shots of them as are asked for."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelgbm.synth.fields import Plane, smooth_field
from pixelgbm.synth.halftone import Press, print_tone
from pixelgbm.synth.lighting import add_noise, illumination
from pixelgbm.synth.sheets import SHEET

__all__ = ["BLUE_SIGMA", "Camera", "Pose", "Print", "develop", "expose", "make_camera", "make_pose", "tone_curve"]

BLUE_SIGMA = 2.5
"""Deviation of the Gaussian that is laid over the blue channel of every finished image."""

_WARP = 0.31  # px rms per shot of the smooth local warp; two shots differ by sqrt(2) of it
_FAR_SHARE = 0.10  # of the pairs are shifted by up to 3 px instead of about 1


@dataclass(frozen=True, slots=True)
class Print:
    """A sheet as the press made it: covers (SHEET, SHEET, 4), stock (SHEET, SHEET, 2) = paper and ink grain."""

    covers: Plane
    stock: Plane
    press: Press


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a shot looks: turn in degrees, scale, shift (row, col) in pixels, and the rms of its local warp."""

    turn: float
    scale: float
    shift: tuple[float, float]
    warp: float


@dataclass(frozen=True, slots=True)
class Camera:
    """One shot's optics, light and sensor.

    focus: blur, px. lateral: (3, 2) px, how far each channel falls beside the sheet point. light: gain per
    channel. slope: (row, col) and fall: of the illumination at the image's edge. field: rms and cells of the
    smooth gain. flare: light added everywhere. gamma: exponent of the tone curve. mosaic: share of the signal
    that passes the colour filter array. noise: grey levels in midtones.
    """

    focus: float
    lateral: Plane
    light: Plane
    slope: tuple[float, float]
    fall: float
    field: tuple[float, int]
    flare: float
    gamma: float
    mosaic: float
    noise: float


def make_pose(rng: np.random.Generator, *, still: bool) -> Pose:
    """The pose of one shot. `still` is the reference's: it defines the sheet's place up to a fraction of a pixel."""
    reach = rng.uniform(1.2, 2.1) if rng.random() < _FAR_SHARE else 0.55
    shift = rng.normal(0, 0.2 if still else reach, 2).clip(-3, 3)
    return Pose(
        turn=float(rng.normal(0, 0.02 if still else 0.09)),
        scale=float(1 + rng.normal(0, 0.0003 if still else 0.002)),
        shift=(float(shift[0]), float(shift[1])),
        warp=float(_WARP * np.exp(rng.normal(0, 0.35))),
    )


def make_camera(rng: np.random.Generator, *, exposure: float, noise: float, mosaic: float) -> Camera:
    """One shot of the pair whose two shots share exposure, sensor noise and mosaic, and nothing else."""
    lateral = rng.normal(0, 0.12, (3, 2))
    lateral[1] = 0
    return Camera(
        focus=rng.uniform(0.4, 1.15),
        lateral=lateral.astype(np.float32),
        light=(exposure * np.exp(rng.normal(0, 0.06) + rng.normal(0, 0.035, 3))).astype(np.float32),
        slope=(float(rng.normal(0, 0.05)), float(rng.normal(0, 0.05))),
        fall=float(abs(rng.normal(0, 0.05))),
        field=(float(0.034 * np.exp(rng.normal(0, 0.4))), int(rng.integers(3, 15))),
        flare=float(exposure * rng.uniform(0.0, 0.045)),
        gamma=float(np.exp(rng.normal(0, 0.065)) / 2.2),
        mosaic=mosaic,
        noise=noise,
    )


def expose(rng: np.random.Generator, printed: Print, size: int, *, pose: Pose, camera: Camera) -> Plane:
    """The light (size, size, 3) that falls on the sensor, before the colour filter array: linear, about 0..1."""
    rows, cols = _look(rng, size, pose)
    covers = _sample(printed.covers, rows, cols)
    stock = _sample(printed.stock, rows, cols)
    light = print_tone(covers, np.ascontiguousarray(stock[..., 1]), printed.press, rows, cols)
    light *= stock[..., :1]
    for channel in range(3):
        light[..., channel] = _focus(np.ascontiguousarray(light[..., channel]), camera, channel)
    shade = illumination(rng, (size, size), slope=camera.slope, fall=camera.fall, field=camera.field)
    light *= shade[..., None] * camera.light
    light += np.float32(camera.flare)
    return light


def tone_curve(light: Plane, camera: Camera) -> Plane:
    """Linear light to grey levels, 0..255 float32."""
    return np.power(np.clip(light, 0, 1), np.float32(camera.gamma)) * np.float32(255)


def develop(rng: np.random.Generator, light: Plane, camera: Camera) -> NDArray[np.uint8]:
    """The finished RGB image (rows, cols, 3): filter array, tone curve, shot and read noise, blue filter."""
    levels = tone_curve(_mosaic(light, camera.mosaic), camera)
    add_noise(rng, levels, camera.noise)
    image = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    blue = np.ascontiguousarray(image[..., 2])
    image[..., 2] = cv2.GaussianBlur(blue, (0, 0), BLUE_SIGMA, borderType=cv2.BORDER_REFLECT_101)
    return image


def _look(rng: np.random.Generator, size: int, pose: Pose) -> tuple[Plane, Plane]:
    """Sheet positions (rows, cols), each (size, size), under every pixel of a shot."""
    axis = np.arange(size, dtype=np.float32) - np.float32((size - 1) / 2)
    turn = np.radians(pose.turn)
    along, across = np.float32(pose.scale * np.cos(turn)), np.float32(pose.scale * np.sin(turn))
    middle = (SHEET - 1) / 2
    cells = int(rng.integers(3, 8))
    rows = along * axis[:, None] - across * axis[None, :] + np.float32(middle + pose.shift[0])
    cols = across * axis[:, None] + along * axis[None, :] + np.float32(middle + pose.shift[1])
    rows += smooth_field(rng, size, cells=cells, rms=pose.warp)
    cols += smooth_field(rng, size, cells=cells, rms=pose.warp)
    return rows, cols


def _sample(planes: Plane, rows: Plane, cols: Plane) -> Plane:
    """`planes` at fractional positions, bilinear, mirrored outside."""
    sampled = cv2.remap(planes, cols, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(sampled, np.float32)


def _focus(plane: Plane, camera: Camera, channel: int) -> Plane:
    """One channel under the lens: a Gaussian beside the sheet point by the lateral colour error."""
    taps = np.arange(-3, 4, dtype=np.float64)
    kernels = [np.exp(-((taps - offset) ** 2) / (2 * camera.focus**2)) for offset in camera.lateral[channel]]
    by_row, by_col = (kernel / kernel.sum() for kernel in kernels)
    return np.asarray(cv2.sepFilter2D(plane, -1, by_col, by_row, borderType=cv2.BORDER_REFLECT_101), np.float32)


def _mosaic(light: Plane, share: float) -> Plane:
    """`light` as a red-green-green-blue sensor sees it and bilinear interpolation fills it in.

    Red and blue are sampled every second pixel only, so a fine screen comes back as coloured moire.
    """
    if share <= 0:
        return light
    filled = np.empty_like(light)
    for channel, start in ((0, 0), (2, 1)):
        sparse = np.ascontiguousarray(light[start::2, start::2, channel])
        matrix = np.array([[2, 0, start], [0, 2, start]], np.float64)
        filled[..., channel] = cv2.warpAffine(
            sparse, matrix, light.shape[1::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
        )
    green = np.ascontiguousarray(light[..., 1])
    cross = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.float32) / 4
    around = np.asarray(cv2.filter2D(green, -1, cross, borderType=cv2.BORDER_REFLECT_101), np.float32)
    filled[..., 1] = green
    for start in (0, 1):
        filled[start::2, start::2, 1] = around[start::2, start::2]
    return light + np.float32(share) * (filled - light)
