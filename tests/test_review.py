"""Laws of the review queue: doubt is worth more than certainty, and no truth is needed."""

import csv
from pathlib import Path

import numpy as np
import pytest
from small_contest import SHAPE, draw_contest

from pixelgbm import images
from pixelgbm.__main__ import run
from pixelgbm.datasets import open_dataset
from pixelgbm.errors import SubmissionError
from pixelgbm.predictions import PredictionWriter, read_predictions
from pixelgbm.records import Inspection, Region, Verdict
from pixelgbm.report.queue_sheet import draw_queue
from pixelgbm.review import HALF, LEAST, review

IDS = ("1", "3", "10", "2", "4")


def region(score, area=4):
    return Region("dirt", (1, 1, 3, 3), (1.5, 1.5), area, score, score, score)


def predict(folder: Path, found, *, probabilities=True):
    """found: id -> (regions, probability of all pixels that are not marked); None fails."""
    options = {"model_digest": "m", "data_digest": "d", "layout": "konica-minolta", "probabilities": probabilities}
    with PredictionWriter(folder, ids=list(found), heads=["dirt"], **options) as out:
        for id, what in found.items():
            if what is None:
                out.fail(id, "cut off")
                continue
            regions, probability = what
            mask = np.zeros(SHAPE, bool)
            mask[1:3, 1:3] = bool(regions)
            plane = np.where(mask, 1.0, probability).astype(np.float32)
            out.write(Inspection(id, {"dirt": mask}, {"dirt": plane}, tuple(regions), Verdict(not regions, ("odd",))))
    return folder


def test_doubt_is_worth_more_than_certainty(tmp_path):
    found = {"1": ([region(0.5)], 0.0), "3": ([region(0.99)], 0.0), "10": ([], 0.5), "2": ([], 0.0), "4": None}
    queue = review(read_predictions(predict(tmp_path / "pred", found)), top=10)
    assert [doubt.id for doubt in queue] == ["1", "10", "3", "2"]
    by_id = {doubt.id: doubt for doubt in queue}
    assert by_id["1"].worth == 1.0 and by_id["2"].worth == 0.0
    assert by_id["2"].region is None and by_id["2"].flags == ("odd",)
    undecided = SHAPE[0] * SHAPE[1]
    assert by_id["10"].undecided == pytest.approx(undecided, rel=1e-3)
    assert by_id["10"].worth == pytest.approx(undecided / (undecided + HALF), rel=1e-3)


def test_worth_joins_both_doubts_and_regions_count_by_area(tmp_path):
    found = {"1": ([region(0.5, 10), region(1.0, 30)], 0.5), "2": ([], 0.9 * LEAST)}
    first, last = review(read_predictions(predict(tmp_path / "pred", found)), top=10)
    assert first.region_doubt == pytest.approx(0.25) and first.region.score == 0.5
    assert first.worth == pytest.approx(1 - 0.75 * (1 - first.pixel_doubt))
    assert last.worth == 0.0


def test_without_probabilities_only_regions_count(tmp_path):
    found = {"1": ([region(0.7)], 0.5), "2": ([], 0.5)}
    queue = review(read_predictions(predict(tmp_path / "pred", found, probabilities=False)), top=1)
    assert [(doubt.id, doubt.pixel_doubt) for doubt in queue] == [("1", 0.0)]
    assert queue[0].worth == pytest.approx(4 * 0.7 * 0.3)


def test_workers_change_nothing(tmp_path):
    predicted = read_predictions(predict(tmp_path / "pred", {id: ([region(0.6)], 0.4) for id in IDS}))
    assert review(predicted, top=5) == review(predicted, top=5, workers=3)


def test_command_writes_table_and_sheet(tmp_path, capsys):
    data = draw_contest(tmp_path / "data")
    pred = predict(tmp_path / "pred", {"1": ([region(0.5)], 0.0), "3": ([], 0.4), "10": ([], 0.0)})
    sheet = tmp_path / "sheet.png"
    words = ["review", str(pred), "--top", "2", "--data", str(data), "--sheet", str(sheet), "--quiet"]
    assert run(words) == 0
    rows = list(csv.DictReader((pred / "review.csv").read_text().splitlines()))
    assert [(row["rank"], row["id"], row["score"]) for row in rows] == [("1", "1", "0.5000"), ("2", "3", "")]
    pixels, _ = images.read_image(sheet)
    assert pixels.shape[0] > 2 * SHAPE[0] and pixels.shape[1] >= 4 * SHAPE[1]
    read_predictions(pred)
    assert run(["review", str(pred), "--sheet", str(sheet)]) == 2
    assert "--sheet and --data belong together" in capsys.readouterr().err
    assert run(["review", str(tmp_path / "nothing")]) == 2
    assert "not a PRED folder" in capsys.readouterr().err


def test_image_that_the_data_lack_is_named(tmp_path):
    dataset = open_dataset(draw_contest(tmp_path / "data"))
    predicted = read_predictions(predict(tmp_path / "pred", {"77": ([region(0.5)], 0.0)}))
    with pytest.raises(SubmissionError, match="image 77 is not in"):
        draw_queue(review(predicted, top=5), predicted, dataset)
    assert draw_queue([], predicted, dataset).min() == 255
