"""`pixelgbm crossval`: how good training would be on unseen images."""

from __future__ import annotations

from pathlib import Path

import click

from pixelgbm import crossvalidation
from pixelgbm.cli.console import Console, json_option, quiet_option
from pixelgbm.cli.learning import config_options, read_config
from pixelgbm.cli.options import PATH, data_options, list_data, metric_option, say_excluded, workers_option
from pixelgbm.cli.score import show_scorecard
from pixelgbm.tuning import TRIALS

__all__ = ["command"]


@click.command("crossval")
@click.argument("data", type=PATH)
@click.option("--out", type=PATH, required=True, metavar="DIR", help="Folder for models, predictions and scorecard.")
@click.option("--folds", type=click.IntRange(2), default=5, show_default=True, help="Parts, made of whole groups.")
@click.option("--leave-one-group-out", is_flag=True, help="A fold for each group instead.")
@config_options
@click.option("--split", "splits", multiple=True, metavar="S", help="Repeatable.  [default: all]")
@click.option("--wrong-references", is_flag=True, help="Also predict with references of other groups, and say how bad.")
@click.option("--trials", type=click.IntRange(1), default=TRIALS, show_default=True, help="Rules to try in each fold.")
@metric_option
@data_options
@workers_option
@quiet_option
@json_option
def command(
    data: Path,
    out: Path,
    folds: int,
    leave_one_group_out: bool,
    config: Path | None,
    profile: str | None,
    splits: tuple[str, ...],
    wrong_references: bool,
    trials: int,
    metric: str | None,
    layout: str | None,
    contest_exclusions: bool,
    workers: int,
    quiet: bool,
    json_path: Path | None,
) -> None:
    """Train, tune, predict and score over folds; every image is scored by a model that has not seen its group.

    \b
    Example:
      pixelgbm crossval data --leave-one-group-out --out crossval
    """
    console = Console(quiet=quiet, json_path=json_path)
    run_config = read_config(config, profile)
    dataset = list_data(data, layout=layout, contest_exclusions=contest_exclusions, splits=splits, metric=metric)
    say_excluded(console, dataset)
    with console.progress() as progress:
        card = crossvalidation.crossvalidate(
            dataset,
            run_config,
            out=out,
            folds=folds,
            leave_one_group_out=leave_one_group_out,
            wrong_references=wrong_references,
            trials=trials,
            workers=workers,
            progress=progress,
        )
    show_scorecard(console, card)
    console.result(card.to_dict())
