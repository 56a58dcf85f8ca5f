"""`pixelgbm submit`: predictions as the answer file of a layout."""

from __future__ import annotations

from pathlib import Path

import click

from pixelgbm import predictions
from pixelgbm.cli.console import Console, json_option, quiet_option
from pixelgbm.cli.options import PATH

__all__ = ["command"]


@click.command("submit")
@click.argument("pred", type=PATH)
@click.option("--layout", metavar="NAME", help="Layout of the answer.  [default: that of the data]")
@click.option("--out", type=PATH, required=True, metavar="FILE", help="The answer file to write.")
@quiet_option
@json_option
def command(pred: Path, layout: str | None, out: Path, quiet: bool, json_path: Path | None) -> None:
    """Write predictions as an answer file. Every image of PRED is answered, excluded ones too.

    \b
    Example:
      pixelgbm submit demo/predictions --out demo/answer.zip
    """
    console = Console(quiet=quiet, json_path=json_path)
    count = predictions.submit(pred, out, layout=layout)
    console.say(f"{out}: {count} images answered")
    console.result({"answer": str(out), "images": count})
