"""The contact sheet of a review queue: one line of panels for each image that is unsure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from pixelgbm.display import coloured
from pixelgbm.errors import SubmissionError
from pixelgbm.predictions import Predictions
from pixelgbm.records import Dataset
from pixelgbm.report.panels import FALSE, HIT, Shown, beside, placed, read_shown, resized, thinned, tinted
from pixelgbm.review import Doubt
from pixelgbm.threads import ordered_map

__all__ = ["draw_queue"]

PANEL, LINE = 200, 20
"""Longest side of a panel and height of a line of text, px."""


def draw_queue(
    queue: Sequence[Doubt],
    predicted: Predictions,
    dataset: Dataset,
    *,
    workers: int = 1,
    progress: Callable[[int, int, str], None] | None = None,
) -> NDArray[np.uint8]:
    """Image, reference, what was found and the map of every image of a queue, as (rows, cols, 3) uint8.

    What was found is outlined in green, the region with most undecided area in vermilion; an empty panel is grey.
    Raises SubmissionError for an image that the data set does not hold, DatasetError or ImageError for one unreadable.
    """
    samples = {sample.id: sample for sample in dataset.samples}
    for doubt in queue:
        if doubt.id not in samples:
            raise SubmissionError(f"{predicted.folder}: image {doubt.id} is not in {dataset.root}")
    font = ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), 12)

    def line(numbered: tuple[int, Doubt]) -> NDArray[np.uint8]:
        rank, doubt = numbered
        shown = read_shown(predicted, dataset, samples[doubt.id], probability=predicted.has_probabilities)
        panels = beside(_panels(shown, doubt))
        text = f"{rank}. {doubt.id}: worth {doubt.worth:.2f}, regions {doubt.region_doubt:.2f}, "
        text += ", ".join((f"pixels {doubt.pixel_doubt:.2f}", *doubt.flags))
        return np.concatenate([_written(text, panels.shape[1], font), panels])

    lines = []
    for done, one in enumerate(ordered_map(line, enumerate(queue, 1), workers=workers), 1):
        lines.append(one)
        if progress is not None:
            progress(done, len(queue), "drawing")
    width = max((one.shape[1] for one in lines), default=4 * PANEL)
    blank = np.full((LINE, width, 3), 255, np.uint8)
    padded = [np.pad(one, ((0, 0), (0, width - one.shape[1]), (0, 0)), constant_values=255) for one in lines]
    return np.concatenate([*padded, blank])


def _panels(shown: Shown, doubt: Doubt) -> list[NDArray[np.uint8]]:
    scale = min(1.0, PANEL / max(shown.found.shape))
    image = resized(shown.image, scale)
    unsure = np.zeros_like(shown.found)
    if doubt.region is not None:
        top, left, bottom, right = doubt.region.bbox
        unsure[top:bottom, left:right] = shown.found[top:bottom, left:right]
    found = tinted(image, thinned(shown.found & ~unsure, scale), HIT)
    reference = None if shown.reference is None else resized(shown.reference, scale)
    probability = None if shown.probability is None else coloured(resized(shown.probability, scale))
    marked = tinted(found, thinned(unsure, scale), FALSE)
    return [image, placed(reference, image.shape), marked, placed(probability, image.shape)]


def _written(text: str, width: int, font: ImageFont.FreeTypeFont) -> NDArray[np.uint8]:
    """A white (LINE, width, 3) strip with a line of text, cut off where it is too long."""
    strip = Image.new("RGB", (width, LINE), "white")
    ImageDraw.Draw(strip).text((2, 2), text, fill="black", font=font)
    return np.asarray(strip)
