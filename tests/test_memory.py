"""How much memory prediction takes, each time in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pixelgbm import training
from pixelgbm.datasets import open_dataset
from pixelgbm.machine import peak_memory
from pixelgbm.model import read_model, write_model
from tests.small_print import TINY, TINY_BEST, draw_contest

ROOT = Path(__file__).parents[1]

GROWTH = """
import sys
from pathlib import Path
import numpy as np
from pixelgbm.inspection import inspect_pair
from pixelgbm.machine import peak_memory
from pixelgbm.memory import keep_freed
from pixelgbm.model import read_model
from pixelgbm.records import Pair

def peak_of(rows, cols):
    reference = np.random.default_rng(0).integers(90, 160, (rows, cols, 3)).astype(np.uint8)
    test = reference.copy()
    test[40:60, 40:60] //= 2
    inspect_pair(model, Pair(test, reference if sys.argv[2] == "pair" else None, None))
    return peak_memory()

keep_freed()
model = read_model(Path(sys.argv[1]), keep_texts=False)
small = peak_of(96, 96)
print((peak_of(256, 2048) - small) / (256 * 2048))
"""
"""Prints by how many bytes a pixel of a wide image adds to the peak, once a small one has loaded all kernels."""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of a model with one look, of one with three, and of one with three looks and five heads."""
    root = tmp_path_factory.mktemp("models")
    draw_contest(root / "data")
    data = open_dataset(root / "data")
    folders = {name: root / name for name in ("fast", "best", "five heads")}
    training.train(data, TINY, out=folders["fast"])
    best = training.train(data, TINY_BEST, out=folders["best"])
    write_model(
        replace(best, heads=tuple(replace(best.heads[0], name=name) for name in "abcde")), folders["five heads"]
    )
    return folders


def growth(folder: Path, kind: str) -> float:
    done = subprocess.run(
        [sys.executable, "-c", GROWTH, str(folder), kind], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return float(done.stdout)


@pytest.mark.skipif(peak_memory() is None, reason="the system does not say")
@pytest.mark.parametrize(
    ("name", "kind", "most"),
    [
        ("fast", "single", 240),
        ("fast", "pair", 480),
        ("best", "single", 200),
        ("best", "pair", 360),
        ("five heads", "single", 230),
        ("five heads", "pair", 390),
    ],
)
def test_a_pixel_of_a_wide_image_takes_so_many_bytes(models: dict[str, Path], name: str, kind: str, most: int) -> None:
    assert growth(models[name], kind) < most


def test_what_is_read_for_prediction_alone_keeps_no_text(models: dict[str, Path]) -> None:
    whole, lean = read_model(models["best"]), read_model(models["best"], keep_texts=False)
    assert lean.digest == whole.digest
    assert [booster.text for booster in lean.heads[0].boosters] == [None] * 3
