"""The places of a map that could have become a found region: those that did, and which test the others failed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelgbm import regions
from pixelgbm.decision import Rule
from pixelgbm.inspection import Judged, region_of
from pixelgbm.mapping import HeadMap
from pixelgbm.model import Head
from pixelgbm.records import Region

__all__ = ["Failed", "Spot", "failed_at", "failed_tests", "spots_of"]


@dataclass(frozen=True, slots=True)
class Failed:
    """The test of the rule that something did not pass: the number it had, and the least it needed.

    test: "survivor_cut" (of a pixel: probability in the first look), "low" (probability; of a region its highest),
    "operation" (pixels left by it), "max_regions" (probability mass, px), "min_area" (px), "region_cut" (score), "gate"
    (best score of the image's regions that got so far) or "trim" (the best score among a region and its parts, to be
    exceeded; of a pixel that was cut off a found region, what that region promised as a whole, in px, and what the
    parts that were found in its stead did).
    """

    test: str
    had: float
    needed: float


@dataclass(frozen=True, slots=True, eq=False)
class Spot:
    """A found or rejected region. failed: None when it was found. pixels: (n,) flat indices, without filled holes.

    The score of a region that was never a candidate ("low", "operation", "max_regions") is NaN.
    """

    region: Region
    failed: Failed | None
    pixels: NDArray[np.intp]


def spots_of(head: Head, mapped: HeadMap, judged: Judged) -> list[Spot]:
    """Found regions as `inspect_pair` orders them, then rejected candidates, then fainter ones, the heaviest first.

    Faint are connected pixels of at least `regions.LOW_GRID[0]` without any candidate among them.
    """
    found = [
        Spot(region_of(head, cut, int(k)), None, _members(cut[0].labels, int(k) + 1))
        for cut, rows in zip(judged.cuts, judged.found, strict=True)
        for k in rows
    ]
    table = judged.cuts[0][0]
    rejected = [
        Spot(region_of(head, judged.cuts[0], k), failed, _members(table.labels, k + 1))
        for k, failed in enumerate(failed_tests(judged, head.rule))
        if failed is not None
    ]
    return [
        *sorted(found, key=lambda spot: spot.region.bbox),
        *sorted(rejected, key=_mass, reverse=True),
        *sorted(_faint(head, mapped, judged), key=_mass, reverse=True),
    ]


def _mass(spot: Spot) -> float:
    return spot.pixels.size * spot.region.mean_probability


def _members(labels: NDArray[np.int32], number: int) -> NDArray[np.intp]:
    return np.flatnonzero(labels == number)


def failed_tests(judged: Judged, rule: Rule) -> list[Failed | None]:
    """For each candidate at the rule's low the first test it failed; None for one that was found, if only in part."""
    table, scores = judged.cuts[0]
    passed = scores[(table.area >= rule.min_area) & (scores >= rule.region_cut)]
    best = float(passed.max(initial=-np.inf))
    promise, found = _parts(judged)
    tests: list[Failed | None] = []
    for k in range(len(table)):
        area, score = int(table.area[k]), float(scores[k])
        if area < rule.min_area:
            tests.append(Failed("min_area", area, rule.min_area))
        elif score < rule.region_cut:
            tests.append(Failed("region_cut", score, rule.region_cut))
        elif rule.gate is not None and best < rule.gate:
            tests.append(Failed("gate", best, rule.gate))
        elif rule.trim is not None and not found[k]:
            tests.append(Failed("trim", float(promise[k]), rule.trim))
        else:
            tests.append(None)
    return tests


def _parts(judged: Judged) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """For each candidate of the first cut the best score among it and its parts, and whether any of them was found."""
    first = judged.cuts[0][0]
    promise, found = np.full(len(first), -np.inf), np.zeros(len(first), dtype=np.bool_)
    for (table, scores), rows in zip(judged.cuts, judged.found, strict=True):
        owner = regions.parents(table, first)
        known = owner >= 0
        np.maximum.at(promise, owner[known], scores[known])
        found[owner[rows]] = True
    return promise, found


def _faint(head: Head, mapped: HeadMap, judged: Judged) -> Iterator[Spot]:
    rule, table, levels = head.rule, judged.cuts[0][0], mapped.levels
    floor = min(regions.LOW_GRID[0], rule.low)
    count, labels, boxes, centres = cv2.connectedComponentsWithStats((levels >= floor).view(np.uint8), connectivity=8)
    there = set(np.unique(labels[table.labels > 0]).tolist())
    candidates = regions.candidate_mask(levels, low=rule.low, operation=rule.operation)
    lightest = float((table.area * table.mean_probability).min(initial=np.inf))
    for number in range(1, count):
        if number in there:
            continue
        pixels = _members(np.asarray(labels, dtype=np.int32), number)
        inside = levels.ravel()[pixels] / 255
        left, top, width, height, area = (int(value) for value in boxes[number])
        region = Region(
            head=head.name,
            bbox=(top, left, top + height, left + width),
            centroid=(float(centres[number, 1]), float(centres[number, 0])),
            area=area,
            score=float("nan"),
            mean_probability=float(inside.mean()),
            max_probability=float(inside.max()),
        )
        dropped = candidates.ravel()[pixels]
        if dropped.any():
            failed = Failed("max_regions", float(inside[dropped].sum()), lightest)
        else:
            failed = _failed_before(region.max_probability, rule)
        yield Spot(region, failed, pixels)


def _failed_before(probability: float, rule: Rule) -> Failed:
    """Why pixels of at most this probability are no candidates."""
    if round(probability * 255) < rule.low:
        return Failed("low", probability, rule.low / 255)
    return Failed("operation", 0, 1)


def failed_at(pixel: int, spots: Sequence[Spot], head: Head, mapped: HeadMap, judged: Judged) -> Failed | None:
    """The test that a pixel (a flat index) or its region failed; None where it belongs to what was found."""
    if judged.mask.ravel()[pixel]:
        return None
    for spot in spots:
        if spot.failed is not None and pixel in spot.pixels:
            return spot.failed
    owner = int(judged.cuts[0][0].labels.ravel()[pixel]) - 1
    if owner >= 0 and head.rule.trim is not None:
        return _cut_off(owner, head.rule.trim, judged)
    return _failed_before(float(mapped.levels.ravel()[pixel] / 255), head.rule)


def _cut_off(owner: int, trim: float, judged: Judged) -> Failed:
    """owner: row of the first cut that was replaced by some of its parts."""
    first, scores = judged.cuts[0]
    parts = 0.0
    for (table, part_scores), rows in zip(judged.cuts, judged.found, strict=True):
        inside = rows[regions.parents(table, first)[rows] == owner]
        parts += float((table.area[inside] * (part_scores[inside] - trim)).sum())
    return Failed("trim", float(first.area[owner] * (scores[owner] - trim)), parts)
