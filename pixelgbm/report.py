"""Pictures for people: the contact sheet of image, reference, truth and what was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pixelgbm import datasets
from pixelgbm.evaluation import Scorecard
from pixelgbm.predictions import Predictions
from pixelgbm.records import Dataset, Sample
from pixelgbm.sampling import DEFECT

__all__ = ["SheetRow", "contact_sheet", "draw_sheet", "telling_ids"]

_HIT, _FALSE, _MISSED = (40, 200, 80), (240, 50, 40), (40, 120, 255)
_PANEL_INCHES, _DPI = 2.6, 150


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One image of a contact sheet.

    image, reference: (rows, cols) or (rows, cols, 3) uint8 or uint16, R, G, B. truth, found: (rows, cols) bool.
    """

    caption: str
    image: NDArray[Any]
    reference: NDArray[Any] | None
    truth: NDArray[np.bool_]
    found: NDArray[np.bool_]


def contact_sheet(predicted: Predictions, dataset: Dataset, card: Scorecard, *, count: int = 10) -> NDArray[np.uint8]:
    """The sheet of the `count` most telling images of a Scorecard, as (rows, cols, 3) uint8.

    Several heads are shown together. Raises DatasetError, ImageError or SubmissionError for a file that cannot be read.
    """
    scores: dict[str, float] = {}
    dirty: dict[str, bool] = {}
    for row in card.per_image:
        if row.actual is not None:
            scores[row.id] = min(row.score, scores.get(row.id, 1.0))
            dirty[row.id] = bool(row.actual) or dirty.get(row.id, False)
    samples = {sample.id: sample for sample in dataset.samples}
    ids = telling_ids(scores, dirty, count=count)
    return draw_sheet([_sheet_row(predicted, dataset, samples[id], scores[id]) for id in ids])


def _sheet_row(predicted: Predictions, dataset: Dataset, sample: Sample, score: float) -> SheetRow:
    pair = datasets.read_pair(dataset, sample)
    truth = datasets.read_truth(dataset, sample, pair.test.shape)
    level = "" if sample.level is None else f", level {sample.level}"
    return SheetRow(
        caption=f"{sample.id}{level}, score {score:.2f}",
        image=pair.test,
        reference=None if pair.reference is None else _centre(pair.reference, pair.test.shape),
        truth=np.any([plane >= DEFECT for plane in truth.values()], axis=0),
        found=np.any(list(predicted.masks(sample.id).values()), axis=0),
    )


def _centre(reference: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """The middle of a reference, at most as large as the image: what lies beside the image, to the pixel or nearly."""
    top, left = (max((have - want) // 2, 0) for have, want in zip(reference.shape[:2], shape[:2], strict=True))
    return reference[top : top + shape[0], left : left + shape[1]]


def telling_ids(scores: Mapping[str, float], dirty: Mapping[str, bool], *, count: int = 10) -> tuple[str, ...]:
    """Which images to look at: dirty ones from the worst to the best in even steps, then the worst clean ones.

    At most a fifth is clean, because a clean image that was answered rightly shows nothing.
    """
    ranked_dirty = sorted((id for id in scores if dirty[id]), key=lambda id: (scores[id], id))
    ranked_clean = sorted((id for id in scores if not dirty[id]), key=lambda id: (scores[id], id))
    clean = ranked_clean[: min(max(count // 5, count - len(ranked_dirty)), len(ranked_clean))]
    wanted = min(count - len(clean), len(ranked_dirty))
    steps = np.linspace(0, len(ranked_dirty) - 1, wanted).round().astype(int)
    return (*(ranked_dirty[k] for k in steps), *clean)


def draw_sheet(rows: Sequence[SheetRow]) -> NDArray[np.uint8]:
    """The sheet as (rows, cols, 3) uint8: per image one line of four panels.

    The truth is drawn in green; in the last panel green is found rightly, red is false, blue is missed.
    """
    lines = max(len(rows), 1)
    figure = Figure(figsize=(4 * _PANEL_INCHES, lines * (_PANEL_INCHES + 0.25)), dpi=_DPI, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    panels = figure.subplots(lines, 4, squeeze=False)
    for panel in panels.ravel():
        panel.set_axis_off()
    for line, row in zip(panels, rows, strict=False):
        image = _displayable(row.image)
        found = _tinted(image, row.found & row.truth, _HIT)
        found = _tinted(_tinted(found, row.found & ~row.truth, _FALSE), row.truth & ~row.found, _MISSED)
        line[0].imshow(image)
        line[0].set_title(row.caption, fontsize=7, loc="left")
        if row.reference is not None:
            line[1].imshow(_displayable(row.reference))
        line[1].set_title("reference" if row.reference is not None else "no reference", fontsize=7, loc="left")
        line[2].imshow(_tinted(image, row.truth, _HIT))
        line[2].set_title(f"truth, {int(row.truth.sum())} px", fontsize=7, loc="left")
        line[3].imshow(found)
        line[3].set_title(f"found, {int(row.found.sum())} px", fontsize=7, loc="left")
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels: NDArray[np.uint8] = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    return np.ascontiguousarray(pixels[..., :3])


def _displayable(image: NDArray[Any]) -> NDArray[np.uint8]:
    """Any image as (rows, cols, 3) uint8; 16 bits are shown by their upper eight."""
    shown = (image // (256 if image.dtype == np.uint16 else 1)).astype(np.uint8)
    return np.repeat(shown[..., None], 3, axis=2) if shown.ndim == 2 else shown


def _tinted(image: NDArray[np.uint8], where: NDArray[np.bool_], colour: tuple[int, int, int]) -> NDArray[np.uint8]:
    """The image with full colour on the rim of `where` and a third of it inside, so that thin dirt stays visible."""
    padded = np.pad(where, 1)
    inside = where & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    out = image.copy()
    out[where & ~inside] = colour
    out[inside] = (image[inside] * 0.67 + np.array(colour) * 0.33).astype(np.uint8)
    return out
