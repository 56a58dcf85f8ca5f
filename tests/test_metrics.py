"""Laws of pixelgbm.metrics, by counting and by plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pixelgbm.metrics import METRICS, average_precision, bootstrap_interval, mean_over_heads, pixel_f1

masks = hnp.arrays(np.bool_, (4, 5))


@given(found=masks, truth=masks)
def test_f1_is_the_harmonic_mean_of_precision_and_recall(found, truth):
    tp, fp, fn = (found & truth).sum(), (found & ~truth).sum(), (~found & truth).sum()
    if tp == 0:
        expected = 1.0 if fp == fn == 0 else 0.0
    else:
        precision, recall = tp / (tp + fp), tp / (tp + fn)
        expected = 2 * precision * recall / (precision + recall)
    assert pixel_f1(tp, found.sum(), truth.sum()) == pytest.approx(expected, abs=1e-12)


def test_f1_of_arrays_is_f1_of_each():
    tp, predicted, actual = np.array([[0, 0], [3, 0]]), np.array([[0, 5], [4, 0]]), np.array([[0, 0], [6, 2]])
    assert pixel_f1(tp, predicted, actual).tolist() == [[1.0, 0.0], [0.6, 0.0]]
    assert METRICS["macro-f1"].per_image(tp, predicted, actual).dtype == np.float64


def test_mean_over_heads_counts_each_head_once_and_skips_what_is_not_labelled():
    values = np.array([[1.0, np.nan], [0.0, np.nan], [1.0, 0.5], [np.nan, np.nan]])
    assert mean_over_heads(values) == pytest.approx((2 / 3 + 0.5) / 2)
    assert np.isnan(mean_over_heads(np.full((2, 2), np.nan)))
    assert np.isnan(mean_over_heads(np.zeros((0, 1))))


@given(levels=hnp.arrays(np.uint8, 30, elements=st.integers(0, 5)), truth=hnp.arrays(np.bool_, 30))
def test_average_precision_is_precision_summed_over_the_recall_each_level_adds(levels, truth):
    value = average_precision(np.bincount(levels[truth], minlength=6), np.bincount(levels[~truth], minlength=6))
    if not truth.any():
        assert np.isnan(value)
        return
    expected = recall = 0.0
    for level in sorted(set(levels.tolist()), reverse=True):
        called = levels >= level
        reached = (called & truth).sum() / truth.sum()
        expected += (reached - recall) * (called & truth).sum() / called.sum()
        recall = reached
    assert value == pytest.approx(expected, abs=1e-12)


def test_average_precision_of_a_perfect_map_is_one_and_of_a_flat_one_the_share_of_defects():
    assert average_precision([0, 0, 5], [90, 5, 0]) == 1.0
    assert average_precision([5], [95]) == pytest.approx(0.05)


def test_interval_is_reproduced_by_its_seed():
    values = np.random.default_rng(0).random(50)
    assert bootstrap_interval(values, seed=1) == bootstrap_interval(values, seed=1)
    assert bootstrap_interval(values, seed=1) != bootstrap_interval(values, seed=2)


@given(values=hnp.arrays(np.float64, st.integers(1, 20), elements=st.floats(0, 1)))
@settings(max_examples=30, deadline=None)
def test_interval_lies_within_the_values(values):
    low, high = bootstrap_interval(values, seed=0, resamples=100)
    assert values.min() - 1e-12 <= low <= high <= values.max() + 1e-12


def test_interval_covers_the_mean_as_often_as_it_says():
    rng = np.random.default_rng(4)
    intervals = [bootstrap_interval(rng.random(60) < 0.3, seed=i, resamples=300) for i in range(200)]
    assert 0.9 <= np.mean([low <= 0.3 <= high for low, high in intervals]) <= 0.99


def test_interval_of_one_image_and_of_none():
    assert bootstrap_interval(np.array([0.4]), seed=0) == (0.4, 0.4)
    assert np.isnan(bootstrap_interval(np.zeros((0, 2)), seed=0)).all()
