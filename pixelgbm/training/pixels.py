"""The pixel stage: the quantizer, two rounds of sampled rows, fold boosters and the final booster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features import Quantizer, fit_quantizer, sample_columns
from pixelgbm import datasets
from pixelgbm.config import BoosterConfig, RunConfig
from pixelgbm.forest import Trees
from pixelgbm.mapping import Chain, later_stack, map_head, survivors
from pixelgbm.model import Look
from pixelgbm.records import Dataset, Sample
from pixelgbm.sampling import DEFECT, draw, generator
from pixelgbm.threads import ordered_map
from pixelgbm.training.boosters import Task, grow_all
from pixelgbm.training.plan import Plan, Progress, View
from pixelgbm.training.views import Reader, sampling_of

__all__ = ["FoldBoosters", "FoldChains", "Rows", "collect_rows", "fit_look", "grow_final", "grow_folds"]

FoldBoosters = Mapping[str, tuple[Trees, ...]]
"""Per head one booster per fold, each grown without that fold."""

FoldChains = Mapping[str, tuple[Chain, ...]]
"""Per head one chain of boosters per fold, each grown without that fold."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Sampled pixels of one head in canonical order.

    planes: (n, columns) uint8. labels, weights: (n,) float32. fold: (n,) int16.
    """

    planes: NDArray[np.uint8]
    labels: NDArray[np.float32]
    weights: NDArray[np.float32]
    fold: NDArray[np.int16]


def fit_look(dataset: Dataset, plan: Plan, config: RunConfig, *, workers: int, progress: Progress | None) -> Look:
    """Fit the byte scale of every column on a seeded subset of pixels, up to a fifth of them defect.

    Defects are so rare that a plain subset would leave their values clipped at the end of the scale.
    """
    samples = [view.sample for view in plan.views if not view.hide_reference]
    rng = generator(config.seed, "quantizer")
    count = min(config.sampling.quantizer_images, len(samples))
    chosen = [samples[k] for k in sorted(rng.choice(len(samples), size=count, replace=False).tolist())]

    def raw(sample: Sample) -> NDArray[np.float32]:
        pair = datasets.read_pair(dataset, sample)
        truth = datasets.read_truth(dataset, sample, pair.test.shape[:2])
        pixels = _scale_pixels(
            list(truth.values()), pair.ignore, generator(config.seed, "quantizer", sample.id), config
        )
        return sample_columns(pair.test, pair.reference, config.features, pixels)

    parts = []
    for done, part in enumerate(ordered_map(raw, chosen, workers=workers), 1):
        parts.append(part)
        if progress is not None:
            progress(done, count, "fitting the byte scales")
    quantizer: Quantizer = fit_quantizer(np.concatenate(parts), config.features)
    return Look(config.features, quantizer)


def _scale_pixels(
    truth: list[NDArray[np.uint8]], ignore: NDArray[np.bool_] | None, rng: np.random.Generator, config: RunConfig
) -> NDArray[np.intp]:
    """(n, 2) pixels of one image for the byte scales: at most a fifth of `quantizer_pixels` defect, the rest any."""
    defect = np.any([plane >= DEFECT for plane in truth], axis=0)
    usable = np.ones(defect.shape, dtype=bool) if ignore is None else ~ignore
    chosen = []
    for pool, count in (
        (np.flatnonzero(defect & usable), config.sampling.quantizer_pixels // 5),
        (np.flatnonzero(usable), config.sampling.quantizer_pixels),
    ):
        chosen.append(rng.choice(pool, size=min(count, pool.size), replace=False))
    return np.stack(np.unravel_index(np.unique(np.concatenate(chosen)), defect.shape), axis=1)


def collect_rows(
    plan: Plan,
    read: Reader,
    looks: Sequence[Look],
    config: RunConfig,
    *,
    chains: FoldChains | None,
    stage: str,
    label: str,
    workers: int,
    progress: Progress | None,
) -> dict[str, Rows]:
    """Sample every view's pixels as the last of `looks` sees them, one registration per view.

    chains: what is grown already, used by the fold it has not seen. Its map says which negatives are hard; when it has
    a booster for every look but the last, the map is also the last look's context, and only survivors are drawn.
    stage: names the random draws. label: names the progress.
    """

    def sample(view: View) -> dict[str, tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]]:
        shown, sampling = read(view, looks[0]), sampling_of(view, config)
        found = {}
        for head in view.sample.labelled_heads:
            stack, ignore, hardness = shown.first, shown.ignore, None
            if chains is not None:
                chain = chains[head][view.fold]
                before = map_head(looks, chain, shown.scene, shown.ignore, first=shown.first, known=shown.known)
                hardness = before.levels
                if len(chain.boosters) < len(looks):
                    ignore = ~survivors(before.first, chain.survivor_cut, shown.ignore)
                    pixels = np.flatnonzero(~ignore)
                    stack = later_stack(looks[-1], shown.scene, before, pixels=pixels, known=shown.known)
            rng = generator(config.seed, stage, head, view.name)
            drawn, labels, weights = draw(shown.truth[head], ignore, rng=rng, config=sampling, hardness=hardness)
            flat = np.ravel_multi_index((drawn[:, 0], drawn[:, 1]), shown.truth[head].shape)
            planes = np.ascontiguousarray(stack.rows(flat))
            found[head] = (planes, labels, weights)
        return found

    parts: dict[str, list[tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32], int]]]
    parts = {head: [] for head in plan.heads}
    views = (*plan.views, *plan.pasted)
    results = ordered_map(sample, views, workers=workers)
    for done, (view, found) in enumerate(zip(views, results, strict=True), 1):
        for head, (planes, labels, weights) in found.items():
            parts[head].append((planes, labels, weights, view.fold))
        if progress is not None:
            progress(done, len(views), label)
    return {head: _stacked(found) for head, found in parts.items()}


def _stacked(parts: list[tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32], int]]) -> Rows:
    planes, labels, weights, folds = zip(*parts, strict=True)
    fold = np.repeat(np.array(folds, dtype=np.int16), [part.size for part in labels])
    return Rows(np.concatenate(planes), np.concatenate(labels), np.concatenate(weights), fold)


def grow_folds(
    rows: Mapping[str, Rows],
    look: Look,
    config: RunConfig,
    *,
    booster: BoosterConfig,
    workers: int,
    progress: Progress | None,
) -> dict[str, tuple[Trees, ...]]:
    """Per head and fold, a booster grown on the rows of all other folds."""
    tasks = [
        _task(table, np.flatnonzero(table.fold != fold), look, booster, config.seed)
        for table in rows.values()
        for fold in range(config.folds)
    ]
    grown = grow_all(tasks, workers=workers, label="growing fold boosters", progress=progress)
    starts = range(0, len(grown), config.folds)
    return {head: tuple(grown[k : k + config.folds]) for head, k in zip(rows, starts, strict=True)}


def grow_final(
    rows: Mapping[str, Rows],
    look: Look,
    config: RunConfig,
    *,
    booster: BoosterConfig,
    workers: int,
    progress: Progress | None,
) -> dict[str, Trees]:
    """Per head the booster the model keeps: all rows, as many trees as in the folds."""
    tasks = [_task(table, np.arange(table.labels.size), look, booster, config.seed) for table in rows.values()]
    grown = grow_all(tasks, workers=workers, label="growing the pixel booster", progress=progress)
    return dict(zip(rows, grown, strict=True))


def _task(rows: Rows, index: NDArray[np.intp], look: Look, booster: BoosterConfig, seed: int) -> Task:
    return Task(rows.planes, rows.labels, rows.weights, index, look.spec.columns, booster, seed)
