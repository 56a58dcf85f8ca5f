"""`pixelgbm score`: predictions or an answer file against the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from pixelgbm import comparison, evaluation, files, images, size_curve
from pixelgbm.cli.console import Console, json_option, quiet_option
from pixelgbm.cli.options import PATH, data_options, list_data, metric_option
from pixelgbm.min_size import Measure
from pixelgbm.predictions import read_predictions
from pixelgbm.scorecard import PixelRanking, Scorecard

__all__ = ["command", "show_scorecard"]

_GROUPS_SHOWN = 30
"""More groups than this are left to --json."""


@click.command("score")
@click.argument("pred", type=PATH, metavar="PRED|ANSWER")
@click.argument("data", type=PATH)
@click.option("--split", "splits", multiple=True, metavar="S", help="Repeatable.  [default: those predicted]")
@click.option("--truth", type=PATH, metavar="DIR", help="Sealed tree of masks.")
@click.option("--sheet", type=PATH, metavar="FILE", help="Draw image, reference, truth and found (PNG; needs a PRED).")
@click.option(
    "--min-size-curve",
    "measure",
    type=click.Choice(["area", "length"]),
    help="Also show the verdicts when found regions below a size, in pixels, do not matter.",
)
@click.option(
    "--min-size-plot",
    "plot",
    type=PATH,
    metavar="FILE",
    help="Draw that curve (PNG or SVG); by area, if none is named.",
)
@metric_option
@data_options
@quiet_option
@json_option
@click.pass_context
def command(
    context: click.Context,
    pred: Path,
    data: Path,
    splits: tuple[str, ...],
    truth: Path | None,
    sheet: Path | None,
    measure: Measure | None,
    plot: Path | None,
    metric: str | None,
    layout: str | None,
    contest_exclusions: bool,
    quiet: bool,
    json_path: Path | None,
) -> None:
    """Score predictions, or an answer file, against the truth. Exit code 1 if the answer lacks images: score -1.

    \b
    Example:
      pixelgbm score demo/predictions demo/data --truth demo/data/truth
    """
    console = Console(quiet=quiet, json_path=json_path)
    if sheet is not None and not pred.is_dir():
        raise click.UsageError("--sheet needs a PRED folder, not an answer file", context)
    if plot is not None and plot.suffix.lower() not in (".png", ".svg"):
        raise click.UsageError(f"--min-size-plot {plot}: a name that ends in .png or .svg is needed", context)
    dataset = list_data(
        data, layout=layout, contest_exclusions=contest_exclusions, truth=truth, splits=splits, metric=metric
    )
    card = evaluation.score_path(pred, dataset)
    show_scorecard(console, card)
    if sheet is not None and card.overall is not None:
        from pixelgbm.report.sheet import (
            contact_sheet,  # matplotlib, a second that a score without a picture need not pay
        )

        images.write_png(sheet, contact_sheet(read_predictions(pred), dataset, card))
        console.say(f"{sheet}: image, reference, truth, found")
    document = card.to_dict()
    measure = measure or ("area" if plot is not None else None)
    if measure is not None and card.overall is not None:
        curve = size_curve.min_size_curve(comparison.open_predicted(pred, dataset), dataset, measure=measure)
        heading, *rows = size_curve.curve_table(curve, measure)
        console.table(f"smallest {measure} that matters", heading, rows)
        if plot is not None:
            _draw(plot, curve, measure)
            console.say(f"{plot}: precision and recall by {measure}")
        document["min_size_curve"] = {"measure": measure, "points": [asdict(point) for point in curve]}
    console.result(document)
    if card.missing:
        context.exit(1)


def _draw(path: Path, curve: Sequence[size_curve.CurvePoint], measure: Measure) -> None:
    from pixelgbm.report.drawing import draw_min_sizes  # matplotlib

    files.write_bytes(path, draw_min_sizes(curve, measure, form="svg" if path.suffix.lower() == ".svg" else "png"))


def show_scorecard(console: Console, card: Scorecard) -> None:
    """Every figure of a Scorecard, and what was left out of it."""
    if card.excluded:
        console.say(f"excluded, not scored ({len(card.excluded)}): {', '.join(card.excluded)}")
    if card.missing:
        console.say(f"score -1: the answer lacks {len(card.missing)} images: {', '.join(card.missing)}")
        return
    for id, reason in card.failures.items():
        console.say(f"{id}: not inspected, scored 0 ({reason})")
    heading, *rows = card.table()
    console.table(f"score {card.score:,.1f} ({card.metric})", heading, rows)
    if card.verdicts is not None and card.judges_verdicts:
        heading, *rows = card.verdicts.table()
        console.table(f"verdicts, accuracy {card.verdicts.accuracy:.4f}", heading, rows)
    if 1 < len(card.per_group) <= _GROUPS_SHOWN:
        heading, *rows = card.group_table()
        console.table(f"groups, mean {card.group_mean:.4f}", heading, rows)
    runs = {"": card, " without references": card.without_references, " with wrong references": card.wrong_references}
    for name, run in runs.items():
        if run is not None and run.ranking is not None:
            console.say(_ranking(name, run.ranking))
    if card.unlabelled:
        console.say(f"{card.unlabelled} images without truth were not scored")


def _ranking(run: str, found: PixelRanking) -> str:
    line = f"pixel average precision{run} {found.average_precision:.4f} (chance {found.chance:.4f})"
    named = (("AUROC", found.auroc), ("AUPRO", found.aupro), ("F1 of all pixels", found.f1))
    figures = (f"{name} {value:.4f}" for name, value in named if value is not None)
    return f"{', '.join([line, *figures])} (at the best threshold {found.best_f1:.4f})"
