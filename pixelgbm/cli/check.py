"""`pixelgbm check`: read everything of a data folder or a model, list everything that is wrong."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from pixelgbm import datasets
from pixelgbm.cli.console import Console, json_option, quiet_option
from pixelgbm.cli.options import PATH, data_options, say_excluded
from pixelgbm.model import check_model

__all__ = ["command"]


@click.command("check")
@click.argument("target", type=PATH, metavar="DATA|MODEL")
@click.option("--truth", type=PATH, metavar="DIR", help="Sealed tree of masks to be read as well.")
@data_options
@quiet_option
@json_option
@click.pass_context
def command(
    context: click.Context,
    target: Path,
    truth: Path | None,
    layout: str | None,
    contest_exclusions: bool,
    quiet: bool,
    json_path: Path | None,
) -> None:
    """Read every file of a data folder or a model and list all that is wrong. Exit code 1 if anything is.

    \b
    Example:
      pixelgbm check demo/data
    """
    console = Console(quiet=quiet, json_path=json_path)
    if (target / "manifest.json").is_file():
        problems = check_model(target)
        console.result({"model": str(target), "problems": problems})
    else:
        problems = _check_data(console, target, truth, layout, contest_exclusions=contest_exclusions)
    for problem in problems:
        console.say(problem)
    console.say(f"{target}: {len(problems) or 'no'} problem{'' if len(problems) == 1 else 's'}")
    if problems:
        context.exit(1)


def _check_data(
    console: Console, data: Path, truth: Path | None, layout: str | None, *, contest_exclusions: bool
) -> list[str]:
    with console.progress() as progress:
        dataset, problems = datasets.check_folder(
            data, layout=layout, truth=truth, contest_exclusions=contest_exclusions, progress=progress
        )
    samples = () if dataset is None else dataset.samples
    splits = Counter(sample.split for sample in samples)
    labelled = Counter(sample.split for sample in samples if dataset and datasets.has_truth(dataset, sample))
    for split, count in splits.items():
        console.say(f"{split}: {count} images, {labelled[split]} labelled")
    if dataset is not None:
        say_excluded(console, dataset)
    console.result(
        {
            "data": str(data),
            "layout": None if dataset is None else dataset.layout,
            "heads": [] if dataset is None else dataset.heads,
            "splits": splits,
            "labelled": labelled,
            "excluded": {} if dataset is None else dict(dataset.excluded),
            "problems": problems,
        }
    )
    return problems
