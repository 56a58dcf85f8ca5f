"""`pixelgbm tune`: the decision rule, chosen on out-of-fold maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import click

from pixelgbm import tuning
from pixelgbm.cli.console import Console, Progress, json_option, quiet_option
from pixelgbm.cli.options import PATH, data_options, list_data, say_excluded, workers_option
from pixelgbm.errors import ConfigError
from pixelgbm.mapstore import Tables, maps_folder, open_store
from pixelgbm.model import read_model
from pixelgbm.records import Dataset

__all__ = ["command"]


@click.command("tune")
@click.argument("model", type=PATH)
@click.argument("data", type=PATH)
@click.option("--also", "also", multiple=True, metavar="S", help="Also tune on this labelled split. Repeatable.")
@click.option("--trials", type=click.IntRange(1), default=tuning.TRIALS, show_default=True, help="Rules to try.")
@click.option(
    "--timeout", "timeout_s", type=click.FloatRange(0, min_open=True), metavar="S", help="Stop after seconds."
)
@click.option("--storage", metavar="URL", help="Where trials are kept.  [default: in MODEL.maps]")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True)
@data_options
@workers_option
@quiet_option
@json_option
def command(
    model: Path,
    data: Path,
    also: tuple[str, ...],
    trials: int,
    timeout_s: float | None,
    storage: str | None,
    seed: int,
    layout: str | None,
    contest_exclusions: bool,
    workers: int,
    quiet: bool,
    json_path: Path | None,
) -> None:
    """Choose the decision rule on the out-of-fold maps in MODEL.maps and write it into the model.

    Run again after an interruption, it goes on with the trials that are kept.

    \b
    Example:
      pixelgbm tune demo/model demo/data --also dev
    """
    console = Console(quiet=quiet, json_path=json_path)
    tuning.refuse_test_split(also)
    dataset = list_data(data, layout=layout, contest_exclusions=contest_exclusions, splits=also)
    with console.progress() as progress:
        tables = None
        if also:
            say_excluded(console, dataset)
            tables = _tables(model, dataset, workers=workers, progress=progress)
        results = tuning.tune_model(
            model, also=tables, trials=trials, timeout_s=timeout_s, storage=storage, seed=seed, progress=progress
        )
    _show(console, results)
    console.result({"model": str(model), "heads": {name: asdict(result) for name, result in results.items()}})


def _tables(model: Path, dataset: Dataset, *, workers: int, progress: Progress | None) -> dict[str, Tables]:
    """The region tables of further splits, none of which the model may have seen."""
    from pixelgbm.training import make_tables  # LightGBM comes with it; plain tuning does not need it

    seen = set(open_store(maps_folder(model)).folds)
    for sample in dataset.samples:
        if sample.id in seen:
            raise ConfigError(f"split {sample.split!r}: image {sample.id} was trained on, it takes part out-of-fold")
    return make_tables(read_model(model), dataset, workers=workers, progress=progress)


def _show(console: Console, results: Mapping[str, tuning.TuningResult]) -> None:
    heading = ("rule", "mean", "dirty mean", "clean marked", "images")
    for name, result in results.items():
        found = [("before", result.before), ("after", result.after)]
        rows = [
            (label, f"{o.score:.4f}", f"{o.dirty_score:.4f}", f"{o.false_alarms:.1%}", str(o.clean + o.dirty))
            for label, o in found
            if o is not None
        ]
        console.table(f"{name}: out-of-fold, {result.trials} trials", heading, rows)
        rule = ", ".join(f"{key} {value}" for key, value in result.rule.to_dict().items())
        console.say(f"{name}: {rule}")
