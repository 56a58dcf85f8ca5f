"""Laws of training: the same bytes whatever the workers, folds of whole groups, bad data refused before any work."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from features import extract_scene
from pixelgbm import datasets, images, training
from pixelgbm.calibration import count_labels, fit_map_calibration
from pixelgbm.config import RunConfig, SamplingConfig
from pixelgbm.decision import DEFAULT_RULE
from pixelgbm.errors import DatasetError, ImageError
from pixelgbm.mapping import first_stack, map_head, map_heads, map_looks, prepare_pair, survivors
from pixelgbm.mapstore import maps_folder, open_store
from pixelgbm.model import read_model
from pixelgbm.records import Dataset
from pixelgbm.regions import candidate_mask, measure
from pixelgbm.training.candidates import Candidates, fit_region_stage, joined, measure_grid
from pixelgbm.training.measured import EVERY_PLACE
from pixelgbm.training.pixels import collect_rows, fit_look
from pixelgbm.training.plan import make_plan
from pixelgbm.training.survivors import CUTS
from pixelgbm.training.views import view_reader
from tests.small_print import TINY, TINY_BEST, draw_contest, draw_manifest


def _bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return draw_contest(tmp_path_factory.mktemp("print"))


@pytest.fixture(scope="module")
def trained(data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained") / "model"
    training.train(data, TINY, out=out)
    return out


@pytest.fixture(scope="module")
def trained_best(data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("best") / "model"
    training.train(data, TINY_BEST, out=out)
    return out


def test_two_workers_write_the_bytes_of_one_with_several_looks(
    data: Dataset, trained_best: Path, tmp_path: Path
) -> None:
    training.train(data, TINY_BEST, out=tmp_path / "model", workers=2)
    assert _bytes_of(tmp_path / "model") == _bytes_of(trained_best)
    assert _bytes_of(maps_folder(tmp_path / "model")) == _bytes_of(maps_folder(trained_best))


def test_later_looks_read_the_map_before_them_and_judge_survivors_only(data: Dataset, trained_best: Path) -> None:
    model = read_model(trained_best)
    assert model.profile == "best"
    assert len(model.looks) == 1 + TINY_BEST.context_rounds
    assert not model.looks[0].spec.needs_prior
    assert all(look.spec.needs_prior for look in model.looks[1:])
    head = model.heads[0]
    assert head.survivor_cut in [byte / 255 for byte in CUTS]
    pair = datasets.read_pair(data, next(s for s in data.samples if s.id == "1"))
    scene = prepare_pair(model.looks[0], pair)
    mapped = map_head(model.looks, head, scene, None, first=first_stack(model.looks[0], scene))
    kept = survivors(mapped.first, head.survivor_cut, None)
    assert 0 < kept.mean() < 1
    assert mapped.levels[~kept].max() == 0
    assert mapped.levels.max() > 128


def test_heads_share_what_later_looks_have_in_common(data: Dataset, trained_best: Path) -> None:
    model = read_model(trained_best)
    blind, other = (replace(model.heads[0], name=name) for name in ("blind", "other"))
    blind = replace(blind, survivor_cut=1.0)
    other = replace(other, boosters=(other.boosters[0], *other.boosters[:0:-1]), survivor_cut=0.02)
    heads = (blind, model.heads[0], blind, other)
    pair = datasets.read_pair(data, next(s for s in data.samples if s.id == "1"))
    scene = prepare_pair(model.looks[0], pair)
    first = first_stack(model.looks[0], scene)
    named = []
    for head, mapped in map_heads(model.looks, heads, scene, None):
        alone = map_head(model.looks, head, scene, None, first=first)
        np.testing.assert_array_equal(mapped.levels, alone.levels)
        np.testing.assert_array_equal(mapped.first, alone.first)
        judged = np.flatnonzero(survivors(mapped.first, head.survivor_cut, None))
        assert (judged.size == 0) == (head.name == "blind")
        np.testing.assert_array_equal(mapped.stack.rows(judged), alone.stack.rows(judged))
        for low in (51, 128):
            mask = candidate_mask(mapped.levels, low=low, operation="grow")
            tables = [measure(mapped.levels, mask, one.stack) for one in (mapped, alone)]
            np.testing.assert_array_equal(tables[0].features, tables[1].features)
        named.append(head.name)
    assert named == [head.name for head in heads]


def test_maps_that_last_have_all_planes_of_every_look(data: Dataset, trained_best: Path) -> None:
    model = read_model(trained_best)
    head, looks = model.heads[0], model.looks
    pair = datasets.read_pair(data, next(s for s in data.samples if s.id == "1"))
    scene = prepare_pair(looks[0], pair)
    first = first_stack(looks[0], scene)
    seen = list(map_looks(looks, head, scene, None, first=first, lasting=True))
    assert len(seen) == len(looks) > 2
    for before, mapped, look in zip(seen[:-1], seen[1:], looks[1:], strict=True):
        whole = extract_scene(scene, look.spec, look.quantizer, prior=before.levels)
        np.testing.assert_array_equal(mapped.stack.planes.reshape(whole.planes.shape), whole.planes)
    short = map_head(looks, head, scene, None, first=first)
    np.testing.assert_array_equal(short.probability, seen[-1].probability)


def test_two_workers_write_the_bytes_of_one(data: Dataset, trained: Path, tmp_path: Path) -> None:
    training.train(data, TINY, out=tmp_path / "model", workers=2)
    assert _bytes_of(tmp_path / "model") == _bytes_of(trained)
    assert _bytes_of(maps_folder(tmp_path / "model")) == _bytes_of(maps_folder(trained))


def test_another_seed_gives_another_model(data: Dataset, trained: Path, tmp_path: Path) -> None:
    other = training.train(data, replace(TINY, seed=2), out=tmp_path / "model")
    assert other.boosters_digest != read_model(trained).boosters_digest


def test_the_model_that_is_returned_is_the_model_on_disk(data: Dataset, trained: Path) -> None:
    model = read_model(trained)
    assert [head.name for head in model.heads] == ["dirt"]
    assert model.heads[0].rule == DEFAULT_RULE
    assert (model.layout, model.metric, model.profile) == (data.layout, data.metric, "fast")
    assert model.training["images"] == 12
    assert model.training["config"] == TINY.to_dict()


def test_the_store_keeps_one_map_and_one_fold_per_image(data: Dataset, trained: Path) -> None:
    store = open_store(maps_folder(trained))
    assert store.digest == read_model(trained).boosters_digest
    assert set(store.folds) == {s.id for s in data.samples}
    tables = store.tables("dirt")
    assert tables.ids == tuple(s.id for s in data.samples)
    for number, sample in enumerate(data.samples):
        truth = datasets.read_truth(data, sample, (64, 64))["dirt"]
        assert tables.actual[number] == np.count_nonzero(truth)
        assert store.map("dirt", sample.id).shape == (64, 64)
    assert (tables.tp <= tables.area).all()
    assert ((tables.score >= 0) & (tables.score <= 1)).all()


def test_out_of_fold_maps_find_the_dirt(data: Dataset, trained: Path) -> None:
    store = open_store(maps_folder(trained))
    inside, outside = [], []
    for sample in data.samples:
        truth = datasets.read_truth(data, sample, (64, 64))["dirt"] > 0
        levels = store.map("dirt", sample.id)
        inside.append(levels[truth])
        outside.append(levels[~truth])
    assert np.concatenate(inside).mean() > 10 * np.concatenate(outside).mean()


def test_the_map_promises_as_many_defect_pixels_as_there_are_out_of_fold(data: Dataset, trained: Path) -> None:
    store, head = open_store(maps_folder(trained)), read_model(trained).heads[0]
    assert head.map_calibration is not None
    counts, expected, actual = [], 0.0, 0
    for sample in data.samples:
        truth = datasets.read_truth(data, sample, (64, 64))["dirt"]
        levels = store.map("dirt", sample.id)
        counts.append(count_labels(levels, truth, np.ones((64, 64), dtype=bool)))
        expected += float(head.map_calibration(levels / 255).sum())
        actual += np.count_nonzero(truth)
    assert expected == pytest.approx(actual, abs=1)
    assert head.map_calibration == fit_map_calibration(np.sum(counts, axis=0))


def test_a_seeded_share_is_shown_again_without_reference(data: Dataset) -> None:
    plan = make_plan(data, TINY, workers=1, progress=None)
    again = [view.sample.id for view in plan.views if view.hide_reference]
    assert len(again) == round(TINY.sampling.reference_dropout * 12)
    assert again == [v.sample.id for v in make_plan(data, TINY, workers=2, progress=None).views if v.hide_reference]
    plan = replace(plan, pasted=())
    look = fit_look(data, plan, TINY, workers=1, progress=None)
    rows = collect_rows(
        plan,
        view_reader(data, {}, TINY),
        (look,),
        TINY,
        chains=None,
        stage="round-1",
        label="",
        workers=1,
        progress=None,
    )["dirt"]
    reference_columns = [k for k, column in enumerate(look.spec.table) if column.reference]
    blank = (rows.planes[:, reference_columns] == 0).all(axis=1).sum()
    assert blank >= len(again) * TINY.sampling.negatives
    assert rows.planes.dtype == np.uint8
    assert len(rows.planes) == len(rows.labels) == len(rows.weights) == len(rows.fold)


def test_ignored_pixels_are_neither_sampled_nor_truth(tmp_path: Path) -> None:
    data = draw_manifest(tmp_path)
    ignore = np.zeros((64, 64), dtype=np.uint8)
    ignore[:, :40] = 255
    images.write_png(tmp_path / "ignore.png", ignore)
    data = replace(data, samples=tuple(replace(s, ignore=tmp_path / "ignore.png") for s in data.samples))
    out = tmp_path / "model"
    training.train(data, TINY, out=out)
    store = open_store(maps_folder(out))
    tables = store.tables("dirt")
    for number, sample in enumerate(data.samples):
        truth = datasets.read_truth(data, sample, (64, 64))["dirt"]
        assert not store.map("dirt", sample.id)[:, :40].any()
        assert tables.actual[number] == np.count_nonzero(truth[:, 40:])


def test_dev_tables_have_one_row_of_images_per_labelled_sample(trained: Path, tmp_path: Path) -> None:
    dev = draw_contest(tmp_path, images=4, first=100)
    model = read_model(trained)
    one, two = (training.make_tables(model, dev, workers=workers)["dirt"] for workers in (1, 2))
    assert one.ids == tuple(s.id for s in dev.samples) == two.ids
    assert np.array_equal(one.score, two.score)
    assert np.array_equal(one.tp, two.tp)
    pair = datasets.read_pair(dev, dev.samples[1])
    scene = prepare_pair(model.looks[0], pair)
    first = first_stack(model.looks[0], scene)
    mapped = map_head(model.looks, model.heads[0], scene, None, first=first)
    defect = datasets.read_truth(dev, dev.samples[1], (64, 64))["dirt"] > 0
    expected = measure_grid(1, mapped.levels, mapped.stack, defect, places=EVERY_PLACE)
    assert np.array_equal(one.area[one.image == 1], expected.area)


def test_each_head_learns_from_the_samples_that_are_labelled_for_it(tmp_path: Path) -> None:
    """The second head is labelled on two thirds of the images; elsewhere it is unknown, not clean."""
    drawn = draw_manifest(tmp_path / "data")
    partly = tuple(
        replace(s, labelled_heads=("dirt", "wear"), masks={**s.masks, "wear": s.masks.get("dirt", ())})
        if k % 3 < 2
        else s
        for k, s in enumerate(drawn.samples)
    )
    data = replace(drawn, heads=("dirt", "wear"), samples=partly)
    model = training.train(data, TINY, out=tmp_path / "model", workers=2)
    assert [head.name for head in read_model(tmp_path / "model").heads] == ["dirt", "wear"]
    assert model.training["rows"]["wear"] < model.training["rows"]["dirt"]
    store = open_store(maps_folder(tmp_path / "model"))
    assert len(store.tables("dirt").ids) == 12
    assert store.tables("wear").ids == tuple(s.id for k, s in enumerate(drawn.samples) if k % 3 < 2)


def test_one_round_needs_no_mining(data: Dataset, tmp_path: Path) -> None:
    labels = set()
    config = replace(TINY, sampling=replace(TINY.sampling, rounds=1))
    training.train(data, config, out=tmp_path / "m", progress=lambda done, total, label: labels.add(label))
    assert "sampling pixels" in labels
    assert "mining hard pixels" not in labels


def _refused(data: Dataset, config: RunConfig, out: Path, message: str, error: type[Exception] = DatasetError) -> None:
    labels: list[str] = []
    with pytest.raises(error, match=message) as caught:
        training.train(data, config, out=out, progress=lambda done, total, label: labels.append(label))
    assert "\n" not in str(caught.value)
    assert set(labels) <= {"reading"}
    assert not out.exists()
    assert not maps_folder(out).exists()


def test_data_without_any_defect_are_refused(data: Dataset, tmp_path: Path) -> None:
    clean = replace(data, samples=tuple(s for s in data.samples if int(s.id) % 3 == 0))
    _refused(clean, TINY, tmp_path / "m", "dirt: none of 4 labelled images has a defect pixel")


def test_fewer_dirty_groups_than_folds_are_refused(data: Dataset, tmp_path: Path) -> None:
    _refused(
        data, replace(TINY, folds=9), tmp_path / "m", r"dirt: \d groups with defects; 9 folds of whole groups need"
    )


def test_unlabelled_data_are_refused(data: Dataset, tmp_path: Path) -> None:
    bare = replace(data, samples=tuple(replace(s, labelled_heads=(), masks={}) for s in data.samples))
    _refused(bare, TINY, tmp_path / "m", "no labelled sample to train on")


def test_a_damaged_image_is_refused_before_any_work(tmp_path: Path) -> None:
    data = draw_contest(tmp_path / "data")
    broken = data.samples[-1].image
    broken.write_bytes(broken.read_bytes()[:200])
    _refused(data, TINY, tmp_path / "m", broken.name, ImageError)


def test_ctrl_c_leaves_nothing_half_written(data: Dataset, trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"

    def interrupt(done: int, total: int, label: str) -> None:
        if label == "mapping out of fold" and done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        training.train(data, TINY, out=out, workers=2, progress=interrupt)
    assert list(tmp_path.iterdir()) == []


def _no_candidates(count: int = 0) -> Candidates:
    whole = np.zeros(count, dtype=np.int64)
    return Candidates(
        ("a",),
        whole,
        whole,
        whole,
        whole - 1,
        whole + 4,
        whole + 4,
        whole + 1,
        whole + 1,
        whole + 0.5,
        np.zeros((count, 1), np.float32),
    )


@pytest.mark.parametrize("count", [0, 3])
def test_the_region_stage_does_without_a_booster_where_too_little_was_found(count: int) -> None:
    candidates = joined([_no_candidates(), _no_candidates(count)])
    stage = fit_region_stage(candidates, np.zeros(count, np.int64), TINY, workers=1, progress=None)
    assert stage.booster is None
    assert stage.scores.tolist() == [0.5] * count


def test_region_scores_never_come_from_the_own_fold() -> None:
    """All regions of fold 0 are right and all of fold 1 wrong: a score that had seen its own fold would know."""
    count = 400
    fold = np.arange(count) % 2
    area = np.full(count, 10)
    tp = np.where(fold == 0, 10, 0)
    view = np.arange(count)
    feature = np.random.default_rng(0).random((count, 1)).astype(np.float32)
    candidates = Candidates(
        ("a",), view, view * 0, view * 0, view * 0 - 1, area, area, tp, tp, np.full(count, 0.5), feature
    )
    stage = fit_region_stage(candidates, fold, TINY, workers=1, progress=None)
    assert stage.scores[fold == 0].max() < 0.1
    assert stage.scores[fold == 1].min() > 0.9


def test_the_defaults_are_what_the_findings_say() -> None:
    assert (SamplingConfig().positives, SamplingConfig().negatives, SamplingConfig().rounds) == (900, 1400, 2)
