"""Heat maps of what families said of an image, and the contact picture that shows them side by side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelgbm import images
from pixelgbm.display import coloured, displayable
from pixelgbm.explanation.answer import Explanation, HeadExplanation

__all__ = ["contact_picture", "full_colour", "heat_map", "write_pictures"]

Picture = NDArray[np.uint8]
"""(rows, cols, 3) R, G, B."""

_FOR, _AGAINST = np.array((215, 25, 28), np.float32), np.array((44, 123, 182), np.float32)
_FOUND, _REJECTED, _ASKED = (40, 200, 80), (255, 190, 0), (255, 0, 255)

LEAST_PANEL, MOST_PANEL = 240, 640
"""Pixels of the longer side of a panel of the contact picture; images outside of it are enlarged or made smaller."""

_CAPTION, _GAP = 20, 6
_PER_LINE = 4


def write_pictures(image: NDArray[Any], explanation: Explanation, folder: Path) -> list[Path]:
    """Write HEAD-contact.png and, of the size of the image, HEAD-FAMILY.png for every head; returns the paths.

    image: (rows, cols) or (rows, cols, 3) uint8 or uint16. Raises OutputError.
    """
    written = []
    for head in explanation.heads:
        pictures = {"contact": contact_picture(image, explanation.reference, head)}
        limit = full_colour(head.heat)
        pictures |= {family: heat_map(image, heat, limit=limit) for family, heat in head.heat.items()}
        for name, picture in pictures.items():
            path = folder / f"{head.head}-{name}.png"
            images.write_png(path, picture)
            written.append(path)
    return written


def full_colour(heat: Mapping[str, NDArray[np.float32]]) -> float:
    """The log-odds, for or against, that are drawn in full colour: one scale for all families of a head."""
    sizes = np.abs(np.stack(list(heat.values())))
    known = sizes[~np.isnan(sizes)]
    return max(float(np.quantile(known, 0.98)), 0.1) if known.size else 1.0


def heat_map(image: NDArray[Any], heat: NDArray[np.float32], *, limit: float) -> Picture:
    """The image in pale grey, red where a family speaks for a defect and blue where against.

    heat: (rows, cols) float32, NaN where nothing is known. limit: what is drawn in full colour.
    """
    grey = cv2.cvtColor(displayable(image), cv2.COLOR_RGB2GRAY).astype(np.float32)
    pale = np.repeat((128 + grey / 2)[..., np.newaxis], 3, axis=2)
    strength = np.clip(np.nan_to_num(heat) / limit, -1, 1)[..., np.newaxis]
    colour = np.where(strength > 0, _FOR, _AGAINST)
    return np.asarray(pale + np.abs(strength) * (colour - pale), dtype=np.uint8)


def contact_picture(image: NDArray[Any], reference: Picture | None, head: HeadExplanation) -> Picture:
    """Image, reference where there is one, regions, probability, and a heat map per family, each with a caption.

    Found regions are outlined in green, rejected ones in amber; the pixel that was asked for lies in a magenta ring.
    """
    limit = full_colour(head.heat)
    panels = {"image": displayable(image)}
    if reference is not None:
        panels["reference"] = displayable(reference)
    panels["green: found, amber: rejected"] = _outlined(panels["image"], head)
    panels["probability: green 0.5, yellow 1"] = coloured(head.probability)
    for family, heat in head.heat.items():
        panels[f"{family}, full at {limit:.1f}"] = heat_map(image, heat, limit=limit)
    drawn = [_panel(caption, picture) for caption, picture in panels.items()]
    blank = np.full_like(drawn[0], 255)
    drawn += [blank] * (-len(drawn) % min(_PER_LINE, len(drawn)))
    lines = [np.hstack(drawn[k : k + _PER_LINE]) for k in range(0, len(drawn), _PER_LINE)]
    return np.vstack(lines)


def _outlined(picture: Picture, head: HeadExplanation) -> Picture:
    out = picture.copy()
    known = ~np.isnan(next(iter(head.heat.values())))
    for where, colour in ((known & ~head.found, _REJECTED), (head.found, _FOUND)):
        outer = cv2.dilate(where.view(np.uint8), np.ones((3, 3), np.uint8)) > 0
        out[outer & ~where] = colour
    if head.pixel is not None:
        cv2.circle(out, (head.pixel.col, head.pixel.row), 4, _ASKED, 1)
    return out


def _panel(caption: str, picture: Picture) -> Picture:
    """The picture at a readable size, below its caption."""
    longer = max(picture.shape[:2])
    factor = np.clip(longer, LEAST_PANEL, MOST_PANEL) / longer
    size = [max(1, round(side * factor)) for side in picture.shape[1::-1]]
    method = cv2.INTER_NEAREST if factor > 1 else cv2.INTER_AREA
    shown = cv2.resize(picture, size, interpolation=method)
    # The caption needs room even above a narrow picture.
    shown = np.pad(shown, ((_CAPTION, _GAP), (0, _GAP + max(0, LEAST_PANEL - size[0])), (0, 0)), constant_values=255)
    cv2.putText(shown, caption, (2, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
    return np.asarray(shown, dtype=np.uint8)
