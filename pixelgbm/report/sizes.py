"""Figures by size: how many defects of a size were found, and what images with that much dirt score."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pixelgbm.report.survey import Seen
from pixelgbm.scorecard import ImageScore

__all__ = ["EDGES", "SizeRow", "bin_labels", "size_counts", "size_rows"]

EDGES: tuple[int, ...] = (1, 10, 30, 100, 300, 1000, 3000, 10_000)
"""Where the bins start, px; the last is open."""


@dataclass(frozen=True, slots=True)
class SizeRow:
    """One bin. found: share of its defects with any pixel marked; covered: mean share of their pixels marked.

    images: those whose defects add up to this size; score: their mean. None where there are none.
    """

    label: str
    defects: int
    found: float | None
    covered: float | None
    images: int
    score: float | None


def bin_labels() -> tuple[str, ...]:
    """The bins in words, px."""
    inner = [f"{low:,}-{high - 1:,}" for low, high in pairwise(EDGES)]
    return (*inner, f"{EDGES[-1]:,} and more")


def _places(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.searchsorted(EDGES, sizes, side="right") - 1


def size_counts(seen: Iterable[Seen]) -> NDArray[np.int64]:
    """(bins,) how many connected defects there are of each size."""
    sizes = np.concatenate([np.zeros(0, np.int64), *(item.sizes for item in seen)])
    return np.bincount(_places(sizes), minlength=len(EDGES))


def size_rows(seen: Sequence[Seen], per_image: Sequence[ImageScore]) -> list[SizeRow]:
    """Every bin in which there is a defect or an image, the smallest first."""
    marked = [item for item in seen if item.covered is not None and item.sizes.size]
    sizes = np.concatenate([np.zeros(0, np.int64), *(item.sizes for item in marked)])
    covered = np.concatenate([np.zeros(0, np.int64), *(item.covered for item in marked if item.covered is not None)])
    dirty = [(row.actual, row.score) for row in per_image if row.actual]
    totals, scores = np.array([a for a, _ in dirty], np.int64), np.array([s for _, s in dirty], np.float64)
    rows = []
    for place, label in enumerate(bin_labels()):
        here, images = _places(sizes) == place, _places(totals) == place
        rows.append(
            SizeRow(
                label=label,
                defects=int(here.sum()),
                found=float((covered[here] > 0).mean()) if here.any() else None,
                covered=float((covered[here] / sizes[here]).mean()) if here.any() else None,
                images=int(images.sum()),
                score=float(scores[images].mean()) if images.any() else None,
            )
        )
    return [row for row in rows if row.defects or row.images]
