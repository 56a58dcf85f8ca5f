"""The accuracy benchmark: every peer runs end to end, and its formulae and intervals are what they say."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import small_print

from pixelgbm import datasets, evaluation, images
from pixelgbm.errors import ConfigError
from pixelgbm.metrics import METRICS, bootstrap_interval
from pixelgbm.records import Inspection, Verdict

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import accuracy
from peers import PEERS, difference, figures, pairs, plan, rule, sheet, unet_batches, variation
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
    masks = sorted((tmp_path / peer.name / "dev").glob("*.png"))
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
    ours, other = rng.uniform(size=(2, 60, 1))
    gap, low, high = figures.paired_interval(ours, np.zeros((60, 1)), figures.Draws(4))
    drawn = bootstrap_interval(lambda weights: METRIC.overall(ours[..., None], weights), range(60), seed=4)
    assert (low, high) == pytest.approx(drawn, abs=1e-12) and gap == pytest.approx(ours.mean())
    assert figures.paired_interval(ours, ours, figures.Draws(0)) == (0.0, 0.0, 0.0)
    gap, low, high = figures.paired_interval(other + 0.1, other, figures.Draws(0))
    assert (gap, low, high) == pytest.approx((0.1, 0.1, 0.1))  # paired: what both share does not widen it
    one_each = figures.paired_interval(ours, other, figures.Draws(2), groups=[str(k) for k in range(60)])
    assert one_each == figures.paired_interval(ours, other, figures.Draws(2))
    few = figures.paired_interval(ours, other, figures.Draws(2), groups=[str(k // 30) for k in range(60)])
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
    crops = unet_batches.Crops([image, image], [flags, dirty], [1])
    inputs, truth, weight = crops.batch(6, np.random.default_rng(1))
    assert inputs.shape == (6, CHANNELS, 64, 64) and np.isfinite(inputs).all() and weight.all()
    assert all(truth[k].any() for k in (0, 2, 4))
