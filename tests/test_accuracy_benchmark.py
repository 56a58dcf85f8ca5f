"""The accuracy benchmark: every peer runs end to end on every layout, and figures and intervals are what they say."""

from __future__ import annotations

import importlib
import json

import numpy as np
import pytest
import small_peers
import small_print
from peers import PEERS, contrast, figures, plan, sheet
from small_peers import JOBS, SHORT, STEEL, counted, draw_job, run, run_job, view_of

from pixelgbm import datasets, evaluation, images
from pixelgbm.errors import ConfigError
from pixelgbm.metrics import METRICS, bootstrap_interval
from pixelgbm.records import Inspection, Verdict

METRIC = METRICS["macro-f1"]


@pytest.fixture(autouse=True)
def few_settings(monkeypatch):
    small_peers.leave_few_settings(monkeypatch)


@pytest.fixture(scope="module")
def contest(tmp_path_factory):
    """Twelve train and six dev pairs with dirt that is easy to see."""
    root = tmp_path_factory.mktemp("accuracy") / "data"
    items = [small_print.labelled(k, split="train" if k < 12 else "dev") for k in range(18)]
    datasets.LAYOUTS["konica-minolta"].write(root, items)
    return root


@pytest.fixture(scope="module")
def ours(contest, tmp_path_factory):
    """A PRED folder whose masks are the truth moved by one pixel."""
    from pixelgbm.predictions import PredictionWriter

    dataset = datasets.open_dataset(contest).select({"dev"})
    folder = tmp_path_factory.mktemp("accuracy") / "pred"
    ids = [sample.id for sample in dataset.samples]
    with PredictionWriter(
        folder, model_digest="m", data_digest="d", layout=dataset.layout, ids=ids, heads=dataset.heads
    ) as writer:
        for sample in dataset.samples:
            truth = datasets.read_truth(dataset, sample, images.image_size(sample.image))
            moved = {head: np.roll(plane > 0, 1, axis=0) for head, plane in truth.items()}
            writer.write(Inspection(sample.id, moved, {}, (), Verdict(True)))
    return folder


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_peer_learns_answers_and_is_scored(peer, contest, tmp_path, monkeypatch):
    for package in peer.packages:
        pytest.importorskip(package)
    if peer.name == "u-net":
        monkeypatch.setattr("peers.unet._bfloat16_is_quicker", lambda: False)
    rows = run(contest, "--work", tmp_path, "--only", peer.name, *SHORT)
    assert [row["method"] for row in rows] == ["all clean", peer.title]
    found = rows[1]
    assert found["fit_cpu_seconds"] > 0 and found["cpu_ms"] > 0
    assert found["setting"]["all"]["rule"]["threshold"] > 0
    if not peer.name.startswith("u-net"):  # seconds of training teach a network nothing
        assert found["overall"]["score_mean"] > rows[0]["overall"]["score_mean"]
    (place,) = (tmp_path / peer.name).rglob("masks-macro-f1")
    masks = sorted(place.glob("*/*.png"))
    assert [path.stem for path in masks] == [str(k) for k in range(12, 18)]
    before = masks[0].stat().st_mtime_ns
    assert run(contest, "--work", tmp_path, "--only", peer.name, *SHORT) == rows
    assert masks[0].stat().st_mtime_ns == before


def test_ours_has_the_figures_of_pixelgbm_score(contest, ours, tmp_path):
    options = ["--only", "difference", "--workers", "1"]
    rows = run(contest, "--work", tmp_path, "--ours", f"ours={ours}", *options)
    card = evaluation.score_path(ours, datasets.open_dataset(contest).select({"dev"}))
    assert rows[0]["overall"]["score_mean"] == card.overall.score_mean
    assert tuple(rows[0]["overall"]["interval"]) == card.overall.interval
    assert rows[1]["overall"]["score_mean"] == card.overall.all_clean
    gap, low, high = rows[2]["ours_minus_it"]
    assert gap == pytest.approx(card.overall.score_mean - rows[2]["overall"]["score_mean"]) and low <= gap <= high
    written = json.loads((tmp_path / "accuracy-dev.json").read_text())
    assert sum(written["reasons"].values()) == 6
    assert images.read_image(tmp_path / "worst-dev.png")[0].ndim == 3
    assert (tmp_path / "accuracy-dev.md").read_text().count("\n|") == 5


