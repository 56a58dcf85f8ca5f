"""How a report can be made again: commands, configuration, versions, seeds and digests."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from pixelgbm.errors import ConfigError
from pixelgbm.model import Model
from pixelgbm.predictions import WITHOUT_REFERENCES, Predictions, is_predictions
from pixelgbm.records import Dataset
from pixelgbm.report.trained import Trained
from pixelgbm.tuning.settings import config_from, config_text

__all__ = ["Request", "commands", "configuration", "digests", "versions"]

_PACKAGES = ("pixelgbm", "numpy", "numba", "lightgbm", "opencv-python-headless", "optuna", "scipy", "matplotlib")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What was asked for on the command line; paths as they were typed.

    notes: a Markdown file. ablation: what `benchmarks/ablation.py` wrote. storage: of studies, by default that in
    MODEL.maps. timing: whether stages are timed. gallery: images to show at most.
    """

    model: Path
    data: Path
    pred: Path
    out: Path
    splits: tuple[str, ...] = ()
    truth: Path | None = None
    layout: str | None = None
    contest_exclusions: bool = False
    notes: Path | None = None
    ablation: Path | None = None
    storage: str | None = None
    timing: bool = True
    gallery: int = 200


def commands(request: Request, dataset: Dataset, trained: Trained, predicted: Predictions, model: Model) -> list[str]:
    """The lines that train, tune, predict, score and report again."""
    of_data = ["--layout", request.layout] if request.layout else []
    of_data += ["--contest-exclusions"] if request.contest_exclusions else []
    model_path, data, pred = (str(path) for path in (request.model, request.data, request.pred))
    truth = ["--truth", str(request.truth)] if request.truth else []
    lines = [
        ["train", data, "--out", model_path, "--config", "run.toml", *_splits(trained.splits), *of_data],
        ["tune", model_path, data, *of_data],
    ]
    if predicted.model_digest == model.digest:
        answered = set(predicted.ids)
        splits = dict.fromkeys(s.split for s in dataset.samples if s.id in answered)
        line = ["predict", model_path, data, "--out", pred, *_splits(splits), *of_data]
        line += ["--probabilities"] if predicted.has_probabilities else []
        lines.append(line + ["--without-references"] * is_predictions(predicted.folder / WITHOUT_REFERENCES))
    lines.append(["score", pred, data, *_splits(request.splits), *truth, *of_data])
    lines.append(["report", model_path, data, pred, "--out", str(request.out), *_splits(request.splits), *truth])
    for option, value in (("--notes", request.notes), ("--ablation", request.ablation), ("--storage", request.storage)):
        lines[-1] += [option, str(value)] if value else []
    lines[-1] += of_data + ["--no-timing"] * (not request.timing) + ["--gallery", str(request.gallery)]
    return [shlex.join(["pixelgbm", *line]) for line in lines]


def _splits(splits: Iterable[str]) -> list[str]:
    return [word for split in splits for word in ("--split", split)]


def configuration(model: Model) -> str | None:
    """The `run.toml` of the training; None when the model carries none that this version knows."""
    try:
        return config_text(config_from(model.training["config"]), comment="the configuration the model carries")
    except (KeyError, ConfigError):
        return None


def digests(model: Model, predicted: Predictions) -> tuple[tuple[str, str], ...]:
    """What stands for the content of model and data, in hexadecimal."""
    return (
        ("model", model.digest),
        ("its boosters, whatever the rule", model.boosters_digest),
        ("data of the training", str(model.training.get("data_digest", "not kept"))),
        ("model of the predictions", predicted.model_digest),
        ("data of the predictions", predicted.data_digest),
    )


def versions() -> tuple[tuple[str, str], ...]:
    """Of Python and the packages that matter, here."""
    found = [("Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")]
    for name in _PACKAGES:
        try:
            found.append((name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            found.append((name, "not installed as a package"))
    return tuple(found)
