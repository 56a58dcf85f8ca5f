"""How far people who marked the same images agree with each other, and a model with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelgbm.errors import DatasetError
from pixelgbm.metrics import METRICS, bootstrap_interval, pixel_f1
from pixelgbm.raters import Marks, Rater

__all__ = ["Agreement", "agreement_table", "compare", "region_agreement"]

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two raters on one head. images: that both have marked, or left clean.

    pixel_f1: the mean over images of the F1 of pixels, and its 95 % bootstrap interval over images. pooled_f1: of all
    pixels together. regions: how many each has marked; agreed: how many of those the other has marked, too.
    """

    first: str
    second: str
    head: str
    with_model: bool
    images: int
    pixel_f1: float
    interval: tuple[float, float]
    pooled_f1: float
    regions: tuple[int, int]
    agreed: tuple[int, int]

    @property
    def shares(self) -> tuple[float | None, float | None]:
        """Of the regions of the first and of the second, the share that the other has marked; None without regions."""
        one, two = (agreed / count if count else None for agreed, count in zip(self.agreed, self.regions, strict=True))
        return one, two


def compare(
    raters: Sequence[Rater],
    *,
    least_iou: float = 0.0,
    seed: int = 0,
    resamples: int = 2000,
    progress: Progress | None = None,
) -> tuple[Agreement, ...]:
    """Every two annotators, then every annotator with every model, head by head, on the images both have.

    least_iou: as for `region_agreement`. Raises DatasetError when two have no image or no head in common, or masks of
    an image differ in size.
    """
    pairs = [_Pair(k, j, _common_heads(raters[k], raters[j])) for k, j in _pairs(raters)]
    having: dict[str, list[int]] = {}
    for k, rater in enumerate(raters):
        for id in rater.ids:
            having.setdefault(id, []).append(k)
    for done, (id, those) in enumerate(having.items(), 1):
        marks = {k: raters[k].read(id) for k in those} if len(those) > 1 else {}
        for pair in pairs:
            if pair.first in marks and pair.second in marks:
                for head, planes in _both(id, pair.heads, marks[pair.first], marks[pair.second]):
                    pair.counts.setdefault(head, []).append(_count(*planes, least_iou=least_iou))
        if progress is not None:
            progress(done, len(having), "comparing")
    found = []
    for pair in pairs:
        one, two = raters[pair.first], raters[pair.second]
        if not pair.counts:
            raise DatasetError(
                f"{one.name} and {two.name} have no labelled image in common; "
                f"their identifiers begin {one.ids[0]!r} and {two.ids[0]!r}"
            )
        found += [
            _agreement(one, two, head, np.array(pair.counts[head]), seed=seed, resamples=resamples)
            for head in pair.heads
            if head in pair.counts
        ]
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two raters by number. heads: name -> what each calls it. counts: head -> a row of `_count` for each image."""

    first: int
    second: int
    heads: Mapping[str, tuple[str, str]]
    counts: dict[str, list[NDArray[np.int64]]] = field(default_factory=dict)


def _pairs(raters: Sequence[Rater]) -> list[tuple[int, int]]:
    """Numbers of two annotators, then of an annotator and a model."""
    both = [pair for pair in combinations(range(len(raters)), 2) if not all(raters[k].is_model for k in pair)]
    return sorted(both, key=lambda pair: any(raters[k].is_model for k in pair))


def _common_heads(one: Rater, two: Rater) -> dict[str, tuple[str, str]]:
    """What is compared: name -> what each calls it. One head each can only mean the same thing."""
    if len(one.heads) == 1 and len(two.heads) == 1:
        return {one.heads[0]: (one.heads[0], two.heads[0])}
    common = [head for head in one.heads if head in two.heads]
    if not common:
        raise DatasetError(
            f"{one.name} marks {', '.join(one.heads)}, {two.name} marks {', '.join(two.heads)}: nothing to compare"
        )
    return {head: (head, head) for head in common}


def _both(
    id: str, heads: Mapping[str, tuple[str, str]], one: Marks, two: Marks
) -> Iterator[tuple[str, tuple[NDArray[np.bool_], NDArray[np.bool_]]]]:
    """Head and both planes, without what either ignores, where both have labelled it."""
    for head, (ours, theirs) in heads.items():
        if ours in one.planes and theirs in two.planes:
            first, second = one.planes[ours], two.planes[theirs]
            if first.shape != second.shape:
                shapes = " and ".join(f"{rows}x{cols}" for rows, cols in (first.shape, second.shape))
                raise DatasetError(f"image {id}: masks of {shapes}; they must be of one size")
            for ignore in (mark.ignore for mark in (one, two) if mark.ignore is not None):
                first, second = first & ~ignore, second & ~ignore
            yield head, (first, second)


def _count(one: NDArray[np.bool_], two: NDArray[np.bool_], *, least_iou: float) -> NDArray[np.int64]:
    """(7,) pixels of both, of one, of two; regions of one, of two, agreed of one, of two."""
    pixels = (np.count_nonzero(one & two), np.count_nonzero(one), np.count_nonzero(two))
    agreed = region_agreement(one, two, least_iou=least_iou)
    return np.array([*pixels, *(len(kind) for kind in agreed), *(kind.sum() for kind in agreed)], dtype=np.int64)


def region_agreement(
    one: NDArray[np.bool_], two: NDArray[np.bool_], *, least_iou: float = 0.0
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which 8-connected regions of each mask the other has, too: (n,) and (m,) bool.

    A region is agreed when a region of the other mask shares a pixel with it and the area of both common to both is at
    least `least_iou` of the area of either (intersection over union); 0 asks for no more than the pixel.
    """
    (labels, area), (others, other_area) = (_regions(mask) for mask in (one, two))
    count, other_count = len(area), len(other_area)
    where = one & two
    code, common = np.unique(labels[where].astype(np.int64) * other_count + others[where], return_counts=True)
    k, j = code // other_count, code % other_count
    good = common >= least_iou * (area[k] + other_area[j] - common)
    agreed, other_agreed = np.zeros(count, dtype=np.bool_), np.zeros(other_count, dtype=np.bool_)
    agreed[k[good]] = other_agreed[j[good]] = True
    return agreed[1:], other_agreed[1:]


