"""The Scorecard against arithmetic done again by hand, for predictions and for answer files."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_contest import SHAPE, draw_contest, mask_of

from pixelgbm import evaluation, images, scorecard
from pixelgbm.datasets import open_dataset
from pixelgbm.errors import DatasetError, SubmissionError
from pixelgbm.evaluation import score_path
from pixelgbm.formats import encode_mask_text
from pixelgbm.predictions import WITHOUT_REFERENCES, PredictionWriter, submit
from pixelgbm.records import Inspection, Verdict

TEST = ("2", "4", "6", "8", "9", "20")


@pytest.fixture
def root(tmp_path):
    return draw_contest(tmp_path / "data", test=TEST)


@pytest.fixture
def dataset(root):
    return open_dataset(root, truth=root / "truth")


def guess(id: str) -> np.ndarray:
    """A mask that is right on some images, partly right on others, and marks one clean image."""
    mask = mask_of(id)
    mask[:, 2] = False
    if id == "6":
        mask[0, 0] = True
    if id == "4":
        mask[:] = False
    return mask


def predict(folder: Path, ids=TEST, masks=guess, heads=("dirt",), failing=(), probabilities=False) -> Path:
    options = {"model_digest": "m", "data_digest": "d", "layout": "konica-minolta", "probabilities": probabilities}
    with PredictionWriter(folder, ids=ids, heads=heads, **options) as out:
        for id in ids:
            if id in failing:
                out.fail(id, "the file is cut off")
            else:
                found = {head: masks(id) for head in heads}
                maps = {head: mask.astype(np.float32) for head, mask in found.items()}
                found = {head: mask > 0.5 for head, mask in found.items()}
                out.write(Inspection(id, found, maps, (), Verdict(True)))
    return folder


def by_hand(found: np.ndarray, truth: np.ndarray) -> float:
    tp = fp = fn = 0
    for row in range(truth.shape[0]):
        for col in range(truth.shape[1]):
            tp += bool(found[row, col] and truth[row, col])
            fp += bool(found[row, col] and not truth[row, col])
            fn += bool(truth[row, col] and not found[row, col])
    if tp == 0:
        return 1.0 if fp == fn == 0 else 0.0
    precision, recall = tp / (tp + fp), tp / (tp + fn)
    return 2 * precision * recall / (precision + recall)


def zipped(path, members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members:
            archive.writestr(name, text)
    return path


def test_figures_are_those_done_by_hand(dataset, tmp_path):
    card = score_path(predict(tmp_path / "PRED"), dataset)
    values = {id: by_hand(guess(id), mask_of(id)) for id in TEST}
    dirty = [values[id] for id in TEST if mask_of(id).any()]
    assert card.score == pytest.approx(1e6 * np.mean(list(values.values())), abs=1e-9)
    assert {row.id: row.score for row in card.per_image} == pytest.approx(values)
    figures = card.overall
    assert (figures.images, figures.dirty_images, figures.clean_images) == (6, 4, 2)
    assert figures.dirty_mean == pytest.approx(np.mean(dirty))
    assert figures.dirty_at_zero == 0.25
    assert figures.clean_marked == 0.5
    assert figures.all_clean == pytest.approx(2 / 6)
    assert figures.interval[0] < figures.score_mean < figures.interval[1]
    assert list(card.per_level) == ["2"]
    assert card.without_references is None


def test_answer_file_scores_as_the_predictions_it_was_made_of(dataset, tmp_path):
    predict(tmp_path / "PRED")
    submit(tmp_path / "PRED", tmp_path / "a.zip")
    first, second = score_path(tmp_path / "PRED", dataset), score_path(tmp_path / "a.zip", dataset)
    assert first == second


def test_ten_submissions_score_as_done_by_hand(root, dataset, tmp_path):
    (root / "excluded.txt").write_text("8\n")
    dataset = open_dataset(root, truth=root / "truth")
    counted = [id for id in TEST if id != "8"]
    expected = 1e6 * np.mean([by_hand(guess(id), mask_of(id)) for id in counted])
    texts = {f"{id}_mask.txt": encode_mask_text(guess(id)) for id in TEST}
    rows = SHAPE[0]

    def lines(text: str, ending: str) -> str:
        return "".join(text[i : i + rows] + ending for i in range(0, len(text), rows))

    whole = {
        "plain": texts.items(),
        "nested": [(f"some folder/x/{n}", t) for n, t in texts.items()],
        "lines": [(n, lines(t, "\n")) for n, t in texts.items()],
        "windows": [(n, lines(t, "\r\n")) for n, t in texts.items()],
        "extra": [*texts.items(), ("readme.md", "x"), ("12345_mask.txt", "0"), ("__MACOSX/._2_mask.txt", "x")],
    }
    for name, members in whole.items():
        card = score_path(zipped(tmp_path / f"{name}.zip", members), dataset)
        assert card.score == pytest.approx(expected, abs=1e-9), name
        assert card.excluded == {"8": "listed in excluded.txt"}
        assert "8" not in {row.id for row in card.per_image}
    for lacking in ("20", "8"):
        members = [(n, t) for n, t in texts.items() if n != f"{lacking}_mask.txt"]
        card = score_path(zipped(tmp_path / f"without-{lacking}.zip", members), dataset)
        assert (card.score, card.missing, card.overall) == (-1.0, (lacking,), None)
    others = [*texts.items()][1:]
    damaged = {
        "twice": ([*texts.items(), ("b/2_mask.txt", texts["2_mask.txt"])], "image 2 twice"),
        "short": ([*others, ("2_mask.txt", "01")], "2_mask.txt: 2 characters"),
        "foreign": ([*others, ("2_mask.txt", "x" * 63)], "2_mask.txt: 'x' in line 1"),
    }
    for name, (members, said) in damaged.items():
        with pytest.raises(SubmissionError, match=said):
            score_path(zipped(tmp_path / f"{name}.zip", members), dataset)


def test_empty_zip_lacks_every_image(dataset, tmp_path):
    card = score_path(zipped(tmp_path / "a.zip", []), dataset.select({"test"}))
    assert (card.score, card.missing) == (-1.0, TEST)


def test_only_splits_that_are_answered_are_due(dataset, tmp_path):
    assert score_path(predict(tmp_path / "PRED"), dataset).overall.images == 6
    assert score_path(predict(tmp_path / "both", ids=("1", "3", "10", *TEST)), dataset).overall.images == 9
    assert score_path(predict(tmp_path / "part", ids=("1", "3")), dataset).missing == ("10",)


def test_no_truth_says_how_to_name_it(root, tmp_path):
    with pytest.raises(DatasetError, match=r"no truth for any of the 6 images to score; .* named with --truth$"):
        score_path(predict(tmp_path / "PRED"), open_dataset(root))


def test_failed_image_counts_as_wrong_and_is_listed(dataset, tmp_path):
    card = score_path(predict(tmp_path / "PRED", masks=mask_of, failing=("9",)), dataset)
    assert card.failures == {"9": "the file is cut off"}
    assert card.overall.score_mean == pytest.approx(5 / 6)
    assert (card.overall.dirty_images, card.overall.clean_images) == (4, 1)


def test_predictions_without_references_stand_beside(dataset, tmp_path):
    predict(tmp_path / "PRED", masks=mask_of)
    predict(tmp_path / "PRED" / WITHOUT_REFERENCES)
    card = score_path(tmp_path / "PRED", dataset)
    assert card.score == 1e6
    assert card.without_references.score < 1e6
    assert card.table()[-1][0] == "without references"


def test_scorecard_is_json_and_rows(dataset, tmp_path):
    card = score_path(predict(tmp_path / "PRED"), dataset)
    assert json.loads(card.to_json()) == card.to_dict()
    assert card.to_dict()["overall"]["images"] == 6
    heading, *rows = card.table()
    assert [row[0] for row in rows] == ["overall", "level 2"]
    assert all(len(row) == len(heading) for row in rows)
    assert rows[0][1] == "6"


def test_same_seed_gives_the_same_card(dataset, tmp_path):
    predict(tmp_path / "PRED")
    assert score_path(tmp_path / "PRED", dataset, seed=3) == score_path(tmp_path / "PRED", dataset, seed=3)


def test_mask_of_another_size_is_refused(dataset, tmp_path):
    predict(tmp_path / "PRED", masks=lambda id: np.zeros((3, 3), bool))
    with pytest.raises(SubmissionError, match=r"image 2: a mask of 3x3, its image \S*2\.tif has 9x7$"):
        score_path(tmp_path / "PRED", dataset)


@pytest.fixture
def two_heads(tmp_path):
    """Three images, heads a and b; b is unknown on z; the left half of x is ignored; x and y are one group."""
    folder = tmp_path / "set"
    truth = np.zeros((4, 6), np.uint8)
    truth[1:3, 2:5] = 255
    half = np.zeros((4, 6), bool)
    half[:, :3] = True
    for name in "xyz":
        images.write_png(folder / f"{name}.png", np.zeros((4, 6), np.uint8))
    images.write_png(folder / "truth.png", truth)
    images.write_png(folder / "ignore.png", half)
    rows = ["id,image,ignore,group,mask:a,mask:b", "x,x.png,ignore.png,1,truth.png,clean"]
    rows += ["y,y.png,,1,truth.png,truth.png", "z,z.png,,2,clean,"]
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    return open_dataset(folder), truth > 0, half


def test_heads_count_alike_ignored_pixels_and_unknown_heads_do_not_count(two_heads, tmp_path):
    dataset, truth, half = two_heads
    found = truth.copy()
    found[0, 0] = True  # ignored on x, false on y and z
    card = score_path(predict(tmp_path / "PRED", "xyz", lambda id: found, ("a", "b")), dataset)
    values = {(r.id, r.head): r.score for r in card.per_image}
    one_false = by_hand(found, truth)
    assert values == pytest.approx(
        {("x", "a"): 1.0, ("x", "b"): 0.0, ("y", "a"): one_false, ("y", "b"): one_false, ("z", "a"): 0.0}
    )
    head_a, head_b = np.mean([1.0, one_false, 0.0]), np.mean([0.0, one_false])
    assert card.per_head["a"].score_mean == pytest.approx(head_a)
    assert card.per_head["b"].score_mean == pytest.approx(head_b)
    assert card.overall.score_mean == pytest.approx((head_a + head_b) / 2)
    group_1 = np.mean([np.mean([1.0, one_false]), np.mean([0.0, one_false])])
    assert card.group_mean == pytest.approx((group_1 + 0.0) / 2)
    assert next(r.actual for r in card.per_image if (r.id, r.head) == ("x", "a")) == int((truth & ~half).sum())


@pytest.fixture
def objects(tmp_path):
    """Two views each of good, bad, found and missed objects; the bad ones show it in one view, in either head."""
    folder = tmp_path / "set"
    mark = np.zeros((4, 6), np.uint8)
    mark[1, 2:4] = 255
    images.write_png(folder / "mark.png", mark)
    rows = ["id,image,object_id,view,group,mask:a,mask:b"]
    for name, masks in (("good", "clean,clean"), ("alarm", "clean,clean"), ("found", "clean,mark.png"),
                        ("missed", "mark.png,clean")):  # fmt: skip
        for view in "12":
            images.write_png(folder / f"{name}{view}.png", np.zeros((4, 6), np.uint8))
            known = masks if view == "1" else "clean,clean"
            rows.append(f"{name}{view},{name}{view}.png,{name},{view},{'x' if name < 'g' else 'y'},{known}")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    return replace(open_dataset(folder), metric="verdict-f1")


def predict_objects(folder: Path, dataset, **options) -> Path:
    found = {"alarm2": np.eye(4, 6, dtype=bool), "found2": np.eye(4, 6, dtype=bool)}
    masks = lambda id: found.get(id, np.zeros((4, 6), bool))  # noqa: E731
    return predict(folder, [s.id for s in dataset.samples], masks, ("a", "b"), **options)


def test_verdicts_are_of_objects_over_all_views_and_heads(objects, tmp_path):
    card = score_path(predict_objects(tmp_path / "PRED", objects), objects)
    assert card.verdicts.confusion == {"OK": {"OK": 1, "NG": 1}, "NG": {"OK": 1, "NG": 1}}
    assert card.score == pytest.approx(5e5)
    figures = card.overall
    assert (figures.images, figures.dirty_images, figures.clean_images) == (4, 2, 2)
    assert (figures.dirty_mean, figures.dirty_at_zero, figures.clean_marked) == (0.5, 0.5, 0.5)
    assert figures.all_clean == pytest.approx(1 / 3)  # half of the objects are good: F1 2/3 and 0
    assert card.per_group == {"x": pytest.approx(1 / 3), "y": pytest.approx(1 / 3)}
    assert card.table()[0][1] == "objects"
    assert json.loads(card.to_json())["verdicts"]["accuracy"] == 0.5


def test_a_failed_image_is_the_wrong_verdict(objects, tmp_path):
    failing = ("good1", "found1", "missed1")
    card = score_path(predict_objects(tmp_path / "PRED", objects, failing=failing), objects)
    assert card.verdicts.confusion == {"OK": {"OK": 0, "NG": 2}, "NG": {"OK": 1, "NG": 1}}
    (tmp_path / "set" / "good1.png").write_bytes(b"no image")
    again = score_path(tmp_path / "PRED", objects)
    assert again.verdicts == card.verdicts


def test_the_interval_is_over_groups_where_they_are_known(objects, tmp_path):
    """Drawing the only group again changes nothing; drawing objects does."""
    folder = predict_objects(tmp_path / "PRED", objects)
    grouped = replace(objects, samples=tuple(replace(s, group="x") for s in objects.samples))
    one_group = score_path(folder, grouped).overall
    assert one_group.interval == (one_group.score_mean, one_group.score_mean)
    alone = replace(objects, samples=tuple(replace(s, group=None) for s in objects.samples))
    low, high = score_path(folder, alone).overall.interval
    assert low < 0.5 < high


def test_maps_are_ranked_over_all_pixels_that_are_not_ignored_and_within_groups(two_heads, tmp_path):
    dataset, truth, half = two_heads
    ramp = np.where(truth, 0.6, 0.0) + np.linspace(0, 0.3, truth.size).reshape(truth.shape)
    maps = {"x": np.where(half, 1.0, ramp), "y": ramp[::-1], "z": np.full(truth.shape, 0.95)}
    card = score_path(predict(tmp_path / "PRED", "xyz", maps.get, ("a", "b"), probabilities=True), dataset)

    def naive(parts):
        levels = np.concatenate([maps[id][keep] for id, _, keep in parts])
        defect = np.concatenate([known[keep] for _, known, keep in parts])
        at = [defect[levels >= level].mean() for level in levels[defect]]
        return float(np.mean(at))

    everything, nothing = np.ones_like(truth), np.zeros_like(truth)
    a = [("x", truth, ~half), ("y", truth, everything), ("z", nothing, everything)]
    b = [("x", nothing, ~half), ("y", truth, everything)]
    assert card.ranking.average_precision == pytest.approx((naive(a) + naive(b)) / 2)
    assert card.ranking.per_group == {"1": pytest.approx((naive(a[:2]) + naive(b)) / 2)}
    assert card.ranking.chance == pytest.approx((14 / 60 + 8 / 36) / 2, abs=0.1)

    def slow_auroc(parts):
        pairs = [(maps[id][keep], known[keep]) for id, known, keep in parts]
        levels, defect = (np.concatenate(values) for values in zip(*pairs, strict=True))
        gaps = levels[defect][:, None] - levels[~defect]
        return float(np.mean(np.where(np.abs(gaps) < 1e-4, 0.5, gaps > 0)))

    assert card.ranking.auroc == pytest.approx((slow_auroc(a) + slow_auroc(b)) / 2, abs=1e-3)
    assert 0 <= card.ranking.aupro <= 1
    found = {id: maps[id] > 0.5 for id in "xyz"}
    pooled = []
    for parts in (a, b):
        marked = np.concatenate([found[id][keep] for id, _, keep in parts])
        defect = np.concatenate([known[keep] for _, known, keep in parts])
        pooled.append(by_hand(marked[None], defect[None]))
    assert card.ranking.f1 == pytest.approx(np.mean(pooled))
    assert card.ranking.best_f1 >= card.ranking.f1 - 1e-12
    assert card.per_group["2"] == 0.0
    assert [row[0] for row in card.group_table()] == ["", "1", "2"]
    assert card.group_table()[2][-1] == "-"


def test_without_kept_maps_or_defects_nothing_is_ranked(two_heads, tmp_path):
    dataset, truth, _ = two_heads
    assert score_path(predict(tmp_path / "bare", "xyz", lambda id: truth, ("a", "b")), dataset).ranking is None
    clean = replace(dataset, samples=dataset.samples[2:])
    kept = predict(tmp_path / "kept", "xyz", lambda id: truth, ("a", "b"), probabilities=True)
    assert score_path(kept, clean).ranking is None


def test_heads_that_were_not_predicted_are_named(two_heads, tmp_path):
    dataset, truth, _ = two_heads
    predict(tmp_path / "PRED", "xyz", lambda id: truth, ("a",))
    with pytest.raises(SubmissionError, match=r"no masks for b; it holds a, the data label a, b$"):
        score_path(tmp_path / "PRED", dataset)


def test_only_heads_may_have_different_names(root, tmp_path, dataset):
    card = score_path(predict(tmp_path / "PRED", masks=mask_of, heads=("defect",)), dataset)
    assert card.score == 1e6


def test_what_is_not_there_is_one_line(dataset, tmp_path):
    with pytest.raises(SubmissionError, match=r"nothing: no such PRED folder or answer file$"):
        score_path(tmp_path / "nothing", dataset)
    with pytest.raises(SubmissionError, match=r"not a PRED folder, it holds no run\.json$"):
        score_path(tmp_path, dataset)


def test_public_names_are_sorted():
    for module in (evaluation, scorecard):
        assert module.__all__ == sorted(module.__all__)
