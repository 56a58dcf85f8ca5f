"""Laws of pixelgbm.size_curve: each point is what scoring smaller masks would give."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pixelgbm import images
from pixelgbm.__main__ import run
from pixelgbm.datasets import open_dataset
from pixelgbm.evaluation import score_path
from pixelgbm.linking import fragments_of
from pixelgbm.min_size import MinSize, large_enough
from pixelgbm.predictions import read_predictions
from pixelgbm.records import Dataset
from pixelgbm.size_curve import curve_table, min_size_curve
from tests.test_evaluation import predict

SHAPE = (24, 40)


def blots(seed: int, most: int) -> np.ndarray:
    """Up to `most` rectangles of any size, by the seed."""
    rng = np.random.default_rng(seed)
    mask = np.zeros(SHAPE, bool)
    for _ in range(int(rng.integers(0, most + 1))):
        row, col = rng.integers(0, 20, 2)
        mask[row : row + rng.integers(1, 9), col : col + rng.integers(1, 16)] = True
    return mask


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    """Twelve images, two views of six objects."""
    folder, rows = tmp_path / "set", ["id,image,object_id,mask"]
    for k in range(12):
        images.write_png(folder / f"{k}.png", np.zeros(SHAPE, np.uint8))
        images.write_png(folder / f"{k}_mask.png", blots(k, 1).astype(np.uint8) * 255)
        rows.append(f"{k},{k}.png,{k // 2},{k}_mask.png")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    return open_dataset(folder)


def without_small(mask: np.ndarray, least: MinSize) -> np.ndarray:
    fragments = fragments_of(mask)
    out = np.zeros_like(mask)
    for k in np.flatnonzero(large_enough(fragments, least)):
        out[fragments[k][:, 0], fragments[k][:, 1]] = True
    return out


@pytest.mark.parametrize("measure", ["area", "length"])
@pytest.mark.parametrize("failing", [(), ("1", "6")])
def test_each_point_is_the_score_of_masks_without_what_is_small(tmp_path, data, measure, failing):
    ids = [sample.id for sample in data.samples]
    found = {id: blots(int(id) + 50, 2) for id in ids}
    pred = predict(tmp_path / "pred", ids, found.get, ("defect",), failing)
    curve = min_size_curve(read_predictions(pred), data, measure=measure)
    assert curve[0].min_size == 0
    assert curve[0].verdicts == score_path(pred, data).verdicts == curve[0].among_large
    assert len(curve) > 5
    for number, point in enumerate(curve[1:]):
        least = MinSize(point.min_size, measure)
        smaller = {id: without_small(mask, least) for id, mask in found.items()}
        again = predict(tmp_path / f"{measure}{number}", ids, smaller.get, ("defect",), failing)
        assert score_path(again, data).verdicts == point.verdicts
        if not failing:
            assert sum(point.among_large.confusion["NG"].values()) == len(
                {
                    s.object_id
                    for s in data.samples
                    if without_small(images.read_gray(s.masks["defect"][0]) > 0, least).any()
                }
            )
    recall = [point.verdicts.classes["NG"].recall for point in curve]
    assert recall == sorted(recall, reverse=True)
    assert curve[-1].verdicts.classes["OK"].recall >= curve[0].verdicts.classes["OK"].recall


def test_the_command_shows_the_curve_and_writes_it(tmp_path, data, capsys):
    pred = predict(tmp_path / "pred", [s.id for s in data.samples], lambda id: blots(int(id), 1), ("defect",))
    options = ["--min-size-curve", "length", "--json", str(tmp_path / "score.json")]
    assert run(["score", str(pred), str(data.root), *options]) == 0
    assert "smallest length that matters" in capsys.readouterr().out
    found = json.loads((tmp_path / "score.json").read_text())["min_size_curve"]
    curve = min_size_curve(read_predictions(pred), data, measure="length")
    assert found["measure"] == "length"
    assert [point["min_size"] for point in found["points"]] == [point.min_size for point in curve]
    assert all(point.among_large.macro.f1 == 1.0 for point in curve)
    heading, *rows = curve_table(curve, "length")
    assert heading[:3] == ("min size, px", "bad precision", "bad recall")
    assert {len(row) for row in rows} == {len(heading)}


def test_clean_images_alone_have_a_curve_of_one_point(tmp_path, data):
    clean = replace(data, samples=tuple(replace(s, masks={}) for s in data.samples))
    pred = predict(tmp_path / "pred", [s.id for s in data.samples], lambda id: np.zeros(SHAPE, bool), ("defect",))
    (point,) = min_size_curve(read_predictions(pred), clean, measure="area")
    assert (point.min_size, point.verdicts.accuracy) == (0.0, 1.0)


@pytest.mark.parametrize(("name", "begins"), [("curve.png", b"\x89PNG"), ("curve.SVG", b"<?xml")])
def test_the_curve_is_drawn_twice_the_same(tmp_path, data, name, begins):
    pred = predict(tmp_path / "pred", [s.id for s in data.samples], lambda id: blots(int(id) + 9, 1), ("defect",))
    drawn = []
    for folder in ("a", "b"):
        assert run(["score", str(pred), str(data.root), "--min-size-plot", str(tmp_path / folder / name)]) == 0
        drawn.append((tmp_path / folder / name).read_bytes())
    assert drawn[0] == drawn[1]
    assert drawn[0].startswith(begins)
    if begins == b"<?xml":
        assert all(
            f"{what} of {kind}".encode() in drawn[0] for what in ("precision", "recall") for kind in ("bad", "good")
        )


def test_a_curve_of_another_form_is_refused(tmp_path, data, capsys):
    pred = predict(tmp_path / "pred", [s.id for s in data.samples], lambda id: blots(int(id), 1), ("defect",))
    assert run(["score", str(pred), str(data.root), "--min-size-plot", str(tmp_path / "curve.gif")]) == 2
    assert "a name that ends in .png or .svg is needed" in capsys.readouterr().err
    assert not (tmp_path / "curve.gif").exists()
