"""Cross-validation: every image answered once, by a model that has not seen its group."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pixelgbm.crossvalidation import crossvalidate, outer_folds
from pixelgbm.errors import ConfigError
from pixelgbm.mapstore import maps_folder, open_store
from pixelgbm.predictions import read_predictions
from pixelgbm.records import Dataset
from tests.small_print import TINY, draw_contest, draw_manifest

QUICK = replace(TINY, sampling=replace(TINY.sampling, rounds=1))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Dataset, Path]:
    data = draw_manifest(tmp_path_factory.mktemp("manifest"))
    out = tmp_path_factory.mktemp("crossval") / "out"
    crossvalidate(data, QUICK, out=out, folds=2, wrong_references=True, trials=5)
    return data, out


def test_every_image_is_answered_once_by_a_model_that_has_not_seen_its_group(run: tuple[Dataset, Path]) -> None:
    data, out = run
    group = {s.id: s.group for s in data.samples}
    answered: list[str] = []
    for fold in (1, 2):
        held_out = read_predictions(out / f"fold-{fold}" / "predictions").ids
        seen = open_store(maps_folder(out / f"fold-{fold}" / "model")).folds
        assert not {group[id] for id in held_out} & {group[id] for id in seen}
        assert set(held_out) | set(seen) == set(group)
        answered.extend(held_out)
    assert sorted(answered) == sorted(group)


def test_the_scorecard_covers_all_images_with_and_without_references(run: tuple[Dataset, Path]) -> None:
    data, out = run
    card = json.loads((out / "scorecard.json").read_text())
    assert card["overall"]["images"] == len(data.samples)
    assert card["without_references"]["overall"]["images"] == len(data.samples)
    assert card["wrong_references"]["overall"]["images"] == len(data.samples)
    assert card["missing"] == []
    chance = card["ranking"]["chance"]
    assert card["ranking"]["average_precision"] > card["without_references"]["ranking"]["average_precision"] > chance
    assert set(card["per_group"]) == {s.group for s in data.samples}
    assert {row["id"] for row in card["per_image"]} == {s.id for s in data.samples}


def test_leaving_one_group_out_makes_a_fold_of_every_group(tmp_path: Path) -> None:
    data = draw_manifest(tmp_path)
    table = outer_folds(data, folds=None, seed=0)
    for sample in data.samples:
        assert {s.id for s in data.samples if table[s.id] == table[sample.id]} == {
            s.id for s in data.samples if s.group == sample.group
        }
    assert list(dict.fromkeys(table.values())) == list(range(6))


def test_fewer_groups_than_folds_are_refused(tmp_path: Path) -> None:
    data = draw_manifest(tmp_path)
    with pytest.raises(ConfigError, match="6 groups for 7 folds"):
        outer_folds(data, folds=7, seed=0)


def test_one_group_cannot_be_left_out_of_itself(tmp_path: Path) -> None:
    data = draw_contest(tmp_path, images=3)
    data = replace(data, samples=tuple(replace(s, group="all") for s in data.samples))
    with pytest.raises(ConfigError, match="1 groups for 1 folds; at least 2 folds"):
        crossvalidate(data, QUICK, out=tmp_path / "out", leave_one_group_out=True)
    assert not (tmp_path / "out").exists()
