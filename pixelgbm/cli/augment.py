"""`pixelgbm augment`: many labelled images out of few."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from pixelgbm import augmentation
from pixelgbm.cli.console import Console, json_option, quiet_option
from pixelgbm.cli.options import PATH, data_options, list_data, say_excluded, workers_option
from pixelgbm.datasets import LAYOUTS

__all__ = ["command"]


@click.command("augment")
@click.argument("data", type=PATH)
@click.option("--out", type=PATH, required=True, metavar="FOLDER", help="New folder, of the layout manifest.")
@click.option("--images", type=click.IntRange(1, 1_000_000), default=augmentation.IMAGES, show_default=True)
@click.option(
    "--procedural",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    help="Share of drawn scratches, specks, stains and dents; the rest is cut out of DATA.  [default: 0.2; several "
    "heads: 0]",
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True)
@data_options
@workers_option
@quiet_option
@json_option
def command(
    data: Path,
    out: Path,
    images: int,
    procedural: float | None,
    seed: int,
    layout: str | None,
    contest_exclusions: bool,
    workers: int,
    quiet: bool,
    json_path: Path | None,
) -> None:
    """Lay defects of the split train onto its clean images; FOLDER holds the new images and refers to the old.

    \b
    Example:
      pixelgbm synth surfaces --task texture
      pixelgbm augment surfaces --out more --images 300
      pixelgbm train more --out model --metric verdict-f1
    """
    console = Console(quiet=quiet, json_path=json_path)
    dataset = list_data(data, layout=layout, contest_exclusions=contest_exclusions, splits=("train",))
    say_excluded(console, dataset)
    with console.progress() as progress:
        made = augmentation.augment(
            dataset, out=out, count=images, procedural=procedural, seed=seed, workers=workers, progress=progress
        )
    console.say(
        f"{out}: {made.own} images of {data}, {made.pasted} with a defect cut out of {made.donors} of them, "
        f"{made.drawn} with a drawn one"
    )
    if dataset.metric != LAYOUTS["manifest"].metric:
        console.say(f"{data} is judged by {dataset.metric}: train {out} with --metric {dataset.metric}")
    console.result(asdict(made) | {"out": str(out), "data": str(data), "metric": dataset.metric, "seed": seed})