def test_rows_of_an_earlier_table_stay_and_are_not_paired(contest, ours, tmp_path):
    work = ["--work", tmp_path / "work", "--workers", "1"]
    first = run(contest, *work, "--out", tmp_path / "first", "--ours", f"ours={ours}", "--only", "none")
    table = tmp_path / "first" / "accuracy-dev.json"
    rows = run(contest, *work, "--beside", table, "--only", "contrast", "--resamples", "50")
    assert [row["method"] for row in rows] == ["ours", "all clean", "local contrast"]
    assert rows[:2] == json.loads(table.read_text())["methods"] and len(first) == 2
    assert "ours_minus_it" not in rows[2]
    with pytest.raises(ConfigError, match=r"these rows are of .*'metric': 'verdict-f1'"):
        run(contest, *work, "--beside", table, "--only", "none", "--metric", "verdict-f1")


def test_scoring_the_test_split_leaves_a_line_and_no_sheet(tmp_path):
    items = [small_print.labelled(k, split=("train", "dev", "test")[k % 3]) for k in range(15)]
    datasets.LAYOUTS["konica-minolta"].write(tmp_path / "data", items)
    note = tmp_path / "openings.md"
    options = ["--work", tmp_path / "work", "--only", "difference", "--split", "test", *SHORT]
    run(tmp_path / "data", *options, "--openings", note, "--commit", "abc", "--data-name", "drawn")
    cells = [cell.strip() for cell in note.read_text().strip("|\n").split("|")]
    assert cells[1:3] == ["drawn: registered difference beside 1 peers (`accuracy.py`)", "abc"]
    assert not list((tmp_path / "work").glob("worst-*"))


def test_held_out_groups_are_never_learnt_or_tuned_on(tmp_path):
    dataset = small_print.draw_manifest(tmp_path / "data", images=8)
    found = plan.plan_folds(dataset, folds=None, seed=0, workers=1)
    assert len(found.lots) == 4 and len(found.answered) == 8
    for lot in found.lots:
        assert lot.dev == ()
        assert not {s.group for s in lot.train} & {s.group for s in lot.answered}
    rows = run(tmp_path / "data", "--work", tmp_path / "work", "--leave-one-group-out", "--only", "difference", *SHORT)
    assert sorted(rows[1]["setting"]) == ["fold-1", "fold-2", "fold-3", "fold-4"]
    with pytest.raises(ConfigError, match="no images in the split dev"):
        plan.plan_splits(dataset, "dev")


