"""The region stage: candidates of every grid point on out-of-fold maps, their booster and calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features import FeatureStack
from pixelgbm import regions
from pixelgbm.calibration import Calibration, fit_calibration
from pixelgbm.config import RunConfig
from pixelgbm.forest import Trees, predict_rows
from pixelgbm.training.boosters import Task, grow_all
from pixelgbm.training.plan import Progress

__all__ = ["Candidates", "RegionStage", "fit_region_stage", "joined", "measure_grid"]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Candidate regions of views and grid points; every array has one row per region.

    view: number of the view. grid: place in `regions.GRID`. region: row in its own region table. parent: row in the
    table of the next lower threshold without an operation, or -1. area, filled_area, tp, filled_tp: px, tp inside the
    truth. features: (n, F) float32, columns `names`.
    """

    names: tuple[str, ...]
    view: NDArray[np.int64]
    grid: NDArray[np.int64]
    region: NDArray[np.int64]
    parent: NDArray[np.int64]
    area: NDArray[np.int64]
    filled_area: NDArray[np.int64]
    tp: NDArray[np.int64]
    filled_tp: NDArray[np.int64]
    mean_probability: NDArray[np.float64]
    features: NDArray[np.float32]

    def __len__(self) -> int:
        return int(self.view.size)


@dataclass(frozen=True, slots=True)
class RegionStage:
    """What the region stage of one head gives.

    booster: None when there were too few candidates to learn from. scores: (n,) calibrated, out-of-fold, one per row
    of the candidates it was fitted on.
    """

    booster: Trees | None
    calibration: Calibration
    scores: NDArray[np.float64]


def measure_grid(
    view: int,
    levels: NDArray[np.uint8],
    stack: FeatureStack,
    defect: NDArray[np.bool_],
    *,
    places: Sequence[int],
) -> Candidates:
    """The candidates of one map at the grid points of `places`, which rise.

    levels: (rows, cols) uint8, the byte map. defect: (rows, cols) bool, the truth.
    """
    parts = []
    below: regions.RegionTable | None = None
    for place in places:
        low, operation = regions.GRID[place]
        mask = regions.candidate_mask(levels, low=low, operation=operation)
        table = regions.measure(levels, mask, stack)
        tp, filled_tp = regions.truth_counts(table, defect)
        count = len(table)
        parent = np.full(count, -1, dtype=np.int64)
        if operation == "none":  # These come first in the grid, from the lowest threshold up.
            parent = parent if below is None else regions.parents(table, below)
            below = table
        parts.append(
            Candidates(
                names=table.names,
                view=np.full(count, view),
                grid=np.full(count, place),
                region=np.arange(count),
                parent=parent,
                area=table.area,
                filled_area=table.filled_area,
                tp=tp,
                filled_tp=filled_tp,
                mean_probability=table.mean_probability,
                features=table.features,
            )
        )
    return joined(parts)


def joined(parts: Sequence[Candidates]) -> Candidates:
    """The rows of all parts, one after another."""
    columns = [name for name in Candidates.__dataclass_fields__ if name != "names"]
    merged = {name: np.concatenate([getattr(part, name) for part in parts]) for name in columns}
    return Candidates(names=parts[0].names, **merged)


def fit_region_stage(
    candidates: Candidates, fold: NDArray[np.int64], config: RunConfig, *, workers: int, progress: Progress | None
) -> RegionStage:
    """Boosters that predict a region's precision (true share of its area), out-of-fold and final.

    fold: (n,) fold of each row's image. Candidates of all grid points are learned from together, so one booster
    serves every rule that tuning may choose. Each score that tuning will see comes from a booster and a
    calibration that have not seen the image.
    """
    precision = (candidates.tp / np.maximum(candidates.area, 1)).astype(np.float32)
    weights = _image_weights(candidates)
    held_out = [k for k in range(config.folds) if (fold == k).any() and (fold != k).any()]
    # Without a region booster, or with too little found to part into folds, the mean probability stands in.
    if len(held_out) < 2 or not config.judge_regions:
        raw = candidates.mean_probability
        return RegionStage(None, fit_calibration(raw, precision, weights=weights), raw)
    parts = [*(np.flatnonzero(fold != k) for k in held_out), np.arange(len(candidates))]
    tasks = [
        Task(candidates.features, precision, weights, part, candidates.names, config.region_booster, config.seed)
        for part in parts
    ]
    *boosters, final = grow_all(tasks, workers=workers, label="growing region boosters", progress=progress)
    raw = np.empty(len(candidates))
    for k, booster in zip(held_out, boosters, strict=True):
        raw[fold == k] = predict_rows(booster, candidates.features[fold == k])
    scores = np.empty(len(candidates))
    for k in held_out:
        others = fold != k
        calibration = fit_calibration(raw[others], precision[others], weights=weights[others])
        scores[~others] = calibration(raw[~others])
    return RegionStage(final, fit_calibration(raw, precision, weights=weights), scores)


def _image_weights(candidates: Candidates) -> NDArray[np.float32]:
    """1 / sqrt(regions of the same view and grid point): a noisy image must not outvote all others."""
    key = candidates.view * len(regions.GRID) + candidates.grid
    _, place, count = np.unique(key, return_inverse=True, return_counts=True)
    return np.asarray(1 / np.sqrt(count[place]), dtype=np.float32)
