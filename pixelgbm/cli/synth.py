"""`pixelgbm synth`: labelled data out of nothing."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from pixelgbm import synth
from pixelgbm.cli.console import Console, json_option, quiet_option
from pixelgbm.cli.options import PATH, workers_option
from pixelgbm.synth import text

__all__ = ["command"]

_count = click.IntRange(0, 1_000_000)


def _defaults(split: str) -> str:
    """What is drawn of a split where nothing is said, task by task."""
    return ", ".join(f"{name} {task.counts[split]}" for name, task in synth.TASKS.items() if split in task.counts)


@click.command("synth")
@click.argument("out", type=PATH)
@click.option("--task", type=click.Choice(list(synth.TASKS)), default="pairs", show_default=True, help="What is drawn.")
@click.option("--train", type=_count, help=f"How many of the train split.  [default: {_defaults('train')}]")
@click.option("--dev", type=_count, help=f"How many of the dev split.  [default: {_defaults('dev')}]")
@click.option("--test", type=_count, help=f"How many of the test split.  [default: {_defaults('test')}]")
@click.option(
    "--clean-share",
    type=click.FloatRange(0, 1),
    help="Share without a defect; texture: of the test images.  [default: pairs each level's own, "
    + ", ".join(f"{name} {task.clean_share}" for name, task in synth.TASKS.items() if task.clean_share is not None)
    + "]",
)
@click.option("--defects", type=_count, help="texture: train images with a defect.  [default: 30]")
@click.option("--annotators", type=click.IntRange(0, 20), help="straws: who mark the train images too.  [default: 0]")
@click.option("--surface", type=click.Choice(text.SURFACES), help="text: what is scratched.  [default: text]")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True)
@workers_option
@quiet_option
@json_option
def command(
    out: Path,
    task: str,
    train: int | None,
    dev: int | None,
    test: int | None,
    clean_share: float | None,
    defects: int | None,
    annotators: int | None,
    surface: str | None,
    seed: int,
    workers: int,
    quiet: bool,
    json_path: Path | None,
) -> None:
    """Draw a labelled data set; the truth of the test split lies in OUT/truth.

    \b
    pairs    printed sheets and their references, dirt on some (konica-minolta)
    texture  woven, brushed, cast and stone; few defects (textured-surfaces)
    straws   reed straws, three views each, five kinds of flaws (manifest)
    steel    rolled strip, four classes of defects (steel)
    text     scratches across print or metal (mask-folders)

    \b
    Example:
      pixelgbm synth demo/data --train 240 --dev 80 --test 100 --seed 1
      pixelgbm synth demo/straws --task straws --annotators 3
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
            defects=defects,
            annotators=annotators,
            surface=surface,
            seed=seed,
            workers=workers,
            progress=progress,
        )
    drawn = ", ".join(f"{count} {split}" for split, count in made.counts.items())
    console.say(f"{out}: {drawn} ({synth.TASKS[task].unit}){', there already' if made.reused else ''}")
    if made.excluded:
        console.say(f"excluded.txt, wrong references ({len(made.excluded)}): {', '.join(made.excluded)}")
    console.result(asdict(made) | {"out": str(out), "task": task, "seed": seed})
