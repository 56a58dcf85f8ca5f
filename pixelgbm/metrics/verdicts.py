"""Verdicts, good or bad, against the truth: macro-F1 and the report on both classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["CLASSES", "ClassFigures", "ClassificationReport", "classification_report", "verdict_f1", "verdict_tally"]

CLASSES = ("OK", "NG")
"""Without and with a defect."""


def verdict_tally(tp: ArrayLike, predicted: ArrayLike, actual: ArrayLike) -> NDArray[np.float64]:
    """Which cell of the confusion matrix each verdict falls into: (..., 4), one of them 1.

    The cells: OK called OK, OK called NG, NG called OK, NG called NG. Anything marked is NG; where makes no difference,
    so `tp` is not looked at.
    """
    called, truly = np.asarray(predicted) > 0, np.asarray(actual) > 0
    cells = (~truly & ~called, ~truly & called, truly & ~called, truly & called)
    return np.stack(cells, axis=-1).astype(np.float64)


def verdict_f1(tally: NDArray[np.float64]) -> NDArray[np.float64]:
    """Macro-F1 of tallies (..., 4), sums or means: the mean over the classes of 2 right / (called + true).

    A class that neither occurs nor is called is left out, so that a set of good images called good gets 1.
    NaN for nothing at all.
    """
    good, alarm, missed, bad = np.moveaxis(np.asarray(tally, np.float64), -1, 0)
    right = np.stack([good, bad])
    total = 2 * right + alarm + missed
    known = total > 0
    f1 = np.where(known, 2 * right / np.where(known, total, 1.0), 0.0)
    count = known.sum(axis=0)
    return np.where(count > 0, f1.sum(axis=0) / np.maximum(count, 1), np.nan)


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """precision and recall are 0 where nothing was called so, or nothing is. support: how many truly are."""

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True)
class ClassificationReport:
    """Verdicts class by class.

    classes: OK and NG. macro: the mean over the classes that occur or were called; weighted: by their support.
    confusion: {true class: {called class: how many}}.
    """

    classes: Mapping[str, ClassFigures]
    accuracy: float
    macro: ClassFigures
    weighted: ClassFigures
    confusion: Mapping[str, Mapping[str, int]]

    def table(self) -> list[tuple[str, ...]]:
        """Rows of text to print, the heading first."""
        named = {**self.classes, "macro average": self.macro, "weighted average": self.weighted}
        rows = [("", "precision", "recall", "F1", "support", *(f"called {name}" for name in CLASSES))]
        for name, of in named.items():
            figures = (f"{of.precision:.4f}", f"{of.recall:.4f}", f"{of.f1:.4f}", str(of.support))
            called = (str(self.confusion[name][c]) if name in self.confusion else "" for c in CLASSES)
            rows.append((name, *figures, *called))
        return rows


def classification_report(tally: NDArray[np.float64]) -> ClassificationReport | None:
    """The report on summed tallies (4,); None on nothing at all."""
    matrix = np.asarray(tally, np.float64).reshape(2, 2)
    if not matrix.any():
        return None
    right, called, truly = np.diag(matrix), matrix.sum(axis=0), matrix.sum(axis=1)
    precision, recall = right / np.maximum(called, 1), right / np.maximum(truly, 1)
    f1 = 2 * right / np.maximum(called + truly, 1)
    table = np.stack([precision, recall, f1], axis=1)
    known = called + truly > 0
    support = int(truly.sum())

    def figures(values: NDArray[np.float64], count: float) -> ClassFigures:
        return ClassFigures(float(values[0]), float(values[1]), float(values[2]), support=int(count))

    return ClassificationReport(
        classes={name: figures(table[k], truly[k]) for k, name in enumerate(CLASSES)},
        accuracy=float(right.sum() / support),
        macro=figures(table[known].mean(axis=0), support),
        weighted=figures(truly @ table / support, support),
        confusion={
            name: {other: int(matrix[k, j]) for j, other in enumerate(CLASSES)} for k, name in enumerate(CLASSES)
        },
    )
