"""The score card: how good masks and maps are, as figures with what must stand beside them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from pixelgbm.metrics import METRICS, ClassificationReport

__all__ = ["Figures", "ImageScore", "PixelRanking", "Scorecard", "in_order"]


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


def in_order(names: set[str | None]) -> list[str]:
    """Names of levels or groups as they are listed, shorter ones first so that 10 comes after 9; None is left out."""
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
