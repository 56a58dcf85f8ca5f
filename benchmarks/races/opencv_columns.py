"""The columns that OpenCV and numpy express as well, as a good user of both would write them.

Blurs are kept and shared between columns, Gaussians have the windows that ours have, arrays stay float32, and only the
last step goes to bytes. Left out are what neither library has a filter for: shift-tolerant minima, ranks, lines, local
correlation, trust, and the columns that are one number for the whole image.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from features import FeatureSpec, Quantizer, Scene
from features.families.gabor import wavelength

__all__ = ["COLUMNS", "OpenCV"]

Plane = NDArray[np.float32]

GABOR = (2.0, 4.0)
ANGLES = (0, 45, 90, 135)


class OpenCV:
    """The planes of one scene; what several columns share is remembered."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._known: dict[tuple[object, ...], Plane] = {}

    def bytes(self, quantizer: Quantizer) -> NDArray[np.uint8]:
        """(columns, rows, cols) uint8 in the order of `quantizer`, whose names are all in `COLUMNS`."""
        table = {column.name: column for column in FeatureSpec().table}
        out = np.empty((len(quantizer.names), *self.scene.planes["light"].shape), np.uint8)
        for k, (name, scale) in enumerate(zip(quantizer.names, quantizer.scales, strict=True)):
            values = COLUMNS[name](self)
            if quantizer.signed[k]:
                out[k] = 128.5 + 127 * (values / (np.abs(values) + np.float32(scale)))
            else:
                size = np.maximum(values, 0)
                out[k] = 1.5 + 254 * (size / (size + np.float32(scale)))
            if table[name].reference:
                out[k][~self.scene.covered] = 0
        return out

    def plane(self, name: str) -> Plane:
        return self.scene.planes[name]

    def once(self, key: tuple[object, ...], make: Callable[[], Plane]) -> Plane:
        if key not in self._known:
            self._known[key] = make()
        return self._known[key]

    def blur(self, name: str, sigma: float) -> Plane:
        return self.once((name, sigma), lambda: gaussian(self.plane(name), sigma))

    def number(self, name: str) -> np.float32:
        return np.float32(self.scene.measures[name])


def gaussian(plane: Plane, sigma: float) -> Plane:
    size = 2 * int(3 * sigma + 0.5) + 1
    return np.asarray(cv2.GaussianBlur(plane, (size, size), sigma, borderType=cv2.BORDER_REPLICATE), np.float32)


def slope(plane: Plane) -> Plane:
    steps = np.array([[-0.5, 0, 0.5]], np.float32)
    one = np.ones((1, 1), np.float32)
    parts = [
        cv2.sepFilter2D(plane, cv2.CV_32F, a, b, borderType=cv2.BORDER_REPLICATE)
        for a, b in ((steps, one), (one, steps))
    ]
    return np.asarray(cv2.magnitude(*parts), np.float32)


def eigenvalue(plane: Plane, sigma: float, which: int) -> Plane:
    second = np.array([1, -2, 1], np.float32)
    first, one = np.array([-0.5, 0, 0.5], np.float32), np.ones(1, np.float32)
    xx, yy, xy = (
        cv2.sepFilter2D(plane, cv2.CV_32F, a, b, borderType=cv2.BORDER_REPLICATE)
        for a, b in ((second, one), (one, second), (first, first))
    )
    middle, spread = (xx + yy) / 2, cv2.magnitude((yy - xx) / 2, xy)
    return np.asarray(sigma * sigma * (middle + spread if which else middle - spread), np.float32)


def box(plane: Plane, radius: int, filter_: Callable[..., np.ndarray]) -> Plane:
    return np.asarray(filter_(plane, np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)), np.float32)


def local(cv: OpenCV, name: str, sigma: float) -> Plane:
    def make() -> Plane:
        value = cv.blur(name, sigma)
        return value / (np.float32(0.25) * cv.number("ratio_noise") + gaussian(np.abs(value), 5 * sigma))

    return cv.once(("local", name, sigma), make)


def edge(cv: OpenCV, sigma: float) -> Plane:
    return cv.blur("difference", sigma) / (cv.number("noise") + 0.5 * reference_edge(cv, sigma))


