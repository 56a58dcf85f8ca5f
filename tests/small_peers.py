"""The accuracy benchmark at a size for tests: views, small sets of every layout, a few settings of the peers."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from pixelgbm import datasets
from pixelgbm.records import Pair

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import accuracy
from peers import contrast, difference, pairs, rule, unet_batches, variation

SHORT = ["--workers", "1", "--unet-minutes", "0.005", "--resamples", "50"]
STEEL = ("1", "2", "3", "4")
JOBS = {
    "textured-surfaces": ("defect",),
    "mask-folders": ("defect",),
    "steel": STEEL,
    "manifest": ("crack", "stain"),
}
"""Layout -> heads."""


def view_of(test, reference, covered=None):
    covered = np.ones(test.shape[:2], bool) if covered is None else covered
    return pairs.View(test.astype(np.float32), reference.astype(np.float32), covered, 0.0)


def run(*arguments):
    return accuracy.compare(accuracy.read_options([str(a) for a in arguments]))


def surface(number: int, heads: tuple[str, ...], *, split: str, labelled: tuple[str, ...]) -> datasets.Labelled:
    """A noisy sheet; every other one has a dark spot, a kind in turn."""
    rng = np.random.default_rng([8, number])
    image = rng.normal(140, 5, (64, 64))
    truth = {head: np.zeros((64, 64), np.uint8) for head in heads}
    if number % 2:
        row, col = rng.integers(12, 44, 2)
        truth[heads[number // 2 % len(heads)]][row : row + 9, col : col + 7] = 255
        image[row : row + 9, col : col + 7] -= 60
    pixels = np.clip(image, 0, 255).astype(np.uint8)
    known = {head: plane for head, plane in truth.items() if head in labelled}
    return datasets.Labelled(
        f"{split}_{number:02}",
        split,
        Pair(pixels),
        known,
        sealed=split == "test",
        object_id=f"o{number // 2}" if "crack" in heads else None,
        view=str(number % 2) if "crack" in heads else None,
    )


def draw_job(root: Path, layout: str) -> Path:
    """Twenty train, eight test images; images of the manifest are labelled for one head in turn, and eight are dev."""
    heads = JOBS[layout]
    items = []
    for k in range(28):
        split = "test" if k >= 20 else "dev" if layout == "manifest" and k >= 12 else "train"
        own = (heads[k // 2 % 2],) if layout == "manifest" and split != "test" else heads
        items.append(surface(k, heads, split=split, labelled=own))
    datasets.LAYOUTS[layout].write(root, items, sealed=root / "truth")
    return root


def run_job(data: Path, work: Path, *arguments):
    options = ["--split", "test", "--truth", data / "truth", "--openings", work / "openings.md", "--commit", "abc"]
    return run(data, "--work", work, *options, *SHORT, *arguments)


def counted(monkeypatch, module):
    """The tasks that a peer is fitted for, from now on."""
    tasks, fit = [], module.fit

    def noted(task, **options):
        tasks.append(task)
        fit(task, **options)

    monkeypatch.setattr(module, "fit", noted)
    return tasks


def leave_few_settings(monkeypatch) -> None:
    """A few settings, small crops: what is tried out then is the road, not the choice."""
    monkeypatch.setattr(difference, "SETTINGS", difference.SETTINGS[::5])
    monkeypatch.setattr(variation, "SETTINGS", variation.SETTINGS[::6])
    monkeypatch.setattr(contrast, "SETTINGS", contrast.SETTINGS[::5])
    monkeypatch.setattr(unet_batches, "CROP", 64)
    for grid in ("AREAS", "CUTS", "GATES"):
        monkeypatch.setattr(rule, grid, getattr(rule, grid)[:4])
