"""First guesses of a warp: by correlation over places, scales and turns, and by matched features.

Signatures and warps are at half the resolution of the image; places are searched at half of that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from features.registration.signature import without_screen
from features.registration.warps import Warp, from_half, swapped, translation
from features.smoothing import lowered

__all__ = ["Start", "first_start", "further_starts"]

Plane = NDArray[np.float32]

NEARLY = 0.08
"""Difference of two coarse correlations that says nothing about which place is right."""
UNSURE = 0.35
"""Coarse correlation over scales and turns below which features are matched, too."""
RIVAL = 0.8
"""A second place with this share of the best coarse correlation makes the first one doubtful."""
SCALES = tuple(float(s) for s in np.geomspace(0.66, 1.52, 22))
"""Searched one by one; 4 % apart, half of which enhanced correlation bridges with ease."""
TURNS = (-1.6, 1.6)
"""Searched beside 0 at the best scales, degrees."""


@dataclass(frozen=True, slots=True)
class Start:
    """A first guess: its warp, and the pair of signatures on which the affine step shall continue."""

    warp: Warp
    image: Plane
    reference: Plane


def first_start(signature: Plane, other: Plane) -> tuple[Start, bool]:
    """The best shift at half the resolution, and whether no other place rivals it."""
    shift, alone = _coarse(lowered(signature, 1), lowered(other, 1))
    return Start(shift, signature, other), alone


def further_starts(signature: Plane, other: Plane, texture: float) -> Iterator[Start]:
    """Further first guesses, the cheapest first: without screens, over scales and turns, by features."""
    image, reference = without_screen(signature), without_screen(other)
    small, small_other = lowered(image, 1), lowered(reference, 1)
    if image is not signature or reference is not other:
        yield Start(_coarse(small, small_other)[0], image, reference)
    searched, peak = _searched(small, small_other)
    yield Start(searched, image, reference)
    if peak < UNSURE and texture >= 0.3:
        matched = _by_features(image, reference)
        if matched is not None:
            yield Start(matched, image, reference)


def _surface(small: Plane, small_other: Plane) -> tuple[Plane, NDArray[np.int64]]:
    """Normalised correlation of every place of `small` in `small_other`, at least 7 px beyond either's border."""
    pad = [max(7, (small.shape[axis] - small_other.shape[axis]) + 7) for axis in (0, 1)]
    wide = cv2.copyMakeBorder(small_other, pad[0], pad[0], pad[1], pad[1], cv2.BORDER_CONSTANT, value=0)
    return np.asarray(cv2.matchTemplate(wide, small, cv2.TM_CCOEFF_NORMED), np.float32), np.array(pad)


def _coarse(small: Plane, small_other: Plane) -> tuple[Warp, bool]:
    """Best shift over the whole margin (at least 25 px of the image each way), and whether no other place rivals it.

    Both at half the resolution of the warp.
    """
    surface, pad = _surface(small, small_other)
    # Where several places fit about as well (screens, plain grounds) the one nearest the centre is the likeliest.
    rows, cols = np.nonzero(surface >= float(surface.max()) - NEARLY)
    middle = [(surface.shape[axis] - 1) / 2 for axis in (0, 1)]
    nearest = int(np.argmin((rows - middle[0]) ** 2 + (cols - middle[1]) ** 2))
    row, col = int(rows[nearest]), int(cols[nearest])
    row, col = _uphill(surface, row, col)  # or a broad peak would be left at its foot
    elsewhere = surface.copy()
    elsewhere[max(row - 3, 0) : row + 4, max(col - 3, 0) : col + 4] = -1
    shift = np.array([row, col], np.float64) - pad.astype(np.float64)
    return from_half(translation(shift)), float(elsewhere.max()) < RIVAL * float(surface[row, col])


def _uphill(surface: Plane, row: int, col: int) -> tuple[int, int]:
    """The place from which no neighbour is higher."""
    while True:
        top, left = max(row - 1, 0), max(col - 1, 0)
        around = surface[top : row + 2, left : col + 2]
        step = np.unravel_index(int(np.argmax(around)), around.shape)
        if (top + int(step[0]), left + int(step[1])) == (row, col):
            return row, col
        row, col = top + int(step[0]), left + int(step[1])


def _searched(small: Plane, small_other: Plane) -> tuple[Warp, float]:
    """The similarity of the best correlation over `SCALES` and, at the three best of them, `TURNS`; its correlation.

    Both planes at half the resolution of the warp.
    """
    straight = sorted(((*_placed(small, small_other, scale, 0.0), scale) for scale in SCALES), key=lambda s: -s[0])
    turned = [(*_placed(small, small_other, scale, turn), scale) for _, _, scale in straight[:3] for turn in TURNS]
    peak, warp, _ = max([straight[0], *turned], key=lambda found: found[0])
    return from_half(warp), peak


def _placed(small: Plane, small_other: Plane, scale: float, turn: float) -> tuple[float, Warp]:
    """The best correlation of `small`, scaled and turned (degrees), with a place of `small_other`; the warp to it."""
    along, across = scale * np.cos(np.radians(turn)), scale * np.sin(np.radians(turn))
    linear = np.array([[along, -across], [across, along]])
    size = [max(8, round(n * scale)) for n in small.shape]
    # Centre on centre: `small` is drawn at the size it has in the reference.
    offset = (np.array(size) - 1) / 2 - linear @ ((np.array(small.shape) - 1) / 2)
    matrix = swapped(np.vstack([np.column_stack([linear, offset]), [0, 0, 1]]))[:2]
    drawn = cv2.warpAffine(small, matrix, (size[1], size[0]), flags=cv2.INTER_LINEAR)
    surface, pad = _surface(np.asarray(drawn, np.float32), small_other)
    row, col = np.unravel_index(int(np.argmax(surface)), surface.shape)
    warp = np.vstack([np.column_stack([linear, offset + np.array([row, col]) - pad]), [0, 0, 1]])
    return float(surface[row, col]), warp


def _by_features(signature: Plane, other: Plane) -> Warp | None:
    """A projective start from matched SIFT points (Lowe 2004), for turns and scales the correlation cannot follow."""
    bytes_a, bytes_b = (np.clip(128 + 48 * p, 0, 255).astype(np.uint8) for p in (signature, other))
    sift = cv2.SIFT_create(2000)  # type: ignore[attr-defined]
    points_a, described_a = sift.detectAndCompute(bytes_a, None)
    points_b, described_b = sift.detectAndCompute(bytes_b, None)
    if described_a is None or described_b is None or len(points_a) < 8 or len(points_b) < 8:
        return None
    pairs = cv2.BFMatcher().knnMatch(described_a, described_b, k=2)
    good = [p[0] for p in pairs if len(p) == 2 and p[0].distance < 0.75 * p[1].distance]
    if len(good) < 12:
        return None
    source = np.array([points_a[m.queryIdx].pt for m in good], np.float32)
    target = np.array([points_b[m.trainIdx].pt for m in good], np.float32)
    cv2.setRNGSeed(0)
    warp, inliers = cv2.findHomography(source, target, cv2.RANSAC, 3.0)
    if warp is None or int(inliers.sum()) < 12:
        return None
    scale = np.sqrt(abs(np.linalg.det(warp[:2, :2])))
    return swapped(np.asarray(warp, np.float64)) if 0.5 < scale < 2.0 else None
