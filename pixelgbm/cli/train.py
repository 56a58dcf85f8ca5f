"""`pixelgbm train`: a model out of a labelled data folder."""

from __future__ import annotations

from pathlib import Path

import click

from pixelgbm import training
from pixelgbm.cli.console import Console, json_option, quiet_option
from pixelgbm.cli.learning import config_options, read_config
from pixelgbm.cli.options import PATH, data_options, list_data, metric_option, say_excluded, workers_option
from pixelgbm.errors import OutputError

__all__ = ["command"]


@click.command("train")
@click.argument("data", type=PATH)
@click.option("--out", type=PATH, required=True, metavar="MODEL", help="Folder of the model to write.")
@click.option("--split", "splits", multiple=True, default=("train",), show_default=True, help="Repeatable.")
@config_options
@metric_option
@data_options
@workers_option
@quiet_option
@json_option
def command(
    data: Path,
    out: Path,
    config: Path | None,
    splits: tuple[str, ...],
    profile: str | None,
    metric: str | None,
    layout: str | None,
    contest_exclusions: bool,
    workers: int,
    quiet: bool,
    json_path: Path | None,
) -> None:
    """Train a model; its out-of-fold maps go to MODEL.maps, where `tune` looks for them.

    \b
    Example:
      pixelgbm train demo/data --out demo/model
    """
    console = Console(quiet=quiet, json_path=json_path)
    run_config = read_config(config, profile)
    if out.exists() and not (out / "manifest.json").is_file() and not (out.is_dir() and not any(out.iterdir())):
        raise OutputError(f"{out}: there is something that is no model; choose a new folder, an empty one or a model")
    dataset = list_data(data, layout=layout, contest_exclusions=contest_exclusions, splits=splits, metric=metric)
    say_excluded(console, dataset)
    if config is None and profile is None and all(sample.reference is None for sample in dataset.samples):
        console.say("no image has a reference; for surfaces there is --profile surface, too: compare")
    with console.progress() as progress:
        model = training.train(dataset, run_config, out=out, workers=workers, progress=progress)
    console.say(f"{out}: trained, {', '.join(head.name for head in model.heads)}, digest {model.digest[:12]}")
    console.result({"model": str(out), "digest": model.digest, "training": model.training})
