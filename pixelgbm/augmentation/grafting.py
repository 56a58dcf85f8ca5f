"""A defect cut out with the surface right around it, and laid into another surface so that no seam shows.

What is laid over are the donor's own pixels, texture and all: where a thread is missing, or a pore is rough, the
difference from a smooth surface would not say it. Three things would give a plain copy away, and each is met: a step of
brightness or tint (the patch is multiplied by the ratio of the two surfaces along its rim, spread inwards), a break of
the pattern (of several turns and places the one whose rim fits best is taken), and a blurred seam (the blend keeps the
contrast that two unrelated textures lose when they are averaged: Heitz and Neyret 2018, doi:10.1145/3233304).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelgbm.patches import grown, turned
from pixelgbm.records import Truth

__all__ = ["RIM", "Patch", "cut_patches", "graft"]

RIM = 6
"""Pixels around a mask within which an image may change: the seam is blended there."""

_KEPT = 1.5
"""Pixels around a mask that are the donor's alone: the soft edge of its defect."""

_RING = 8
"""Pixels around a mask that show the surface it lies on."""

_OFFSET = np.float32(4.0)
"""Grey levels added before the logarithm, as the features do, so that black pixels stay calm."""

_LARGEST = 0.6
"""Share of the image's side that a patch may take up."""

_SPREADS = ((3.0, 1.0), (9.0, 1e-2), (27.0, 1e-4), (81.0, 1e-6))
"""(sigma, weight): Gaussians whose sum spreads values of the rim inwards, the nearest ones counting by far the most."""

_TRIES, _SEARCH = 12, 10
"""Turns and places tried for one patch, and how far (px) from each place it may be moved until its rim fits."""

_STEP = 0.3
"""Difference of logarithms along the rim, rms, that is as bad as patterns that have nothing in common."""

_SCALES = (0.85, 1.18)
"""Factors on the size are drawn between these for every second patch, even on a logarithmic scale."""

_CONTRAST = (0.7, 1.4)
"""Bounds of the factor that gives the patch the contrast of the surface it is laid into."""

_Plane = NDArray[np.float32]

_CALM = 0.002
"""Deviation of logarithms below which a surface has no pattern to fit."""


@dataclass(frozen=True, slots=True)
class Patch:
    """One defect and its surroundings.

    levels: (rows, cols, channels) float32, logarithms of grey levels. truth: {head: (rows, cols) uint8}, 255 x the
    probability of a defect. marked: (rows, cols) bool, where any head has more than 0. ring: (rows, cols) bool, the
    surface around it. corner: (row, col) of its first pixel in the donor.
    """

    levels: _Plane
    truth: Truth
    marked: NDArray[np.bool_]
    ring: NDArray[np.bool_]
    corner: tuple[int, int]

    @property
    def side(self) -> int:
        """The longer side."""
        return int(max(self.marked.shape))


def cut_patches(image: NDArray[np.generic], truth: Truth, ignore: NDArray[np.bool_] | None = None) -> tuple[Patch, ...]:
    """The defects of one image, parts that nearly touch together.

    image: (rows, cols[, 3]) uint8 or uint16. Left out is what no seam can be laid around (it reaches the border), what
    takes up most of the image, and what touches an ignored pixel.
    """
    marked = _marked(truth)
    if not marked.any():
        return ()
    inner = np.zeros_like(marked)
    inner[RIM:-RIM, RIM:-RIM] = True
    near = grown(marked, _RING)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(near.view(np.uint8), connectivity=8)
    levels = _logarithms(image)
    patches = []
    for label in range(1, count):
        left, top, width, height = (int(v) for v in stats[label, :4])
        window = (slice(top, top + height), slice(left, left + width))
        own = labels[window] == label
        inside = marked[window] & own
        too_large = height > _LARGEST * marked.shape[0] or width > _LARGEST * marked.shape[1]
        ignored = ignore is not None and bool(ignore[window][own].any())
        if too_large or ignored or not inner[window][inside].all():
            continue
        cut = {head: np.where(inside, plane[window], np.uint8(0)) for head, plane in truth.items()}
        patches.append(Patch(levels[window].copy(), cut, inside, own & ~grown(inside, 2), (top, left)))
    return tuple(patches)


