"""Laws of the looks: survivors, and the same bytes whether a look starts from another's planes or from nothing."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from features import FeatureSpec, extract, fit_quantizer, sample_columns
from pixelgbm.forest import parse_trees, predict_pixels, predict_planes
from pixelgbm.mapping import SURVIVOR_MARGIN, HeadMap, first_stack, later_stack, prepare_pair, survivors
from pixelgbm.model import Look
from tests.small_print import labelled
from tests.test_forest import train_text

MAPS = arrays(np.uint8, (12, 15), elements=st.sampled_from([0, 0, 0, 3, 40, 255]))


@settings(max_examples=60, deadline=None)
@given(levels=MAPS, cut=st.sampled_from([1 / 255, 0.02, 0.15, 0.5]))
def test_survivors_are_what_reaches_the_cut_and_a_margin(levels: np.ndarray, cut: float) -> None:
    kept = survivors(levels, cut, None)
    rows, cols = np.nonzero(levels >= round(cut * 255))
    expected = np.zeros(levels.shape, bool)
    for row, col in zip(rows, cols, strict=True):
        top, left = max(row - SURVIVOR_MARGIN, 0), max(col - SURVIVOR_MARGIN, 0)
        expected[top : row + SURVIVOR_MARGIN + 1, left : col + SURVIVOR_MARGIN + 1] = True
    np.testing.assert_array_equal(kept, expected)
    ignore = np.zeros(levels.shape, bool)
    ignore[:, :4] = True
    np.testing.assert_array_equal(survivors(levels, cut, ignore), expected & ~ignore)
    assert survivors(levels, None, None).all()


def test_some_pixels_have_the_probability_of_the_whole_plane() -> None:
    trees = parse_trees(train_text(3), where="t")
    planes = np.random.default_rng(0).integers(0, 256, (4, 21, 34)).astype(np.uint8)
    chosen = np.array([0, 5, 77, 713])
    np.testing.assert_array_equal(predict_pixels(trees, planes, chosen), predict_planes(trees, planes).ravel()[chosen])
    assert predict_pixels(trees, planes, chosen[:0]).shape == (0,)


def test_a_later_look_has_the_bytes_of_one_that_starts_from_nothing() -> None:
    pair = labelled(1).pair
    spec = FeatureSpec()
    pixels = np.random.default_rng(0).integers(0, 64, (500, 2))
    quantizer = fit_quantizer(sample_columns(pair.test, pair.reference, spec, pixels), spec)
    lean, rich = FeatureSpec(lean=True), spec.with_context()
    first, later = Look(lean, quantizer.for_spec(lean)), Look(rich, quantizer.for_spec(rich))
    scene = prepare_pair(first, pair)
    stack = first_stack(first, scene)
    levels = np.random.default_rng(1).integers(0, 256, (64, 64)).astype(np.uint8)
    probability = levels.astype(np.float32) / 255
    before = HeadMap(stack, probability, levels, levels)
    pixels = np.flatnonzero(levels > 200)
    found = later_stack(later, scene, before, pixels=pixels)
    fresh = extract(pair.test, pair.reference, later.spec, later.quantizer, prior=levels)
    np.testing.assert_array_equal(found.rows(pixels), fresh.rows(pixels))
    assert set(stack.names) < set(found.names)
    nothing = later_stack(later, scene, before, pixels=pixels[:0])
    assert nothing.planes.shape == (len(found.names), 1, 0)
    assert (nothing.names, nothing.scales, nothing.measures) == (found.names, found.scales, found.measures)
