"""Predictions or an answer file against the truth: the Scorecard."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelgbm import datasets
from pixelgbm.datasets import Answer
from pixelgbm.errors import DatasetError, SubmissionError
from pixelgbm.images import image_size
from pixelgbm.metrics import METRICS, Metric, average_precision, bootstrap_interval, mean_over_heads
from pixelgbm.predictions import WITHOUT_REFERENCES, Predictions, is_predictions, read_predictions
from pixelgbm.records import Dataset, Sample

__all__ = [
    "Figures",
    "ImageScore",
    "Maps",
    "Masks",
    "PixelRanking",
    "Scorecard",
    "maps_of",
    "masks_of",
    "score",
    "score_path",
]

_DEFECT = 128  # a soft truth of one half or more counts as a defect

_LEVELS = 65536  # of a kept map, so that ranking it is exact

Masks = Callable[[str, tuple[int, int]], dict[str, NDArray[np.bool_]]]
"""Reads {head: (rows, cols) mask} of one image (its id) of a size."""

Maps = Callable[[str, str], NDArray[np.float32]]
"""Reads the (rows, cols) probabilities of one image (its id) and head."""


@dataclass(frozen=True, slots=True)
class ImageScore:
    """The counts, in pixels that are not ignored, of one image and head; `actual` is None if it failed.

    A failed image has the score 0: it is answered wrongly, not left out.
    """

    id: str
    head: str
    level: str | None
    group: str | None
    tp: int
    predicted: int
    actual: int | None
    score: float


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of some images. None stands where no image says anything.

    score_mean: the mean over heads of the mean over images of the metric; with one head, of images.
    interval: its 95 % bootstrap interval over images. all_clean: what an answer without any mark gets.
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
    """How well kept probability maps rank pixels, whatever rule cuts them: average precision, pixels pooled.

    average_precision: over all scored pixels that are not ignored, the mean over heads. chance: what a map that knows
    nothing gets, the share of defect pixels. per_group: the same within each group that has a defect. Images that
    failed do not count.
    """

    average_precision: float
    chance: float
    per_group: dict[str, float]


@dataclass(frozen=True, slots=True)
class Scorecard:
    """How good masks are, with what must stand beside it.

    score: 1,000,000 x the mean, or -1 when the answer lacks images (`missing`); then there are no
    figures. per_group: the mean over the images of each group, where groups are known; group_mean: of those.
    ranking: of the probability maps, where they were kept and anything is defect. excluded: images left out,
    with the reason. failures: images that were not inspected, with the reason. unlabelled: images without
    truth, not scored. without_references, wrong_references: the same figures for a run without references,
    and for one with those of other groups, where there is one.
    """

    metric: str
    layout: str
    score: float
    overall: Figures | None
    per_level: dict[str, Figures]
    per_head: dict[str, Figures]
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

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain dictionaries, lists, texts and numbers."""
        found: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return found

    def to_json(self) -> str:
        """Everything as JSON text."""
        return json.dumps(self.to_dict(), indent=1) + "\n"

    def table(self) -> list[tuple[str, ...]]:
        """Rows of text to print, the heading first: overall, levels, heads, without and with wrong references."""
        rows = [("", "images", "mean", "95 % interval", "all clean", "dirty mean", "dirty at 0", "clean marked")]
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
    if not path.exists():
        raise SubmissionError(f"{path}: no such PRED folder or answer file")
    if not path.is_dir():
        return score(datasets.read_answer(path, layout=dataset.layout), dataset, seed=seed, resamples=resamples)
    card = score(read_predictions(path), dataset, seed=seed, resamples=resamples)
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
    answered = frozenset(predicted.ids)
    splits = {s.split for s in dataset.samples if s.id in answered}
    due = [s for s in dataset.samples if not splits or s.split in splits]
    labelled = [s for s in due if datasets.has_truth(dataset, s)]
    scored = [s for s in labelled if s.id not in dataset.excluded]
    if not scored:
        raise DatasetError(
            f"{dataset.root}: no truth for any of the {len(due)} images to score; "
            "masks lie beside the images or in a sealed tree that is named with --truth"
        )
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
        nothing: dict[str, Any] = {"per_level": {}, "per_head": {}, "group_mean": None, "per_group": {}}
        return Scorecard(score=-1.0, overall=None, per_image=(), **nothing, **common)
    metric = METRICS[dataset.metric]
    masks = masks_of(predicted, dataset)
    per_image = tuple(
        row for s in scored for row in (_failed(s, dataset) if s.id in failures else _count(s, dataset, masks, metric))
    )
    table = _Table(rows=per_image, metric=metric, seed=seed, resamples=resamples)
    overall, per_group = table.figures(per_image), table.per_group()
    if maps is None and isinstance(predicted, Predictions):
        maps = maps_of(predicted, dataset)
    return Scorecard(
        score=1e6 * overall.score_mean,
        overall=overall,
        per_level={level: table.figures(table.where(level=level)) for level in _sorted({r.level for r in per_image})},
        per_head={head: table.figures(table.where(head=head)) for head in dataset.heads if table.where(head=head)},
        group_mean=float(np.mean(list(per_group.values()))) if per_group else None,
        per_group=per_group,
        per_image=per_image,
        ranking=_ranking([s for s in scored if s.id not in failures], dataset, maps),
        **common,
    )


