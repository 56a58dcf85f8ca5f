"""Which images share a defect pattern, and folds that never part such a group."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["fold_table", "infer_groups"]

_SMALLEST = 24
"""A component of fewer pixels has no shape to recognise; its image stays alone."""

_LARGEST_SHARE = 0.25
"""A component below this share of its image's defect pixels is a companion, not the pattern."""

_STRAIGHT = 6.0
"""Length against width from which a bar is a line."""

_COMMON = 0.25
"""Share of straight lines among all shapes from which being one says nothing: with them 115 of 300 drawn pages with
scratches were one group. Among 370 shapes of dirt on print 8 % are lines, most of them fibres that do come again."""

_PER_IMAGE = 2
_ANGLES, _RINGS, _REACH = 128, 16, 4.5
_LIKELY, _NEAREST = 0.90, 12
_SAME_BORDER = 0.28
"""Two borders this far apart on average (px) are one shape drawn twice: two roundings of one shape to the
pixel grid differ by 0.17 px on average and by 0.26 px in one case of twenty."""

_SPREAD = 1.6
_HOPELESS = 2.5
"""A start this many times too far off, beside what one step of angle moves its ends, is not refined further."""

_SMALLEST_SCALE = 0.3
_DISTINCT = 2.0


@dataclass(frozen=True, slots=True)
class _Shape:
    """One component: its cropped mask, and what does not change under shift and turn.

    centre: (row, col) in the crop. border: length of the border, px. polar: (rings, angles) float32, how its
    area spreads around the centre in units of sqrt(area), square root taken, of unit norm.
    """

    image: str
    mask: NDArray[np.uint8]
    centre: tuple[float, float]
    area: int
    border: float
    polar: NDArray[np.float32]

    @property
    def distinct(self) -> bool:
        """True for a shape so far from round that another one is unlikely to resemble it by chance."""
        return self.border**2 / (4 * np.pi * self.area) >= _DISTINCT


def infer_groups(masks: Iterable[tuple[str, NDArray[np.bool_]]]) -> dict[str, str]:
    """Group images by defect pattern: the same component shape up to shift, turn, flip and scale.

    masks: (id, (rows, cols) bool) one after another. Returns id -> group, the group named after its first image; a
    clean image, and one with nothing but specks, is a group of its own; so is one with a straight line where such lines
    are common. Shapes are compared by the mean distance of their borders after the best turn and flip, and joined only
    while all members of a group resemble each other, so that roundish specks do not chain everything together.
    """
    shapes: list[_Shape] = []
    ids: list[str] = []
    for image, mask in masks:
        ids.append(image)
        shapes.extend(_shapes(image, mask))
    straight = [_is_straight(shape.mask) for shape in shapes]
    if sum(straight) > _COMMON * len(shapes):
        shapes = [shape for shape, line in zip(shapes, straight, strict=True) if not line]
    parent = {image: image for image in ids}

    def root(image: str) -> str:
        while parent[image] != image:
            parent[image] = parent[parent[image]]
            image = parent[image]
        return image

    for cluster in _clusters(shapes):
        first, *others = sorted((root(shapes[k].image) for k in cluster), key=ids.index)
        for other in others:
            parent[root(other)] = root(first)
    return {image: root(image) for image in ids}


def fold_table(
    ids: Sequence[str],
    groups: Mapping[str, str],
    *,
    folds: int,
    seed: int,
    strata: Mapping[str, str] | None = None,
) -> dict[str, int]:
    """id -> fold 0..folds-1 with every group in one fold, folds of similar size in total and per stratum.

    Groups are placed largest first, equal ones in an order drawn from the seed, each where its members' strata
    (such as "level 2, dirty") are least represented so far.
    """
    members: dict[str, list[str]] = defaultdict(list)
    for image in ids:
        members[groups[image]].append(image)
    names = list(members)
    shuffled = [names[k] for k in np.random.default_rng([seed, 0x666F6C64]).permutation(len(names))]
    load: dict[str, NDArray[np.int64]] = defaultdict(lambda: np.zeros(folds, dtype=np.int64))
    total = np.zeros(folds, dtype=np.int64)
    table: dict[str, int] = {}
    for name in sorted(shuffled, key=lambda group: -len(members[group])):
        kinds = [strata[image] if strata is not None else "" for image in members[name]]
        own = np.sum([load[kind] for kind in kinds], axis=0)
        fold = int(np.lexsort((np.arange(folds), total, own))[0])
        for image, kind in zip(members[name], kinds, strict=True):
            table[image] = fold
            load[kind][fold] += 1
        total[fold] += len(kinds)
    return {image: table[image] for image in ids}


