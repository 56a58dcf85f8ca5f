"""Damaged and foreign models as the command line meets them."""

import json
import shutil

import pytest
from command_line import error_of
from damages import image_of

from pixelgbm.__main__ import run


def damage_manifest(model):
    text = (model / "manifest.json").read_text()
    (model / "manifest.json").write_text(text[: len(text) // 2])


def newer_format(model):
    manifest = json.loads((model / "manifest.json").read_text())
    (model / "manifest.json").write_text(json.dumps(manifest | {"format": 99}))


def truncated_booster(model):
    path = next(path for path in sorted(model.iterdir()) if path.suffix == ".txt")
    path.write_bytes(path.read_bytes()[:-500])


def foreign(model):
    (model / "manifest.json").write_text('{"name": "a web page"}')


@pytest.mark.parametrize("damage", [damage_manifest, newer_format, truncated_booster, foreign])
def test_a_damaged_or_foreign_model_is_refused_in_one_line(tiny_model, five_pairs, tmp_path, capsys, damage):
    model = tmp_path / "model"
    shutil.copytree(tiny_model, model)
    damage(model)
    assert run(["predict", str(model), str(five_pairs), "--out", str(tmp_path / "p"), "--quiet"]) == 2
    assert str(model) in error_of(capsys)
    assert not (tmp_path / "p").exists()
    assert run(["inspect", str(model), str(image_of(five_pairs))]) == 2
    assert str(model) in error_of(capsys)
    assert run(["check", str(model), "--quiet"]) == 1


def test_check_finds_no_fault_in_a_sound_model(tiny_model, capsys):
    assert run(["check", str(tiny_model)]) == 0
    assert "no problems" in capsys.readouterr().out
