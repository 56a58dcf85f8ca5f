"""How well the kept maps of a data set rank its pixels, head by head and within groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pixelgbm import datasets
from pixelgbm.comparison import DEFECT, Maps
from pixelgbm.images import image_size
from pixelgbm.metrics import aupro, auroc, average_precision, best_f1, count_levels, pixel_f1
from pixelgbm.records import Dataset, Sample
from pixelgbm.scorecard import ImageScore, PixelRanking, in_order

__all__ = ["rank_maps"]

_LEVELS = 65536  # of a kept map, so that ranking it is exact


def rank_maps(
    scored: Sequence[Sample], dataset: Dataset, maps: Maps, rows: Sequence[ImageScore]
) -> PixelRanking | None:
    """The figures of the maps of samples; None without defects. rows: what the masks of the same samples got.

    Raises DatasetError, ImageError or SubmissionError for a file that cannot be read.
    """
    heads, groups = dataset.heads, in_order({s.group for s in scored})
    total = np.zeros((len(heads), 3, _LEVELS))
    per_group = {}
    for group in [*groups, *({None} & {s.group for s in scored})]:
        counts = np.zeros_like(total)
        for sample in (s for s in scored if s.group == group):
            shape = image_size(sample.image)
            usable = datasets.read_ignore(sample, shape)
            usable = np.ones(shape, bool) if usable is None else ~usable
            for head, truth in datasets.read_truth(dataset, sample, shape).items():
                levels = np.rint(maps(sample.id, head) * np.float32(_LEVELS - 1)).astype(np.int64)
                counts[heads.index(head)] += count_levels(levels, truth >= DEFECT, usable, size=_LEVELS)
        total += counts
        if group is not None and counts[:, 0].any():
            per_group[group] = _of_heads(average_precision, counts[:, :2])
    if not total[:, 0].any():
        return None
    pixels, sums = total[:, :2], total.sum(axis=2, keepdims=True)
    mixed = bool((sums[sums[:, 0, 0] > 0, 1] > 0).all())
    return PixelRanking(
        average_precision=_of_heads(average_precision, pixels),
        chance=_of_heads(average_precision, sums[:, :2]),
        auroc=_of_heads(auroc, pixels) if mixed else None,
        aupro=_of_heads(aupro, total[:, [2, 1]]) if mixed else None,
        f1=float(np.mean([_pooled_f1(rows, head) for head, pair in zip(heads, pixels, strict=True) if pair[0].any()])),
        best_f1=_of_heads(best_f1, pixels),
        per_group=per_group,
    )


def _pooled_f1(rows: Sequence[ImageScore], head: str) -> float:
    """The F1 of the pixels of all images together; those that failed do not count."""
    counts = np.array([(r.tp, r.predicted, r.actual) for r in rows if r.head == head and r.actual is not None])
    return float(pixel_f1(*counts.sum(axis=0)))


def _of_heads(figure: Callable[[ArrayLike, ArrayLike], float], counts: NDArray[np.float64]) -> float:
    """The mean of a figure over the heads with defects. counts: (heads, 2, levels)."""
    return float(np.mean([figure(*pair) for pair in counts if pair[0].any()]))
