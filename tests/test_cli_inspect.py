"""One image at the command line: any size and depth, and the exit code is the verdict."""

import json
import subprocess
import sys

import numpy as np
import pytest
from command_line import error_of
from PIL import Image

from pixelgbm import images
from pixelgbm.__main__ import run


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
    Image.fromarray(images_with_alpha).save(tmp_path / "a.png")
    assert run(["inspect", str(tiny_model), str(tmp_path / "a.png")]) in (0, 1)
    assert "alpha" in capsys.readouterr().out


def test_inspect_starts_without_the_linear_algebra_of_scipy(tiny_model, tmp_path):
    path = tmp_path / "image.png"
    images.write_png(path, np.full((40, 50, 3), 100, np.uint8))
    code = (
        "import sys; from pixelgbm.__main__ import run; run(sys.argv[1:]);"
        "print('scipy.linalg' in sys.modules, 'numba' in sys.modules);"
        "import numba, numpy, scipy.linalg;"
        "print(numba.njit(lambda a, b: a @ b)(numpy.eye(2), numpy.eye(2))[1, 1])"
    )
    argv = [sys.executable, "-c", code, "inspect", str(tiny_model), str(path), "--reference", str(path), "--quiet"]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert done.stdout.split() == ["False", "True", "1.0"], done.stderr
