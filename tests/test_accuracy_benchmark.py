"""The accuracy benchmark: every peer runs end to end, and its formulae and intervals are what they say."""

from __future__ import annotations

import importlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import small_print

from pixelgbm import datasets, evaluation, images
from pixelgbm.errors import ConfigError
from pixelgbm.metrics import METRICS, bootstrap_interval
from pixelgbm.records import Inspection, Pair, Verdict

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import accuracy
from peers import PEERS, contrast, difference, figures, pairs, plan, rule, sheet, unet_batches, variation
from peers.settings import STEPS_PER_UNIT

METRIC = METRICS["macro-f1"]
SHORT = ["--workers", "1", "--unet-minutes", "0.005", "--resamples", "50"]


def view_of(test, reference, covered=None):
    covered = np.ones(test.shape[:2], bool) if covered is None else covered
    return pairs.View(test.astype(np.float32), reference.astype(np.float32), covered, 0.0)


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


@pytest.fixture(autouse=True)
def few_settings(monkeypatch):
    """A few settings, small crops: what is tried out here is the road, not the choice."""
    monkeypatch.setattr(difference, "SETTINGS", difference.SETTINGS[::5])
    monkeypatch.setattr(variation, "SETTINGS", variation.SETTINGS[::6])
    monkeypatch.setattr(contrast, "SETTINGS", contrast.SETTINGS[::5])
    monkeypatch.setattr(unet_batches, "CROP", 64)
    for grid in ("AREAS", "CUTS", "GATES"):
        monkeypatch.setattr(rule, grid, getattr(rule, grid)[:4])


def run(*arguments):
    return accuracy.compare(accuracy.read_options([str(a) for a in arguments]))


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


def test_variation_model_is_the_formula():
    rng = np.random.default_rng(3)
    test, reference = (rng.uniform(0, 255, (40, 50, 3)) for _ in range(2))
    view = view_of(test, reference)
    for setting in [(1.2, 0.4, "any", "both"), (2.0, 0.0, "luminance", "darker"), (0.7, 1.6, "any", "brighter")]:
        blur, ratio, channels, sign = setting
        for threshold in (9, 40):
            a = threshold / STEPS_PER_UNIT
            got = variation.evidence(view, [setting])[setting] >= threshold
            wanted = np.zeros((40, 50), bool)
            gap, v = variation._compared(view, blur, channels)
            for c_minus_i, gradient in zip(gap.transpose(2, 0, 1), v.transpose(2, 0, 1), strict=True):
                signed = {"both": np.abs(c_minus_i), "darker": -c_minus_i, "brighter": c_minus_i}[sign]
                wanted |= signed > np.maximum(a, ratio * a * gradient)
            assert (got != wanted).mean() < 1e-3  # float32 division against multiplication, exactly on the border
    gap, v = variation._compared(view_of(test, np.tile(np.arange(50.0)[None, :, None], (40, 1, 3))), 1.2, "any")
    assert v[10:-10, 10:-10] == pytest.approx(1.0, abs=1e-3)  # a ramp of one grey level a pixel


def test_nothing_is_found_where_the_reference_shows_nothing():
    test = np.full((20, 20, 3), 200.0)
    view = view_of(test, np.full((20, 20, 3), 50.0), np.zeros((20, 20), bool))
    for module in (difference, variation):
        assert not any(plane.any() for plane in module.evidence(view, module.SETTINGS).values())


def test_rule_search_scores_what_the_rule_marks():
    rng = np.random.default_rng(5)
    lot = []
    for k in range(6):
        truth = np.zeros((40, 40), bool)
        if k % 3:
            truth[8:18, 10:22] = True
        score = np.clip(rng.normal(60, 25, truth.shape) + 120 * truth, 0, 255).astype(np.uint8)
        ignore = np.zeros_like(truth)
        ignore[:, 30:] = True
        lot.append((score, truth, ignore))
    whole = rule.tabulate(lot, rule.PROBABILITIES)
    chosen, smooth, value = rule.search(whole, METRIC)
    marks = [rule.apply(score, chosen) & ~ignore for score, _, ignore in lot]
    again = [
        float(METRIC.per_image((m & t).sum(), m.sum(), (t & ~i).sum())) for m, (_, t, i) in zip(marks, lot, strict=True)
    ]
    assert value == pytest.approx(np.mean(again)) and smooth <= value + 1e-9 and value > 0.8
    joined = rule.join([rule.tabulate(lot[:2], rule.PROBABILITIES), rule.tabulate(lot[2:], rule.PROBABILITIES)])
    assert rule.search(joined, METRIC) == (chosen, smooth, value)


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


