"""Laws of pixelgbm.metrics, by counting and by plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pixelgbm.linking import fragments_of
from pixelgbm.metrics import (
    METRICS,
    aupro,
    auroc,
    average_precision,
    best_f1,
    bootstrap_interval,
    classification_report,
    count_levels,
    numbered,
    pixel_f1,
    summed,
)

F1, DICE, VERDICT = METRICS["macro-f1"], METRICS["dice"], METRICS["verdict-f1"]

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


def test_macro_f1_counts_each_head_once_and_dice_each_image_and_head():
    values = np.array([[1.0, np.nan], [0.0, np.nan], [1.0, 0.5], [np.nan, np.nan]])[..., None]
    assert F1.overall(values) == pytest.approx((2 / 3 + 0.5) / 2)
    assert DICE.overall(values) == pytest.approx(2.5 / 4)
    for metric in (F1, DICE):
        assert np.isnan(metric.overall(np.full((2, 2, 1), np.nan)))
        assert np.isnan(metric.overall(np.zeros((0, 1, 1))))


def test_weights_count_a_unit_as_often_as_it_is_drawn():
    rng = np.random.default_rng(0)
    drawn = rng.integers(7, size=(5, 7))
    weights = np.array([np.bincount(row, minlength=7) for row in drawn], np.float64)
    counts = np.where(rng.random((7, 3)) < 0.3, np.nan, 1.0) * rng.integers(0, 3, (3, 7, 3))
    for metric in (F1, DICE):
        tallies = metric.tally(*counts)
        expected = [metric.overall(tallies[row]) for row in drawn]
        np.testing.assert_allclose(metric.overall(tallies, weights), expected, atol=1e-12)
    verdicts = VERDICT.tally(*np.nan_to_num(counts).sum(axis=2))[:, None]
    expected = [VERDICT.overall(verdicts[row]) for row in drawn]
    np.testing.assert_allclose(VERDICT.overall(verdicts, weights), expected, atol=1e-12)


def test_dice_of_nothing_found_where_nothing_is_is_one():
    assert DICE.per_image(0, 0, 0) == 1.0
    assert DICE.per_image(0, 3, 0) == DICE.per_image(0, 0, 3) == 0.0


def slow_report(called: list[bool], truly: list[bool]) -> dict[str, tuple[float, float, float, int]]:
    """Precision, recall, F1 and support of both classes, by counting one verdict after another."""
    found = {}
    for name, kind in (("OK", False), ("NG", True)):
        right = sum(c == t == kind for c, t in zip(called, truly, strict=True))
        precision = right / called.count(kind) if kind in called else 0.0
        recall = right / truly.count(kind) if kind in truly else 0.0
        f1 = 2 * precision * recall / (precision + recall) if right else 0.0
        found[name] = (precision, recall, f1, truly.count(kind))
    return found


@given(verdicts=st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=12))
def test_verdict_report_and_score_are_those_counted_one_by_one(verdicts):
    called, truly = [c for c, _ in verdicts], [t for _, t in verdicts]
    tallies = VERDICT.tally(np.zeros(len(called)), np.array(called) * 7, np.array(truly) * 3)
    report = classification_report(tallies.sum(axis=0))
    expected = slow_report(called, truly)
    for name, of in report.classes.items():
        assert (of.precision, of.recall, of.f1, of.support) == pytest.approx(expected[name])
    there = [name for name, kind in (("OK", False), ("NG", True)) if kind in called or kind in truly]
    macro = np.mean([expected[name][2] for name in there])
    assert report.macro.f1 == pytest.approx(macro)
    assert VERDICT.overall(tallies[:, None]) == pytest.approx(macro)
    weighted = sum(expected[name][2] * expected[name][3] for name in expected) / len(truly)
    assert report.weighted.f1 == pytest.approx(weighted)
    assert report.accuracy == pytest.approx(np.mean(np.array(called) == truly))
    assert sum(n for row in report.confusion.values() for n in row.values()) == len(truly)
    assert report.confusion["NG"]["OK"] == sum(t and not c for c, t in verdicts)
    assert {len(row) for row in report.table()} == {7}


def test_an_object_is_bad_when_any_view_is():
    unit = numbered(["a", "b", "a", "c"])
    assert unit.tolist() == [0, 1, 0, 2]
    counts = [summed(c, unit) for c in ([0, 0, 0, 0], [0, 0, 5, 1], [0, 2, 9, 0])]
    assert VERDICT.per_image(*counts).tolist() == [1.0, 0.0, 0.0]


def test_no_report_on_nothing():
    assert classification_report(np.zeros(4)) is None
    assert np.isnan(VERDICT.overall(np.zeros((0, 1, 4))))


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


levels_and_truth = st.tuples(
    hnp.arrays(np.uint8, (5, 8), elements=st.integers(0, 9)),
    hnp.arrays(np.bool_, (5, 8), elements=st.sampled_from([True, False, False])),
    hnp.arrays(np.bool_, (5, 8), elements=st.sampled_from([True, True, True, False])),
)


def slow_overlap_curve(levels: np.ndarray, defect: np.ndarray, usable: np.ndarray) -> tuple[list[float], list[float]]:
    """Threshold by threshold, from none called to all: false positive rate, and mean share of the regions called."""
    regions = [tuple(pixels.T) for pixels in fragments_of(defect & usable)]
    rates, overlaps = [], []
    for threshold in range(10, -1, -1):
        called = levels >= threshold
        rates.append(float((called & ~defect & usable).sum() / (~defect & usable).sum()))
        overlaps.append(float(np.mean([called[region].mean() for region in regions])))
    return rates, overlaps


@given(drawn=levels_and_truth)
@settings(max_examples=100, deadline=None)
def test_figures_of_maps_are_those_of_pixels_and_regions_one_by_one(drawn):
    levels, defect, usable = drawn
    with_defect, other, overlap = count_levels(levels, defect, usable, size=10)
    hits, rest = levels[defect & usable].astype(int), levels[~defect & usable].astype(int)
    assert overlap.sum() == pytest.approx(len(fragments_of(defect & usable)))
    if not len(hits) or not len(rest):
        assert np.isnan(auroc(with_defect, other)) and np.isnan(aupro(overlap, other))
        return
    wins = [np.sign(hit - miss) / 2 + 0.5 for hit in hits for miss in rest]
    assert auroc(with_defect, other) == pytest.approx(np.mean(wins))
    rates, overlaps = slow_overlap_curve(levels, defect, usable)
    area = 0.0
    for k in range(1, len(rates)):
        low, high = (min(rate, 0.3) for rate in rates[k - 1 : k + 1])
        if high > low:
            slope = (overlaps[k] - overlaps[k - 1]) / (rates[k] - rates[k - 1])
            ends = [overlaps[k - 1] + slope * (rate - rates[k - 1]) for rate in (low, high)]
            area += (high - low) * sum(ends) / 2
    assert aupro(overlap, other) == pytest.approx(area / 0.3)
    by_threshold = [pixel_f1((hits >= t).sum(), (hits >= t).sum() + (rest >= t).sum(), len(hits)) for t in range(10)]
    assert best_f1(with_defect, other) == pytest.approx(max(by_threshold))


def test_a_small_region_counts_as_much_as_a_large_one_for_the_overlap_alone():
    levels, defect = np.zeros((20, 20), int), np.zeros((20, 20), bool)
    defect[:10, :10] = defect[15, 15] = True
    levels[:10, :10] = 5  # the large region is found, the single pixel is not
    with_defect, other, overlap = count_levels(levels, defect, np.ones_like(defect), size=6)
    assert aupro(overlap, other) == pytest.approx(0.5 + 0.15 / 2)  # a straight line from 1/2 up to 1 at rate 1
    assert auroc(with_defect, other) == pytest.approx((100 + 0.5) / 101)


def test_a_perfect_map_has_area_one_and_a_flat_one_that_of_guessing():
    assert (auroc([0, 9], [5, 0]), aupro([0, 2], [5, 0]), best_f1([0, 9], [5, 0])) == (1.0, 1.0, 1.0)
    assert (auroc([9], [5]), aupro([2], [5])) == (0.5, pytest.approx(0.15))


def test_average_precision_of_a_perfect_map_is_one_and_of_a_flat_one_the_share_of_defects():
    assert average_precision([0, 0, 5], [90, 5, 0]) == 1.0
    assert average_precision([5], [95]) == pytest.approx(0.05)


def interval(values, *, groups=None, **options):
    """The interval of a mean over images."""
    names = range(len(values)) if groups is None else groups
    tallies = np.asarray(values, np.float64)[:, None, None]
    return bootstrap_interval(lambda weights: F1.overall(tallies, weights), names, **options)


def test_interval_is_reproduced_by_its_seed():
    values = np.random.default_rng(0).random(50)
    assert interval(values, seed=1) == interval(values, seed=1)
    assert interval(values, seed=1) != interval(values, seed=2)


@given(values=hnp.arrays(np.float64, st.integers(1, 20), elements=st.floats(0, 1)))
@settings(max_examples=30, deadline=None)
def test_interval_lies_within_the_values(values):
    low, high = interval(values, seed=0, resamples=100)
    assert values.min() - 1e-12 <= low <= high <= values.max() + 1e-12


def test_interval_covers_the_mean_as_often_as_it_says():
    rng = np.random.default_rng(4)
    intervals = [interval(rng.random(60) < 0.3, seed=i, resamples=300) for i in range(200)]
    assert 0.9 <= np.mean([low <= 0.3 <= high for low, high in intervals]) <= 0.99


def test_interval_over_groups_covers_where_one_over_images_does_not():
    """Six images of a group are alike: 120 images say no more than 20 groups."""
    rng = np.random.default_rng(4)
    groups = [k // 6 for k in range(120)]
    drawn = [np.repeat(rng.random(20) < 0.3, 6) for _ in range(200)]
    over_groups = [interval(values, groups=groups, seed=i, resamples=300) for i, values in enumerate(drawn)]
    over_images = [interval(values, seed=i, resamples=300) for i, values in enumerate(drawn)]
    assert np.mean([low <= 0.3 <= high for low, high in over_groups]) >= 0.88
    assert np.mean([low <= 0.3 <= high for low, high in over_images]) < 0.7


def test_interval_of_one_image_and_of_none():
    assert interval([0.4], seed=0) == pytest.approx((0.4, 0.4))
    assert np.isnan(interval([], seed=0)).all()
