"""Commands stopped by a full disk or Ctrl-C: one line, exit code 2, nothing half-written."""

import resource
import shutil
import signal
import time

import pytest
from command_line import background, files_in
from conftest import TINY_CONFIG

from pixelgbm.__main__ import run


def limit_file_size():
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_000, 4_000))


@pytest.mark.parametrize("command", ["synth", "predict", "train"])
def test_a_full_disk_is_one_line_and_leaves_no_half(tiny_model, tiny_data, tmp_path, command):
    out = tmp_path / "out"
    config = tmp_path / "tiny.toml"
    config.write_text(TINY_CONFIG)
    arguments = {
        "synth": ["synth", out, "--train", 2, "--dev", 0, "--test", 0],
        "predict": ["predict", tiny_model, tiny_data, "--split", "test", "--out", out, "--probabilities"],
        "train": ["train", tiny_data, "--config", config, "--out", out],
    }[command]
    process = background(*arguments, "--quiet", preexec_fn=limit_file_size)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 2, err
    assert "File too large" in err
    assert err.count("\n") == 1
    assert not list(tmp_path.rglob("*.tmp"))
    if command == "predict":
        assert not (out / "run.json").exists()
    else:
        assert not out.exists()


def interrupt(process, ready):
    """Wait until `ready()`, press Ctrl-C, and hold the command to one line and exit code 2."""
    deadline = time.monotonic() + 90
    while not ready():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "the command never came to its work"
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2, err
    assert err.startswith("pixelgbm: interrupted"), err
    assert err.count("\n") == 1


def test_ctrl_c_in_synth_leaves_nothing(tmp_path):
    process = background("synth", tmp_path / "data", "--train", 500, "--quiet")
    interrupt(process, lambda: any(tmp_path.rglob("*_ref.tif")))
    assert files_in(tmp_path) == []


def test_ctrl_c_in_predict_is_taken_up_by_resume(tiny_model, tiny_data, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    arguments = ["predict", str(tiny_model), str(tiny_data), "--split", "train", "--quiet", "--out"]
    assert run([*arguments, str(whole), "--workers", "2"]) == 0
    process = background(*arguments, broken, "--workers", 1)
    journal = broken / "unfinished.jsonl"
    interrupt(process, lambda: journal.exists() and journal.read_bytes().count(b"\n") > 3)
    assert not (broken / "run.json").exists()
    assert run([*arguments, str(broken), "--resume", "--workers", "1"]) == 0
    assert files_in(broken) == files_in(whole)
    for path in whole.rglob("*"):
        if path.is_file():
            assert (broken / path.relative_to(whole)).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("command", ["train", "crossval"])
def test_ctrl_c_while_training_leaves_nothing(tiny_data, tmp_path, command):
    config = tmp_path / "long.toml"
    config.write_text(TINY_CONFIG.replace("trees = 30", "trees = 9999"))
    process = background(command, tiny_data, "--config", config, "--out", tmp_path / "out", "--quiet")
    aside = ".model.maps.*.tmp" if command == "crossval" else ".out.maps.*.tmp"
    interrupt(process, lambda: any(tmp_path.rglob(aside)))
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["long.toml"]


def test_ctrl_c_in_tune_leaves_the_model_as_it_was_and_goes_on(tiny_model, tiny_data, tmp_path):
    model = tmp_path / "model"
    shutil.copytree(tiny_model, model)
    shutil.copytree(f"{tiny_model}.maps", f"{model}.maps")
    manifest = (model / "manifest.json").read_bytes()
    storage = tmp_path / "tuning.db"
    arguments = ["tune", str(model), str(tiny_data), "--storage", f"sqlite:///{storage}", "--quiet"]
    process = background(*arguments, "--trials", 100_000)
    interrupt(process, lambda: storage.exists() and storage.stat().st_size > 150_000)
    assert (model / "manifest.json").read_bytes() == manifest
    assert run([*arguments, "--trials", "5"]) == 0
    assert run(["check", str(model), "--quiet"]) == 0