def test_network_keeps_size_and_learns_from_balanced_crops():
    torch = pytest.importorskip("torch")
    from peers.unet_network import CHANNELS, UNet

    net = UNet().eval()
    assert 1e6 < sum(p.numel() for p in net.parameters()) < 3e6
    with torch.inference_mode():
        assert net(torch.zeros(1, CHANNELS, 64, 96)).shape == (1, 1, 64, 96)
    flags = np.zeros((300, 280, 3), bool)
    flags[..., 1:] = True
    dirty = flags.copy()
    dirty[140:150, 40:50, 0] = True
    image = np.random.default_rng(0).integers(0, 256, (300, 280, 6)).astype(np.uint8)
    crops = unet_batches.Crops([image, image], [flags, dirty], [(0, [1])])
    inputs, truth, weight = crops.batch(6, np.random.default_rng(1))
    assert inputs.shape == (6, CHANNELS, 64, 64) and np.isfinite(inputs).all() and weight.all()
    assert all(truth[k].any() for k in (0, 2, 4))
    assert UNet(3).eval()(torch.zeros(1, CHANNELS, 64, 64)).shape == (1, 3, 64, 64)
    other = np.insert(dirty, 1, False, axis=2)
    other[200:205, 200:205, 1] = True
    both = unet_batches.Crops([image], [other], [(0, [0]), (1, [0])])
    _, truth, weight = both.batch(20, np.random.default_rng(1))
    assert truth.shape == (20, 2, 64, 64) and weight.shape == (20, 1, 64, 64)
    assert truth[::2].any(axis=(2, 3)).any(axis=1).all() and truth[::2].any(axis=(0, 2, 3)).all()


# ---- jobs without a reference --------------------------------------------------------------------------------------

STEEL = ("1", "2", "3", "4")
JOBS = {
    "textured-surfaces": ("defect",),
    "mask-folders": ("defect",),
    "steel": STEEL,
    "manifest": ("crack", "stain"),
}
"""Layout -> heads."""


