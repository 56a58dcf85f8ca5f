"""`pixelgbm tune`: the decision rule or, with `--full`, the settings of the next training, chosen out-of-fold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from pixelgbm import tuning
from pixelgbm.cli.console import Console, Progress, json_option, quiet_option
from pixelgbm.cli.options import PATH, data_options, list_data, metric_option, say_excluded, workers_option
from pixelgbm.errors import ConfigError
from pixelgbm.mapstore import Tables, maps_folder, open_store
from pixelgbm.model import read_model
from pixelgbm.records import Dataset
from pixelgbm.tuning import settings

__all__ = ["command"]


@click.command("tune")
@click.argument("model", type=PATH)
@click.argument("data", type=PATH)
@click.option("--also", "also", multiple=True, metavar="S", help="Also tune on this labelled split. Repeatable.")
@click.option(
    "--trials",
    type=click.IntRange(1),
    show_default=f"{tuning.TRIALS}; with --full {settings.TRIALS}",
    help="Rules to try; with --full, settings.",
)
@click.option(
    "--clean-share",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    metavar="SHARE",
    help="Of clean images where the model will be used.  [default: as labelled]",
)
@click.option(
    "--timeout", "timeout_s", type=click.FloatRange(0, min_open=True), metavar="S", help="Stop after seconds."
)
@click.option("--storage", metavar="URL", help="Where trials are kept.  [default: in MODEL.maps]")
@click.option("--full", is_flag=True, help="Search families, scales, looks and boosters instead, for time and score.")
@click.option(
    "--budget-ms", type=click.FloatRange(0, min_open=True), metavar="MS", help="With --full: what a pair may cost."
)
@click.option(
    "--images", type=click.IntRange(4), help=f"With --full: images to search on.  [default: {settings.IMAGES}]"
)
@click.option(
    "--out-config",
    type=PATH,
    metavar="FILE",
    help="With --full: the run.toml to write.  [default: MODEL.maps/full.toml]",
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True)
@metric_option
@data_options
@workers_option
@quiet_option
@json_option
def command(
    model: Path,
    data: Path,
    also: tuple[str, ...],
    trials: int | None,
    clean_share: float | None,
    timeout_s: float | None,
    storage: str | None,
    full: bool,
    budget_ms: float | None,
    images: int | None,
    out_config: Path | None,
    seed: int,
    metric: str | None,
    layout: str | None,
    contest_exclusions: bool,
    workers: int,
    quiet: bool,
    json_path: Path | None,
) -> None:
    """Choose the decision rule on the out-of-fold maps in MODEL.maps and write it into the model.

    With --full the model stays as it is: a run.toml is written for the next training.
    Run again after an interruption, it goes on with the trials that are kept.

    \b
    Example:
      pixelgbm tune demo/model demo/data --also dev
      pixelgbm tune demo/model demo/data --full --budget-ms 150
    """
    console = Console(quiet=quiet, json_path=json_path)
    tuning.refuse_test_split(also)
    kept: dict[str, Any] = {"metric": metric, "timeout_s": timeout_s, "storage": storage, "seed": seed}
    dataset = list_data(data, layout=layout, contest_exclusions=contest_exclusions, splits=also)
    if full and clean_share is not None:
        raise ConfigError("--clean-share belongs to the choice of the rule: leave out --full")
    if full:
        dataset = list_data(data, layout=layout, contest_exclusions=contest_exclusions)
        chosen = {"budget_ms": budget_ms, "trials": trials or settings.TRIALS, "images": images or settings.IMAGES}
        _full(console, model, dataset, also, out_config, workers, kept | chosen)
        return
    for option, value in (("--budget-ms", budget_ms), ("--images", images), ("--out-config", out_config)):
        if value is not None:
            raise ConfigError(f"{option} belongs to the search of settings: add --full")
    with console.progress() as progress:
        tables = None
        if also:
            say_excluded(console, dataset)
            tables = _tables(model, dataset, workers=workers, progress=progress)
        kept |= {"clean_share": clean_share, "trials": trials or tuning.TRIALS}
        results = tuning.tune_model(model, also=tables, progress=progress, **kept)
    _show(console, results)
    console.result({"model": str(model), "heads": {name: asdict(result) for name, result in results.items()}})


def _full(
    console: Console,
    model: Path,
    dataset: Dataset,
    also: tuple[str, ...],
    out_config: Path | None,
    workers: int,
    options: dict[str, Any],
) -> None:
    """Search the settings of the next training, and show what each speed costs."""
    from pixelgbm.tuning.full import search_settings  # LightGBM comes with it

    trained = set(open_store(maps_folder(model)).folds)
    splits = {sample.split for sample in dataset.samples if sample.id in trained}
    say_excluded(console, dataset.select(splits.union(also)))
    with console.progress() as progress:
        found = search_settings(
            model, dataset, also=also, out_config=out_config, workers=workers, progress=progress, **options
        )
    shown = {row.trial: row for row in (*found.curve, found.present, found.pick)}
    rows = [
        (
            settings.describe(row.config),
            f"{row.ms:.1f}",
            f"{row.score.mean:.4f}",
            f"{row.score.low:.3f} to {row.score.high:.3f}",
            " and ".join(word for word, of in (("pick", found.pick), ("present", found.present)) if of is row),
        )
        for row in sorted(shown.values(), key=lambda row: row.ms)
    ]
    title = f"{found.trials} settings on {found.images} images of {found.groups} groups, out-of-fold"
    console.table(title, ("setting", "ms a pair", "score", "95 %", ""), rows)
    held_out, whole = found.held_out, found.whole_ms
    figures = [("pick", held_out.pick), ("present", held_out.present), ("pick less present", held_out.gain)]
    said = ", ".join(f"{name} {of.mean:.4f} ({of.low:.3f} to {of.high:.3f})" for name, of in figures)
    console.say(f"{held_out.images} images of {held_out.groups} groups that no trial saw: {said}")
    if whole is not None:
        console.say(
            f"ms a pair: of one core, measured on this machine, without reading files; pick as a whole {whole:.1f}"
        )
        if (budget := options["budget_ms"]) is not None and whole > budget:
            console.error(f"the pick took {whole:.1f} ms as a whole, over the {budget:g} ms its parts add up to")
    console.say(
        f"{found.config_path}: written; pixelgbm train {dataset.root} --config {found.config_path} --out NEW_MODEL"
    )
    document = asdict(found) | {"config_path": str(found.config_path), "model": str(model)}
    console.result(document)


def _tables(model: Path, dataset: Dataset, *, workers: int, progress: Progress | None) -> dict[str, Tables]:
    """The region tables of further splits, none of which the model may have seen."""
    from pixelgbm.training import make_tables  # LightGBM comes with it; plain tuning does not need it

    seen = set(open_store(maps_folder(model)).folds)
    for sample in dataset.samples:
        if sample.id in seen:
            raise ConfigError(f"split {sample.split!r}: image {sample.id} was trained on, it takes part out-of-fold")
    return make_tables(read_model(model), dataset, workers=workers, progress=progress)


def _show(console: Console, results: Mapping[str, tuning.TuningResult]) -> None:
    heading = ("rule", "score", "dirty mean", "clean marked", "judged")
    for name, result in results.items():
        found = [("before", result.before), ("after", result.after)]
        rows = [
            (label, f"{o.score:.4f}", f"{o.dirty_score:.4f}", f"{o.false_alarms:.1%}", str(o.clean + o.dirty))
            for label, o in found
            if o is not None
        ]
        console.table(f"{name}: {result.metric}, out-of-fold, {result.trials} trials", heading, rows)
        rule = ", ".join(f"{key} {value}" for key, value in result.rule.to_dict().items())
        console.say(f"{name}: {rule}")
