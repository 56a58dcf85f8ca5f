"""Growing one LightGBM booster, the same bytes every time: the only place that imports lightgbm."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

from pixelgbm.config import BoosterConfig
from pixelgbm.forest import Trees, parse_trees
from pixelgbm.threads import ordered_map
from pixelgbm.training.plan import Progress

__all__ = ["Task", "grow_all"]

_one_call = threading.Lock()
"""Held while boosters grow: those of one call agree on LightGBM's thread count, two calls need not."""


class _Rows(lightgbm.Sequence):
    """Rows of a matrix for LightGBM, converted batch by batch: no float copy of the whole matrix exists."""

    batch_size = 65536

    def __init__(self, matrix: NDArray[Any], index: NDArray[np.intp]) -> None:
        self.matrix, self.index = matrix, index

    def __len__(self) -> int:
        return int(self.index.size)

    def __getitem__(self, key: Any) -> NDArray[np.float64]:
        rows: NDArray[np.float64] = self.matrix[self.index[key]].astype(np.float64)
        return rows


class _Dataset(lightgbm.Dataset):
    """A data set made with the thread count of its booster.

    LightGBM keeps one thread count for the whole process, every call sets it, and buffers are one per thread. Left to
    itself a data set made from a `Sequence` does not pass its `num_threads` on and sets the count to all cores: a
    booster then growing, or another set then filled, in another thread writes past the end of its buffers.
    """

    def get_params(self) -> dict[str, Any]:
        given = self.params or {}
        return super().get_params() | {name: given[name] for name in ("num_threads", "verbosity") if name in given}


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """One booster to grow.

    matrix: (n, columns) of any real type, columns called `names`. labels: (n,) in 0..1, so soft truth is used as it
    is. weights: (n,). index: the rows to learn from, in canonical order. trees: None takes the config's.
    """

    matrix: NDArray[Any]
    labels: NDArray[np.float32]
    weights: NDArray[np.float32]
    index: NDArray[np.intp]
    names: tuple[str, ...]
    config: BoosterConfig
    seed: int
    trees: int | None = None


def grow_all(tasks: Sequence[Task], *, workers: int, label: str, progress: Progress | None) -> list[Trees]:
    """Grow the boosters of all tasks side by side. The trees do not depend on `workers`.

    Raises ValueError where the tasks ask for different numbers of LightGBM's own threads.
    """
    if len({task.config.threads for task in tasks}) > 1:
        raise ValueError("boosters grown side by side must have the same `threads`: LightGBM has one count a process")
    stop = threading.Event()
    grown = []
    with _one_call:
        for trees in ordered_map(lambda task: _grow(task, stop), tasks, workers=workers, stop=stop):
            grown.append(trees)
            if progress is not None:
                progress(len(grown), len(tasks), label)
    return grown


def _grow(task: Task, stop: threading.Event) -> Trees:
    """Bytes get one bin per value (`max_bin` 256, `min_data_in_bin` 1): trees split the values prediction sees."""
    config = task.config
    parameters = {
        "objective": "cross_entropy",
        "metric": "none",
        "num_leaves": config.num_leaves,
        "learning_rate": config.learning_rate,
        "min_data_in_leaf": config.min_data_in_leaf,
        "feature_fraction": config.feature_fraction,
        "bagging_fraction": config.bagging_fraction,
        "bagging_freq": 1 if config.bagging_fraction < 1 else 0,
        "lambda_l2": config.lambda_l2,
        "max_bin": 256,
        "min_data_in_bin": 1,
        "num_threads": config.threads,
        "seed": task.seed,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    data = _Dataset(
        _Rows(task.matrix, task.index),
        label=task.labels[task.index],
        weight=task.weights[task.index],
        feature_name=list(task.names),
        params=parameters,
        free_raw_data=True,
    )

    def end_when_stopped(_: object) -> None:
        if stop.is_set():
            raise RuntimeError("growing was given up")

    rounds = config.trees if task.trees is None else task.trees
    booster = lightgbm.train(parameters, data, num_boost_round=rounds, callbacks=[end_when_stopped])
    return parse_trees(booster.model_to_string(), where="the booster just grown")
