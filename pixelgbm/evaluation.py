"""Predictions or an answer file compared with the truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelgbm import datasets
from pixelgbm.comparison import (
    Maps,
    Masks,
    compared_planes,
    due_samples,
    maps_of,
    masks_of,
    open_predicted,
    scored_samples,
    true_planes,
    unit_name,
    wrong_answer,
)
from pixelgbm.datasets import Answer
from pixelgbm.map_ranking import rank_maps
from pixelgbm.metrics import (
    METRICS,
    ClassificationReport,
    Metric,
    bootstrap_interval,
    classification_report,
)
from pixelgbm.predictions import WITHOUT_REFERENCES, Predictions, is_predictions, read_predictions
from pixelgbm.records import Dataset, Sample
from pixelgbm.scorecard import Figures, ImageScore, Scorecard, in_order

__all__ = ["Units", "score", "score_path", "units_of"]


def score_path(path: Path | str, dataset: Dataset, *, seed: int = 0, resamples: int = 2000) -> Scorecard:
    """The Scorecard of a PRED folder or of an answer file of the layout of `dataset`.

    Raises SubmissionError, DatasetError or ImageError, one line.
    """
    path = Path(path)
    card = score(open_predicted(path, dataset), dataset, seed=seed, resamples=resamples)
    if is_predictions(path / WITHOUT_REFERENCES):
        bare = score(read_predictions(path / WITHOUT_REFERENCES), dataset, seed=seed, resamples=resamples)
        card = replace(card, without_references=bare)
    return card


def score(
    predicted: Predictions | Answer,
    dataset: Dataset,
    *,
    maps: Maps | None = None,
    seed: int = 0,
    resamples: int = 2000,
) -> Scorecard:
    """Compare masks, and probability maps where there are any, with the truth of a data set.

    Scored are the labelled, not excluded images of every split of `dataset` of which the prediction
    holds an image; select splits beforehand to be strict. An image that should be there and is not,
    an excluded one included, makes the score -1. Ignored pixels do not count. `maps` reads the probabilities that
    belong to an Answer; Predictions know their own.

    Raises DatasetError when there is no truth, SubmissionError for masks of other sizes or heads.
    """
    due = due_samples(predicted, dataset)
    labelled = [s for s in due if datasets.has_truth(dataset, s)]
    scored = scored_samples(predicted, dataset)
    answered = frozenset(predicted.ids)
    failures = predicted.failures if isinstance(predicted, Predictions) else {}
    common: dict[str, Any] = {
        "metric": dataset.metric,
        "layout": dataset.layout,
        "missing": tuple(s.id for s in labelled if s.id not in answered),
        "excluded": {s.id: dataset.excluded[s.id] for s in due if s.id in dataset.excluded},
        "failures": {s.id: failures[s.id] for s in due if s.id in failures},
        "unlabelled": len(due) - len(labelled),
    }
    if common["missing"]:
        nothing: dict[str, Any] = {"per_level": {}, "per_head": {}, "per_group": {}}
        nothing |= {"verdicts": None, "group_mean": None}
        return Scorecard(score=-1.0, overall=None, per_image=(), **nothing, **common)
    metric = METRICS[dataset.metric]
    count = _counter(predicted, dataset, metric)
    per_image = tuple(row for s in scored for row in (_failed(s, dataset) if s.id in failures else count(s)))
    wrong = {s.id: wrong_answer(s, dataset) for s in scored if s.id in failures}
    table = _Table(rows=per_image, wrong=wrong, metric=metric, seed=seed, resamples=resamples)
    overall, per_group = table.figures(per_image), table.per_group()
    if maps is None and isinstance(predicted, Predictions):
        maps = maps_of(predicted, dataset)
    inspected = [s for s in scored if s.id not in failures]
    return Scorecard(
        score=1e6 * overall.score_mean,
        overall=overall,
        per_level={level: table.figures(table.where(level=level)) for level in in_order({r.level for r in per_image})},
        per_head={head: table.figures(table.where(head=head)) for head in dataset.heads if table.where(head=head)},
        verdicts=table.verdicts(),
        group_mean=float(np.mean(list(per_group.values()))) if per_group else None,
        per_group=per_group,
        per_image=per_image,
        ranking=None if maps is None else rank_maps(inspected, dataset, maps, per_image),
        **common,
    )


def _counter(predicted: Predictions | Answer, dataset: Dataset, metric: Metric) -> Callable[[Sample], list[ImageScore]]:
    """Counts one image: its pixels, or its verdict where an answer says no more and the metric asks for no more."""
    verdicts = predicted.verdicts if isinstance(predicted, Answer) and metric.merges else None
    if verdicts is not None:
        return lambda sample: [_judge(sample, dataset, found=verdicts[sample.id], metric=metric)]
    masks = masks_of(predicted, dataset)
    return lambda sample: _count(sample, dataset, masks, metric)


def _judge(sample: Sample, dataset: Dataset, *, found: bool, metric: Metric) -> ImageScore:
    wanted = sum(int(plane.sum()) for plane in true_planes(sample, dataset).values())
    value = float(metric.per_image(0, int(found), wanted))
    where = sample.level, sample.group, sample.object_id
    return ImageScore(sample.id, "any", *where, int(found and wanted > 0), int(found), wanted, value)


def _count(sample: Sample, dataset: Dataset, masks: Masks, metric: Metric) -> list[ImageScore]:
    rows = []
    where = sample.level, sample.group, sample.object_id
    for head, (marked, actual) in compared_planes(sample, dataset, masks).items():
        tp, area, wanted = int((actual & marked).sum()), int(marked.sum()), int(actual.sum())
        value = float(metric.per_image(tp, area, wanted))
        rows.append(ImageScore(sample.id, head, *where, tp, area, wanted, value))
    return rows


def _failed(sample: Sample, dataset: Dataset) -> list[ImageScore]:
    heads = [head for head in dataset.heads if head in sample.labelled_heads]
    where = sample.level, sample.group, sample.object_id
    return [ImageScore(sample.id, head, *where, 0, 0, None, 0.0) for head in heads]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """The rows of all images, and the figures of any part of them.

    wrong: image that failed -> the counts that stand for it.
    """

    rows: tuple[ImageScore, ...]
    wrong: Mapping[str, tuple[int, int, int]]
    metric: Metric
    seed: int
    resamples: int

    def where(self, *, level: str | None = None, head: str | None = None) -> tuple[ImageScore, ...]:
        return tuple(r for r in self.rows if level in (None, r.level) and head in (None, r.head))

    def figures(self, rows: Sequence[ImageScore]) -> Figures:
        known = self._units([r for r in rows if r.actual is not None])
        tp, predicted, actual = known.counts
        values, dirty, clean = self.metric.per_image(*known.counts), actual > 0, actual == 0
        nothing = self.metric.tally(np.zeros_like(tp), np.zeros_like(tp), actual)
        units = self._units(rows)
        tallies = self.metric.tally(*units.counts)
        return Figures(
            images=len(units.groups),
            score_mean=float(self.metric.overall(tallies)),
            interval=bootstrap_interval(
                lambda weights: self.metric.overall(tallies, weights),
                units.groups,
                seed=self.seed,
                resamples=self.resamples,
            ),
            all_clean=float(self.metric.overall(nothing)) if known.groups else None,
            dirty_images=int(dirty.sum()),
            dirty_mean=float(values[dirty].mean()) if dirty.any() else None,
            dirty_at_zero=float((values[dirty] == 0).mean()) if dirty.any() else None,
            clean_images=int(clean.sum()),
            clean_marked=float((predicted[clean] > 0).mean()) if clean.any() else None,
        )

    def per_group(self) -> dict[str, float]:
        parts: dict[str, list[ImageScore]] = {group: [] for group in in_order({r.group for r in self.rows})}
        for row in self.rows:
            if row.group is not None:
                parts[row.group].append(row)
        scores = {group: self.metric.tally(*self._units(part).counts) for group, part in parts.items()}
        return {group: float(self.metric.overall(tallies)) for group, tallies in scores.items()}

    def verdicts(self) -> ClassificationReport | None:
        """Every object, or image, by whether anything of any head is marked in it, whatever the metric."""
        verdict = METRICS["verdict-f1"]
        counts = units_of(self.rows, self.wrong, merge=True).counts
        return classification_report(verdict.tally(*counts).sum(axis=(0, 1)))

    def _units(self, rows: Sequence[ImageScore]) -> Units:
        return units_of(rows, self.wrong, merge=self.metric.merges)


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """What is judged: images by head, or objects.

    counts: (tp, predicted, actual), each (units, heads), NaN where a head is not labelled. groups: of the units.
    """

    counts: NDArray[np.float64]
    groups: tuple[tuple[str, str], ...]


def units_of(rows: Sequence[ImageScore], wrong: Mapping[str, tuple[int, int, int]], *, merge: bool) -> Units:
    """Rows by image and head or, merged, by object, all heads together. wrong: counts that stand for failed images."""
    names = [unit_name(r.id, r.object_id if merge else None) for r in rows]
    place = {name: k for k, name in enumerate(dict.fromkeys(names))}
    heads = {head: 0 if merge else k for k, head in enumerate(dict.fromkeys(r.head for r in rows))}
    counts = np.zeros((3, len(place), max(heads.values(), default=-1) + 1))
    labelled = np.zeros(counts.shape[1:], dtype=np.bool_)
    groups: dict[tuple[str, str], tuple[str, str]] = {}
    for name, row in zip(names, rows, strict=True):
        at = place[name], heads[row.head]
        counts[:, *at] += wrong[row.id] if row.actual is None else (row.tp, row.predicted, row.actual)
        labelled[at] = True
        own = unit_name(row.id, row.object_id)
        groups.setdefault(name, ("group", row.group) if row.group is not None else own)
    return Units(np.where(labelled, counts, np.nan), tuple(groups.values()))
