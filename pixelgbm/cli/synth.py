"""`pixelgbm synth`: labelled data out of nothing."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from pixelgbm import synth
from pixelgbm.cli.console import Console, json_option, quiet_option
from pixelgbm.cli.options import PATH, workers_option

__all__ = ["command"]

_count = click.IntRange(0, 1_000_000)


@click.command("synth")
@click.argument("out", type=PATH)
@click.option("--task", type=click.Choice(["pairs"]), default="pairs", show_default=True, help="What is drawn.")
@click.option("--train", type=_count, default=240, show_default=True, help="Pairs of the train split.")
@click.option("--dev", type=_count, default=80, show_default=True, help="Pairs of the dev split.")
@click.option("--test", type=_count, default=100, show_default=True, help="Pairs of the test split.")
@click.option("--clean-share", type=click.FloatRange(0, 1), help="Share of clean pairs.  [default: each level's own]")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True)
@workers_option
@quiet_option
@json_option
def command(
    out: Path,
    task: str,
    train: int,
    dev: int,
    test: int,
    clean_share: float | None,
    seed: int,
    workers: int,
    quiet: bool,
    json_path: Path | None,
) -> None:
    """Draw a labelled data set in the konica-minolta layout; the truth of the test split lies in OUT/truth.

    \b
    Example:
      pixelgbm synth demo/data --train 240 --dev 80 --test 100 --seed 1
    """
    console = Console(quiet=quiet, json_path=json_path)
    with console.progress() as progress:
        made = synth.make(
            out,
            task=task,
            train=train,
            dev=dev,
            test=test,
            clean_share=clean_share,
            seed=seed,
            workers=workers,
            progress=progress,
        )
    console.say(f"{out}: {train} train, {dev} dev and {test} test pairs{', there already' if made.reused else ''}")
    if made.excluded:
        console.say(f"excluded.txt, wrong references ({len(made.excluded)}): {', '.join(made.excluded)}")
    console.result(asdict(made) | {"out": str(out), "task": task, "seed": seed})