def reference_edge(cv: OpenCV, sigma: float) -> Plane:
    steepness = cv.once(("slope",), lambda: slope(cv.plane("reference_light")))
    return cv.once(("reference edge", sigma), lambda: gaussian(steepness, sigma))


def outside(cv: OpenCV, value: str, around: str, sigma: float, radius: int) -> Plane:
    plane, other = cv.blur(value, sigma), cv.blur(around, sigma)
    above, below = plane - box(other, radius, cv2.dilate), plane - box(other, radius, cv2.erode)
    return np.maximum(above, 0) + np.minimum(below, 0)


def band(cv: OpenCV, name: str, fine: float, broad: float) -> Plane:
    return cv.blur(name, fine) - cv.blur(name, broad)


def deviation(cv: OpenCV, sigma: float) -> Plane:
    def make() -> Plane:
        flat = cv.once(("flat",), lambda: cv.plane("light") - cv.blur("light", 16.0))
        mean = gaussian(flat, sigma)
        return np.sqrt(np.maximum(gaussian(flat * flat, sigma) - mean * mean, 0))

    return cv.once(("deviation", sigma), make)


def standard(cv: OpenCV, fine: float, broad: float) -> Plane:
    return band(cv, "light", fine, broad) / (1 + deviation(cv, broad))


def gap(cv: OpenCV, one: str, two: str, sigma: float) -> Plane:
    return gaussian(cv.once(("gap", one, two), lambda: cv.plane(one) - cv.plane(two)), sigma)


def gabor(plane: Plane, sigma: float, angle: int) -> Plane:
    """|complex response|; the even kernel sums to zero, so that a constant gives none."""
    radius = int(3 * sigma + 0.5)
    rows, cols = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    window = np.exp(-(rows**2 + cols**2) / (2 * sigma**2))
    window /= window.sum()
    turn = np.deg2rad(angle)
    phase = 2 * np.pi / wavelength(sigma) * (cols * np.cos(turn) + rows * np.sin(turn))
    even = window * np.cos(phase)
    even -= even.sum() * window
    parts = [
        cv2.filter2D(plane, cv2.CV_32F, kernel.astype(np.float32), borderType=cv2.BORDER_REPLICATE)
        for kernel in (even, window * np.sin(phase))
    ]
    return np.asarray(cv2.magnitude(*parts), np.float32)


def gabor_ratio(cv: OpenCV, sigma: float, which: str) -> Plane:
    stack = cv.once(("gabor", sigma), lambda: np.stack([gabor(cv.plane("ratio"), sigma, a) for a in ANGLES]))
    return np.asarray(getattr(stack, which)(axis=0), np.float32)


def _blurs(prefix: str, name: str, sigmas: tuple[float, ...]) -> dict[str, Callable[[OpenCV], Plane]]:
    return {f"{prefix}-{s:g}": partial(OpenCV.blur, name=name, sigma=s) for s in sigmas}


