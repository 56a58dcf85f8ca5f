"""Laws of feature importance: sums lose nothing, a family without use drops nothing, and leaving one out saves time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from features import DEFAULT, FeatureSpec
from pixelgbm import training
from pixelgbm.ablation import Ablation, Variation
from pixelgbm.errors import ConfigError, DatasetError
from pixelgbm.explanation.gain import column_gains, family_gains
from pixelgbm.explanation.leaving_out import LeftOut, Worth, family_ms, family_worths, leave_out, worth_of
from pixelgbm.explanation.permutation import permutation_drops
from pixelgbm.model import Model
from pixelgbm.records import Dataset
from tests.small_print import TINY, TINY_BEST, draw_contest, draw_manifest


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return draw_manifest(tmp_path_factory.mktemp("learned"))


@pytest.fixture(scope="module")
def held_out(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return draw_contest(tmp_path_factory.mktemp("held-out"), images=6, first=100)


@pytest.fixture(scope="module")
def model(learned: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Three looks."""
    return training.train(learned, TINY_BEST, out=tmp_path_factory.mktemp("model") / "model")


def test_gain_shares_add_up_to_one_in_every_look(model: Model) -> None:
    gains = column_gains(model.heads[0])
    for number, look in enumerate(model.looks, 1):
        shares = {gain.column: gain.share for gain in gains if gain.look == number}
        assert set(shares) == set(look.spec.columns)
        assert sum(shares.values()) == pytest.approx(1)
        assert list(shares.values()) == sorted(shares.values(), reverse=True)
    assert any(gain.family == "context" and gain.share > 0 for gain in gains)


def test_families_take_over_what_context_gained(model: Model) -> None:
    families = family_gains(model.looks, model.heads[0])
    assert tuple(families) == DEFAULT
    assert sum(families.values()) == pytest.approx(1)
    last = [gain for gain in column_gains(model.heads[0]) if gain.look == len(model.looks)]
    for family, share in families.items():
        assert share >= sum(gain.share for gain in last if gain.family == family) - 1e-9


def test_shuffling_what_the_model_leans_on_costs_most(model: Model, held_out: Dataset) -> None:
    drops = permutation_drops(model, held_out, resamples=200)
    assert {drop.family for drop in drops} == set(DEFAULT)
    assert [drop.drop for drop in drops] == sorted((drop.drop for drop in drops), reverse=True)
    assert drops[0].family == "difference"
    assert drops[0].interval[0] > 0
    for drop in drops:
        low, high = drop.interval
        assert low <= high
        assert 0 < drop.whole <= 1
        assert 1 < drop.groups <= 6


def test_shuffling_does_not_depend_on_workers(model: Model, held_out: Dataset) -> None:
    one, three = (permutation_drops(model, held_out, resamples=20, workers=workers) for workers in (1, 3))
    assert one == three


def test_a_family_that_no_tree_reads_drops_nothing(learned: Dataset, held_out: Dataset, tmp_path: Path) -> None:
    config = replace(TINY, booster=replace(TINY.booster, trees=1, num_leaves=2))
    stump = training.train(learned, config, out=tmp_path / "model")
    used = {gain.family for gain in column_gains(stump.heads[0]) if gain.share > 0}
    drops = {drop.family: drop for drop in permutation_drops(stump, held_out, resamples=20)}
    assert len(used) == 1
    for family in set(DEFAULT) - used:
        assert (drops[family].drop, drops[family].interval) == (0.0, (0.0, 0.0))


def test_the_images_of_the_training_are_refused(model: Model, learned: Dataset) -> None:
    with pytest.raises(DatasetError, match="trained on these images"):
        permutation_drops(model, learned)


def test_images_without_defect_are_refused(model: Model, held_out: Dataset) -> None:
    clean = replace(held_out, samples=tuple(s for s in held_out.samples if int(s.id) % 3 == 0))
    with pytest.raises(DatasetError, match="no defect pixel in 2 images"):
        permutation_drops(model, clean)


def test_leaving_a_family_out_names_its_worth_and_its_milliseconds(
    learned: Dataset, held_out: Dataset, tmp_path: Path
) -> None:
    (row,) = leave_out(learned, held_out, TINY, out=tmp_path, families=["difference"], trials=5)
    assert row.family == "difference"
    assert row.worth.interval[0] <= row.worth.change <= row.worth.interval[1]
    assert row.worth.change < 0
    assert row.ms < 0
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix != ".maps") == [
        "everything",
        "without-difference",
    ]
    assert str(row).startswith(f"without difference: {row.worth.change:+.3f} macro-f1 (")
    assert str(row).endswith(f"{row.ms:+.1f} ms per pair")


def test_a_left_out_family_reads_like_a_sentence() -> None:
    row = LeftOut("gabor", "macro-f1", Worth(-0.0041, (-0.01, 0.002)), -2.13)
    assert str(row) == "without gabor: -0.004 macro-f1 (-0.010 to +0.002), -2.1 ms per pair"


@pytest.mark.parametrize(("features", "family"), [(FeatureSpec(), "context"), (FeatureSpec(("gabor",)), "gabor")])
def test_only_one_of_several_families_can_be_left_out(held_out: Dataset, features: FeatureSpec, family: str) -> None:
    with pytest.raises(ConfigError, match=f"{family!r} cannot be left out"):
        family_ms(held_out, replace(TINY, features=features), [family])


def test_a_metric_of_objects_is_refused_before_anything_is_grown(
    learned: Dataset, held_out: Dataset, tmp_path: Path
) -> None:
    judged = replace(held_out, metric="verdict-f1")
    with pytest.raises(ConfigError, match="not scored by 'verdict-f1'; allowed: macro-f1, dice"):
        leave_out(learned, judged, TINY, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_families_of_an_ablation_have_their_worth() -> None:
    def row(name: str, change: tuple[float, float, float] | None) -> Variation:
        return Variation(name, 0.5, (0.4, 0.6), change, None, None, 60.0)

    rows = [
        row("everything", None),
        row("without the gabor family", (-0.01, -0.02, 0.005)),
        row("no pasted defects", (-0.03, -0.05, -0.01)),
    ]
    assert family_worths(Ablation(tuple(rows), ())) == {"gabor": Worth(-0.01, (-0.02, 0.005))}


def test_worth_draws_whole_groups_and_knows_what_is_not_labelled() -> None:
    change = np.array([[0.0, np.nan], [0.0, np.nan], [1.0, 0.5], [1.0, 0.5], [np.nan, np.nan]])
    worth = worth_of(change, ["a", "a", "b", "b", "c"], seed=0)
    assert worth == Worth(0.5, (0.0, 0.75))
    alone = worth_of(change[:, :1], ["a", "b", "c", "d", "e"], seed=0)
    assert alone.change == 0.5
    assert 0 <= alone.interval[0] < 0.5 < alone.interval[1] <= 1


def test_worth_of_nothing_is_refused() -> None:
    with pytest.raises(DatasetError, match="none of 2 images is labelled"):
        worth_of(np.full((2, 1), np.nan), ["a", "b"], seed=0)
