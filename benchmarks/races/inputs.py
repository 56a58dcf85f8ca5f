"""What all contestants are given: drawn pairs, boosters grown on them, a model of profile "fast"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

from features import FeatureSpec, Quantizer, fit_quantizer, sample_columns
from pixelgbm import datasets, files, synth
from pixelgbm.config import SamplingConfig, preset
from pixelgbm.model import Model, read_model
from pixelgbm.synth import pairs
from pixelgbm.training import train

__all__ = ["Drawn", "Setup", "draw", "fast_model", "fitted", "grown"]

TRAIN_PAIRS = 24
"""Pairs that the model of profile "fast" is trained on: few, for what counts here is its size."""
EARLY_TREES = 20
"""Trees after which pixels leave that model, where they may."""
ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Setup:
    """What the command line says.

    work: a folder for what is grown and installed. model: None trains a small one. largest, images: how far growth is
    followed, Mpixel and number.
    """

    work: Path
    out: Path
    rounds: int
    seed: int
    model: Path | None
    largest: float
    images: int


@dataclass(frozen=True, slots=True)
class Drawn:
    """A dirty pair: image (390, 390, 3), reference (500, 500, 3) uint8, and its mask (390, 390) bool."""

    image: NDArray[np.uint8]
    reference: NDArray[np.uint8]
    mask: NDArray[np.bool_]


@cache
def draw(seed: int, number: int = 0, level: int = 3) -> Drawn:
    """The pair of that number of a level, as `pixelgbm synth` draws it."""
    jobs = [job for job in pairs.plan({"dev": 60}, clean_share=0.0, seed=seed) if job.level == level and not job.wrong]
    return Drawn(*pairs.draw_pair(jobs[number])[:3])


def fitted(drawn: Drawn, spec: FeatureSpec) -> Quantizer:
    """Byte scales from pixels of the pair itself."""
    pixels = np.random.default_rng(0).integers(0, drawn.image.shape[0], (2000, 2))
    return fit_quantizer(sample_columns(drawn.image, drawn.reference, spec, pixels), spec)


def grown(path: Path, parts: Sequence[tuple[NDArray[Any], NDArray[np.bool_]]], *, trees: int, leaves: int) -> str:
    """The text of a booster of that size, kept in `path`; parts: (planes (columns, rows, cols), mask) to learn from."""
    if path.exists():
        return path.read_text(encoding="utf-8")
    rng = np.random.default_rng(0)
    rows, labels = [], []
    for planes, mask in parts:
        chosen = rng.permutation(mask.size)[: ROWS // len(parts)]
        rows.append(planes.reshape(len(planes), -1)[:, chosen].T.astype(np.float32))
        labels.append(mask.ravel()[chosen].astype(np.float32))
    options = {"objective": "binary", "num_leaves": leaves, "min_data_in_leaf": 5, "num_threads": 1, "verbose": -1}
    names = [f"c{k}" for k in range(rows[0].shape[1])]
    data = lightgbm.Dataset(np.concatenate(rows), np.concatenate(labels), feature_name=names)
    text: str = lightgbm.train(options | {"seed": 0, "feature_fraction": 0.5}, data, trees).model_to_string()
    files.write_text(path, text)
    return text


def fast_model(setup: Setup, *, early: bool = False) -> Model:
    """The model that was given, or one of profile "fast", of the default size, trained on few drawn pairs.

    early: let pixels leave early, where the model knows when they may.
    """
    model = _fast_model(setup)
    return model if early else replace(model, heads=tuple(replace(head, early_exit=None) for head in model.heads))


def _fast_model(setup: Setup) -> Model:
    if setup.model is not None:
        return read_model(setup.model)
    folder = setup.work / "fast-early"
    if not folder.exists():
        synth.make(setup.work / "data", train=TRAIN_PAIRS, dev=0, test=0, clean_share=0.2, seed=setup.seed + 1)
        config = replace(preset("fast"), folds=2, early_exit_trees=EARLY_TREES)
        config = replace(config, sampling=replace(SamplingConfig(), rounds=1))
        train(datasets.open_dataset(setup.work / "data"), config, out=folder)
    return read_model(folder)
