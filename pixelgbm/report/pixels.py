"""The part of a report on pixels: how well maps rank them, and how far their probabilities can be believed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pixelgbm.report import drawing
from pixelgbm.report.curves import Calibrated, calibration, precision_recall
from pixelgbm.report.document import Block, Picture, Section, Table, Text
from pixelgbm.report.promises import Promises, promised
from pixelgbm.report.survey import Seen, pooled
from pixelgbm.scorecard import Scorecard

__all__ = ["pixels_section"]


def pixels_section(
    card: Scorecard,
    trained: Sequence[Seen],
    scored: Sequence[Seen],
    regions: Mapping[str, Calibrated],
    held_out: Mapping[str, Promises],
    *,
    calibrated: bool,
) -> Section:
    """How well the maps rank pixels, and how far they and the scores of regions can be believed.

    Out of fold, by head: regions: what they promise. held_out: what pixels promise, calibrated by the other folds.
    calibrated: whether the model calibrates its maps.
    """
    title = "Pixels: ranking and calibration"
    heads = sorted({item.head for item in (*scored, *trained)})
    blocks: list[Block] = []
    runs = {"": card, " without references": card.without_references}
    for name, run in runs.items():
        if run is not None and run.ranking is not None:
            found = run.ranking
            line = f"Pixel average precision{name} {found.average_precision:.4f} (chance {found.chance:.4f})."
            blocks.append(Text(line))
    if not any(item.mapped is not None for item in scored):
        blocks.append(Text("The predictions hold no probabilities: predict with --probabilities keeps them."))
    pictures: list[Picture] = []
    rows: list[tuple[str, ...]] = []
    for head in heads:
        counted = {name: pooled(seen, head) for name, seen in (("predictions", scored), ("out of fold", trained))}
        kept = {name: counts for name, counts in counted.items() if counts is not None}
        said = head if len(heads) > 1 else None
        believed = [curve for name, curve in regions.items() if said in (None, name)]
        of_pixels = promised(scored, head), promised(trained, head), held_out.get(head)
        promises = {name: found for name, found in zip(drawing.PROMISED, of_pixels, strict=False) if found is not None}
        pictures += _pixel_pictures(kept, promises, believed, _masks(card, said), said)
        rows += [_belief(name if said is None else f"{head}: {name}", found) for name, found in promises.items()]
    if rows:
        heading = ("", "Brier score", "of the mean alone", "calibration error")
        table = Table((heading, *rows), _ON_FIGURES)
        return Section(title, (*blocks, *pictures, table, Text(_ON_CALIBRATION if calibrated else _ON_RAW_MAPS)))
    return Section(title, tuple(blocks))


def _belief(name: str, found: Promises) -> tuple[str, ...]:
    return (name, *(f"{value:.5f}" for value in (found.brier, found.constant_brier, found.calibration_error)))


def _pixel_pictures(
    kept: Mapping[str, NDArray[np.int64]],
    promises: Mapping[str, Promises],
    believed: Sequence[Calibrated],
    masks: tuple[float, float] | None,
    head: str | None,
) -> Iterator[Picture]:
    """The curves of one head. believed: of its regions, at most one."""
    if kept:
        precisions = {name: precision_recall(counts) for name, counts in kept.items()}
        yield drawing.draw_precision_recall(precisions, masks, head)
    curves = {name: calibration(p.probability, p.pixels, p.defect) for name, p in promises.items()}
    if believed:
        curves["regions"] = believed[0]
    if curves:
        yield drawing.draw_calibration(curves, head)


_ON_FIGURES = (
    "Brier score: the mean squared difference of promise and truth; beside it that of the share of defect pixels said "
    "of every pixel. Calibration error: how far promise and truth of ten bins differ, the mean over pixels."
)

_ON_CALIBRATION = (
    "Out of fold: maps of the trained images, each made by boosters that had not seen it. Boosters learn from samples "
    "in which defects are far more frequent than in an image, so what they say of a pixel promises too much. The "
    "decision rule needs no more than its order and reads it as it is. What is kept and shown as a probability is "
    "calibrated by isotonic regression on these maps. Here each fold is calibrated by the other folds, so that no "
    "image has a part in its own calibration; the predictions are calibrated by the model. The score of a region is "
    "the share of it that is true, calibrated likewise."
)

_ON_RAW_MAPS = (
    "This model was trained by a pixelgbm that did not calibrate maps yet. Boosters learn from samples in which "
    "defects are far more frequent than in an image, so its maps promise too much; it is their order that counts. "
    "Trained again it will calibrate them."
)


def _masks(card: Scorecard, head: str | None) -> tuple[float, float] | None:
    """(recall, precision) of all pixels marked for a head, or for the only one, pooled."""
    known = [row for row in card.per_image if row.actual is not None and head in (None, row.head)]
    tp, marked, actual = (sum(getattr(row, name) or 0 for row in known) for name in ("tp", "predicted", "actual"))
    return (tp / actual, tp / marked) if actual and marked else None