def graft(
    image: NDArray[np.generic], patches: Sequence[Patch], *, rng: np.random.Generator
) -> tuple[NDArray[np.generic], Truth]:
    """One of `patches`, turned, mirrored, a little larger or smaller, laid into a fitting place of `image`.

    image: (rows, cols[, 3]) uint8 or uint16, of the form of the donor's, at least as large as the smallest patch is
    long. Returns a new image of the same type and its truth, {head: (rows, cols) uint8}: the patch's own mask and
    nothing else. Outside the mask, pixels change less than `RIM` away.
    """
    surface = _logarithms(image)
    able = [patch for patch in patches if patch.side <= min(surface.shape[:2])]
    patch = able[int(rng.integers(len(able)))]
    grain = _grain(surface, np.ones(surface.shape[:2], bool))
    tries = [_placed(surface, grain, patch, patch.corner)]  # where objects lie alike, no place suits as well
    for _ in range(_TRIES):
        moved = _moved(patch, surface.shape[:2], rng)
        room = (extent - size for extent, size in zip(surface.shape, moved.marked.shape, strict=False))
        row, col = (int(rng.integers(most + 1)) for most in room)
        tries.append(_placed(surface, grain, moved, (row, col)))
    best = max(tries, key=lambda place: place.score)
    window = tuple(slice(at, at + size) for at, size in zip(best.corner, best.patch.marked.shape, strict=True))
    blended, changed = _blended(surface[window], best.patch, best.likeness)
    unit = np.float32(257 if image.dtype == np.uint16 else 1)
    laid = np.rint(np.clip(np.exp(blended) - _OFFSET, 0, 255) * unit).astype(image.dtype)
    new = image.copy()
    new[window][changed] = laid.reshape(new[window].shape)[changed]
    truth = {head: np.zeros(surface.shape[:2], np.uint8) for head in best.patch.truth}
    for head, plane in best.patch.truth.items():
        truth[head][window] = plane
    return new, truth


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a patch may go. corner: (row, col). likeness: correlation of the two patterns along the rim, -1..1."""

    patch: Patch
    corner: tuple[int, int]
    likeness: float
    score: float


def _moved(patch: Patch, shape: tuple[int, ...], rng: np.random.Generator) -> Patch:
    """The patch turned and mirrored, and every second one scaled where it then still fits into `shape`."""
    turns, mirror = int(rng.integers(4)), bool(rng.integers(2))
    factor = float(np.exp(rng.uniform(*np.log(_SCALES)))) if rng.integers(2) else 1.0
    levels, ring, truth = (
        turned(patch.levels, turns, mirror),
        turned(patch.ring, turns, mirror),
        {head: turned(plane, turns, mirror) for head, plane in patch.truth.items()},
    )
    size = tuple(round(factor * extent) for extent in ring.shape)
    if factor != 1 and max(size) <= min(shape):
        scaled = {head: _scaled_truth(plane, size) for head, plane in truth.items()}
        if all(scaled[head].any() == plane.any() for head, plane in truth.items()):
            levels = _with_channels(cv2.resize(levels, size[::-1], interpolation=cv2.INTER_CUBIC))
            ring = cv2.resize(ring.view(np.uint8), size[::-1], interpolation=cv2.INTER_NEAREST).view(np.bool_)
            truth = scaled
    marked = _marked(truth)
    return Patch(levels, truth, marked, ring & ~grown(marked, 2), patch.corner)


def _placed(surface: _Plane, grain: float, patch: Patch, corner: tuple[int, int]) -> _Place:
    """A place of `surface`, moved a little to where the rim of the patch fits best.

    It suits the worse, the more patterns, brightness and grain differ.
    """
    spans = []
    for start, extent, size in zip(corner, surface.shape, patch.marked.shape, strict=False):
        first = min(start, extent - size)
        spans.append(slice(max(0, first - _SEARCH), min(extent, first + size + _SEARCH)))
    field = np.ascontiguousarray(surface[tuple(spans)].mean(axis=2))
    middle = field.mean()
    field -= middle
    ring = patch.ring.astype(np.float32)
    grey = np.ascontiguousarray(patch.levels.mean(axis=2))
    own, weight = float(grey[patch.ring].mean()), float(ring.sum())
    grey = (grey - np.float32(own)) * ring
    mean = cv2.matchTemplate(field, ring, cv2.TM_CCORR) / weight
    square = cv2.matchTemplate(np.square(field), ring, cv2.TM_CCORR) / weight - np.square(mean)
    there, here = np.maximum(square, 0), np.square(grey).sum() / weight
    common = cv2.matchTemplate(field, grey, cv2.TM_CCORR) / weight
    likeness = common / ((np.sqrt(there) + _CALM) * (np.sqrt(here) + _CALM))
    apart = np.maximum(np.square(mean + (middle - own)) + there + here - 2 * common, 0)
    score = likeness - np.sqrt(apart) / _STEP
    row, col = (int(k) for k in np.unravel_index(np.argmax(score), score.shape))
    suits = float(score[row, col]) - abs(_grain(patch.levels, patch.ring) - grain)
    return _Place(patch, (spans[0].start + row, spans[1].start + col), float(likeness[row, col]), suits)


def _grain(levels: _Plane, where: NDArray[np.bool_]) -> float:
    """Which way a surface runs: log of how much it changes down the rows over how much along them."""
    grey = levels.mean(axis=2)
    down = np.abs(np.diff(grey, axis=0))[where[:-1] & where[1:]].mean()
    along = np.abs(np.diff(grey, axis=1))[where[:, :-1] & where[:, 1:]].mean()
    return float(np.log((down + _CALM) / (along + _CALM)))


def _blended(surface: _Plane, patch: Patch, likeness: float) -> tuple[_Plane, NDArray[np.bool_]]:
    """Logarithms of the window with the patch in it, and (rows, cols) bool where they differ from the surface's.

    With weights a + b = 1 of two textures of correlation r, a sum loses contrast; it is given back by the
    divisor sqrt(a^2 + b^2 + 2abr).
    """
    step = _spread(surface - patch.levels, patch.ring)
    laid = patch.levels + step
    fine, there = (values - _blur(values, 2.0) for values in (laid, surface))
    contrast = (there[patch.ring].std() + _CALM) / (fine[patch.ring].std() + _CALM)
    laid += np.float32(np.clip(contrast, *_CONTRAST) - 1) * fine
    away = cv2.distanceTransform((~patch.marked).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    part = np.clip((RIM - away) / (RIM - _KEPT), 0, 1)[..., np.newaxis]
    part = np.asarray(part * part * (3 - 2 * part), np.float32)
    rest = 1 - part
    divisor = np.sqrt(np.square(part) + np.square(rest) + 2 * part * rest * np.float32(np.clip(likeness, 0, 1)))
    light = _blur(surface, 3.0)
    blended = light + (part * (laid - light) + rest * (surface - light)) / divisor
    return np.asarray(blended, np.float32), part[..., 0] > 0


def _spread(values: _Plane, where: NDArray[np.bool_]) -> _Plane:
    """`values` known on the rim `where`, smoothly continued over the whole window."""
    known = where.astype(np.float32)[..., np.newaxis]
    total = sum(np.float32(share) * _blur(values * known, sigma) for sigma, share in _SPREADS)
    weight = sum(np.float32(share) * _blur(known, sigma) for sigma, share in _SPREADS)
    return np.asarray(total / weight, np.float32)


def _scaled_truth(plane: NDArray[np.uint8], size: tuple[int, ...]) -> NDArray[np.uint8]:
    """A hard mask stays hard, a soft one soft."""
    scaled = np.asarray(cv2.resize(plane, size[::-1], interpolation=cv2.INTER_LINEAR), np.uint8)
    hard = bool(((plane == 0) | (plane == 255)).all())
    return np.where(scaled >= 128, np.uint8(255), np.uint8(0)) if hard else scaled


def _marked(truth: Truth) -> NDArray[np.bool_]:
    return np.asarray(np.logical_or.reduce([plane > 0 for plane in truth.values()]))


def _logarithms(image: NDArray[np.generic]) -> _Plane:
    unit = np.float32(257 if image.dtype == np.uint16 else 1)
    return _with_channels(np.log(image.astype(np.float32) / unit + _OFFSET))


def _with_channels(plane: NDArray) -> NDArray:  # type: ignore[type-arg]
    """A plane with its channels as third axis, one for a grey one."""
    return plane if plane.ndim == 3 else plane[..., np.newaxis]


def _blur(planes: _Plane, sigma: float) -> _Plane:
    return _with_channels(cv2.GaussianBlur(planes, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE))
