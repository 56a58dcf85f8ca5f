"""What a smallest size that matters would do to the verdicts, from predictions that are there already."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pixelgbm.comparison import compared_planes, masks_of, scored_samples, unit_name, wrong_answer
from pixelgbm.datasets import Answer
from pixelgbm.linking import fragments_of
from pixelgbm.metrics import METRICS, ClassificationReport, classification_report, numbered
from pixelgbm.min_size import Measure, sizes
from pixelgbm.predictions import Predictions
from pixelgbm.records import Dataset

__all__ = ["CurvePoint", "curve_table", "min_size_curve"]

_POINTS = 25


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """The verdicts when found regions smaller than `min_size`, px, do not matter; 0 is none.

    verdicts: against the truth as it is. among_large: against a truth in which what has only smaller defects is good.
    """

    min_size: float
    verdicts: ClassificationReport
    among_large: ClassificationReport


def min_size_curve(predicted: Predictions | Answer, dataset: Dataset, *, measure: Measure) -> tuple[CurvePoint, ...]:
    """Verdicts of images, or of objects where images have one, at sizes from nothing to the largest there is.

    Fragments that continue each other are one, as in `inspect` and `predict`. An image that failed is the wrong verdict
    at every size. Raises DatasetError without truth, SubmissionError for masks that do not fit.
    """
    masks = masks_of(predicted, dataset)
    failures = predicted.failures if isinstance(predicted, Predictions) else {}
    scored = scored_samples(predicted, dataset)
    largest = np.zeros((len(scored), 2))
    for k, sample in enumerate(scored):
        if sample.id in failures:
            _, called, truly = wrong_answer(sample, dataset)
            largest[k] = (np.inf if called else 0.0, np.inf if truly else 0.0)
        else:
            planes = compared_planes(sample, dataset, masks)
            largest[k] = np.max([[_largest(plane, measure) for plane in pair] for pair in planes.values()], axis=0)
    unit = numbered([unit_name(sample.id, sample.object_id) for sample in scored])
    found, true = np.zeros((2, int(unit.max()) + 1))
    np.maximum.at(found, unit, largest[:, 0])
    np.maximum.at(true, unit, largest[:, 1])
    steps = _steps(found, true)
    return tuple(CurvePoint(step, _report(found, true, step, 0.0), _report(found, true, step, step)) for step in steps)


def _largest(mask: NDArray[np.bool_], measure: Measure) -> float:
    return float(sizes(fragments_of(mask), measure).max(initial=0.0))


def _steps(found: NDArray[np.float64], true: NDArray[np.float64]) -> list[float]:
    """0 and the sizes at which a verdict changes, thinned out to `_POINTS`."""
    there = np.unique(np.concatenate([[0.0], found, true]))
    there = there[np.isfinite(there)]
    return [float(size) for size in there[np.unique(np.linspace(0, len(there) - 1, _POINTS).round().astype(int))]]


def _report(
    found: NDArray[np.float64], true: NDArray[np.float64], least: float, least_true: float
) -> ClassificationReport:
    called, truly = ((size > 0) & (size >= edge) for size, edge in ((found, least), (true, least_true)))
    report = classification_report(METRICS["verdict-f1"].tally(0, called, truly).sum(axis=0))
    assert report is not None  # there is at least one image
    return report


def curve_table(curve: tuple[CurvePoint, ...], measure: Measure) -> list[tuple[str, ...]]:
    """Rows of text to print, the heading first."""
    unit = "px2" if measure == "area" else "px"
    columns = [f"{kind} {what}" for kind in ("bad", "good") for what in ("precision", "recall")]
    rows = [(f"min size, {unit}", *columns, "macro-F1", "macro-F1 among large")]
    for point in curve:
        figures = [point.verdicts.classes[name] for name in ("NG", "OK")]
        cells = [f"{value:.4f}" for of in figures for value in (of.precision, of.recall)]
        macro = (f"{report.macro.f1:.4f}" for report in (point.verdicts, point.among_large))
        rows.append((f"{point.min_size:.4g}", *cells, *macro))
    return rows
