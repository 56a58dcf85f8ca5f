"""scikit-image's trainable segmentation: its basic features of every pixel and scikit-learn's random forest.

The recipe of the gallery of scikit-image, "Trainable segmentation using local features and random forests", with more
and deeper trees, and pixels of every training image instead of a few strokes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import joblib
import numpy as np
from numpy.typing import NDArray
from skimage.feature import multiscale_basic_features
from sklearn.ensemble import RandomForestClassifier

from peers import rule
from peers.pairs import Item, View
from peers.task import Task, drawn, inner_folds, read_setting, write_setting

__all__ = ["features_of", "fit", "predictor"]

Rows = tuple[NDArray[np.float32], NDArray[np.bool_]]

POSITIVES, NEGATIVES = 200, 400
"""Pixels of an image; a third of the negatives lies near its defects."""
ROWS = 200_000
"""Pixels in all: of many images fewer of each, of the defects at most half of these."""
NEAR = 12
MOST = 6_000_000
"""Pixels of train images whose maps tune the rule where there is no dev: it takes ten seconds to map a megapixel."""
SMOOTHING = (0.0, 1.0, 2.0)
"""Blurs of the map to choose from, px."""


def fit(task: Task, *, paired: bool) -> None:
    """Grow a forest on the train images; tune its rule on dev, or on a quarter of train where there is no dev."""
    started = time.process_time()
    rows = _rows(task, paired)
    forest = _grow(task, rows.values())
    if task.dev:
        maps: Iterator[tuple[Item, NDArray[np.float32]]] = _maps(forest, task.dev, paired)
    else:
        maps = _inner_maps(task, rows, paired)
    parts: dict[float, list[rule.Tables]] = {sigma: [] for sigma in SMOOTHING}
    for item, probability in maps:
        truth, ignore = item.truth(), item.ignore()
        for sigma in SMOOTHING:
            labelled = (_to_bytes(probability, sigma), truth, ignore)
            parts[sigma].append(rule.tabulate([labelled], rule.PROBABILITIES))
    found = {sigma: rule.search(rule.join(tables), task.metric) for sigma, tables in parts.items()}
    best = max(found, key=lambda sigma: found[sigma][1])
    chosen, smooth, value = found[best]
    joblib.dump(forest, task.folder / "forest.joblib", compress=3)
    facts = {"trees": len(forest.estimators_), "columns": forest.n_features_in_, "images": len(task.train)}
    facts |= {"fit_cpu_seconds": round(time.process_time() - started, 1)}
    values = {"tuned_smooth": smooth, "tuned": value}
    write_setting(task, {"smoothing": best, "rule": chosen.to_dict(), **values, **facts})


def predictor(folder: Path, *, paired: bool) -> Callable[[View], NDArray[np.bool_]]:
    """A function from a pair to its mask, with the forest and the rule in `folder`."""
    setting, forest = read_setting(folder), joblib.load(folder / "forest.joblib")
    chosen = rule.Rule(**setting["rule"])
    return lambda view: rule.apply(_to_bytes(_probability(forest, view, paired), setting["smoothing"]), chosen)


def features_of(view: View, *, paired: bool) -> NDArray[np.float32]:
    """(rows, cols, columns): intensity, edges and texture at five scales, of the image's channels.

    paired: also of the logarithm of its ratio to the reference and of the reference's luminance.
    """
    planes = [view.test / 255]
    if paired:
        planes += [np.log((view.test + 4) / (view.reference + 4)), _luminance(view.reference)[..., None] / 255]
    stack = np.concatenate(planes, axis=2, dtype=np.float32)
    found = multiscale_basic_features(stack, channel_axis=-1, sigma_min=1, sigma_max=16)
    return np.asarray(found, np.float32)


def _luminance(image: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(image @ np.array([0.35, 0.65, 0], np.float32), np.float32)


def _rows(task: Task, paired: bool) -> dict[str, Rows]:
    """By image of the train set: what the forest reads at the pixels drawn from it, and which of them are defect."""
    found = {}
    masked = sum(bool(item.sample.masks.get(item.head)) for item in task.train)
    positives = min(POSITIVES * masked, ROWS // 2)
    counts = positives / max(masked, 1), min(NEGATIVES, (ROWS - positives) / len(task.train))
    for number, item in enumerate(task.train):
        truth = item.truth()
        pixels = _drawn(task.rng(4, number), truth, item.ignore(), counts)
        columns = features_of(item.view(), paired=paired).reshape(truth.size, -1)
        found[item.id] = columns[pixels], truth.ravel()[pixels]
    return found


def _grow(task: Task, rows: Iterable[Rows]) -> Any:
    columns, labels = zip(*rows, strict=True)
    forest = RandomForestClassifier(
        100, min_samples_leaf=5, max_features="sqrt", n_jobs=task.workers, random_state=task.seed
    )
    return forest.fit(np.concatenate(columns), np.concatenate(labels)).set_params(n_jobs=1)


def _drawn(
    rng: np.random.Generator, truth: NDArray[np.bool_], ignore: NDArray[np.bool_], counts: tuple[float, float]
) -> NDArray[np.intp]:
    """Flat indices of the pixels to learn from, every image about as many, however large its defects."""
    away = cv2.distanceTransform((~truth).astype(np.uint8), cv2.DIST_L2, 5) if truth.any() else np.full(truth.shape, 99)
    near = ~truth & ~ignore & (away <= NEAR)
    parts = []
    positives, negatives = (max(1, round(count)) for count in counts)
    for where, most in ((truth & ~ignore, positives), (near, negatives // 3), (~truth & ~ignore, negatives)):
        most -= len(parts[1]) if len(parts) == 2 else 0
        pixels = np.flatnonzero(where)
        parts.append(rng.choice(pixels, min(most, len(pixels)), replace=False))
    return np.unique(np.concatenate(parts))


def _maps(forest: Any, items: Sequence[Item], paired: bool) -> Iterator[tuple[Item, NDArray[np.float32]]]:
    for item in items:
        yield item, _probability(forest, item.view(), paired)


def _inner_maps(task: Task, rows: dict[str, Rows], paired: bool) -> Iterator[tuple[Item, NDArray[np.float32]]]:
    """Maps of train images, of MOST pixels in all, in a quarter of the groups that this forest has not seen."""
    held_out, *rest = inner_folds(task.train, folds=4, seed=task.seed)
    forest = _grow(task, [rows[item.id] for part in rest for item in part])
    yield from _maps(forest, drawn(task, held_out, MOST), paired)


def _probability(forest: Any, view: View, paired: bool) -> NDArray[np.float32]:
    columns = features_of(view, paired=paired)
    found = forest.predict_proba(columns.reshape(-1, columns.shape[2]))
    # A forest that has met one class only says so for every pixel.
    defect = found[:, list(forest.classes_).index(True)] if True in forest.classes_ else np.zeros(len(found))
    return np.asarray(defect.reshape(columns.shape[:2]), np.float32)


def _to_bytes(probability: NDArray[np.float32], sigma: float) -> NDArray[np.uint8]:
    smooth = cv2.GaussianBlur(probability, (0, 0), sigma) if sigma > 0 else probability
    return np.asarray(np.rint(255 * smooth), np.uint8)
