"""The manifests of the public sets, on drawn stand-ins with the same files and columns."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixelgbm import images
from pixelgbm.datasets import check_folder, read_pair, read_truth

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "manifests.py"
SHAPE = (10, 12)


def load():
    spec = importlib.util.spec_from_file_location("manifests", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def plane(*values: int) -> np.ndarray:
    """A plane of zeros whose first pixels have the values given."""
    found = np.zeros(SHAPE, np.uint8)
    found.ravel()[: len(values)] = values
    return found


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*SHAPE, 3), 90, np.uint8)).save(path)


@pytest.fixture
def data(tmp_path):
    root = tmp_path / "data"
    scene = root / "fgcd" / "S-1"
    for name in ("2-1.png", "1-1.png", "2-5.png", "1-5.png"):
        picture(scene / name)
    images.write_png(scene / "GT.png", plane(0, 255))
    images.write_png(scene / "mask.png", 255 - plane(255))
    rows = [f"S-1,{i},S-1/2-{i}.png,S-1/1-{i}.png,S-1/GT.png,S-1/mask.png" for i in (1, 5)]
    (root / "fgcd" / "manifest.csv").write_text("\n".join(["scene,light,real,reference,gt_mask,eval_roi", *rows, ""]))
    for stem in ("s_3_a", "s_2_b", "s_1_r", "s_2_r", "s_4_r"):
        picture(root / "bsdata" / "images" / f"{stem}.jpg")
    images.write_png(root / "bsdata" / "masks" / "s_3_a.png", plane(*[255] * 4 * SHAPE[1]))
    (root / "bsdata" / "manifest.csv").write_text(
        "position,real_stem,clean_reference_stems,kind,crop\n"
        "p1,s_3_a,s_1_r;s_2_r;s_4_r,defect,2\np1,s_2_b,s_1_r;s_2_r;s_4_r,clean,2\n"
    )
    for stem in ("f", "c"):
        picture(root / "magnetic_tile" / "images" / f"{stem}.jpg")
    images.write_png(root / "magnetic_tile" / "masks" / "c.png", plane(255))
    (root / "magnetic_tile" / "manifest.csv").write_text("class,stem,group\nFree,f,1\nCrack,c,2\n")
    for name in ("tile_1_2_1.png", "tile_1_2_3.png", "tile_1_7.png"):
        picture(root / "tunnel" / "A" / name)
        picture(root / "tunnel" / "B" / name)
        images.write_png(root / "tunnel" / "label" / name, plane(255))
    for name in ("t1", "t2"):
        picture(root / "neu_seg" / "images" / f"{name}.jpg")
        images.write_png(root / "neu_seg" / "masks" / f"{name}.png", plane(1, 3, 3) if name == "t1" else plane(2))
    (root / "neu_seg" / "manifest.csv").write_text("image,mask,group\nt1.jpg,t1.png,7\nt2.jpg,t2.png,8\n")
    return root


def opened(name, data, out):
    dataset, problems = check_folder(load().write_manifest(name, data, out))
    assert problems == []
    return dataset, {s.id: s for s in dataset.samples}


def test_fgcd_ignores_what_lies_outside_its_region(data, tmp_path):
    dataset, samples = opened("fgcd", data, tmp_path / "out")
    assert list(samples) == ["S-1-1", "S-1-5"]
    one = samples["S-1-5"]
    assert (one.group, one.view, one.image.name, one.reference.name) == ("S-1", "5", "2-5.png", "1-5.png")
    ignore = read_pair(dataset, one).ignore
    assert np.argwhere(ignore).tolist() == [[0, 0]]
    assert read_truth(dataset, one, SHAPE)["defect"].sum() == 255


def test_bsdata_takes_the_latest_older_reference_at_half_the_size_and_knows_clean_frames(data, tmp_path):
    dataset, samples = opened("bsdata", data, tmp_path / "out")
    assert [samples[id].reference.stem for id in ("s_3_a", "s_2_b")] == ["s_2_r", "s_1_r"]
    assert samples["s_2_b"].labelled_heads == ("defect",)
    half = (SHAPE[0] // 2, SHAPE[1] // 2)
    assert read_pair(dataset, samples["s_3_a"]).test.shape == read_pair(dataset, samples["s_2_b"]).reference.shape
    assert not read_truth(dataset, samples["s_2_b"], half)["defect"].any()
    found = read_truth(dataset, samples["s_3_a"], half)["defect"]
    assert found[:2].all()
    assert not found[2:].any()


def test_magnetic_tile_keeps_kinds_and_groups(data, tmp_path):
    dataset, samples = opened("magnetic_tile", data, tmp_path / "out")
    assert [(s.level, s.group) for s in dataset.samples] == [("Free", "1"), ("Crack", "2")]
    assert not samples["f"].masks


def test_tunnel_keeps_the_crops_of_a_tile_together(data, tmp_path):
    dataset, _ = opened("tunnel", data, tmp_path / "out")
    assert [s.group for s in dataset.samples] == ["tile_1_2", "tile_1_2", "tile_1_7"]
    assert all("/B/" in s.reference.as_posix() for s in dataset.samples)


def test_neu_seg_has_a_head_for_every_class(data, tmp_path):
    dataset, samples = opened("neu_seg", data, tmp_path / "out")
    assert dataset.heads == ("inclusion", "patch", "scratch")
    counts = {head: int((p > 0).sum()) for head, p in read_truth(dataset, samples["t1"], SHAPE).items()}
    assert counts == {"inclusion": 1, "patch": 0, "scratch": 2}
    assert all(len(s.labelled_heads) == 3 for s in dataset.samples)


def test_script_says_what_it_wrote_and_what_is_not_there(data, tmp_path):
    (data / "fgcd").rename(data / "elsewhere")
    command = [sys.executable, str(SCRIPT), str(data), str(tmp_path / "out")]
    environment = {"PYTHONPATH": str(SCRIPT.parents[1]), "PATH": ""}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:2] == ["fgcd: not there", "bsdata: 2 images, 1 groups, heads defect"]
    done = subprocess.run([*command, "mowito"], capture_output=True, text=True, env=environment)
    assert done.returncode == 2
    assert "unknown set 'mowito'; known are fgcd, bsdata" in done.stderr
