"""`pixelgbm explain`: why a defect was found in one image, and why something else was not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pixelgbm.cli.console import Console, json_option, quiet_option
from pixelgbm.cli.options import PATH, workers_option
from pixelgbm.datasets.layout import make_pair
from pixelgbm.explanation import Evidence, ExplainedPixel, ExplainedRegion, Failed, HeadExplanation, explain_pair
from pixelgbm.explanation.pictures import full_colour, write_pictures
from pixelgbm.model import read_model
from pixelgbm.records import Sample

__all__ = ["command"]


def _place(context: click.Context, option: click.Parameter, value: str | None) -> tuple[int, int] | None:
    """ROW,COL as two numbers."""
    if value is None:
        return None
    try:
        row, col = (int(part) for part in value.split(","))
    except ValueError:
        raise click.BadParameter(f"{value!r} is not ROW,COL, two whole numbers from 0", context, option) from None
    return row, col


@click.command("explain")
@click.argument("model", type=PATH)
@click.argument("image", type=PATH)
@click.option("--reference", type=PATH, help="The clean image of the same thing.")
@click.option("--at", metavar="ROW,COL", callback=_place, help="Also explain this pixel, found or not; from 0.")
@click.option("--out", type=PATH, metavar="DIR", help="Write a heat map per family and a contact picture there.")
@workers_option
@quiet_option
@json_option
def command(
    model: Path,
    image: Path,
    reference: Path | None,
    at: tuple[int, int] | None,
    out: Path | None,
    workers: int,
    quiet: bool,
    json_path: Path | None,
) -> None:
    """Say which evidence spoke for and against each region of one image, and which test a rejected region failed.

    Of families the numbers are log-odds, the mean over the region's pixels: above 0 a family speaks for a defect. With
    the base they add up to the region's sum. p is the calibrated probability of a pixel, in a region their mean.

    \b
    Example:
      pixelgbm explain demo/model sheet.tif --reference clean.tif --at 120,45 --out why
    """
    console = Console(quiet=quiet, json_path=json_path)
    loaded = read_model(model)
    pair = make_pair(Sample(id=image.stem, split="", image=image, reference=reference))
    explained = explain_pair(loaded, pair, at=at, workers=workers)
    verdict = "accepted" if explained.verdict.accepted else "rejected"
    flags = f" ({'; '.join(explained.verdict.flags)})" if explained.verdict.flags else ""
    console.say(f"{image}: {verdict}{flags}")
    for head in explained.heads:
        _show(console, head)
    pictures = [] if out is None else write_pictures(pair.test, explained, out)
    if out is not None:
        console.say(f"{out}: {len(pictures)} pictures")
    console.result(
        {
            "image": str(image),
            "accepted": explained.verdict.accepted,
            "flags": explained.verdict.flags,
            "heads": {head.head: _document(head) for head in explained.heads},
            "pictures": [str(path) for path in pictures],
        }
    )


def _show(console: Console, head: HeadExplanation) -> None:
    """The head's regions and pixel as a table, one line each."""
    columns = [head.head, "around", "px", "score", "p", *head.heat, "base", "sum", "answer"]
    rows = [
        [
            str(number),
            "{:.0f},{:.0f}".format(*item.region.centroid),
            str(item.region.area),
            f"{item.region.score:.2f}".replace("nan", "-"),
            f"{item.probability:.2f}",
            *_numbers(item.evidence),
            _answer(item.failed),
        ]
        for number, item in enumerate(head.regions, 1)
    ]
    if head.pixel is not None:
        pixel = head.pixel
        place = f"{pixel.row},{pixel.col}"
        inside = "" if pixel.region is None else f" (region {pixel.region + 1})"
        known = f"{pixel.probability:.2f}"
        rows.append(["pixel", place, "1", "-", known, *_numbers(pixel.evidence), _answer(pixel.failed) + inside])
    if rows:
        console.table("", columns, rows)
    else:
        console.say(f"{head.head}: no pixel is likely enough to speak of; --at ROW,COL explains any")


def _numbers(evidence: Evidence) -> list[str]:
    return [f"{value:+.2f}" for value in (*evidence.families.values(), evidence.base, evidence.log_odds)]


def _answer(failed: Failed | None) -> str:
    if failed is None:
        return "found"
    had, needed = (
        str(round(value)) if value == round(value) else f"{value:.3g}" for value in (failed.had, failed.needed)
    )
    return f"{failed.test}: {had}, needs {needed}"


def _document(head: HeadExplanation) -> dict[str, Any]:
    """One head as JSON; bbox: (top, left, bottom, right), centroid: (row, col), in px; evidence in log-odds."""
    return {
        "regions": [_region(item) for item in head.regions],
        "pixel": None if head.pixel is None else _pixel(head.pixel),
        "heat_full_colour": full_colour(head.heat),
    }


def _region(item: ExplainedRegion) -> dict[str, Any]:
    names = ("bbox", "centroid", "area", "score", "mean_probability", "max_probability")
    measured = {name: getattr(item.region, name) for name in names}
    told = {"probability": item.probability, "explained_pixels": item.explained}
    return measured | told | _reasons(item.failed, item.evidence)


_OF_A_PIXEL = ("row", "col", "probability", "raw_probability", "look", "region")


def _pixel(pixel: ExplainedPixel) -> dict[str, Any]:
    measured = {name: getattr(pixel, name) for name in _OF_A_PIXEL}
    return measured | _reasons(pixel.failed, pixel.evidence)


def _reasons(failed: Failed | None, evidence: Evidence) -> dict[str, Any]:
    test = None if failed is None else {"test": failed.test, "had": failed.had, "needed": failed.needed}
    families = dict(evidence.families)
    return {
        "found": failed is None,
        "failed": test,
        "families": families,
        "base": evidence.base,
        "log_odds": evidence.log_odds,
    }
