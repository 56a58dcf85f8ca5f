"""Answers that are tables: from predictions to the file, and back as the score reads it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_layouts import NOTHING, SHAPE, draw

from pixelgbm.__main__ import run
from pixelgbm.datasets import LAYOUTS, open_dataset, read_answer, read_truth
from pixelgbm.errors import SubmissionError
from pixelgbm.predictions import PredictionWriter
from pixelgbm.records import Inspection, Verdict


def predict_truth(root: Path, folder: Path) -> Path:
    """A PRED folder of the test images, in which everything is found as it is."""
    dataset = open_dataset(root, truth=root / "truth").select({"test"})
    about = {"model_digest": "m", "data_digest": "d", "layout": dataset.layout, "heads": dataset.heads}
    with PredictionWriter(folder, ids=[s.id for s in dataset.samples], **about) as out:
        for sample in dataset.samples:
            masks = {head: plane > 0 for head, plane in read_truth(dataset, sample, SHAPE).items()}
            verdict = Verdict(not any(mask.any() for mask in masks.values()))
            out.write(Inspection(sample.id, masks, {}, (), verdict))
    return folder


def test_what_submit_writes_is_what_score_reads(tmp_path, capsys):
    root = draw(tmp_path / "data", "steel")
    answer = tmp_path / "answer.csv"
    assert run(["submit", str(predict_truth(root, tmp_path / "pred")), "--out", str(answer)]) == 0
    assert answer.read_text().splitlines()[:2] == ["ImageId,ClassId,EncodedPixels", "d.png,1,"]
    assert (
        run(["score", str(answer), str(root), "--truth", str(root / "truth"), "--json", str(tmp_path / "s.json")]) == 0
    )
    assert json.loads((tmp_path / "s.json").read_text())["score"] == 1e6


def test_verdicts_are_not_scored_as_if_they_were_pixels(tmp_path, capsys):
    root = draw(tmp_path / "data", "textured-surfaces")
    answer = tmp_path / "answer.csv"
    assert run(["submit", str(predict_truth(root, tmp_path / "pred")), "--out", str(answer)]) == 0
    assert read_answer(answer, layout="textured-surfaces").verdicts == {"d.png": True, "e.png": False}
    capsys.readouterr()
    assert run(["score", str(answer), str(root), "--truth", str(root / "truth")]) == 2
    assert "not which pixels; pixels are scored from a PRED folder" in " ".join(capsys.readouterr().err.split())


def test_answers_for_nothing_or_twice_are_refused(tmp_path):
    for name in ("textured-surfaces", "steel"):
        with pytest.raises(SubmissionError, match="no images to answer"):
            LAYOUTS[name].write_answer([], tmp_path / "a.csv")
        with pytest.raises(SubmissionError, match="identifier 'x' a second time"):
            LAYOUTS[name].write_answer([("x", {"1": NOTHING})] * 2, tmp_path / "a.csv")
    assert list(tmp_path.iterdir()) == []
