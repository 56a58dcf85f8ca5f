"""Context: each kernel equals its slow twin, and a component's planes say what is true of the component."""

import naive
import numpy as np
import pytest

from features import FeatureError, FeatureSpec, Quantizer, extract, prepare
from features.kernels import components
from features.prior import COMPONENT_LEVELS, NOWHERE, ODDS_FLOOR, odds, own_contrast, painted, with_prior
from features.scene import Canvas

SHAPE = (37, 52)


@pytest.fixture(scope="module")
def scene():
    rng = np.random.default_rng(4)
    return prepare(rng.integers(40, 200, (*SHAPE, 3)).astype(np.uint8), None)


@pytest.fixture(scope="module")
def prior():
    rng = np.random.default_rng(5)
    plane = np.where(rng.random(SHAPE) < 0.35, rng.integers(0, 256, SHAPE), 0)
    plane[5:12, 5:20] = 220
    return plane.astype(np.uint8)


def test_point_kernels_equal_their_twins():
    rng = np.random.default_rng(0)
    a, b, c = (rng.uniform(0.01, 1, SHAPE).astype(np.float32) for _ in range(3))
    signed = (b - np.float32(0.5)).astype(np.float32)
    out = np.empty(SHAPE, np.float32)
    components.log_odds(a, ODDS_FLOOR, out)
    np.testing.assert_allclose(out, naive.log_odds(a, float(ODDS_FLOOR)), atol=1e-4)
    components.weighted_spread(a, b, c, out)
    np.testing.assert_allclose(out, naive.weighted_spread(a, b, c), rtol=1e-4, atol=1e-4)
    components.share_of(a, signed, np.float32(0.1), out)
    np.testing.assert_allclose(out, naive.share_of(a, signed, 0.1), rtol=1e-5)


@pytest.mark.parametrize("level", COMPONENT_LEVELS)
def test_planes_of_components_equal_scipys(scene, prior, level):
    canvas = Canvas(with_prior(scene, prior))
    found = {what: painted(canvas, what, level) for what in ("area", "mean", "peak", "value")}
    labels, count = naive.components(prior >= level)
    value = own_contrast(Canvas(scene), 1.0)
    assert count > 1
    for label in range(1, count + 1):
        inside = labels == label
        p = prior[inside] / 255
        assert np.unique(found["area"][inside]) == pytest.approx(np.log1p(inside.sum()))
        for name, expected in (("mean", p.mean()), ("peak", p.max())):
            got = np.unique(found[name][inside])
            assert got == pytest.approx(naive.log_odds(np.array(expected), float(ODDS_FLOOR)), abs=1e-3)
        assert np.unique(found["value"][inside]) == pytest.approx(value[inside].mean(), abs=1e-5)
    outside = labels == 0
    assert (found["mean"][outside] == NOWHERE).all()
    assert not found["area"][outside].any()


def test_log_odds_are_finite_and_odd():
    p = np.linspace(0, 1, 256, dtype=np.float32)[None]
    found = odds(p)[0]
    assert np.isfinite(found).all()
    assert (np.diff(found) > 0).all()
    np.testing.assert_allclose(found, -found[::-1], atol=1e-3)
    assert found[0] > NOWHERE


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (None, "reads the map of an earlier look"),
        (np.zeros((3, 3), np.uint8), "uint8 map of the image's 37x52"),
        (np.zeros(SHAPE, np.float32), "float32 of shape"),
    ],
)
def test_a_map_that_does_not_fit_is_refused(wrong, message):
    spec = FeatureSpec(("context",))
    quantizer = Quantizer((), (), ()).for_spec(spec)
    with pytest.raises(FeatureError, match=message):
        extract(np.zeros((*SHAPE, 3), np.uint8), None, spec, quantizer, prior=wrong)
