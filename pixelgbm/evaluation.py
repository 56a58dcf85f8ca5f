"""Predictions or an answer file against the truth: the Scorecard."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pixelgbm import datasets
from pixelgbm.comparison import (
    DEFECT,
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
from pixelgbm.images import image_size
from pixelgbm.metrics import (
    METRICS,
    ClassificationReport,
    Metric,
    aupro,
    auroc,
    average_precision,
    best_f1,
    bootstrap_interval,
    classification_report,
    count_levels,
    pixel_f1,
)
from pixelgbm.predictions import WITHOUT_REFERENCES, Predictions, is_predictions, read_predictions
from pixelgbm.records import Dataset, Sample

__all__ = [
    "Figures",
    "ImageScore",
    "PixelRanking",
    "Scorecard",
    "Units",
    "score",
    "score_path",
    "units_of",
]

_LEVELS = 65536  # of a kept map, so that ranking it is exact


@dataclass(frozen=True, slots=True)
class ImageScore:
    """The counts, in pixels that are not ignored, of one image and head; `actual` is None if it failed.

    A failed image has the score 0: it is answered wrongly, not left out. Where an answer file gives verdicts alone,
    the head is `any`, and marked pixels count as 1.
    """

    id: str
    head: str
    level: str | None
    group: str | None
    object_id: str | None
    tp: int
    predicted: int
    actual: int | None
    score: float


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of some images. None stands where no image says anything.

    images: how many, or how many objects where the metric judges objects; so below, too.
    score_mean: the metric. interval: its 95 % bootstrap interval over groups, where the data name any, else over
    objects, else over images. all_clean: what an answer without any mark gets.
    dirty_mean: the mean over dirty images alone; dirty_at_zero: the share of them with score 0.
    clean_marked: the share of clean images with any false pixel.
    """

    images: int
    score_mean: float
    interval: tuple[float, float]
    all_clean: float | None
    dirty_images: int
    dirty_mean: float | None
    dirty_at_zero: float | None
    clean_images: int
    clean_marked: float | None


@dataclass(frozen=True, slots=True)
class PixelRanking:
    """How well kept probability maps rank pixels, whatever rule cuts them; pixels pooled, the mean over heads.

    average_precision: over all scored pixels that are not ignored. chance: what a map that knows nothing gets there,
    the share of defect pixels. auroc: the area under the ROC curve. aupro: that under the overlap with true regions, up
    to a false positive rate of .3, divided by it; both None where every pixel is defect. f1: of all pixels together, of
    the masks as they are; best_f1: at the best threshold there is. per_group: the average precision within each group
    that has a defect. Images that failed do not count.
    """

    average_precision: float
    chance: float
    auroc: float | None
    aupro: float | None
    f1: float
    best_f1: float
    per_group: dict[str, float]


