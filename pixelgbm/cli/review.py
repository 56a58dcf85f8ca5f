"""`pixelgbm review`: which images a person should label next."""

from __future__ import annotations

from pathlib import Path

import click

from pixelgbm import images
from pixelgbm.cli.console import Console, json_option, quiet_option
from pixelgbm.cli.options import PATH, data_options, list_data, workers_option
from pixelgbm.predictions import read_predictions
from pixelgbm.review import review, write_queue

__all__ = ["command"]

_SHOWN = 10
"""Images named on the terminal."""


@click.command("review")
@click.argument("pred", type=PATH)
@click.option("--top", type=click.IntRange(1), default=50, show_default=True, help="Images to queue.")
@click.option("--out", type=PATH, metavar="FILE", help="The queue as CSV.  [default: PRED/review.csv]")
@click.option("--sheet", type=PATH, metavar="FILE", help="Also draw them (PNG; needs --data).")
@click.option("--data", type=PATH, metavar="DATA", help="Where the images of the sheet lie.")
@data_options
@workers_option
@quiet_option
@json_option
@click.pass_context
def command(
    context: click.Context,
    pred: Path,
    top: int,
    out: Path | None,
    sheet: Path | None,
    data: Path | None,
    layout: str | None,
    contest_exclusions: bool,
    workers: int,
    quiet: bool,
    json_path: Path | None,
) -> None:
    """Queue the images whose labels would teach most: regions and pixels the model is least sure of.

    Needs no truth. Predict with --probabilities, or only images in which something was found are told apart.

    \b
    Example:
      pixelgbm review demo/predictions --top 50 --data demo/data --sheet demo/review.png
    """
    console = Console(quiet=quiet, json_path=json_path)
    if (sheet is None) != (data is None):
        raise click.UsageError("--sheet and --data belong together", context)
    predicted = read_predictions(pred)
    # Listed first: a data folder that cannot be read is told before any work.
    dataset = None if data is None else list_data(data, layout=layout, contest_exclusions=contest_exclusions)
    table = pred / "review.csv" if out is None else out
    with console.progress() as progress:
        queue = review(predicted, top=top, workers=workers, progress=progress)
        write_queue(table, queue)
        if sheet is not None and dataset is not None:
            from pixelgbm.report.queue_sheet import draw_queue  # matplotlib, a second that the table need not pay

            images.write_png(sheet, draw_queue(queue, predicted, dataset, workers=workers, progress=progress))
    for doubt in queue[:_SHOWN]:
        console.say(f"{doubt.id}: {doubt.worth:.2f} (regions {doubt.region_doubt:.2f}, pixels {doubt.pixel_doubt:.2f})")
    if not predicted.has_probabilities:
        console.say(f"{pred}: holds no probabilities, so what was not found is not weighed")
    console.say(f"{table}: {len(queue)} images" + (f"; {sheet} shows them" if sheet is not None else ""))
    console.result(
        {
            "queue": str(table),
            "sheet": None if sheet is None else str(sheet),
            "images": [{"id": doubt.id, "worth": doubt.worth} for doubt in queue],
        }
    )