def _shapes(image: str, mask: NDArray[np.bool_]) -> list[_Shape]:
    """The largest components of a mask; fragments a pixel apart count as one, because a turn can break them."""
    area = int(np.count_nonzero(mask))
    if area < _SMALLEST:
        return []
    byte = mask.astype(np.uint8)
    joined = cv2.dilate(byte, np.ones((3, 3), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8, ltype=cv2.CV_32S)
    sizes = np.bincount(labels.ravel(), weights=byte.ravel(), minlength=len(stats))
    sizes[0] = 0
    found = []
    for label in np.argsort(-sizes, kind="stable")[:_PER_IMAGE]:
        if sizes[label] >= max(_SMALLEST, _LARGEST_SHARE * area):
            left, top, width, height = (int(edge) for edge in stats[label, :4])
            window = (slice(top, top + height), slice(left, left + width))
            found.append(_shape(image, np.pad(((labels[window] == label) & mask[window]).astype(np.uint8), 1)))
    return found


def _is_straight(crop: NDArray[np.uint8]) -> bool:
    """Whether a component is a long bar: no further from its main axis than a bar of its area and length is."""
    places = np.argwhere(crop).astype(np.float64)
    _, _, axes = np.linalg.svd(places - places.mean(axis=0), full_matrices=False)
    along, across = axes @ (places - places.mean(axis=0)).T
    length = float(np.ptp(along)) + 1
    width = len(places) / length
    return length >= _STRAIGHT * width and float(across.std()) <= 0.35 * (width + 1)  # of a bar: width / sqrt(12)


def _shape(image: str, crop: NDArray[np.uint8]) -> _Shape:
    rows, cols = np.nonzero(crop)
    centre = (float(rows.mean()), float(cols.mean()))
    edges = np.count_nonzero(np.diff(crop, axis=0)) + np.count_nonzero(np.diff(crop, axis=1))
    polar = _polar(rows - centre[0], cols - centre[1])
    return _Shape(image, crop, centre, rows.size, edges * np.pi / 4, polar)


def _polar(rows: NDArray[np.floating], cols: NDArray[np.floating]) -> NDArray[np.float32]:
    """Area per ring and direction around the centre, in units of sqrt(area), slightly blurred."""
    step = (np.arange(3) - 1) / 3
    y = (rows[:, None, None] + step[:, None]).repeat(3, axis=2).ravel()
    x = (cols[:, None, None] + step[None, :]).repeat(3, axis=1).ravel()
    radius = np.hypot(y, x) / (_REACH * np.sqrt(rows.size))
    ring = np.minimum(np.power(radius, 2 / 3) * _RINGS, _RINGS - 1).astype(np.intp)
    angle = np.floor((np.arctan2(y, x) / (2 * np.pi) % 1.0) * _ANGLES).astype(np.intp) % _ANGLES
    table = np.bincount(ring * _ANGLES + angle, minlength=_RINGS * _ANGLES).reshape(_RINGS, _ANGLES)
    wrapped = np.pad(table.astype(np.float32), ((0, 0), (8, 8)), mode="wrap")
    blurred = cv2.GaussianBlur(wrapped, (0, 0), sigmaX=2.0, sigmaY=0.7)[:, 8:-8]
    root = np.sqrt(blurred)
    return np.asarray(root / np.linalg.norm(root), dtype=np.float32)


def _clusters(shapes: Sequence[_Shape]) -> list[list[int]]:
    """Groups of shape numbers, joined from the closest pair up while all pairs inside stay close."""
    known = {pair: _border_distance(shapes[pair[0]], shapes[pair[1]]) for pair in _likely_pairs(shapes)}
    cluster = {k: [k] for k in range(len(shapes))}
    for (one, two), distance in sorted(known.items(), key=lambda item: (item[1], item[0])):
        if distance > _SAME_BORDER:
            break
        first, second = cluster[one], cluster[two]
        if first is second:
            continue
        cross = [(min(a, b), max(a, b)) for a in first for b in second]
        for pair in cross:
            if pair not in known:
                known[pair] = _border_distance(shapes[pair[0]], shapes[pair[1]])
        if max(known[pair] for pair in cross) <= _SPREAD * _SAME_BORDER:
            first.extend(second)
            for k in second:
                cluster[k] = first
    return [members for k, members in cluster.items() if members[0] == k and len(members) > 1]


def _likely_pairs(shapes: Sequence[_Shape]) -> list[tuple[int, int]]:
    """Pairs (low, high) of shapes of different images worth a closer look: each shape's nearest by polar spread."""
    if len(shapes) < 2:
        return []
    best = _polar_similarity(shapes)
    area = np.array([shape.area for shape in shapes], dtype=np.float64)
    border = np.array([shape.border for shape in shapes])
    distinct = np.array([shape.distinct for shape in shapes])
    small, large = np.minimum.outer(area, area), np.maximum.outer(area, area)
    same_size = large - small <= 2 * _SAME_BORDER * np.minimum.outer(border, border)
    scaled = (small >= _SMALLEST_SCALE**2 * large) & distinct[:, None] & distinct[None, :]
    images = np.array([shape.image for shape in shapes])
    best[~(same_size | scaled) | (images[:, None] == images[None, :])] = 0
    pairs = set()
    for one, row in enumerate(best):
        for two in np.argsort(-row, kind="stable")[:_NEAREST].tolist():
            if row[two] >= _LIKELY:
                pairs.add((min(one, two), max(one, two)))
    return sorted(pairs)


def _polar_similarity(shapes: Sequence[_Shape]) -> NDArray[np.float32]:
    """(n, n) overlap 0..1 of the polar spreads at the best turn and flip: circular correlation over the angle."""
    spectrum = np.fft.rfft(np.stack([shape.polar for shape in shapes]), axis=2).astype(np.complex64)
    by_angle = np.ascontiguousarray(spectrum.transpose(2, 0, 1))
    best = np.empty((len(shapes), len(shapes)), dtype=np.float32)
    for start in range(0, len(shapes), 64):
        block = by_angle[:, start : start + 64]
        for flipped in (False, True):
            other = by_angle if flipped else by_angle.conj()
            cross = np.matmul(block, other.transpose(0, 2, 1)).transpose(1, 2, 0)
            peak = np.fft.irfft(cross, n=_ANGLES, axis=2).max(axis=2)
            rows = best[start : start + 64]
            rows[:] = np.maximum(rows, peak) if flipped else peak
    return best


def _border_distance(one: _Shape, two: _Shape) -> float:
    """Mean distance of the two borders (px of the smaller shape) after the best turn, flip and shift."""
    fixed, moving = (one, two) if one.area <= two.area else (two, one)
    scale = 1.0
    if moving.area - fixed.area > 2 * _SAME_BORDER * fixed.border:
        scale = float(np.sqrt(fixed.area / moving.area))
    spectrum = np.fft.rfft(fixed.polar, axis=1)
    best = np.inf
    for flip in (False, True):
        other = np.fft.rfft(moving.polar, axis=1)
        overlap = np.fft.irfft((spectrum * (other if flip else other.conj())).sum(axis=0), n=_ANGLES)
        for turn in _peaks(overlap):
            best = min(best, _refined(fixed, moving, scale, 2 * np.pi * turn / _ANGLES, flip))
    return best


def _peaks(overlap: NDArray[np.float64]) -> list[int]:
    """The two highest local maxima of a circular curve."""
    higher = (overlap >= np.roll(overlap, 1)) & (overlap > np.roll(overlap, -1))
    places = np.flatnonzero(higher)
    return [int(k) for k in places[np.argsort(-overlap[places], kind="stable")[:2]]]


def _refined(fixed: _Shape, moving: _Shape, scale: float, turn: float, flip: bool) -> float:
    """The smallest border distance near a turn: angles first, then shifts, then angles again."""
    state = (turn, 0.0, 0.0)
    best = _distance(fixed, moving, scale, flip, state)
    step = 2 * np.pi / _ANGLES
    hopeless = _HOPELESS * _SAME_BORDER + step * float(np.hypot(*fixed.mask.shape)) / 4
    if best > 2 * hopeless:
        return best
    for moves in (
        [(k * step, 0.0, 0.0) for k in (-1.0, -0.5, 0.5, 1.0)],
        [(0.0, y, x) for y in (-0.5, 0.0, 0.5) for x in (-0.5, 0.0, 0.5)],
        [(k * step, 0.0, 0.0) for k in (-0.5, -0.25, 0.25, 0.5)],
        [(0.0, y, x) for y in (-0.25, 0.0, 0.25) for x in (-0.25, 0.0, 0.25)],
    ):
        tried = [(state[0] + turn, state[1] + y, state[2] + x) for turn, y, x in moves]
        distances = [_distance(fixed, moving, scale, flip, candidate) for candidate in tried]
        place = int(np.argmin(distances))
        if distances[place] < best:
            best, state = distances[place], tried[place]
        if best > hopeless:
            break
    return best


def _distance(fixed: _Shape, moving: _Shape, scale: float, flip: bool, state: tuple[float, float, float]) -> float:
    """Pixels in one shape only, per px of border, with `moving` turned about its centre and put on `fixed`."""
    turn, shift_row, shift_col = state
    cos, sin = np.cos(turn) * scale, np.sin(turn) * scale
    forth = np.array([[cos, -sin], [sin, cos]])
    if flip:
        forth = forth @ np.array([[1.0, 0.0], [0.0, -1.0]])
    reach = np.ceil(scale * np.hypot(*moving.mask.shape) / 2 + np.hypot(*fixed.mask.shape) / 2)
    size = int(2 * reach + 1)
    middle = np.array([reach + shift_col, reach + shift_row])
    centre = np.array([moving.centre[1], moving.centre[0]])
    matrix = np.column_stack([forth, middle - forth @ centre])
    turned = cv2.warpAffine(moving.mask * np.uint8(255), matrix, (size, size), flags=cv2.INTER_LINEAR) >= 128
    at = (round(reach - fixed.centre[0]), round(reach - fixed.centre[1]))
    canvas = np.zeros((size, size), dtype=bool)
    canvas[at[0] : at[0] + fixed.mask.shape[0], at[1] : at[1] + fixed.mask.shape[1]] = fixed.mask > 0
    return float(np.count_nonzero(turned != canvas)) / min(fixed.border, scale * moving.border)
