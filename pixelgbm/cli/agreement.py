"""`pixelgbm agreement`: how far annotators agree with each other, and a model with them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from pixelgbm import agreement
from pixelgbm.cli.console import Console, json_option, quiet_option
from pixelgbm.cli.options import PATH
from pixelgbm.predictions import read_predictions
from pixelgbm.raters import open_rater, rater_of

__all__ = ["command"]


@click.command("agreement")
@click.argument("marks", type=PATH, nargs=-1, required=True, metavar="MASKS|DATA...")
@click.option("--pred", "preds", type=PATH, multiple=True, metavar="PRED", help="Predictions to compare. Repeatable.")
@click.option(
    "--iou",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="Least intersection over union of two regions that agree; 0: any pixel in common.",
)
@click.option("--split", "splits", multiple=True, metavar="S", help="Of data sets. Repeatable.  [default: all]")
@click.option("--layout", metavar="NAME", help="Layout of the data sets.  [default: recognised]")
@quiet_option
@json_option
@click.pass_context
def command(
    context: click.Context,
    marks: tuple[Path, ...],
    preds: tuple[Path, ...],
    iou: float,
    splits: tuple[str, ...],
    layout: str | None,
    quiet: bool,
    json_path: Path | None,
) -> None:
    """Compare annotators pair by pair, and each with a model, on the images both have: pixel F1 and agreed regions.

    An annotator is a data set, whose truth is compared, or a folder of masks named as their images.

    \b
    Example:
      pixelgbm agreement straws/annotators/1 straws/annotators/2 --pred predictions --iou 0.3
    """
    if len(marks) + len(preds) < 2:
        raise click.UsageError("one annotator has nobody to agree with: name a second one, or --pred", context)
    console = Console(quiet=quiet, json_path=json_path)
    every = [*marks, *preds]
    names = {path: path.name if [p.name for p in every].count(path.name) == 1 else str(path) for path in every}
    raters = [open_rater(path, name=names[path], splits=splits, layout=layout) for path in marks]
    raters += [rater_of(read_predictions(path), name=names[path]) for path in preds]
    with console.progress() as progress:
        found = agreement.compare(raters, least_iou=iou, progress=progress)
    heading, *rows = agreement.agreement_table(found)
    agreed = "any pixel in common" if iou == 0 else f"intersection over union of at least {iou:g}"
    console.table(f"agreement; regions agree with {agreed}", heading, rows)
    console.result({"iou": iou, "pairs": [asdict(one) | {"shares": one.shares} for one in found]})
