"""The peers of the accuracy benchmark: their formulae, what they draw to learn from, how their rules are searched."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import small_peers
from peers import contrast, difference, pairs, rule, unet_batches, variation
from peers.settings import STEPS_PER_UNIT
from small_peers import STEEL, draw_job, view_of

from pixelgbm import datasets, images
from pixelgbm.metrics import METRICS

METRIC = METRICS["macro-f1"]


@pytest.fixture(autouse=True)
def few_settings(monkeypatch):
    small_peers.leave_few_settings(monkeypatch)


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
