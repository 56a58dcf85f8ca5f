"""`pixelgbm inspect`: one image, now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np

from pixelgbm import images, inspection
from pixelgbm.cli.console import Console, json_option, quiet_option
from pixelgbm.cli.options import PATH, min_size_options
from pixelgbm.datasets.layout import make_pair
from pixelgbm.min_size import parse_min_size
from pixelgbm.model import read_model
from pixelgbm.records import Region, Sample
from pixelgbm.startup import load_numba

__all__ = ["command"]


@click.command("inspect")
@click.argument("model", type=PATH)
@click.argument("image", type=PATH)
@click.option("--reference", type=PATH, help="The clean image of the same thing.")
@min_size_options
@click.option("--mask", type=PATH, metavar="FILE", help="Write the mask (0/255 PNG); several heads: their union.")
@quiet_option
@json_option
@click.pass_context
def command(
    context: click.Context,
    model: Path,
    image: Path,
    reference: Path | None,
    min_size: str | None,
    px_per_mm: float | None,
    mask: Path | None,
    quiet: bool,
    json_path: Path | None,
) -> None:
    """Inspect one image. Exit code 0: accepted; 1: rejected; 2: could not tell.

    With --px-per-mm areas are given in mm2, too.

    \b
    Example:
      pixelgbm inspect demo/model sheet.tif --reference clean.tif --min-size 0.3mm --px-per-mm 40
    """
    console = Console(quiet=quiet, json_path=json_path)
    least = None if min_size is None else parse_min_size(min_size, px_per_mm=px_per_mm)
    load_numba()
    loaded = read_model(model, keep_texts=False)
    pair = make_pair(Sample(id=image.stem, split="", image=image, reference=reference))
    found = inspection.inspect_pair(loaded, pair, id=image.stem, min_size=least)
    if mask is not None:
        union = np.any(list(found.masks.values()), axis=0)
        images.write_png(mask, union.astype(np.uint8) * 255)
    verdict = "accepted" if found.verdict.accepted else "rejected"
    flags = f" ({'; '.join(found.verdict.flags)})" if found.verdict.flags else ""
    console.say(f"{image}: {verdict}, {len(found.regions)} regions{flags}")
    rows = [_row(region, px_per_mm) for region in found.regions]
    for row in rows:
        area = f"{row['area']} px" if px_per_mm is None else f"{row['area']} px, {row['area_mm2']:.4g} mm2"
        place = "row {:.0f}, column {:.0f}".format(*row["centroid"])
        console.say(f"  {row['head']}: {area} around {place}, score {row['score']:.2f}")
    console.result(
        {"image": str(image), "accepted": found.verdict.accepted, "flags": found.verdict.flags, "regions": rows}
    )
    if not found.verdict.accepted:
        context.exit(1)


def _row(region: Region, px_per_mm: float | None) -> dict[str, Any]:
    """One region as JSON; bbox: (top, left, bottom, right), centroid: (row, col), in px."""
    row: dict[str, Any] = {name: getattr(region, name) for name in ("head", "bbox", "centroid", "area", "score")}
    return row if px_per_mm is None else row | {"area_mm2": region.area / px_per_mm**2}