@dataclass(frozen=True, slots=True)
class Scorecard:
    """How good masks are, with what must stand beside it.

    score: 1,000,000 x the metric, or -1 when the answer lacks images (`missing`); then there are no figures.
    verdicts: every image, or every object where images have one, as good or bad. per_group: the metric within each
    group, where groups are known; group_mean: the mean of those. ranking: of the probability maps, where they were
    kept and anything is defect. excluded: images left out, with the reason. failures: images that were not inspected,
    with the reason. unlabelled: images without truth, not scored. without_references, wrong_references: the same
    figures for a run without references, and for one with those of other groups, where there is one.
    """

    metric: str
    layout: str
    score: float
    overall: Figures | None
    per_level: dict[str, Figures]
    per_head: dict[str, Figures]
    verdicts: ClassificationReport | None
    group_mean: float | None
    per_group: dict[str, float]
    missing: tuple[str, ...]
    excluded: dict[str, str]
    failures: dict[str, str]
    unlabelled: int
    per_image: tuple[ImageScore, ...]
    ranking: PixelRanking | None = None
    without_references: Scorecard | None = None
    wrong_references: Scorecard | None = None

    @property
    def judges_verdicts(self) -> bool:
        """Whether the metric asks for verdicts, not for pixels."""
        return METRICS[self.metric].merges

    @property
    def judges_objects(self) -> bool:
        """Whether the units are objects of several images."""
        return self.judges_verdicts and any(row.object_id is not None for row in self.per_image)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain dictionaries, lists, texts and numbers."""
        found: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return found

    def to_json(self) -> str:
        """Everything as JSON text."""
        return json.dumps(self.to_dict(), indent=1) + "\n"

    def table(self) -> list[tuple[str, ...]]:
        """Rows of text to print, the heading first: overall, levels, heads, without and with wrong references."""
        unit, score = "objects" if self.judges_objects else "images", "macro-F1" if self.judges_verdicts else "mean"
        rows = [("", unit, score, "95 % interval", "all clean", "dirty mean", "dirty at 0", "clean marked")]
        named = {"overall": self.overall}
        named |= {f"level {level}": figures for level, figures in self.per_level.items()}
        named |= {f"head {head}": f for head, f in self.per_head.items()} if len(self.per_head) > 1 else {}
        named |= {name: card.overall for name, card in self._runs().items() if name}
        return rows + [_row(name, figures) for name, figures in named.items() if figures is not None]

    def group_table(self) -> list[tuple[str, ...]]:
        """Rows of text to print, the heading first: each group under every run, its mean and average precision."""
        runs = self._runs()
        kinds = ["mean"] + ["average precision"] * any(card.ranking for card in runs.values())
        heading = ["", *(" ".join(filter(None, (kind, name))) for name in runs for kind in kinds)]
        rows = [tuple(heading)]
        for group in self.per_group:
            cells = [group]
            for card in runs.values():
                cells.append(f"{card.per_group[group]:.4f}")
                if len(kinds) > 1:
                    precision = card.ranking.per_group.get(group) if card.ranking else None
                    cells.append("-" if precision is None else f"{precision:.4f}")
            rows.append(tuple(cells))
        return rows

    def _runs(self) -> dict[str, Scorecard]:
        runs = {"": self, "without references": self.without_references, "wrong references": self.wrong_references}
        return {name: card for name, card in runs.items() if card is not None}


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
    return Scorecard(
        score=1e6 * overall.score_mean,
        overall=overall,
        per_level={level: table.figures(table.where(level=level)) for level in _sorted({r.level for r in per_image})},
        per_head={head: table.figures(table.where(head=head)) for head in dataset.heads if table.where(head=head)},
        verdicts=table.verdicts(),
        group_mean=float(np.mean(list(per_group.values()))) if per_group else None,
        per_group=per_group,
        per_image=per_image,
        ranking=_ranking([s for s in scored if s.id not in failures], dataset, maps, per_image),
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


def _ranking(
    scored: Sequence[Sample], dataset: Dataset, maps: Maps | None, rows: Sequence[ImageScore]
) -> PixelRanking | None:
    """The figures of the maps; None without maps or defects."""
    if maps is None:
        return None
    heads, groups = dataset.heads, _sorted({s.group for s in scored})
    total = np.zeros((len(heads), 3, _LEVELS))
    per_group = {}
    for group in [*groups, *({None} & {s.group for s in scored})]:
        counts = np.zeros_like(total)
        for sample in (s for s in scored if s.group == group):
            shape = image_size(sample.image)
            usable = datasets.read_ignore(sample, shape)
            usable = np.ones(shape, bool) if usable is None else ~usable
            for head, truth in datasets.read_truth(dataset, sample, shape).items():
                levels = np.rint(maps(sample.id, head) * np.float32(_LEVELS - 1)).astype(np.int64)
                counts[heads.index(head)] += count_levels(levels, truth >= DEFECT, usable, size=_LEVELS)
        total += counts
        if group is not None and counts[:, 0].any():
            per_group[group] = _of_heads(average_precision, counts[:, :2])
    if not total[:, 0].any():
        return None
    pixels, sums = total[:, :2], total.sum(axis=2, keepdims=True)
    mixed = bool((sums[sums[:, 0, 0] > 0, 1] > 0).all())
    return PixelRanking(
        average_precision=_of_heads(average_precision, pixels),
        chance=_of_heads(average_precision, sums[:, :2]),
        auroc=_of_heads(auroc, pixels) if mixed else None,
        aupro=_of_heads(aupro, total[:, [2, 1]]) if mixed else None,
        f1=float(np.mean([_pooled_f1(rows, head) for head, pair in zip(heads, pixels, strict=True) if pair[0].any()])),
        best_f1=_of_heads(best_f1, pixels),
        per_group=per_group,
    )


def _pooled_f1(rows: Sequence[ImageScore], head: str) -> float:
    """The F1 of the pixels of all images together; those that failed do not count."""
    counts = np.array([(r.tp, r.predicted, r.actual) for r in rows if r.head == head and r.actual is not None])
    return float(pixel_f1(*counts.sum(axis=0)))


def _of_heads(figure: Callable[[ArrayLike, ArrayLike], float], counts: NDArray[np.float64]) -> float:
    """The mean of a figure over the heads with defects. counts: (heads, 2, levels)."""
    return float(np.mean([figure(*pair) for pair in counts if pair[0].any()]))


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
        parts: dict[str, list[ImageScore]] = {group: [] for group in _sorted({r.group for r in self.rows})}
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


def _sorted(names: set[str | None]) -> list[str]:
    return sorted((name for name in names if name is not None), key=lambda name: (len(name), name))


def _row(name: str, figures: Figures) -> tuple[str, ...]:
    low, high = figures.interval

    def text(value: float | None, form: str) -> str:
        return "-" if value is None else format(value, form)

    return (
        name,
        str(figures.images),
        f"{figures.score_mean:.4f}",
        f"{low:.4f} to {high:.4f}",
        text(figures.all_clean, ".4f"),
        text(figures.dirty_mean, ".4f"),
        text(figures.dirty_at_zero, ".1%"),
        text(figures.clean_marked, ".1%"),
    )
