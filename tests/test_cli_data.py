"""Bad data as the command line meets it: one line for what can be mended, nothing half-written."""

import json
import os

import numpy as np
import pytest
from command_line import error_of, files_in
from damages import DAMAGES, image_of, missing_reference, truncated

from pixelgbm import images
from pixelgbm.__main__ import run


@pytest.mark.parametrize("damage", DAMAGES)
def test_train_refuses_bad_data_in_one_line_and_leaves_nothing(five_pairs, tmp_path, capsys, damage):
    named = damage(five_pairs)
    before = files_in(tmp_path)
    assert run(["train", str(five_pairs), "--out", str(tmp_path / "model"), "--quiet"]) == 2
    assert named.name in error_of(capsys)
    assert files_in(tmp_path) == before


def test_train_never_replaces_what_is_no_model(five_pairs, tmp_path, capsys):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("dear")
    assert run(["train", str(five_pairs), "--out", str(tmp_path / "letters"), "--quiet"]) == 2
    assert "letters" in error_of(capsys)
    assert (tmp_path / "letters" / "dear.txt").read_text() == "dear"


def test_check_lists_everything_in_one_go(five_pairs, capsys):
    assert run(["check", str(five_pairs)]) == 0
    assert "no problems" in capsys.readouterr().out
    named = [truncated(five_pairs), missing_reference(five_pairs), sorted(five_pairs.rglob("*_mask.tif"))[-1]]
    images.write_tiff(named[2], np.zeros((4, 4), np.uint8))
    assert run(["check", str(five_pairs)]) == 1
    out = capsys.readouterr().out
    assert all(path.name in out for path in named)
    assert "no problems" not in out


def test_check_as_json(five_pairs, tmp_path):
    truncated(five_pairs)
    assert run(["check", str(five_pairs), "--quiet", "--json", str(tmp_path / "c.json")]) == 1
    found = json.loads((tmp_path / "c.json").read_text())
    assert found["splits"] == {"train": 4, "dev": 1}
    assert found["layout"] == "konica-minolta"
    assert len(found["problems"]) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_folder_is_one_line(five_pairs, capsys):
    folder = image_of(five_pairs).parent
    folder.chmod(0)
    try:
        assert run(["train", str(five_pairs), "--out", "model"]) == 2
        assert folder.name in error_of(capsys)
    finally:
        folder.chmod(0o755)


@pytest.mark.parametrize("name", ["nothing-here", "pyproject.toml"])
def test_a_folder_that_is_none_is_one_line(tiny_model, tmp_path, capsys, name):
    assert run(["predict", str(tiny_model), name, "--out", str(tmp_path / "p")]) == 2
    assert name in error_of(capsys)
    assert not (tmp_path / "p").exists()


def test_an_unknown_split_is_named_with_those_there(tiny_model, five_pairs, tmp_path, capsys):
    assert run(["predict", str(tiny_model), str(five_pairs), "--split", "tset", "--out", str(tmp_path / "p")]) == 2
    assert "no split 'tset'; it has: dev, train" in error_of(capsys)
