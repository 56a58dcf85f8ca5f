"""Laws of pixelgbm.calibration."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelgbm.calibration import (
    IDENTITY,
    Calibration,
    calibrated_map,
    count_labels,
    fit_calibration,
    fit_map_calibration,
)
from pixelgbm.errors import ModelError


def test_identity_and_empty() -> None:
    scores = np.linspace(0, 1, 11)
    np.testing.assert_array_equal(IDENTITY(scores), scores)
    assert fit_calibration(np.zeros(0), np.zeros(0)) == IDENTITY


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.integers(1, 200))
def test_fit_is_monotone_bounded_and_survives_json(seed: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 40, size) / 40
    fitted = fit_calibration(scores, rng.random(size), weights=rng.random(size) + 0.01)
    said = fitted(np.linspace(-1, 2, 300))
    assert (np.diff(said) >= 0).all()
    assert said.min() >= 0
    assert said.max() <= 1
    assert Calibration.from_dict(json.loads(json.dumps(fitted.to_dict()))) == fitted


def test_fit_recovers_a_monotone_distortion() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random(20_000)
    labels = (rng.random(20_000) < truth).astype(float)
    fitted = fit_calibration(truth**3, labels)
    grid = np.linspace(0.1, 0.9, 17)
    np.testing.assert_allclose(fitted(grid**3), grid, atol=0.06)


def test_levels_are_kept_on_average() -> None:
    fitted = fit_calibration(np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.0, 0.6, 0.4, 1.0]))
    assert fitted.scores == (0.1, 0.25, 0.4)
    assert fitted.probabilities == (0.0, 0.5, 1.0)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.integers(1, 4000), bytes=st.sampled_from([2, 9, 256]))
def test_map_promises_add_up_to_the_truth_and_keep_the_order_of_bytes(seed: int, size: int, bytes: int) -> None:
    rng = np.random.default_rng(seed)
    levels = rng.integers(0, bytes, (1, size)).astype(np.uint8)
    soft = rng.integers(0, 256, (1, size)) * (rng.random((1, size)) < levels / 256)
    counts = count_labels(levels, soft.astype(np.uint8), np.ones((1, size), dtype=bool))
    fitted = fit_map_calibration(counts)
    promised = fitted(levels / 255)
    pixel_at_either_end = 1 - fitted(np.array([0.0, 1.0])).sum()
    assert promised.sum() == pytest.approx(soft.sum() / 255 + pixel_at_either_end)
    said = fitted(np.arange(256) / 255)
    assert (np.diff(said) > 0).all()
    assert said[0] > 0
    assert said[-1] < 1


def test_bytes_that_share_a_level_are_tilted_about_its_mean() -> None:
    counts = np.zeros((2, 256), dtype=np.int64)
    counts[0, [0, 10, 20, 255]] = 100, 30, 10, 10
    counts[1, [0, 10, 20, 255]] = 0, 255 * 15, 255 * 5, 255 * 10
    fitted = fit_map_calibration(counts)
    assert fitted.scores == (0.0, 10 / 255, 20 / 255, 1.0)
    # Both bytes have one half; above their mean, 12.5, the line goes a third of the way to what 11 pixels of 255 have.
    slope = (10 / 11 - 0.5) / 3 / 7.5
    assert fitted.probabilities == pytest.approx((1 / 101, 0.5 - 2.5 * slope, 0.5 + 7.5 * slope, 10 / 11))


def test_ignored_pixels_are_not_counted_and_soft_truth_is() -> None:
    levels = np.array([[3, 3, 200]], dtype=np.uint8)
    truth = np.array([[255, 255, 51]], dtype=np.uint8)
    counts = count_labels(levels, truth, np.array([[True, False, True]]))
    assert counts[:, 3].tolist() == [1, 255]
    assert counts[:, 200].tolist() == [1, 51]
    assert counts.sum(axis=1).tolist() == [2, 306]


def test_map_without_pixels_keeps_its_promises() -> None:
    assert fit_map_calibration(np.zeros((2, 256), dtype=np.int64)) == IDENTITY


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_table_of_a_map_equals_the_calibration(seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 50, (2, 256))
    counts[1] = rng.integers(0, 255 * counts[0] + 1)
    fitted = fit_map_calibration(counts)
    probability = rng.random((7, 30), dtype=np.float32)
    np.testing.assert_allclose(calibrated_map(fitted, probability), fitted(probability), atol=3e-5)
    ends = calibrated_map(fitted, np.array([[0, 1]], dtype=np.float32))
    np.testing.assert_allclose(ends, [fitted(np.array([0.0, 1.0]))], atol=1e-7)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"scores": [0, 1]}, "two lists of numbers"),
        ({"scores": [0, 1], "probabilities": [0]}, "2 scores and 1 probabilities"),
        ({"scores": [], "probabilities": []}, "0 scores"),
        ({"scores": [1, 0], "probabilities": [0, 1]}, "strictly increasing"),
        ({"scores": [0, float("nan")], "probabilities": [0, 1]}, "finite"),
        ({"scores": [0, 1], "probabilities": [1, 0]}, "not decrease"),
        ({"scores": [0, 1], "probabilities": [0, 2]}, "0..1"),
        ({"scores": ["a"], "probabilities": [0]}, "two lists of numbers"),
    ],
)
def test_broken_knots_are_refused(values: dict[str, list[float]], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        Calibration.from_dict(values)
