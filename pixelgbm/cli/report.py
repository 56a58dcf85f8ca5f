"""`pixelgbm report`: what a model is worth, as one page and as a PDF."""

from __future__ import annotations

from pathlib import Path

import click

from pixelgbm.cli.console import Console, json_option, quiet_option
from pixelgbm.cli.options import PATH, data_options, list_data, workers_option
from pixelgbm.report.writing import Request, write_report

__all__ = ["command"]


@click.command("report")
@click.argument("model", type=PATH)
@click.argument("data", type=PATH)
@click.argument("pred", type=PATH)
@click.option("--out", type=PATH, required=True, metavar="DIR", help="Folder for report.html and report.pdf.")
@click.option(
    "--split", "splits", multiple=True, metavar="S", help="Score these. Repeatable.  [default: those predicted]"
)
@click.option("--truth", type=PATH, metavar="DIR", help="Sealed tree of masks.")
@click.option("--notes", type=PATH, metavar="FILE", help="Markdown; every heading becomes a section of the report.")
@click.option("--ablation", type=PATH, metavar="FILE", help="ablation.json of benchmarks/ablation.py.")
@click.option("--storage", metavar="URL", help="Studies of `tune` to show.  [default: those in MODEL.maps]")
@click.option("--gallery", type=click.IntRange(0), default=200, show_default=True, help="Images to show at most.")
@click.option("--timing/--no-timing", default=True, show_default=True, help="Time the stages on a few images.")
@data_options
@workers_option
@quiet_option
@json_option
def command(
    model: Path,
    data: Path,
    pred: Path,
    out: Path,
    splits: tuple[str, ...],
    truth: Path | None,
    notes: Path | None,
    ablation: Path | None,
    storage: str | None,
    gallery: int,
    timing: bool,
    layout: str | None,
    contest_exclusions: bool,
    workers: int,
    quiet: bool,
    json_path: Path | None,
) -> None:
    """Report what a model was trained on, what its predictions are worth and what they look like.

    \b
    Example:
      pixelgbm report demo/model demo/data demo/predictions --truth demo/data/truth --out demo/report
    """
    console = Console(quiet=quiet, json_path=json_path)
    dataset = list_data(data, layout=layout, contest_exclusions=contest_exclusions, truth=truth)
    scored = list_data(data, layout=layout, contest_exclusions=contest_exclusions, truth=truth, splits=splits)
    request = Request(
        model=model,
        data=data,
        pred=pred,
        out=out,
        splits=splits,
        truth=truth,
        layout=layout,
        contest_exclusions=contest_exclusions,
        notes=notes,
        ablation=ablation,
        storage=storage,
        timing=timing,
        gallery=gallery,
    )
    with console.progress() as progress:
        made = write_report(request, dataset, scored, workers=workers, progress=progress)
    console.say(f"{made.page} and {made.pdf}: score {made.card.score:,.1f}, {made.shown} images in the gallery")
    console.result(
        {
            "page": str(made.page),
            "pdf": str(made.pdf),
            "shown": made.shown,
            "listed": made.listed,
            "scorecard": made.card.to_dict(),
        }
    )
