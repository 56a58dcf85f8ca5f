"""Laws of pasting: what is laid over is the donor's ratio, inside its own truth and rim, and nothing else changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features import prepare
from pixelgbm.training.pasting import Patch, cut_patches, paste
from pixelgbm.training.plan import make_plan
from tests.small_print import TINY, draw_contest, labelled


@pytest.fixture(scope="module")
def donor() -> tuple[Patch, np.ndarray]:
    example = labelled(1)
    truth = example.truth["dirt"]
    (patch,) = cut_patches(prepare(example.pair.test, example.pair.reference), truth)
    return patch, truth


def test_a_patch_holds_the_whole_defect_and_its_darkening(donor: tuple[Patch, np.ndarray]) -> None:
    patch, truth = donor
    assert np.count_nonzero(patch.truth) == np.count_nonzero(truth)
    assert patch.ratio.shape == (*patch.truth.shape, 3)
    inside = patch.ratio[patch.truth > 0]
    assert -1.5 < np.median(inside) < -0.2  # 60 of some 150 grey levels are missing there
    assert not patch.ratio[0].any()
    assert not patch.ratio[:, 0].any()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_only_the_neighbourhood_of_the_new_truth_changes(donor: tuple[Patch, np.ndarray], dtype: type) -> None:
    patch, _ = donor
    rng = np.random.default_rng(0)
    unit = np.iinfo(dtype).max // 255
    test = (rng.integers(80, 200, (64, 64, 3)) * unit).astype(dtype)
    before = test.copy()
    laid, truth = paste(test, np.zeros((64, 64), np.uint8), [patch], rng=rng)
    assert np.array_equal(test, before)
    assert laid.dtype == dtype
    assert np.count_nonzero(truth) == np.count_nonzero(patch.truth)
    rows, cols = np.nonzero(truth)
    far = np.ones((64, 64), bool)
    far[max(rows.min() - 4, 0) : rows.max() + 5, max(cols.min() - 4, 0) : cols.max() + 5] = False
    assert np.array_equal(laid[far], test[far])
    darker = laid[truth > 0].astype(float).mean() / test[truth > 0].astype(float).mean()
    assert 0.2 < darker < 0.9


def test_a_patch_that_does_not_fit_leaves_the_image_alone(donor: tuple[Patch, np.ndarray]) -> None:
    patch, _ = donor
    small, truth = np.full((8, 8, 3), 90, np.uint8), np.zeros((8, 8), np.uint8)
    laid, marked = paste(small, truth, [patch], rng=np.random.default_rng(0))
    assert laid is small
    assert marked is truth


def test_without_a_reference_there_is_nothing_to_cut() -> None:
    example = labelled(1)
    assert cut_patches(prepare(example.pair.test, None), example.truth["dirt"]) == []


def test_no_defect_is_seen_in_two_folds(tmp_path) -> None:  # type: ignore[no-untyped-def]
    data = draw_contest(tmp_path)
    config = replace(TINY, sampling=replace(TINY.sampling, pasted_share=2.0))
    plan = make_plan(data, config, workers=1, progress=None)
    assert 12 < len(plan.pasted) <= 24
    for view in plan.pasted:
        assert view.donors
        assert view.sample.id not in view.donors
        assert {plan.folds[donor] for donor in view.donors} == {view.fold} == {plan.folds[view.sample.id]}
        assert all(plan.defects["dirt"][donor] for donor in view.donors)