def surface(number: int, heads: tuple[str, ...], *, split: str, labelled: tuple[str, ...]) -> datasets.Labelled:
    """A noisy sheet; every other one has a dark spot, a kind in turn."""
    rng = np.random.default_rng([8, number])
    image = rng.normal(140, 5, (64, 64))
    truth = {head: np.zeros((64, 64), np.uint8) for head in heads}
    if number % 2:
        row, col = rng.integers(12, 44, 2)
        truth[heads[number // 2 % len(heads)]][row : row + 9, col : col + 7] = 255
        image[row : row + 9, col : col + 7] -= 60
    pixels = np.clip(image, 0, 255).astype(np.uint8)
    known = {head: plane for head, plane in truth.items() if head in labelled}
    return datasets.Labelled(
        f"{split}_{number:02}",
        split,
        Pair(pixels),
        known,
        sealed=split == "test",
        object_id=f"o{number // 2}" if "crack" in heads else None,
        view=str(number % 2) if "crack" in heads else None,
    )


def draw_job(root: Path, layout: str) -> Path:
    """Twenty train, eight test images; images of the manifest are labelled for one head in turn, and eight are dev."""
    heads = JOBS[layout]
    items = []
    for k in range(28):
        split = "test" if k >= 20 else "dev" if layout == "manifest" and k >= 12 else "train"
        own = (heads[k // 2 % 2],) if layout == "manifest" and split != "test" else heads
        items.append(surface(k, heads, split=split, labelled=own))
    datasets.LAYOUTS[layout].write(root, items, sealed=root / "truth")
    return root


def run_job(data: Path, work: Path, *arguments):
    options = ["--split", "test", "--truth", data / "truth", "--openings", work / "openings.md", "--commit", "abc"]
    return run(data, "--work", work, *options, *SHORT, *arguments)


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


def test_rules_for_verdicts_are_searched_on_the_set():
    """One bad image in forty: what calls all good is right 39 times of 40, and worth no more than a half."""
    rng = np.random.default_rng(2)
    lot = []
    for k in range(40):
        score = np.clip(rng.normal(40, 4, (24, 24)), 0, 255).astype(np.uint8)
        truth = np.zeros((24, 24), bool)
        if k in (0, 1, 2):
            score[4:9, 4:9] = 130 if k == 0 else 90  # two good images have a fainter spot
            truth[4:9, 4:9] = k == 0
        lot.append((score, truth, np.zeros_like(truth)))
    chosen, _, value = rule.search(rule.tabulate(lot, rule.PROBABILITIES), METRICS["verdict-f1"])
    called = [rule.apply(score, chosen).any() for score, _, _ in lot]
    assert called == [True] + 39 * [False]
    assert value == 1.0


def test_local_contrast_is_the_formula():
    rng = np.random.default_rng(4)
    image = rng.uniform(0, 255, (60, 60, 3)).astype(np.float32)
    found = contrast.evidence(view_of(image, image), [(0.0, 11, "both"), (0.0, 11, "darker")])
    row, col, threshold = 30, 25, 12
    around = image[row - 5 : row + 6, col - 5 : col + 6].astype(float)
    off = (image[row, col] - around.mean(axis=(0, 1))) / (around.std(axis=(0, 1)) + contrast.CALM)
    strength = contrast.FINER * STEPS_PER_UNIT * off
    assert found[0.0, 11, "both"][row, col] == pytest.approx(np.abs(strength).max(), abs=1)
    assert (found[0.0, 11, "darker"][row, col] >= threshold) == (-strength.min() > threshold)


def test_the_first_look_meets_the_rare_defects(tmp_path):
    from peers.task import Task, drawn

    dataset = datasets.open_dataset(draw_job(tmp_path / "data", "textured-surfaces")).select({"train"})
    samples = sorted(dataset.samples, key=lambda s: not s.masks)[7:]  # three of thirteen have a defect
    items = pairs.items_of(dataset, samples, heads=("defect",), work=tmp_path)
    rows, cols = images.image_size(items[0].sample.image)
    looked = drawn(Task(items, (), tmp_path, tmp_path), items, 6 * rows * cols + 1)
    assert len(looked) == 6
    assert sum(bool(item.sample.masks) for item in looked) == 3


def test_of_several_heads_every_one_has_its_half_of_what_is_drawn(tmp_path):
    from peers.task import Task, drawn

    dataset = datasets.open_dataset(draw_job(tmp_path / "data", "steel")).select({"train"})
    items = pairs.items_of(dataset, dataset.samples, heads=STEEL, work=tmp_path)
    rows, cols = images.image_size(items[0].sample.image)
    looked = drawn(Task(items, (), tmp_path, tmp_path), items, 4 * rows * cols)
    assert [sum(item.masked[head] for item in looked) for head in range(4)] == [2, 2, 2, 2]
    assert sum(not any(item.masked) for item in looked) == 2


def counted(monkeypatch, module):
    """The tasks that a peer is fitted for, from now on."""
    tasks, fit = [], module.fit

    def noted(task, **options):
        tasks.append(task)
        fit(task, **options)

    monkeypatch.setattr(module, "fit", noted)
    return tasks


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


def forest_task(tmp_path, heads=("defect",), layout="textured-surfaces"):
    from peers.task import Task

    root = tmp_path / "data"
    data = datasets.open_dataset(root if root.exists() else draw_job(root, layout)).select({"train"})
    pairs.prepare(data, work=tmp_path)
    items = pairs.items_of(data, data.samples, heads=heads, work=tmp_path)
    return Task(items, (), tmp_path / "lot", tmp_path)


def brightness(view):
    return view.test[..., :1]


def test_rows_of_an_image_are_made_once_and_do_not_depend_on_the_others(tmp_path):
    from peers.forest_rows import Counts, rows_of

    task = forest_task(tmp_path)
    item = next(item for item in task.train if any(item.masked))
    asked = []

    def features(view):
        asked.append(view)
        return brightness(view)

    first = rows_of(task, item, Counts(20, 60), features)
    assert len(asked) == 1 and first.cpu_seconds > 0
    assert first.labels.sum() == 20 and len(first.labels) <= 80
    again = rows_of(task, item, Counts(20, 60), features)
    assert np.array_equal(first.columns, again.columns) and np.array_equal(first.labels, again.labels)
    assert again.cpu_seconds == first.cpu_seconds  # whoever takes kept rows is charged what they took
    fewer, more = rows_of(task, item, Counts(18, 50), features), rows_of(task, item, Counts(22, 66), features)
    assert len(asked) == 1 and (fewer.labels.sum(), more.labels.sum()) == (18, 22)
    most = rows_of(task, item, Counts(40, 200), features)
    assert len(asked) == 2 and most.labels.sum() == 40
    alone = rows_of(replace(task, train=(item,), kept=tmp_path / "other"), item, Counts(20, 60), features)
    assert np.array_equal(alone.columns, first.columns)


def test_rows_hold_defects_of_every_head_and_never_what_is_ignored(tmp_path):
    from peers.forest_rows import NEAR, Counts, _drawn

    truth, ignore = np.zeros((60, 60, 2), bool), np.zeros((60, 60), bool)
    truth[10:20, 10:20, 0] = truth[15:25, 15:25, 1] = True
    ignore[:, 17:30] = True
    one, other, near, off = _drawn(np.random.default_rng(0), truth, ignore, Counts(30, 300))
    assert (len(one), len(other), len(near), len(off)) == (30, 20, 100, 300)
    assert truth[..., 0].ravel()[one].all() and truth[..., 1].ravel()[other].all()
    drawn = np.concatenate([one, other, near, off])
    assert not ignore.ravel()[drawn].any() and not truth.any(axis=2).ravel()[np.concatenate([near, off])].any()
    rows, cols = np.unravel_index(near, (60, 60))
    assert rows.max() < 25 + NEAR and cols.max() < 25 + NEAR


def test_a_forest_that_met_one_class_of_a_head_says_so(tmp_path):
    pytest.importorskip("sklearn")
    from peers import forest

    task = forest_task(tmp_path, heads=STEEL, layout="steel")
    kept = [item for item in task.train if not item.masked[2]]
    task = replace(task, train=tuple(kept))
    forest.fit(task, paired=False)
    maps = forest.mapper(task.folder, paired=False)(kept[1].view())
    assert maps.shape == (64, 64, 4) and maps.dtype == np.uint8
    assert not maps[..., 2].any() and maps[..., 0].any()


def test_grey_channels_have_the_columns_of_colours(tmp_path):
    pytest.importorskip("sklearn")
    from peers import forest
    from skimage.feature import multiscale_basic_features

    rng = np.random.default_rng(3)
    for image in (rng.uniform(0, 255, (40, 50, 3)), np.dstack([rng.uniform(0, 255, (40, 50))] * 3)):
        view = view_of(image, image)
        stack = np.asarray(view.test / 255, np.float32)
        plain = multiscale_basic_features(stack, channel_axis=-1, sigma_min=1, sigma_max=16)
        assert np.array_equal(forest.features_of(view, paired=False), plain)


def test_a_map_is_blurred_before_it_is_cut():
    from peers.tuning import Choice, cut

    score = np.zeros((30, 30), np.uint8)
    score[14:17, 14:17] = 200
    plain, blurred = (cut(score, Choice(sigma, rule.Rule(100, 0, 0.0, 0.0), 0.0, 0.0)) for sigma in (0.0, 2.0))
    assert plain.sum() == 9 and not blurred.any()
