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


def test_of_clean_images_at_most_so_many_are_learned_from_and_all_with_a_defect(tmp_path: Path) -> None:
    data = draw_contest(tmp_path)
    whole = make_plan(data, TINY, workers=1, progress=None)
    (counts,) = whole.defects.values()
    clean = [id for id, count in counts.items() if not count]
    assert len(clean) > 2
    fewer = replace(TINY, sampling=replace(TINY.sampling, clean_images=2))
    kept = list(make_plan(data, fewer, workers=1, progress=None).folds)
    assert sum(id in clean for id in kept) == 2
    assert [id for id in kept if id not in clean] == [id for id in whole.folds if id not in clean]
    assert kept == list(make_plan(data, fewer, workers=2, progress=None).folds)
    others = make_plan(data, replace(fewer, seed=5), workers=1, progress=None).folds
    assert make_plan(data, replace(TINY, seed=5), workers=1, progress=None).folds.keys() > others.keys()
