"""Tiny synthetic data and a tiny model, made once per test session whatever the number of its processes."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# A build must not fail by the luck of the draw on unchanged code; everywhere else every run tries new examples.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")

TINY_CONFIG = """
folds = 2
[sampling]
positives = 200
negatives = 300
rounds = 1
quantizer_images = 6
quantizer_pixels = 400
[booster]
trees = 30
num_leaves = 15
[region_booster]
trees = 20
num_leaves = 7
min_data_in_leaf = 10
"""


def _once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """`make(folder)`, by the first process of pytest-xdist that comes; the others wait and share the folder."""
    root = factory.getbasetemp()
    if root.name.startswith("popen-"):
        root = root.parent
    folder = root / name
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (root / f"{name}.made").exists():
            make(folder)
            (root / f"{name}.made").touch()
    return folder


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """18 train, 8 dev and 6 test pairs in the konica-minolta layout, the test truth sealed. Read only."""
    from pixelgbm import synth

    def make(folder: Path) -> None:
        synth.make(folder, train=18, dev=8, test=6, clean_share=0.25, seed=3)

    return _once(tmp_path_factory, "tiny_data", make)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory, tiny_data: Path) -> Path:
    """A model trained in seconds on `tiny_data`, its maps beside it. Read only: copy it to tune it."""
    from pixelgbm.config import load_config
    from pixelgbm.datasets import open_dataset
    from pixelgbm.training import train

    def make(folder: Path) -> None:
        config = folder.with_name("tiny.toml")
        config.write_text(TINY_CONFIG)
        train(open_dataset(tiny_data).select({"train"}), load_config(config), out=folder)

    return _once(tmp_path_factory, "tiny_model", make)


@pytest.fixture
def five_pairs(tiny_data: Path, tmp_path: Path) -> Path:
    """A writable folder with five labelled pairs of the dev split, all of them dirty or clean as they come."""
    folder = tmp_path / "data"
    for index, image in enumerate(sorted(tiny_data.glob("dev/level-*/*[0-9].tif"))[:5]):
        split = "train" if index < 4 else "dev"
        target = folder / split / image.parent.name
        target.mkdir(parents=True, exist_ok=True)
        for path in image.parent.glob(f"{image.stem}[_.]*"):
            shutil.copy(path, target)
    return folder
