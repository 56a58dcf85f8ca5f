"""Laws of pixelgbm.calibration."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelgbm.calibration import IDENTITY, Calibration, fit_calibration
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
