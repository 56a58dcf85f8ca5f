"""`pixelgbm warm-up`: compile ahead what is otherwise compiled on first use."""

from __future__ import annotations

from pathlib import Path

import click

from pixelgbm import warming
from pixelgbm.cli.console import Console, json_option, quiet_option
from pixelgbm.cli.options import PATH
from pixelgbm.model import read_model

__all__ = ["command"]


@click.command("warm-up")
@click.argument("model", type=PATH, required=False)
@quiet_option
@json_option
def command(model: Path | None, quiet: bool, json_path: Path | None) -> None:
    """Compile all kernels and, with MODEL, its trees for this processor, so that the first image need not wait.

    \b
    Example:
      pixelgbm warm-up demo/model
    """
    console = Console(quiet=quiet, json_path=json_path)
    seconds = warming.warm_up(None if model is None else read_model(model))
    for name, took in seconds.items():
        console.say(f"{name}: {took:.1f} s")
    console.result(seconds)