def masks_of(predicted: Predictions | Answer, dataset: Dataset) -> Masks:
    """Reads the masks of one image, by the names that the data set has for its heads.

    Raises SubmissionError when heads of the data set were not predicted.
    """
    if isinstance(predicted, Answer):
        return predicted.read
    if len(predicted.heads) == 1 and len(dataset.heads) == 1:
        # One head each can only mean the same thing, whatever the two call it.
        (theirs,), (ours,) = predicted.heads, dataset.heads
        return lambda id, shape: {ours: predicted.mask(id, theirs)}
    lacking = [head for head in dataset.heads if head not in predicted.heads]
    if lacking:
        raise SubmissionError(
            f"{predicted.folder}: no masks for {', '.join(lacking)}; it holds {', '.join(predicted.heads)}, "
            f"the data label {', '.join(dataset.heads)}"
        )
    return lambda id, shape: predicted.masks(id)


def _count(sample: Sample, dataset: Dataset, masks: Masks, metric: Metric) -> list[ImageScore]:
    shape = image_size(sample.image)
    truth = datasets.read_truth(dataset, sample, shape)
    ignore = datasets.read_ignore(sample, shape)
    found = masks(sample.id, shape)
    rows = []
    for head in (head for head in dataset.heads if head in truth):
        actual, marked = truth[head] >= _DEFECT, found[head]
        if marked.shape != shape:
            raise SubmissionError(
                f"image {sample.id}: a mask of {marked.shape[0]}x{marked.shape[1]}, "
                f"its image {sample.image} has {shape[0]}x{shape[1]}"
            )
        if ignore is not None:
            actual, marked = actual & ~ignore, marked & ~ignore
        tp, area, wanted = int((actual & marked).sum()), int(marked.sum()), int(actual.sum())
        value = float(metric.per_image(tp, area, wanted))
        rows.append(ImageScore(sample.id, head, sample.level, sample.group, tp, area, wanted, value))
    return rows


def maps_of(predicted: Predictions, dataset: Dataset) -> Maps | None:
    """Reads the probabilities of one image, by the data set's names for its heads; None where none were kept."""
    if not predicted.has_probabilities:
        return None
    if len(predicted.heads) == 1 and len(dataset.heads) == 1:
        return lambda id, head: predicted.probability(id, predicted.heads[0])
    return predicted.probability


