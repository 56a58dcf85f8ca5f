"""Tables of candidate regions of small drawn maps, for the tests of tuning."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from features import FeatureStack
from pixelgbm.mapstore import Tables
from pixelgbm.metrics import METRICS
from pixelgbm.regions import GRID, candidate_mask, measure, parents, truth_counts

F1, VERDICT = METRICS["macro-f1"], METRICS["verdict-f1"]


@cache
def drawn(images: int = 6) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """(byte map, truth) of small images; every third one is clean."""
    pairs = []
    for k in range(images):
        rng = np.random.default_rng(k)
        truth = np.zeros((24, 32), dtype=bool)
        if k % 3:
            truth[5:11, 6 : 12 + k] = True
            truth[7:9, 8:10] = False
        noise = rng.integers(0, 150, truth.shape)
        pairs.append((np.where(truth, 255 - noise // 2, noise).astype(np.uint8), truth))
    return tuple(pairs)


@cache
def drawn_tables(images: int = 6) -> Tables:
    """The tables of `drawn` at every grid point, with scores that decide and prediction could recompute."""
    columns: dict[str, list[Any]] = {
        name: [] for name in ("image", "grid", "region", "parent", "area", "filled_area", "tp", "filled_tp", "score")
    }
    for number, (levels, truth) in enumerate(drawn(images)):
        below = None
        for place, (low, operation) in enumerate(GRID):
            table = measure_map(levels, low, operation)
            parent = np.full(len(table), -1)
            if operation == "none":
                parent, below = (parent if below is None else parents(table, below)), table
            columns["parent"].append(parent)
            tp, filled_tp = truth_counts(table, truth)
            columns["image"].append(np.full(len(table), number))
            columns["grid"].append(np.full(len(table), place))
            columns["region"].append(np.arange(len(table)))
            for name, values in (("area", table.area), ("filled_area", table.filled_area)):
                columns[name].append(values)
            columns["tp"].append(tp)
            columns["filled_tp"].append(filled_tp)
            columns["score"].append(table.mean_probability)
    size = {"rows": np.full(images, 24), "cols": np.full(images, 32)}
    return Tables(
        ids=tuple(f"i{k}" for k in range(images)),
        split=("train",) * images,
        object=np.arange(images),
        actual=np.array([truth.sum() for _, truth in drawn(images)]),
        **size,
        **{name: np.concatenate(parts) for name, parts in columns.items()},
    )


def measure_map(levels: np.ndarray, low: int, operation: str) -> Any:
    mask = candidate_mask(levels, low=low, operation=operation)
    return measure(levels, mask, without_columns(levels.shape))


def without_columns(shape: tuple[int, ...]) -> FeatureStack:
    return FeatureStack(np.zeros((0, *shape), dtype=np.uint8), (), None, {}, ())


def keep_images(tables: Tables, keep: np.ndarray) -> Tables:
    """The tables of only those images."""
    rows = keep[tables.image]
    renumber = np.cumsum(keep) - 1
    per_region = ("grid", "region", "parent", "area", "filled_area", "tp", "filled_tp", "score")
    return Tables(
        ids=tuple(np.array(tables.ids)[keep]),
        split=tuple(np.array(tables.split)[keep]),
        object=np.unique(tables.object[keep], return_inverse=True)[1],
        **{name: getattr(tables, name)[keep] for name in ("actual", "rows", "cols")},
        image=renumber[tables.image[rows]],
        **{name: getattr(tables, name)[rows] for name in per_region},
    )
