"""`pixelgbm inspect`: one image, now."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from pixelgbm import images, inspection
from pixelgbm.cli.console import Console, json_option, quiet_option
from pixelgbm.cli.options import PATH
from pixelgbm.model import read_model
from pixelgbm.records import Pair

__all__ = ["command"]


@click.command("inspect")
@click.argument("model", type=PATH)
@click.argument("image", type=PATH)
@click.option("--reference", type=PATH, help="The clean image of the same thing.")
@click.option("--min-size", type=click.IntRange(1), metavar="PX", help="Smallest defect that matters, in pixels.")
@click.option("--mask", type=PATH, metavar="FILE", help="Write the mask (0/255 PNG); several heads: their union.")
@quiet_option
@json_option
@click.pass_context
def command(
    context: click.Context,
    model: Path,
    image: Path,
    reference: Path | None,
    min_size: int | None,
    mask: Path | None,
    quiet: bool,
    json_path: Path | None,
) -> None:
    """Inspect one image. Exit code 0: accepted; 1: rejected; 2: could not tell.

    \b
    Example:
      pixelgbm inspect demo/model sheet.tif --reference clean.tif
    """
    console = Console(quiet=quiet, json_path=json_path)
    loaded = read_model(model)
    test, notes = images.read_image(image)
    clean = None
    if reference is not None:
        clean, more = images.read_image(reference)
        notes = (*notes, *more)
    found = inspection.inspect_pair(loaded, Pair(test, clean, notes=notes), id=image.stem, min_size=min_size)
    if mask is not None:
        union = np.any(list(found.masks.values()), axis=0)
        images.write_png(mask, union.astype(np.uint8) * 255)
    verdict = "accepted" if found.verdict.accepted else "rejected"
    flags = f" ({'; '.join(found.verdict.flags)})" if found.verdict.flags else ""
    console.say(f"{image}: {verdict}, {len(found.regions)} regions{flags}")
    for region in found.regions:
        row, column = region.centroid
        console.say(
            f"  {region.head}: {region.area} px around row {row:.0f}, column {column:.0f}, score {region.score:.2f}"
        )
    console.result(
        {
            "image": str(image),
            "accepted": found.verdict.accepted,
            "flags": found.verdict.flags,
            "regions": [
                {
                    "head": region.head,
                    "bbox": region.bbox,
                    "centroid": region.centroid,
                    "area": region.area,
                    "score": region.score,
                }
                for region in found.regions
            ],
        }
    )
    if not found.verdict.accepted:
        context.exit(1)
