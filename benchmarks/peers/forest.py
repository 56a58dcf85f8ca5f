"""scikit-image's trainable segmentation: its basic features of every pixel and scikit-learn's random forest.

The recipe of the gallery of scikit-image, "Trainable segmentation using local features and random forests", with more
and deeper trees, and pixels of every training image instead of a few strokes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray
from skimage.feature import multiscale_basic_features
from sklearn.ensemble import RandomForestClassifier

from peers.forest_rows import Counts, Rows, rows_of
from peers.pairs import Item, View
from peers.task import Task, drawn, inner_folds, write_fitted
from peers.tuning import keep_maps

__all__ = ["SMOOTHING", "features_of", "fit", "mapper"]

POSITIVES, NEGATIVES = 200, 400
"""Pixels of an image; a third of the negatives lies near its defects."""
ROWS = 200_000
"""Pixels in all: of many images fewer of each, of the defects at most half of these."""
MOST = 6_000_000
"""Pixels of train images whose maps tune the rule where there is no dev: it takes ten seconds to map a megapixel."""
SMOOTHING = (0.0, 1.0, 2.0)
"""Blurs of the map to choose from, px."""


@dataclass(frozen=True, slots=True)
class _Forest:
    """Trees on some of the columns of `features_of`."""

    trees: Any
    columns: list[int]


def fit(task: Task, *, paired: bool) -> None:
    """Grow a forest of all heads on the train images, and map for the rules.

    Mapped is dev, or a quarter of train by another forest where there is no dev. The rows of an image are made once for
    all fittings; every fitting is charged for its own as if it had made them.
    """
    started = time.process_time()
    counts = _counts(task.train)
    rows = {item.id: rows_of(task, item, counts, lambda view: features_of(view, paired=paired)) for item in task.train}
    started += sum(each.spent_now - each.cpu_seconds for each in rows.values())
    forest = _grow(task, rows.values())
    keep_maps(task, _maps(forest, task.dev, paired) if task.dev else _inner_maps(task, rows, paired))
    joblib.dump(forest, task.folder / "forest.joblib", compress=3)
    facts = {"trees": len(forest.trees.estimators_), "columns": len(forest.columns), "images": len(task.train)}
    facts |= {"rows": sum(len(each.labels) for each in rows.values())}
    write_fitted(task, facts | {"fit_cpu_seconds": round(time.process_time() - started, 1)})


def mapper(folder: Path, *, paired: bool) -> Callable[[View], NDArray[np.uint8]]:
    """A function from a pair to its maps, (rows, cols, heads) of bytes, with the forest in `folder`."""
    forest = joblib.load(folder / "forest.joblib")
    return lambda view: _score(forest, view, paired)


def features_of(view: View, *, paired: bool) -> NDArray[np.float32]:
    """(rows, cols, columns): intensity, edges and texture at five scales, of the image's channels.

    paired: also of the logarithm of its ratio to the reference and of the reference's luminance.
    """
    planes = [view.test / 255]
    if paired:
        planes += [np.log((view.test + 4) / (view.reference + 4)), _luminance(view.reference)[..., None] / 255]
    stack = np.concatenate(planes, axis=2, dtype=np.float32)
    # The three channels of a grey image have the same columns: they are computed once.
    first = [
        next(k for k in range(n + 1) if np.array_equal(stack[..., k], stack[..., n])) for n in range(stack.shape[2])
    ]
    found = {k: multiscale_basic_features(stack[..., k], sigma_min=1, sigma_max=16) for k in dict.fromkeys(first)}
    return np.concatenate([found[k] for k in first], axis=2, dtype=np.float32)


def _luminance(image: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(image @ np.array([0.35, 0.65, 0], np.float32), np.float32)


def _counts(train: Sequence[Item]) -> Counts:
    """How many pixels to draw from each image: every head of several has its share of the defects."""
    masked = sum(sum(item.masked) for item in train)
    positives = min(POSITIVES * masked, ROWS // 2)
    return Counts(
        max(1, round(positives / max(masked, 1))), max(1, round(min(NEGATIVES, (ROWS - positives) / len(train))))
    )


def _grow(task: Task, rows: Iterable[Rows]) -> _Forest:
    parts = list(rows)
    columns, labels = (np.concatenate([getattr(part, name) for part in parts]) for name in ("columns", "labels"))
    used = _distinct(columns)
    forest = RandomForestClassifier(
        100, min_samples_leaf=5, max_features="sqrt", n_jobs=task.workers, random_state=task.seed
    )
    forest.fit(np.ascontiguousarray(columns[:, used]), labels if labels.shape[1] > 1 else labels[:, 0])
    return _Forest(forest.set_params(n_jobs=1), used)


def _distinct(columns: NDArray[np.float32]) -> list[int]:
    """Columns that repeat no earlier one: the three channels of grey images have the same features.

    A forest of the 20 of NEU-Seg's 60 that differ ranks pixels as well (mean average precision over three heads and
    two seeds .9015 and .9005) in 0.6 of the time.
    """
    first: dict[bytes, int] = {}
    for k in range(columns.shape[1]):
        first.setdefault(columns[:, k].tobytes(), k)
    return sorted(first.values())


def _maps(forest: _Forest, items: Sequence[Item], paired: bool) -> Iterator[tuple[Item, NDArray[np.uint8]]]:
    for item in items:
        yield item, _score(forest, item.view(), paired)


def _inner_maps(task: Task, rows: dict[str, Rows], paired: bool) -> Iterator[tuple[Item, NDArray[np.uint8]]]:
    """Maps of train images, of MOST pixels in all, in a quarter of the groups that this forest has not seen."""
    held_out, *rest = inner_folds(task.train, folds=4, seed=task.seed)
    forest = _grow(task, [rows[item.id] for part in rest for item in part])
    yield from _maps(forest, drawn(task, held_out, MOST), paired)


def _score(forest: _Forest, view: View, paired: bool) -> NDArray[np.uint8]:
    """255 x the probabilities, (rows, cols, heads)."""
    columns = features_of(view, paired=paired)[..., forest.columns]
    found, classes_of = forest.trees.predict_proba(columns.reshape(-1, columns.shape[2])), forest.trees.classes_
    several = forest.trees.n_outputs_ > 1
    planes = []
    pairs = zip(found, classes_of, strict=True) if several else [(found, classes_of)]
    for shares, classes in pairs:
        # A forest that has met one class only says so for every pixel.
        defect = shares[:, list(classes).index(True)] if True in classes else np.zeros(len(shares))
        planes.append(np.asarray(np.rint(255 * defect.astype(np.float32)), np.uint8).reshape(columns.shape[:2]))
    return np.dstack(planes)
