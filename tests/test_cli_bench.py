"""`pixelgbm bench`: every stage in the table and in the JSON, and what cannot be timed refused in one line."""

from __future__ import annotations

import json

import numpy as np
import pytest
from command_line import error_of
from small_print import TINY_BEST, draw_contest, labelled

from pixelgbm import images, training
from pixelgbm.__main__ import run
from pixelgbm.benchmark import EXTRACTION_STAGES, STAGES
from pixelgbm.mapping import first_stack, map_head, prepare_pair
from pixelgbm.model import read_model
from pixelgbm.stages import heard, stage


@pytest.fixture(scope="module")
def two_looks(tmp_path_factory):
    """A model of profile "best", trained in seconds."""
    folder = tmp_path_factory.mktemp("bench")
    training.train(draw_contest(folder / "data"), TINY_BEST, out=folder / "model")
    return folder / "model"


def test_without_a_model_the_evidence_is_timed(tmp_path, capsys):
    assert run(["bench", "--repetitions", "1", "--level", "1", "--json", str(tmp_path / "j")]) == 0
    out = capsys.readouterr().out
    found = json.loads((tmp_path / "j").read_text())
    assert found["image"] == "390x390" and found["reference"] == "500x500"
    assert tuple(found["stages_ms"]) == EXTRACTION_STAGES
    assert all(name in out for name in (*EXTRACTION_STAGES, "whole pair", "pairs per second", "MB"))
    assert found["engine"] is None and found["threads"] == 1 and found["repetitions"] == 1
    assert found["stages_ms"]["all columns"] > 0


def test_every_stage_of_a_users_pair_is_timed(two_looks, tmp_path, capsys):
    pair = labelled(1).pair
    for name, pixels in (("a.png", pair.test), ("b.png", pair.reference)):
        images.write_png(tmp_path / name, pixels)
    options = ["--image", str(tmp_path / "a.png"), "--reference", str(tmp_path / "b.png"), "--repetitions", "2"]
    assert run(["bench", str(two_looks), *options, "--json", str(tmp_path / "j")]) == 0
    out = capsys.readouterr().out
    found = json.loads((tmp_path / "j").read_text())
    assert tuple(found["stages_ms"]) == STAGES and all(name in out for name in STAGES)
    assert found["image"] == "64x64" and found["reference"] == "76x76" and found["engine"] in ("numba", "llvm")
    assert found["whole_ms"] >= max(found["stages_ms"].values())
    assert found["pairs_per_second"] == pytest.approx(1000 / found["whole_ms"])
    for name in STAGES:
        assert found["stages_ms"][name] > 0, name
    assert found["machine"]["numba"] and found["machine"]["cores"] >= 1


def test_an_image_alone_is_not_registered(two_looks, tmp_path):
    images.write_png(tmp_path / "a.png", labelled(1).pair.test)
    arguments = ["bench", str(two_looks), "--image", str(tmp_path / "a.png"), "--repetitions", "1", "--quiet"]
    assert run([*arguments, "--json", str(tmp_path / "j")]) == 0
    found = json.loads((tmp_path / "j").read_text())
    assert "reference" not in found and found["stages_ms"]["register"] < 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["no-such-model"], "no-such-model: no such model folder"),
        (["--reference", "a.png"], "--reference belongs to --image"),
        (["--image", "no-such.png"], "no-such.png: No such file"),
        (["--repetitions", "0"], "0 is not in the range"),
        (["--level", "4"], "4 is not in the range 1<=x<=3"),
    ],
)
def test_what_cannot_be_timed_is_one_line(arguments, said, capsys):
    assert run(["bench", *arguments]) == 2
    assert said in error_of(capsys)


def test_listening_changes_no_answer(two_looks):
    model, pair = read_model(two_looks), labelled(2).pair

    def answer():
        scene = prepare_pair(model.looks[0], pair)
        first = first_stack(model.looks[0], scene)
        return map_head(model.looks, model.heads[0], scene, None, first=first).probability

    names = []
    with heard(lambda name, seconds: names.append(name)):
        listened = answer()
    assert names[:3] == ["prepare", "first look: columns", "first look: trees"]
    assert names[3:] == ["later looks: columns", "later looks: trees"] * (len(model.looks) - 1)
    np.testing.assert_array_equal(answer(), listened)
    with stage("nobody listens"):
        assert len(names) == 3 + 2 * (len(model.looks) - 1)