def _regions(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """(rows, cols) labels, 0 where nothing is marked, and the area of each label."""
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8, ltype=cv2.CV_32S)
    found: NDArray[np.int32] = np.asarray(labels, dtype=np.int32)
    return found, np.bincount(found.ravel(), minlength=count)


def _agreement(one: Rater, two: Rater, head: str, rows: NDArray[np.int64], *, seed: int, resamples: int) -> Agreement:
    """rows: (images, 7) as `_count` gives them."""
    metric = METRICS["macro-f1"]
    tallies = metric.tally(rows[:, 0], rows[:, 1], rows[:, 2])[:, np.newaxis]
    total = rows.sum(axis=0)
    return Agreement(
        first=one.name,
        second=two.name,
        head=head,
        with_model=one.is_model or two.is_model,
        images=len(rows),
        pixel_f1=float(metric.overall(tallies)),
        interval=bootstrap_interval(
            lambda weights: metric.overall(tallies, weights), range(len(rows)), seed=seed, resamples=resamples
        ),
        pooled_f1=float(pixel_f1(total[0], total[1], total[2])),
        regions=(int(total[3]), int(total[4])),
        agreed=(int(total[5]), int(total[6])),
    )


def agreement_table(found: Sequence[Agreement]) -> list[tuple[str, ...]]:
    """Rows of text to print, the heading first: each pair, then the means of annotators and of those with a model."""
    heading = ("", "head", "images", "pixel F1", "95 %", "pooled", "agreed of the first", "agreed of the second")
    rows: list[tuple[str, ...]] = [heading]
    for one in found:
        low, high = one.interval
        agreed = [
            f"{kept} of {count}" if share is None else f"{kept} of {count}, {share:.1%}"
            for kept, count, share in zip(one.agreed, one.regions, one.shares, strict=True)
        ]
        figures = (f"{one.pixel_f1:.4f}", f"{low:.4f} to {high:.4f}", f"{one.pooled_f1:.4f}")
        rows.append((f"{one.first} - {one.second}", one.head, str(one.images), *figures, *agreed))
    for title, with_model in (("annotators, mean", False), ("with the model, mean", True)):
        for head in dict.fromkeys(one.head for one in found):
            part = [one for one in found if one.with_model == with_model and one.head == head]
            if len(part) > 1:
                means = (f"{np.mean([getattr(one, name) for one in part]):.4f}" for name in ("pixel_f1", "pooled_f1"))
                f1, pooled = means
                rows.append((title, head, "", f1, "", pooled, "", ""))
    return rows
