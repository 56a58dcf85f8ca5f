"""Laws of growing: given up at once, soft labels kept, one thread count for all that grows at a time."""

from __future__ import annotations

import ctypes
from dataclasses import replace

import lightgbm
import numpy as np
import pytest

from pixelgbm.forest import predict_rows
from pixelgbm.training.boosters import Task, grow_all
from tests.small_print import TINY


def test_boosters_that_are_being_grown_stop_when_the_pool_is_given_up() -> None:
    rng = np.random.default_rng(0)
    matrix = rng.integers(0, 256, (2000, 4)).astype(np.uint8)
    labels = (matrix[:, 0] > 128).astype(np.float32)
    endless = replace(TINY.booster, trees=10_000, num_leaves=256, min_data_in_leaf=1)
    task = Task(matrix, labels, np.ones(2000, np.float32), np.arange(2000), tuple("abcd"), endless, 0)
    quick = replace(task, trees=1)

    def interrupt(done: int, total: int, label: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        grow_all([quick, task, task], workers=2, label="growing", progress=interrupt)


def test_a_data_set_is_made_with_the_thread_count_of_its_booster(monkeypatch: pytest.MonkeyPatch) -> None:
    """With another count, boosters that grow beside it write past their buffers and the process dies now and then."""
    try:
        count = ctypes.c_int.in_dll(lightgbm.basic._LIB, "LGBM_DEFAULT_NUM_THREADS")
    except ValueError:
        pytest.skip("this build of LightGBM does not show its thread count")
    seen = []
    pushed = lightgbm.Dataset._push_rows

    def looked_at(data: lightgbm.Dataset, rows: np.ndarray) -> lightgbm.Dataset:
        seen.append(count.value)
        return pushed(data, rows)

    monkeypatch.setattr(lightgbm.Dataset, "_push_rows", looked_at)
    matrix = np.random.default_rng(0).integers(0, 256, (500, 4)).astype(np.uint8)
    labels = matrix[:, 0] / np.float32(255)
    task = Task(matrix, labels, np.ones(500, np.float32), np.arange(500), tuple("abcd"), TINY.booster, 0)
    grow_all([task], workers=1, label="", progress=None)
    assert seen == [1]


def test_boosters_of_different_thread_counts_are_not_grown_side_by_side() -> None:
    rows = np.zeros((10, 1), np.uint8)
    task = Task(rows, np.zeros(10, np.float32), np.ones(10, np.float32), np.arange(10), ("a",), TINY.booster, 0)
    other = replace(task, config=replace(TINY.booster, threads=2))
    with pytest.raises(ValueError, match="same `threads`"):
        grow_all([task, other], workers=1, label="", progress=None)


def test_soft_labels_are_learned_as_probabilities() -> None:
    matrix = np.repeat(np.array([[10], [200]], dtype=np.uint8), 500, axis=0)
    labels = np.where(matrix[:, 0] < 100, 0.2, 0.7).astype(np.float32)
    config = replace(TINY.booster, trees=100, lambda_l2=0.0)
    task = Task(matrix, labels, np.ones(1000, np.float32), np.arange(1000), ("a",), config, 0)
    (trees,) = grow_all([task], workers=1, label="", progress=None)
    assert predict_rows(trees, np.array([[10.0], [200.0]])) == pytest.approx([0.2, 0.7], abs=0.01)
