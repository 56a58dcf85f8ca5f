"""Laws of the cuts that spare work: measured where defects are, and losing next to nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pixelgbm import datasets, training
from pixelgbm.mapping import first_stack, map_head, prepare_pair
from pixelgbm.metrics import METRICS
from pixelgbm.model import read_model
from pixelgbm.training.cutting import MOST_METRIC_LOST, MOST_PIXELS_LOST, drawn_views, losses_of
from tests.small_print import TINY, draw_contest


def test_the_survivors_cut_is_measured_on_dirty_views_however_few_there_are() -> None:
    dirty = np.arange(2000) % 226 == 0
    drawn = drawn_views(dirty.tolist(), np.random.default_rng(0))
    assert dirty[drawn].sum() == dirty.sum() == 9
    assert 120 <= len(drawn) <= 129
    assert drawn == sorted(set(drawn))
    balanced = (np.arange(2000) % 2 == 0).tolist()
    assert len(drawn_views(balanced, np.random.default_rng(0))) == 120
    assert drawn_views([True, False], np.random.default_rng(0)) == [0, 1]


def test_pixels_leave_early_where_little_is_lost(tmp_path: Path) -> None:
    data = draw_contest(tmp_path / "data")
    whole = training.train(data, TINY, out=tmp_path / "whole")
    model = training.train(data, replace(TINY, early_exit_trees=5), out=tmp_path / "model")
    left = model.heads[0].early_exit
    assert left is not None and left.trees == 5
    assert 0 < left.judged < 0.6
    assert left.pixels_lost <= MOST_PIXELS_LOST and left.metric_lost <= MOST_METRIC_LOST
    again = read_model(tmp_path / "model")
    assert again.heads[0].early_exit == left and again.digest == model.digest
    assert whole.heads[0].early_exit is None
    assert whole.heads[0].boosters[0].to_text() == again.heads[0].boosters[0].to_text()
    judged = []
    for sample in data.samples:
        pair = datasets.read_pair(data, sample)
        scene = prepare_pair(model.looks[0], pair)
        first = first_stack(model.looks[0], scene)
        early, all_of_it = (map_head(m.looks, m.heads[0], scene, None, first=first).probability for m in (again, whole))
        np.testing.assert_array_equal(early[early > 0], all_of_it[early > 0])
        judged.append((early > 0).mean())
    assert np.mean(judged) == pytest.approx(left.judged, abs=0.15)


def test_the_highest_cut_that_loses_next_to_nothing_is_taken() -> None:
    nothing = losses_of(np.zeros((0, 4, 3), np.int64), METRICS["macro-f1"])
    assert nothing.highest() == 2 and not nothing.pixels.any()
    counts = np.array([[[100, 110, 120], [100, 105, 120], [99, 100, 120], [80, 80, 120]]])
    losses = losses_of(counts, METRICS["macro-f1"])
    np.testing.assert_allclose(losses.pixels, [0, 0.01, 0.2])
    assert losses.metric[0] < 0 < losses.metric[2]
    assert losses.highest() == 1
