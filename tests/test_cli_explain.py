"""Explanations at the command line: the table, the JSON, the pictures, and one line for what cannot be explained."""

import json
from dataclasses import replace

import numpy as np
import pytest
from command_line import error_of, files_in

from pixelgbm import images
from pixelgbm.__main__ import run
from pixelgbm.model import read_model, write_model


@pytest.fixture
def dirty(tmp_path):
    """Arguments of explain for an image with a stain, beside its clean reference."""
    clean = np.full((120, 120, 3), 180, np.uint8)
    stained = clean.copy()
    stained[40:60, 40:70] = 40
    for name, image in (("clean", clean), ("dirty", stained)):
        images.write_png(tmp_path / f"{name}.png", image)
    return [str(tmp_path / "dirty.png"), "--reference", str(tmp_path / "clean.png")]


def test_explain_says_who_spoke_for_what_was_found(tiny_model, dirty, tmp_path, capsys):
    options = ["--at", "50,55", "--json", str(tmp_path / "j"), "--out", str(tmp_path / "why")]
    assert run(["explain", str(tiny_model), *dirty, *options]) == 0
    said = capsys.readouterr().out
    assert "rejected" in said
    assert "found" in said
    assert "context" not in said
    document = json.loads((tmp_path / "j").read_text())
    assert document["accepted"] is False
    head = document["heads"]["dirt"]
    found = [region for region in head["regions"] if region["found"]]
    assert found
    for region in head["regions"]:
        assert sum(region["families"].values()) + region["base"] == pytest.approx(region["log_odds"])
        assert (region["failed"] is None) == region["found"]
        assert 0 <= region["probability"] <= 1
    pixel = head["pixel"]
    assert (pixel["row"], pixel["col"], pixel["found"]) == (50, 55, True)
    top, left, bottom, right = head["regions"][pixel["region"]]["bbox"]
    assert top <= 50 < bottom
    assert left <= 55 < right
    families = set(found[0]["families"])
    assert set(files_in(tmp_path / "why")) == {f"dirt-{name}.png" for name in {*families, "contact"}}
    assert len(document["pictures"]) == len(families) + 1


def test_explain_names_the_test_that_a_rejected_region_failed(tiny_model, dirty, tmp_path, capsys):
    model = read_model(tiny_model)
    heads = tuple(replace(head, rule=replace(head.rule, min_area=14000)) for head in model.heads)
    write_model(replace(model, heads=heads), tmp_path / "model")
    assert run(["explain", str(tmp_path / "model"), *dirty, "--json", str(tmp_path / "j")]) == 0
    assert "needs 14000" in capsys.readouterr().out
    document = json.loads((tmp_path / "j").read_text())
    assert document["accepted"] is True
    failed = [region["failed"] for region in document["heads"]["dirt"]["regions"]]
    assert {"test": "min_area", "needed": 14000} in [{k: row[k] for k in ("test", "needed")} for row in failed]


def test_explain_of_a_clean_image_says_so(tiny_model, dirty, capsys):
    clean = dirty[-1]
    assert run(["explain", str(tiny_model), clean, "--reference", clean]) == 0
    assert "accepted" in capsys.readouterr().out


@pytest.mark.parametrize("place", ["5", "5,x", "1,2,3", "", "500,2", "-1,0"])
def test_explain_refuses_a_place_that_is_none_in_one_line(tiny_model, dirty, capsys, place):
    assert run(["explain", str(tiny_model), *dirty, "--at", place]) == 2
    error = error_of(capsys)
    assert "ROW,COL" in error or "rows are 0 to 119" in error


def test_explain_leaves_nothing_where_it_cannot_write(tiny_model, dirty, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert run(["explain", str(tiny_model), *dirty, "--out", str(tmp_path / "file"), "--quiet"]) == 2
    assert "file" in error_of(capsys)
