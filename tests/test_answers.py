"""Answers that are tables: from predictions to the file in the form of its sample, and back as the score reads it."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from small_layouts import CLASSES, NOTHING, SHAPE, draw
from small_print import TINY

from pixelgbm.__main__ import run
from pixelgbm.datasets import LAYOUTS, Labelled, open_dataset, read_answer, read_truth
from pixelgbm.errors import SubmissionError
from pixelgbm.predictions import PredictionWriter, read_predictions
from pixelgbm.records import Inspection, Pair, Verdict
from pixelgbm.training import train

LARGE = (48, 48)


def predict_truth(root: Path, folder: Path, *, splits=("test",), without=()) -> Path:
    """A PRED folder of the images of some splits, in which everything is found as it is."""
    dataset = open_dataset(root, truth=root / "truth").select(splits)
    samples = [sample for sample in dataset.samples if sample.id not in without]
    about = {"model_digest": "m", "data_digest": "d", "layout": dataset.layout, "heads": dataset.heads}
    with PredictionWriter(folder, ids=[s.id for s in samples], **about) as out:
        for sample in samples:
            masks = {head: plane > 0 for head, plane in read_truth(dataset, sample, SHAPE).items()}
            verdict = Verdict(not any(mask.any() for mask in masks.values()))
            out.write(Inspection(sample.id, masks, {}, (), verdict))
    return folder


def submit(pred: Path, out: Path, *options: object) -> int:
    return run(["submit", str(pred), "--out", str(out), *map(str, options)])


def error_of(capsys) -> str:
    """The one line on standard error."""
    text = capsys.readouterr().err
    assert text.startswith("pixelgbm: ")
    assert text.count("\n") == 1
    return text


def draw_blobs(root: Path, name: str) -> Path:
    """Eight train images, every other one with a blob of every class, and three unlabelled test images out of order."""
    items = []
    for number, split in [*((n, "train") for n in range(8)), *((n, "test") for n in (13, 11, 12))]:
        rng = np.random.default_rng([3, number])
        image = rng.normal(120, 3, LARGE)
        truth = {}
        for step, head in enumerate(CLASSES if name == "steel" else ("defect",), start=1):
            blob = (cv2.GaussianBlur(rng.normal(size=LARGE), (0, 0), 3) > 0.16) & (number % 2 == 1)
            image[blob] += 25 * step
            truth[head] = blob.astype(np.uint8) * np.uint8(255)
        pair = Pair(np.clip(image, 0, 255).astype(np.uint8))
        items.append(Labelled(f"{number}.png", split, pair, truth if split == "train" else {}))
    LAYOUTS[name].write(root, items)
    return root


@pytest.fixture(scope="module", params=["textured-surfaces", "steel"])
def road(request, tmp_path_factory) -> Path:
    """A folder with data, a model trained on them, and its predictions of the unlabelled test images."""
    root = tmp_path_factory.mktemp(request.param)
    data = draw_blobs(root / "data", request.param)
    train(open_dataset(data).select({"train"}), TINY, out=root / "model", workers=1)
    arguments = ["--split", "test", "--out", str(root / "pred"), "--workers", "1", "--quiet"]
    assert run(["predict", str(root / "model"), str(data), *arguments]) == 0
    return root


def keys(path: Path) -> list[list[str]]:
    """The header and what every row is about: all cells but that of the answer, which may be any of the columns."""
    header, *rows = (line.split(",") for line in path.read_text().splitlines())
    kept = [at for at, column in enumerate(header) if column not in ("answer", "EncodedPixels")]
    return [header, *([row[at] for at in kept] for row in rows)]


def test_answer_has_the_rows_of_the_sample_and_says_what_was_predicted(road, tmp_path):
    data, answer = road / "data", tmp_path / "answer.csv"
    assert submit(road / "pred", answer, "--data", data, "--split", "test") == 0
    dataset = open_dataset(data)
    sample = next(data.rglob("sample_submission.csv"))
    assert keys(answer) == keys(sample)
    predicted, found = read_predictions(road / "pred"), read_answer(answer, layout=dataset.layout)
    masks = {id: predicted.masks(id) for id in predicted.ids}
    assert any(mask.any() for heads in masks.values() for mask in heads.values())
    if dataset.layout == "textured-surfaces":
        assert found.verdicts == {id: any(mask.any() for mask in heads.values()) for id, heads in masks.items()}
    else:
        for id, heads in masks.items():
            again = found.read(id, LARGE)
            assert all(np.array_equal(again[head], mask) for head, mask in heads.items())


@pytest.mark.parametrize("columns", [["ImageId_ClassId", "EncodedPixels"], ["ImageId", "EncodedPixels", "ClassId"]])
def test_steel_answer_takes_the_form_of_the_sample(tmp_path, columns):
    data, answer = draw(tmp_path / "data", "steel"), tmp_path / "answer.csv"
    pred = predict_truth(data, tmp_path / "pred")
    rows = [
        {"ImageId": id, "ClassId": head, "ImageId_ClassId": f"{id}_{head}", "EncodedPixels": "1 1"}
        for id in ("d.png", "c.png")
        for head in CLASSES
    ]
    sample = data / "sample_submission.csv"
    sample.write_text("".join(",".join(cells) + "\n" for cells in (columns, *([r[c] for c in columns] for r in rows))))
    assert submit(pred, answer, "--data", data) == 2  # the train images were not predicted
    assert submit(pred, answer, "--data", data, "--split", "test") == 0
    assert keys(answer) == keys(sample)
    newer = tmp_path / "newer.csv"
    assert submit(pred, newer) == 0
    assert newer.read_text().startswith("ImageId,ClassId,EncodedPixels\nd.png,1,\n")
    first, second = (read_answer(path, layout="steel") for path in (answer, newer))
    for id in ("d.png", "c.png"):
        one, other = first.read(id, SHAPE), second.read(id, SHAPE)
        assert all(np.array_equal(one[head], other[head]) for head in CLASSES)
        assert other["4"].any()


@pytest.mark.parametrize("name", ["textured-surfaces", "steel"])
def test_split_chooses_among_predictions_of_all_images(tmp_path, name):
    data = draw(tmp_path / "data", name)
    every = predict_truth(data, tmp_path / "every", splits=("train", "test"))
    tests = predict_truth(data, tmp_path / "tests")
    assert submit(every, tmp_path / "a.csv", "--data", data, "--split", "test") == 0
    assert submit(tests, tmp_path / "b.csv") == 0
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


@pytest.mark.parametrize("name", ["textured-surfaces", "steel"])
def test_predictions_that_lack_an_image_are_refused(tmp_path, capsys, name):
    data, answer = draw(tmp_path / "data", name), tmp_path / "answer.csv"
    pred = predict_truth(data, tmp_path / "pred", without=("d.png",))
    assert submit(pred, answer, "--data", data, "--split", "test") == 2
    assert "pred: 1 of 2 images are missing (d.png); an answer needs every image" in error_of(capsys)
    assert not answer.exists()


def test_split_needs_a_data_folder_that_has_it(tmp_path, capsys):
    data = draw(tmp_path / "data", "steel")
    pred = predict_truth(data, tmp_path / "pred")
    assert submit(pred, tmp_path / "a.csv", "--split", "test") == 2
    assert "--split chooses images of --data; name the data folder too" in error_of(capsys)
    assert submit(pred, tmp_path / "a.csv", "--data", data, "--split", "dev") == 2
    assert "no split 'dev'; it has: test, train" in error_of(capsys)


def test_what_submit_writes_is_what_score_reads(tmp_path):
    root, answer = draw(tmp_path / "data", "steel"), tmp_path / "answer.csv"
    assert submit(predict_truth(root, tmp_path / "pred"), answer) == 0
    shown = tmp_path / "s.json"
    assert run(["score", str(answer), str(root), "--truth", str(root / "truth"), "--json", str(shown)]) == 0
    assert json.loads(shown.read_text())["score"] == 1e6


def test_an_answer_of_verdicts_is_scored_as_verdicts_and_not_as_pixels(tmp_path, capsys):
    root, answer = draw(tmp_path / "data", "textured-surfaces"), tmp_path / "answer.csv"
    assert submit(predict_truth(root, tmp_path / "pred"), answer) == 0
    assert read_answer(answer, layout="textured-surfaces").verdicts == {"d.png": True, "e.png": False}
    score = ["score", str(answer), str(root), "--truth", str(root / "truth"), "--json", str(tmp_path / "s.json")]
    assert run(score) == 0
    answer.write_text("ImageId,answer\nd.png,1\ne.png,1\n")
    assert run(score) == 0
    card = json.loads((tmp_path / "s.json").read_text())
    assert card["score"] == pytest.approx(1e6 / 3)
    assert card["verdicts"]["confusion"] == {"OK": {"OK": 0, "NG": 1}, "NG": {"OK": 0, "NG": 1}}
    capsys.readouterr()
    assert run([*score, "--metric", "macro-f1"]) == 2
    assert "not which pixels; pixels are scored from a PRED folder" in error_of(capsys)


@pytest.mark.parametrize("name", ["textured-surfaces", "steel"])
def test_answers_for_nothing_or_twice_are_refused(tmp_path, name):
    with pytest.raises(SubmissionError, match="no images to answer"):
        LAYOUTS[name].write_answer([], tmp_path / "a.csv")
    with pytest.raises(SubmissionError, match="identifier 'x' a second time"):
        LAYOUTS[name].write_answer([("x", {"1": NOTHING})] * 2, tmp_path / "a.csv")
    assert list(tmp_path.iterdir()) == []
