"""Laws of the figures of a report: done by hand they come out the same."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pixelgbm import images
from pixelgbm.calibration import count_labels
from pixelgbm.datasets import open_dataset
from pixelgbm.decision import DEFAULT_RULE
from pixelgbm.mapstore import Tables
from pixelgbm.metrics import METRICS
from pixelgbm.records import Sample
from pixelgbm.regions import GRID
from pixelgbm.report.curves import calibration, precision_recall, region_calibration
from pixelgbm.report.promises import promised, promised_by_other_folds
from pixelgbm.report.sizes import EDGES, size_counts, size_rows
from pixelgbm.report.surface import surface_around
from pixelgbm.report.survey import LEVELS, MapCounts, Seen, survey
from pixelgbm.tuning.objective import plateau, split_points
from tests.small_card import card_of


def test_precision_and_recall_by_hand():
    counts = np.zeros((2, LEVELS), np.int64)
    counts[0, [255, 128]] = 3, 1
    counts[1, [255, 128, 0]] = 1, 3, 92
    recall, precision = precision_recall(counts)
    assert recall[0] == 0.75 and precision[0] == 0.75
    assert recall[-1] == 1.0 and precision[-1] == pytest.approx(4 / 100)
    middle = np.flatnonzero(recall == 1.0)[0]
    assert precision[middle] == pytest.approx(4 / 8)


def test_calibration_by_hand_leaves_out_thin_bins():
    found = calibration(np.array([1.0, 0.0, 0.5]), np.array([100.0, 1000.0, 2.0]), np.array([90.0, 0.0, 1.0]))
    assert found.promised.tolist() == [0.0, 1.0]
    assert found.true.tolist() == [0.0, 0.9]


def seen_of(sizes, covered):
    sample = Sample("1", "dev", Path("1.tif"))
    return Seen(sample, "dirt", np.array(sizes, np.int64), np.array(covered, np.int64), None)


def mapped(id, probability, truth):
    """An image whose pixels, one after another, have these probabilities and this truth, both 0..1."""
    sample = Sample(id, "train", Path(f"{id}.tif"))
    levels = np.rint(255 * np.array([probability])).astype(np.uint8)
    labels = count_labels(levels, np.rint(255 * np.array([truth])).astype(np.uint8), np.ones(levels.shape, bool))
    said = np.bincount(levels.ravel(), weights=probability, minlength=LEVELS)
    none = np.zeros(0, np.int64)
    return Seen(sample, "dirt", none, None, MapCounts(np.zeros((2, LEVELS), np.int64), labels, said))


def test_brier_score_and_calibration_error_by_hand():
    found = promised([mapped("1", [0.9, 0.8], [1, 0]), mapped("2", [0.1, 0.1], [0.2, 0])], "dirt")
    losses = [0.01, 0.64, 0.2 * 0.81 + 0.8 * 0.01, 0.01]
    assert found.brier == pytest.approx(np.mean(losses), abs=1e-5)
    assert found.constant_brier == pytest.approx(0.3 * 0.7)
    assert found.calibration_error == pytest.approx((0.1 + 0.8 + 0.0) / 4, abs=1e-3)
    assert promised([], "dirt") is None
    assert promised([mapped("1", [0.5], [1])], "rust") is None


def test_a_fold_is_calibrated_by_the_others_only():
    """What one fold keeps is what the other is promised, and nothing is promised from a fold alone."""
    seen = [mapped("1", [1.0] * 4000, [1, 1, 1, 0] * 1000), mapped("2", [1.0] * 4000, [1, 0, 0, 0] * 1000)]
    found = promised_by_other_folds(seen, "dirt", {"1": 0, "2": 1})
    there = found.pixels > 0
    assert found.probability[there] == pytest.approx([0.25, 0.75], abs=1e-3)
    assert (found.pixels[there].tolist(), found.defect[there].tolist()) == ([4000, 4000], [3000, 1000])
    assert promised_by_other_folds(seen, "dirt", {"1": 0, "2": 0}) is None


def test_calibration_by_other_folds_mends_what_promises_too_much():
    rng = np.random.default_rng(0)
    seen = []
    for number in range(4):
        true = rng.random(4000) ** 3
        seen.append(mapped(str(number), np.cbrt(true), rng.random(4000) < true))
    before = promised(seen, "dirt")
    after = promised_by_other_folds(seen, "dirt", {str(number): number for number in range(4)})
    assert after.calibration_error < 0.02 < 0.2 < before.calibration_error
    assert after.brier < before.brier < before.constant_brier + 0.1
    assert after.constant_brier == before.constant_brier


def test_sizes_by_hand():
    seen = [seen_of([5, 50], [0, 25]), seen_of([9, 20_000], [9, 20_000]), seen_of([], [])]
    assert size_counts(seen).tolist() == [2, 0, 1, 0, 0, 0, 0, 1]
    card = card_of(("1", 25, 25, 55, 0.625), ("2", 0, 0, 0, 1.0), ("3", 0, 0, 60, 0.0))
    rows = {row.label: row for row in size_rows(seen, card.per_image)}
    assert list(rows) == ["1-9", "30-99", "10,000 and more"]
    assert (rows["1-9"].defects, rows["1-9"].found, rows["1-9"].covered) == (2, 0.5, 0.5)
    assert (rows["30-99"].defects, rows["30-99"].found, rows["30-99"].covered) == (1, 1.0, 0.5)
    assert (rows["30-99"].images, rows["30-99"].score) == (2, pytest.approx(0.3125))
    assert rows["1-9"].score is None
    assert EDGES[0] == 1


def test_survey_counts_every_defect_and_pixel(tiny_data):
    dataset = open_dataset(tiny_data).select({"dev"})
    samples = dataset.samples[:3]
    seen = survey(
        dataset,
        samples,
        masks=lambda id, shape: {"dirt": np.ones(shape, bool)},
        maps=lambda id, head: np.full(images.image_size(samples[0].image), 0.5, np.float32),
    )
    assert [item.sample.id for item in seen] == [sample.id for sample in samples]
    for item in seen:
        rows, cols = images.image_size(item.sample.image)
        assert item.mapped.counts.sum() == rows * cols
        assert item.mapped.counts[0].sum() == item.sizes.sum()
        assert np.array_equal(item.covered, item.sizes)
        assert item.mapped.labels[0].sum() == rows * cols
        assert item.mapped.labels[1].sum() == 255 * item.mapped.counts[0].sum()
        assert item.mapped.said[128] == pytest.approx(0.5 * rows * cols)


def tables_of(score, tp, area, grid):
    count = len(score)
    whole = {name: np.array(v, np.int64) for name, v in {"tp": tp, "area": area, "grid": grid}.items()}
    return Tables(
        ids=("1", "2"),
        split=("train", "train"),
        object=np.arange(2),
        actual=np.array([20, 0]),
        rows=np.array([64, 64]),
        cols=np.array([64, 64]),
        image=np.arange(count) % 2,
        region=np.arange(count) // 2,
        parent=np.full(count, -1),
        filled_area=whole["area"],
        filled_tp=whole["tp"],
        score=np.array(score, np.float64),
        **whole,
    )


def test_surface_is_what_tuning_maximises():
    place = GRID.index((102, "none"))
    tables = tables_of([0.9, 0.3], [18, 0], [20, 30], [place, place])
    rule = replace(DEFAULT_RULE, low=102, region_cut=0.5)
    metric = METRICS["macro-f1"]
    surface = surface_around(tables, rule, metric)
    point = split_points(tables)[102, "none"]
    at = surface.lows.index(102), surface.cuts.index(0.5)
    assert surface.worth[at] == plateau(point, tables, rule, metric)
    assert surface.worth[at] == surface.worth.max()
    assert surface.chosen.score == pytest.approx((2 * 18 / 40 + 1) / 2)
    assert surface.worth.shape == (len(surface.lows), len(surface.cuts))


def test_regions_promise_their_share():
    place = GRID.index((102, "none"))
    tables = tables_of([0.82] * 20, [8] * 20, [10] * 20, [place] * 20)
    found = region_calibration(tables, replace(DEFAULT_RULE, low=102))
    assert found.promised == pytest.approx([0.82]) and found.true == pytest.approx([0.8])
    assert region_calibration(tables, replace(DEFAULT_RULE, low=103)).true.size == 0