def test_paired_interval_resamples_as_the_scorecard_does():
    rng = np.random.default_rng(1)
    ours, other = rng.uniform(size=(2, 60, 1, 1))

    def interval(one, two, seed, **options):
        return figures.paired_interval(one, two, figures.Draws(seed), metric=METRIC, **options)

    gap, low, high = interval(ours, np.zeros_like(ours), 4)
    drawn = bootstrap_interval(lambda weights: METRIC.overall(ours, weights), range(60), seed=4)
    assert (low, high) == pytest.approx(drawn, abs=1e-12) and gap == pytest.approx(ours.mean())
    assert interval(ours, ours, 0) == (0.0, 0.0, 0.0)
    gap, low, high = interval(other + 0.1, other, 0)
    assert (gap, low, high) == pytest.approx((0.1, 0.1, 0.1))  # paired: what both share does not widen it
    one_each = interval(ours, other, 2, groups=[str(k) for k in range(60)])
    assert one_each == interval(ours, other, 2)
    few = interval(ours, other, 2, groups=[str(k // 30) for k in range(60)])
    assert few[0] == one_each[0]


def test_reasons_name_the_costliest_error():
    truth = np.zeros((60, 60), bool)
    truth[20:30, 20:30] = True
    wide, small, far = np.zeros((3, 60, 60), bool)
    wide[15:35, 15:35] = True
    small[24:26, 24:26] = True
    far[45:55, 45:55] = True
    assert sheet.reason(truth, truth, 20.0, 1.0) == "right"
    assert sheet.reason(truth, far & False, 3.0, 0.0) == "missed faint"
    assert sheet.reason(truth, far & False, 20.0, 0.0) == "missed wholly"
    assert sheet.reason(truth & False, far, None, 0.0) == "false region"
    assert sheet.reason(truth, wide, 20.0, 0.4) == "swollen rim"
    assert sheet.reason(truth, small, 20.0, 0.08) == "shrunk rim"
    test = np.full((60, 60, 3), 150.0)
    test[truth] -= 12
    assert sheet.contrast(view_of(test, np.full_like(test, 150.0)), truth) == pytest.approx(
        12, abs=2
    )  # less at the rim, which is blurred
    assert sheet.contrast(view_of(test, test), truth & False) is None


@pytest.mark.parametrize("layout", JOBS)
def test_every_job_runs_with_its_own_metric_and_splits(layout, tmp_path):
    data = draw_job(tmp_path / "data", layout)
    rows = run_job(data, tmp_path / "work", "--only", "contrast")
    assert [row["method"] for row in rows] == ["all clean", "local contrast"]
    empty, found = (row["overall"]["score_mean"] for row in rows)
    assert found > empty or len(JOBS[layout]) > 1  # contrast cannot tell one kind from another
    settings = rows[1]["setting"]
    assert set(settings) == (set(JOBS[layout]) if len(JOBS[layout]) > 1 else {"all"})
    written = json.loads((tmp_path / "work" / "accuracy-test.json").read_text())
    assert written["metric"] == datasets.LAYOUTS[layout].metric
    table = (tmp_path / "work" / "accuracy-test.md").read_text()
    assert figures.TITLES[written["metric"]] in table
    if len(JOBS[layout]) > 1:
        assert all(f"head {head}" in table for head in JOBS[layout])
        assert set(rows[1]["heads"]) == set(JOBS[layout])


def test_learners_are_tuned_on_groups_of_train_where_there_is_no_dev(tmp_path):
    pytest.importorskip("sklearn")
    data = draw_job(tmp_path / "data", "textured-surfaces")
    found = plan.plan_splits(datasets.open_dataset(data), "test")
    (lot,) = found.lots
    assert lot.dev == ()
    assert all(sample.group for sample in lot.train)
    rows = run_job(data, tmp_path / "work", "--only", "forest", "--metric", "verdict-f1")
    assert rows[1]["overall"]["score_mean"] > rows[0]["overall"]["score_mean"]


def test_heads_learn_from_the_images_labelled_for_them(tmp_path, monkeypatch):
    data = draw_job(tmp_path / "data", "manifest")
    seen = {}

    def fit(task):
        seen[task.folder.name] = {item.id for item in (*task.train, *task.dev)}
        contrast_fit(task)

    contrast_fit = contrast.fit
    monkeypatch.setattr(contrast, "fit", fit)
    run_job(data, tmp_path / "work", "--only", "contrast")
    labelled = {s.id: s.labelled_heads for s in datasets.open_dataset(data).samples if s.split != "test"}
    for head in JOBS["manifest"]:
        assert seen[head] == {id for id, heads in labelled.items() if head in heads}


@pytest.mark.parametrize("name", ["forest", "u-net"])
def test_one_fitting_serves_all_heads_that_every_image_is_labelled_for(name, tmp_path, monkeypatch):
    pytest.importorskip({"forest": "sklearn", "u-net": "torch"}[name])
    module = importlib.import_module({"forest": "peers.forest", "u-net": "peers.unet"}[name])
    if name == "u-net":
        monkeypatch.setattr(module, "_bfloat16_is_quicker", lambda: False)
    tasks = counted(monkeypatch, module)
    rows = run_job(draw_job(tmp_path / "data", "steel"), tmp_path / "work", "--only", name)
    assert [task.heads for task in tasks] == [STEEL]
    assert tasks[0].unet_minutes == 0.005
    (setting,) = rows[1]["setting"].values()
    assert set(setting["heads"]) == set(STEEL)
    assert rows[1]["fit_cpu_seconds"] == setting["fit_cpu_seconds"]
    if name == "forest":  # it finds the spots, whose kinds look alike
        assert rows[1]["overall"]["dirty_mean"] > 0.5
    tasks.clear()
    run_job(draw_job(tmp_path / "apart", "manifest"), tmp_path / "others", "--only", name)
    assert [task.heads for task in tasks] == [("crack",), ("stain",)]
    assert [task.unet_minutes for task in tasks] == [0.0025, 0.0025]


def test_another_metric_needs_no_other_fitting_and_no_other_maps(tmp_path, monkeypatch):
    pytest.importorskip("sklearn")
    from peers import answers, forest

    data = draw_job(tmp_path / "data", "steel")
    dice = run_job(data, tmp_path / "work", "--only", "forest", "--metric", "dice")
    forbidden = counted(monkeypatch, forest)
    monkeypatch.setattr(answers.Peer, "mapper", None)
    verdicts = run_job(data, tmp_path / "work", "--only", "forest", "--metric", "verdict-f1")
    assert forbidden == []
    heads = {metric: rows[1]["setting"]["all"]["heads"] for metric, rows in (("dice", dice), ("verdict", verdicts))}
    assert heads["dice"] != heads["verdict"]
    assert verdicts[1]["overall"]["score_mean"] > verdicts[0]["overall"]["score_mean"]
    assert run_job(data, tmp_path / "work", "--only", "forest", "--metric", "dice") == dice


def test_contrast_is_chosen_for_each_metric(tmp_path, monkeypatch):
    data = draw_job(tmp_path / "data", "textured-surfaces")
    tasks = counted(monkeypatch, contrast)
    for metric in ("verdict-f1", "macro-f1", "verdict-f1"):
        run_job(data, tmp_path / "work", "--only", "contrast", "--metric", metric)
    assert [task.metric.name for task in tasks] == ["verdict-f1", "macro-f1"]
