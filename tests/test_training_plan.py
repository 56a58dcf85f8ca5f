"""Laws of the plan of a training: whole groups in one fold, objects never parted, the excluded left out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pixelgbm import training
from pixelgbm.datasets import LAYOUTS, open_dataset
from pixelgbm.training.plan import make_plan
from tests.small_print import TINY, draw_contest, draw_manifest, labelled


def test_split_never_parts_a_group(tmp_path: Path) -> None:
    data = draw_manifest(tmp_path)
    plan = make_plan(data, TINY, workers=1, progress=None)
    for sample in data.samples:
        assert plan.groups[sample.id] == sample.group
        same = [plan.folds[s.id] for s in data.samples if s.group == sample.group]
        assert len(set(same)) == 1
        assert all(view.fold == plan.folds[view.sample.id] for view in plan.views)


def test_images_of_one_object_share_a_group_even_where_the_group_is_not_said(tmp_path: Path) -> None:
    data = draw_manifest(tmp_path)
    samples = tuple(replace(s, group=None, object_id="one" if s.id in ("1", "8") else None) for s in data.samples)
    groups = training.known_groups(replace(data, samples=samples), workers=1, progress=None)
    assert groups["1"] == groups["8"] != groups["2"]


def test_objects_are_the_groups_where_no_group_is_said(tmp_path: Path) -> None:
    shots = [
        replace(labelled(k), group=None, object_id=f"part-{k % 4}", view="left" if k < 4 else "right") for k in range(8)
    ]
    LAYOUTS["manifest"].write(tmp_path, shots)
    plan = make_plan(open_dataset(tmp_path), TINY, workers=1, progress=None)
    assert plan.groups == {shot.id: shot.object_id for shot in shots}
    assert all(plan.folds[str(k)] == plan.folds[str(k + 4)] for k in range(4))
    assert set(plan.folds.values()) == {0, 1}


def test_an_object_in_two_groups_joins_them(tmp_path: Path) -> None:
    data = draw_manifest(tmp_path)
    samples = tuple(replace(s, object_id={"0": "one", "11": "one"}.get(s.id)) for s in data.samples)
    groups = training.known_groups(replace(data, samples=samples), workers=1, progress=None)
    assert groups["0"] == groups["1"] == groups["10"] == groups["11"]
    assert len(set(groups.values())) == len({s.group for s in samples}) - 1


def test_excluded_samples_are_not_trained_on(tmp_path: Path) -> None:
    data = draw_contest(tmp_path)
    plan = make_plan(replace(data, excluded={"5": "wrong reference"}), TINY, workers=1, progress=None)
    assert "5" not in plan.folds
    assert len(plan.folds) == 11