def _table() -> dict[str, Callable[[OpenCV], Plane]]:
    made = _blurs("difference.level", "difference", (1.0, 2.0, 4.0, 8.0, 16.0))
    made |= _blurs("difference.ratio", "ratio", (1.0, 2.4, 4.8, 9.6))
    made |= _blurs("difference.joint", "joint", (1.0, 2.4, 4.8, 9.6))
    for s in (2.0, 6.0):
        made[f"difference.absolute-{s:g}"] = lambda cv, s=s: gaussian(np.abs(cv.plane("difference")), s)
    for s in (0.7, 2.0, 4.0):
        made[f"difference.edge-{s:g}"] = partial(edge, sigma=s)
    for s in (1.0, 4.0):
        made[f"difference.reference-edge-{s:g}"] = partial(reference_edge, sigma=s)
    for s in (1.2, 2.4, 4.8):
        made[f"difference.local-{s:g}"] = partial(local, name="ratio", sigma=s)
    for s in (1.2, 2.4, 4.8, 9.6):
        made[f"difference.joint-local-{s:g}"] = partial(local, name="joint", sigma=s)
    for s, radius in ((2.4, 3), (2.4, 6), (4.8, 12), (4.8, 24)):
        made[f"difference.joint-peak-{radius}"] = lambda cv, s=s, r=radius: box(
            np.abs(local(cv, "joint", s)), r, cv2.dilate
        )
    for s, radius in ((0.8, 1), (0.8, 2), (1.6, 2), (2.4, 2), (3.2, 3)):
        names = {"value": "focused_log_light", "around": "reference_log_light"}
        made[f"difference.outside-{s:g}-{radius}"] = partial(outside, **names, sigma=s, radius=radius)
    for s, radius in ((1.0, 1), (1.6, 2), (3.2, 3)):
        names = {"value": "joint_test", "around": "joint_reference"}
        made[f"difference.joint-outside-{s:g}"] = partial(outside, **names, sigma=s, radius=radius)
    for fine, broad in ((1.0, 2.0), (2.0, 4.0), (4.0, 8.0), (8.0, 16.0)):
        if broad < 16:
            made[f"difference.band-{fine:g}-{broad:g}"] = partial(band, name="ratio", fine=fine, broad=broad)
        made[f"contrast.band-{fine:g}-{broad:g}"] = partial(band, name="log_light", fine=fine, broad=broad)
    for which, word in enumerate(("low", "high")):
        for s in (2.0, 4.0):
            made[f"difference.curvature-{s:g}-{word}"] = lambda cv, s=s, w=which: eigenvalue(cv.blur("ratio", s), s, w)
        made[f"difference.joint-curvature-{word}"] = lambda cv, w=which: eigenvalue(cv.blur("joint", 3.0), 3.0, w)
        for s in (1.5, 3.0):
            made[f"contrast.curvature-{s:g}-{word}"] = lambda cv, s=s, w=which: eigenvalue(
                cv.blur("log_light", s), s, w
            )
    made["difference.ratio-edge"] = lambda cv: slope(cv.blur("ratio", 2.0))
    made["difference.around-peak"] = lambda cv: box(np.abs(local(cv, "ratio", 2.4)), 6, cv2.dilate)
    made["difference.around-mean"] = lambda cv: gaussian(np.abs(local(cv, "ratio", 2.4)), 8.0)
    made["contrast.level"] = partial(OpenCV.blur, name="light", sigma=1.0)
    for s in (2.0, 4.0, 8.0):
        made[f"contrast.deviation-{s:g}"] = partial(deviation, sigma=s)
    for fine, broad in ((1.0, 8.0), (2.0, 16.0)):
        made[f"contrast.standard-{fine:g}-{broad:g}"] = partial(standard, fine=fine, broad=broad)
    for s in (1.0, 3.0):
        made[f"contrast.gradient-{s:g}"] = lambda cv, s=s: slope(cv.blur("light", s))
    made["contrast.above-minimum"] = lambda cv: cv.blur("log_light", 1.0) - box(cv.blur("log_light", 1.0), 4, cv2.erode)
    made["contrast.below-maximum"] = lambda cv: (
        box(cv.blur("log_light", 1.0), 4, cv2.dilate) - cv.blur("log_light", 1.0)
    )
    for s in GABOR:
        for angle in ANGLES:
            made[f"gabor.image-{s:g}-{angle}"] = lambda cv, s=s, a=angle: gabor(cv.plane("log_light"), s, a)
        for word in ("max", "mean"):
            made[f"gabor.ratio-{s:g}-{word}"] = partial(gabor_ratio, sigma=s, which=word)
    for name in ("red", "green", "blue"):
        made[f"colour.{name}"] = partial(OpenCV.blur, name=name, sigma=1.0)
        made[f"colour.ratio-{name}"] = partial(OpenCV.blur, name=f"ratio_{name}", sigma=2.0)
    for s in (1.0, 4.0):
        made[f"colour.red-green-{s:g}"] = partial(gap, one="log_red", two="log_green", sigma=s)
        made[f"colour.blue-light-{s:g}"] = partial(gap, one="log_blue", two="log_matched_light", sigma=s)
    for s in (1.5, 4.0):
        made[f"colour.ratio-red-green-{s:g}"] = partial(gap, one="ratio_red", two="ratio_green", sigma=s)
        made[f"colour.ratio-blue-light-{s:g}"] = partial(gap, one="ratio_blue", two="ratio_matched_light", sigma=s)
    return made


COLUMNS: Mapping[str, Callable[[OpenCV], Plane]] = _table()
"""Name of a column of `features` -> how OpenCV and numpy make it."""
