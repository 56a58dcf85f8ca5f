"""`pixelgbm submit`: predictions as the answer file of a layout."""

from __future__ import annotations

from pathlib import Path

import click

from pixelgbm import predictions
from pixelgbm.cli.console import Console, json_option, quiet_option
from pixelgbm.cli.options import PATH, list_data

__all__ = ["command"]


@click.command("submit")
@click.argument("pred", type=PATH)
@click.option("--layout", metavar="NAME", help="Layout of the answer.  [default: that of the data]")
@click.option("--data", type=PATH, help="Data folder whose images are answered, in its order.  [default: all of PRED]")
@click.option("--split", "splits", multiple=True, metavar="S", help="A split of --data. Repeatable.  [default: all]")
@click.option("--out", type=PATH, required=True, metavar="FILE", help="The answer file to write.")
@quiet_option
@json_option
def command(
    pred: Path,
    layout: str | None,
    data: Path | None,
    splits: tuple[str, ...],
    out: Path,
    quiet: bool,
    json_path: Path | None,
) -> None:
    """Write predictions as an answer file. Every image of PRED, or of DATA, is answered, excluded ones too.

    With --data, images that PRED lacks are refused, and the answer takes the form of a sample_submission.csv in DATA.

    \b
    Example:
      pixelgbm submit demo/predictions --data demo/data --split test --out demo/answer.zip
    """
    if splits and data is None:
        raise click.UsageError("--split chooses images of --data; name the data folder too")
    console = Console(quiet=quiet, json_path=json_path)
    dataset = None
    if data is not None:
        made_of = predictions.read_predictions(pred).layout
        dataset = list_data(data, layout=made_of, contest_exclusions=False, splits=splits)
    count = predictions.submit(pred, out, layout=layout, dataset=dataset)
    console.say(f"{out}: {count} images answered")
    console.result({"answer": str(out), "images": count})
