"""The contact sheet: one picture of the most telling images, with what was found in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from pixelgbm.predictions import Predictions
from pixelgbm.records import Dataset, Sample
from pixelgbm.report.panels import FALSE, HIT, MISSED, Shown, read_shown, tinted
from pixelgbm.scorecard import Scorecard

__all__ = ["SheetRow", "contact_sheet", "draw_sheet", "telling_ids"]

_PANEL_INCHES, _DPI = 2.6, 150


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One image of a contact sheet."""

    caption: str
    shown: Shown


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
    level = "" if sample.level is None else f", level {sample.level}"
    return SheetRow(f"{sample.id}{level}, score {score:.2f}", read_shown(predicted, dataset, sample))


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

    The truth is drawn in green; the legend says what the colours of the last panel mean.
    """
    lines = max(len(rows), 1)
    figure = Figure(figsize=(4 * _PANEL_INCHES, lines * (_PANEL_INCHES + 0.25)), dpi=_DPI, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    if rows:
        _explain(figure)
    axes = figure.subplots(lines, 4, squeeze=False)
    for axis in axes.ravel():
        axis.set_axis_off()
    for line, row in zip(axes, rows, strict=False):
        shown = row.shown
        found = tinted(shown.image, shown.found & shown.truth, HIT)
        found = tinted(tinted(found, shown.found & ~shown.truth, FALSE), shown.truth & ~shown.found, MISSED)
        line[0].imshow(shown.image)
        line[0].set_title(row.caption, fontsize=7, loc="left")
        if shown.reference is not None:
            line[1].imshow(shown.reference)
        line[1].set_title("reference" if shown.reference is not None else "no reference", fontsize=7, loc="left")
        line[2].imshow(tinted(shown.image, shown.truth, HIT))
        line[2].set_title(f"truth, {int(shown.truth.sum())} px", fontsize=7, loc="left")
        line[3].imshow(found)
        line[3].set_title(f"found, {int(shown.found.sum())} px", fontsize=7, loc="left")
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels: NDArray[np.uint8] = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    return np.ascontiguousarray(pixels[..., :3])


def _explain(figure: Figure) -> None:
    """What the colours of the last panel mean."""
    meanings = {"found rightly": HIT, "found falsely": FALSE, "missed": MISSED}
    patches = [Patch(color=f"#{bytes(colour).hex()}", label=name) for name, colour in meanings.items()]
    figure.legend(handles=patches, loc="outside upper right", ncols=len(patches), fontsize=7, frameon=False)
