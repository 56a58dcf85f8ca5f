"""The commands as a user meets them: exit codes, one line for what can be mended, nothing half-written."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import TINY_CONFIG

from pixelgbm import images
from pixelgbm.__main__ import run

ROOT = Path(__file__).parents[1]


@pytest.fixture
def data(tiny_data, tmp_path):
    """A writable folder with five labelled pairs of the dev split, all of them dirty or clean as they come."""
    folder = tmp_path / "data"
    for index, image in enumerate(sorted(tiny_data.glob("dev/level-*/*[0-9].tif"))[:5]):
        split = "train" if index < 4 else "dev"
        target = folder / split / image.parent.name
        target.mkdir(parents=True, exist_ok=True)
        for path in image.parent.glob(f"{image.stem}[_.]*"):
            shutil.copy(path, target)
    return folder


def first(data, pattern):
    return sorted((data / "train").rglob(pattern))[0]


def image_of(folder):
    return first(folder, "*[0-9].tif")


def error_of(capsys):
    """The one line on standard error."""
    err = capsys.readouterr().err
    assert err.count("\n") == 1, err
    return err


def files_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def background(*arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "pixelgbm", *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


# ---- bad input -----------------------------------------------------------------------------------------------------


def truncated(data):
    path = image_of(data)
    path.write_bytes(path.read_bytes()[:2000])
    return path


def zero_bytes(data):
    path = first(data, "*_ref.tif")
    path.write_bytes(b"")
    return path


def mask_of_another_size(data):
    path = first(data, "*_mask.tif")
    images.write_tiff(path, np.zeros((10, 12), np.uint8))
    path.with_suffix(".txt").unlink(missing_ok=True)
    return path


def small_reference(data):
    path = first(data, "*_ref.tif")
    images.write_tiff(path, np.zeros((380, 500, 3), np.uint8))
    return path


def foreign_character(data):
    path = image_of(data)
    path = path.with_name(f"{path.stem}_mask.txt")
    path.write_text("01x" * 50700)
    return path


def text_of_wrong_length(data):
    path = image_of(data)
    path = path.with_name(f"{path.stem}_mask.txt")
    path.write_text("0" * 390 * 389)
    return path


def masks_disagree(data):
    path = first(data, "*_mask.tif")
    mask = images.read_gray(path) > 0
    mask[3, 5] ^= True
    images.write_tiff(path, mask.astype(np.uint8) * 255)
    return path.with_suffix("")


def missing_reference(data):
    path = first(data, "*_ref.tif")
    path.unlink()
    return path.with_name(path.name.replace("_ref", ""))


def mask_without_image(data):
    path = image_of(data)
    path.unlink()
    path.with_name(f"{path.stem}_ref.tif").unlink()
    return path.with_suffix("")


def identifier_twice(data):
    path = image_of(data)
    target = data / "dev" / "level-3"
    target.mkdir(parents=True, exist_ok=True)
    for found in path.parent.glob(f"{path.stem}[_.]*"):
        shutil.copy(found, target)
    return Path(path.name)


DAMAGES = [
    truncated,
    zero_bytes,
    mask_of_another_size,
    small_reference,
    foreign_character,
    text_of_wrong_length,
    masks_disagree,
    missing_reference,
    mask_without_image,
    identifier_twice,
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_train_refuses_bad_data_in_one_line_and_leaves_nothing(data, tmp_path, capsys, damage):
    named = damage(data)
    before = files_in(tmp_path)
    assert run(["train", str(data), "--out", str(tmp_path / "model"), "--quiet"]) == 2
    assert named.name in error_of(capsys)
    assert files_in(tmp_path) == before


def test_train_never_replaces_what_is_no_model(data, tmp_path, capsys):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("dear")
    assert run(["train", str(data), "--out", str(tmp_path / "letters"), "--quiet"]) == 2
    assert "letters" in error_of(capsys)
    assert (tmp_path / "letters" / "dear.txt").read_text() == "dear"


def test_check_lists_everything_in_one_go(data, capsys):
    assert run(["check", str(data)]) == 0
    assert "no problems" in capsys.readouterr().out
    named = [truncated(data), missing_reference(data), sorted(data.rglob("*_mask.tif"))[-1]]
    images.write_tiff(named[2], np.zeros((4, 4), np.uint8))
    assert run(["check", str(data)]) == 1
    out = capsys.readouterr().out
    assert all(path.name in out for path in named)
    assert "no problems" not in out


def test_check_as_json(data, tmp_path):
    truncated(data)
    assert run(["check", str(data), "--quiet", "--json", str(tmp_path / "c.json")]) == 1
    found = json.loads((tmp_path / "c.json").read_text())
    assert found["splits"] == {"train": 4, "dev": 1}
    assert found["layout"] == "konica-minolta"
    assert len(found["problems"]) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_folder_is_one_line(data, capsys):
    folder = image_of(data).parent
    folder.chmod(0)
    try:
        assert run(["train", str(data), "--out", "model"]) == 2
        assert folder.name in error_of(capsys)
    finally:
        folder.chmod(0o755)


@pytest.mark.parametrize("name", ["nothing-here", "pyproject.toml"])
def test_a_folder_that_is_none_is_one_line(tiny_model, tmp_path, capsys, name):
    assert run(["predict", str(tiny_model), name, "--out", str(tmp_path / "p")]) == 2
    assert name in error_of(capsys)
    assert not (tmp_path / "p").exists()


def test_an_unknown_split_is_named_with_those_there(tiny_model, data, tmp_path, capsys):
    assert run(["predict", str(tiny_model), str(data), "--split", "tset", "--out", str(tmp_path / "p")]) == 2
    assert "no split 'tset'; it has: dev, train" in error_of(capsys)


# ---- models --------------------------------------------------------------------------------------------------------


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
def test_a_damaged_or_foreign_model_is_refused_in_one_line(tiny_model, data, tmp_path, capsys, damage):
    model = tmp_path / "model"
    shutil.copytree(tiny_model, model)
    damage(model)
    assert run(["predict", str(model), str(data), "--out", str(tmp_path / "p"), "--quiet"]) == 2
    assert str(model) in error_of(capsys)
    assert not (tmp_path / "p").exists()
    assert run(["inspect", str(model), str(image_of(data))]) == 2
    assert str(model) in error_of(capsys)
    assert run(["check", str(model), "--quiet"]) == 1


def test_check_finds_no_fault_in_a_sound_model(tiny_model, capsys):
    assert run(["check", str(tiny_model)]) == 0
    assert "no problems" in capsys.readouterr().out


# ---- predict, score, submit ----------------------------------------------------------------------------------------


def test_predict_skips_a_bad_file_and_finishes_the_rest(tiny_model, data, tmp_path, capsys):
    bad = truncated(data)
    out = tmp_path / "p"
    assert run(["predict", str(tiny_model), str(data), "--out", str(out), "--quiet", "--workers", "2"]) == 2
    assert bad.name in error_of(capsys)
    found = json.loads((out / "run.json").read_text())
    assert [row["id"] for row in found["failures"]] == [bad.stem]
    assert len(list((out / "masks").rglob("*.png"))) == 4
    assert run(["submit", str(out), "--out", str(tmp_path / "a.zip")]) == 2
    assert bad.stem in error_of(capsys)
    assert not (tmp_path / "a.zip").exists()


def test_the_road_from_predictions_to_an_answer_and_its_score(tiny_model, tiny_data, tmp_path, capsys):
    out, answer = tmp_path / "p", tmp_path / "answer.zip"
    truth = ["--truth", str(tiny_data / "truth")]
    arguments = [
        "predict",
        str(tiny_model),
        str(tiny_data),
        "--split",
        "test",
        "--out",
        str(out),
        "--without-references",
    ]
    assert run(arguments) == 0
    assert run(["score", str(out), str(tiny_data), *truth, "--json", str(tmp_path / "s.json")]) == 0
    shown = capsys.readouterr().out
    for figure in ("macro-f1", "all clean", "without references", "level 1", "level 3"):
        assert figure in shown
    assert run(["submit", str(out), "--out", str(answer)]) == 0
    assert (
        run(["score", str(answer), str(tiny_data), "--split", "test", *truth, "--json", str(tmp_path / "z.json")]) == 0
    )
    scored, again = (json.loads((tmp_path / name).read_text()) for name in ("s.json", "z.json"))
    assert scored["score"] == again["score"]


def test_score_without_truth_says_so(tiny_model, tiny_data, tmp_path, capsys):
    out = tmp_path / "p"
    assert run(["predict", str(tiny_model), str(tiny_data), "--split", "test", "--out", str(out), "--quiet"]) == 0
    assert run(["score", str(out), str(tiny_data), "--quiet"]) == 2
    assert "truth" in error_of(capsys)


def test_score_draws_a_contact_sheet(tiny_model, data, tmp_path):
    out, sheet = tmp_path / "p", tmp_path / "sheet.png"
    assert run(["predict", str(tiny_model), str(data), "--out", str(out), "--quiet"]) == 0
    assert run(["score", str(out), str(data), "--quiet", "--sheet", str(sheet)]) == 0
    drawn, _ = images.read_image(sheet)
    assert drawn.shape[1] > 1000
    assert drawn.shape[0] > 5 * 300


# ---- inspect -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 1), (1, 1, 3), (5, 300), (40, 30, 3)])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_inspect_takes_any_size_and_depth(tiny_model, tmp_path, shape, kind):
    path = tmp_path / "image.png"
    images.write_png(path, np.full(shape, 100, kind))
    assert run(["inspect", str(tiny_model), str(path), "--quiet"]) in (0, 1)
    assert run(["inspect", str(tiny_model), str(path), "--reference", str(path), "--quiet"]) in (0, 1)


def test_inspect_compares_a_grey_image_with_a_deep_colour_reference(tiny_model, tmp_path, capsys):
    images.write_png(tmp_path / "a.png", np.full((40, 50), 120, np.uint8))
    images.write_png(tmp_path / "b.png", np.full((60, 60, 3), 120 * 257, np.uint16))
    assert run(["inspect", str(tiny_model), str(tmp_path / "a.png"), "--reference", str(tmp_path / "b.png")]) in (0, 1)
    assert "16-bit reference" in capsys.readouterr().out


def test_inspect_exits_0_for_accepted_and_1_for_rejected(tiny_model, tmp_path, capsys):
    clean = np.full((120, 120, 3), 180, np.uint8)
    dirty = clean.copy()
    dirty[40:60, 40:70] = 40
    for name, image in (("clean", clean), ("dirty", dirty)):
        images.write_png(tmp_path / f"{name}.png", image)
    options = ["--reference", str(tmp_path / "clean.png"), "--json", str(tmp_path / "j")]
    assert run(["inspect", str(tiny_model), str(tmp_path / "clean.png"), *options]) == 0
    assert json.loads((tmp_path / "j").read_text())["accepted"] is True
    arguments = ["inspect", str(tiny_model), str(tmp_path / "dirty.png"), *options]
    assert run([*arguments, "--mask", str(tmp_path / "mask.png")]) == 1
    found = json.loads((tmp_path / "j").read_text())
    assert found["accepted"] is False
    assert len(found["regions"]) >= 1
    mask = images.read_gray(tmp_path / "mask.png") > 0
    assert mask[45:55, 45:65].mean() > 0.9
    assert "rejected" in capsys.readouterr().out
    assert run([*arguments, "--px-per-mm", "10"]) == 1
    for region in json.loads((tmp_path / "j").read_text())["regions"]:
        assert region["area_mm2"] == pytest.approx(region["area"] / 100)
    assert run([*arguments, "--min-size", "10000"]) == 0
    assert run([*arguments, "--min-size", "90px"]) == 0
    assert run([*arguments, "--min-size", "1.5mm", "--px-per-mm", "10"]) == 1
    assert run([*arguments, "--min-size", "9mm"]) == 2
    assert "'9mm' is in millimetres: --px-per-mm says how many pixels one is" in error_of(capsys)


@pytest.mark.parametrize("content", [b"", b"not an image", b"II*\0"])
def test_inspect_refuses_what_is_no_image_in_one_line(tiny_model, tmp_path, capsys, content):
    (tmp_path / "a.tif").write_bytes(content)
    assert run(["inspect", str(tiny_model), str(tmp_path / "a.tif"), "--mask", str(tmp_path / "mask.png")]) == 2
    assert "a.tif" in error_of(capsys)
    assert not (tmp_path / "mask.png").exists()


def test_inspect_says_what_it_did_to_the_pixels(tiny_model, tmp_path, capsys):
    images_with_alpha = np.dstack([np.full((30, 30, 3), 90, np.uint8), np.full((30, 30), 255, np.uint8)])
    from PIL import Image

    Image.fromarray(images_with_alpha).save(tmp_path / "a.png")
    assert run(["inspect", str(tiny_model), str(tmp_path / "a.png")]) in (0, 1)
    assert "alpha" in capsys.readouterr().out


# ---- full disk -----------------------------------------------------------------------------------------------------


def limit_file_size():
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))


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


# ---- Ctrl-C --------------------------------------------------------------------------------------------------------


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