def _ranking(scored: Sequence[Sample], dataset: Dataset, maps: Maps | None) -> PixelRanking | None:
    """The average precision of the maps; None without maps or defects."""
    if maps is None:
        return None
    heads, groups = dataset.heads, _sorted({s.group for s in scored})
    total = np.zeros((len(heads), 2, _LEVELS), np.int64)
    per_group = {}
    for group in [*groups, *({None} & {s.group for s in scored})]:
        counts = np.zeros_like(total)
        for sample in (s for s in scored if s.group == group):
            shape = image_size(sample.image)
            usable = datasets.read_ignore(sample, shape)
            usable = np.ones(shape, bool) if usable is None else ~usable
            for head, truth in datasets.read_truth(dataset, sample, shape).items():
                levels = np.rint(maps(sample.id, head) * np.float32(_LEVELS - 1)).astype(np.int64)
                for place, kind in enumerate((truth >= _DEFECT, truth < _DEFECT)):
                    counts[heads.index(head), place] += np.bincount(levels[kind & usable], minlength=_LEVELS)
        total += counts
        if group is not None and counts[:, 0].any():
            per_group[group] = _precision(counts)
    if not total[:, 0].any():
        return None
    return PixelRanking(_precision(total), _precision(total.sum(axis=2, keepdims=True)), per_group)


def _precision(counts: NDArray[np.int64]) -> float:
    """The mean over heads, with defects, of the average precision; counts: (heads, 2, levels)."""
    return float(np.mean([average_precision(*pair) for pair in counts if pair[0].any()]))


def _failed(sample: Sample, dataset: Dataset) -> list[ImageScore]:
    heads = [head for head in dataset.heads if head in sample.labelled_heads]
    return [ImageScore(sample.id, head, sample.level, sample.group, 0, 0, None, 0.0) for head in heads]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """The rows of all images, and the figures of any part of them."""

    rows: tuple[ImageScore, ...]
    metric: Metric
    seed: int
    resamples: int

    def where(self, *, level: str | None = None, head: str | None = None) -> tuple[ImageScore, ...]:
        return tuple(r for r in self.rows if level in (None, r.level) and head in (None, r.head))

    def figures(self, rows: Sequence[ImageScore]) -> Figures:
        values = _by_image(rows, [r.score for r in rows])
        known = [r for r in rows if r.actual is not None]
        dirty = [r.score for r in known if r.actual]
        clean = [r.predicted > 0 for r in known if not r.actual]
        nothing = [float(self.metric.per_image(0, 0, r.actual or 0)) for r in known]
        return Figures(
            images=len(values),
            score_mean=mean_over_heads(values),
            interval=bootstrap_interval(values, seed=self.seed, resamples=self.resamples),
            all_clean=mean_over_heads(_by_image(known, nothing)) if known else None,
            dirty_images=len(dirty),
            dirty_mean=float(np.mean(dirty)) if dirty else None,
            dirty_at_zero=float(np.mean([v == 0 for v in dirty])) if dirty else None,
            clean_images=len(clean),
            clean_marked=float(np.mean(clean)) if clean else None,
        )

    def per_group(self) -> dict[str, float]:
        parts: dict[str, list[ImageScore]] = {group: [] for group in _sorted({r.group for r in self.rows})}
        for row in self.rows:
            if row.group is not None:
                parts[row.group].append(row)
        return {group: mean_over_heads(_by_image(part, [r.score for r in part])) for group, part in parts.items()}


def _by_image(rows: Sequence[ImageScore], values: Sequence[float]) -> NDArray[np.float64]:
    """(images, heads) of the values of rows, NaN where a head is not labelled."""
    ids = {id: i for i, id in enumerate(dict.fromkeys(r.id for r in rows))}
    heads = {head: i for i, head in enumerate(dict.fromkeys(r.head for r in rows))}
    table = np.full((len(ids), len(heads)), np.nan)
    for row, value in zip(rows, values, strict=True):
        table[ids[row.id], heads[row.head]] = value
    return table


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
