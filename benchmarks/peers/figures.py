"""The figures of several answers on the same images, and the intervals of their differences."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelgbm.evaluation import units_of
from pixelgbm.metrics import METRICS, Metric, bootstrap_interval, pixel_f1
from pixelgbm.scorecard import Figures, Scorecard

__all__ = ["Draws", "Method", "differences", "paired_interval", "row_of", "table_of"]

TITLES = {"macro-f1": "macro-F1", "dice": "Dice", "verdict-f1": "verdict F1"}
"""A metric as the table calls it."""
FIRST = ("95 %", "ours - it", "95 %")
LAST = ("dirty mean", "dirty at 0", "clean marked")
COSTS = ("training, CPU s", "CPU ms an image")


@dataclass(frozen=True, slots=True)
class Draws:
    """How often images are drawn again for an interval, and from which seed; as `pixelgbm score` does by default."""

    seed: int = 0
    resamples: int = 2000


@dataclass(frozen=True, slots=True)
class Method:
    """One line of the comparison; ours: others are subtracted from it. Costs are None where nobody measured them."""

    title: str
    card: Scorecard
    ours: bool = False
    fit_cpu_seconds: float | None = None
    cpu_ms: float | None = None
    setting: dict[str, Any] | None = None


def paired_interval(
    ours: NDArray[np.float64],
    other: NDArray[np.float64],
    draws: Draws,
    *,
    metric: Metric,
    groups: Sequence[Hashable] | None = None,
) -> tuple[float, float, float]:
    """Difference of two scores, and its 95 % percentile bootstrap interval.

    ours, other: tallies (units, heads, k) of the same units, NaN where a head is not labelled. Both are drawn with the
    same rows, and with the rows that a Scorecard of the same seed draws. groups: draw whole groups of units.
    """

    def gap(weights: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        return metric.overall(ours, weights) - metric.overall(other, weights)

    names = range(len(ours)) if groups is None else groups
    low, high = bootstrap_interval(gap, names, seed=draws.seed, resamples=draws.resamples)
    return float(gap()), low, high


def differences(ours: Scorecard, other: Scorecard, draws: Draws) -> dict[str, tuple[float, float, float]]:
    """`ours_minus_it` with its interval over images (or what the metric judges), and, where groups or objects hold
    several, `ours_minus_it_by_group`. Both cards are of the same images, none of which failed.
    """
    metric = METRICS[ours.metric]
    units = [units_of(card.per_image, {}, merge=metric.merges) for card in (ours, other)]
    one, two = (metric.tally(*each.counts) for each in units)
    groups = units[0].groups
    found = {"ours_minus_it": paired_interval(one, two, draws, metric=metric)}
    if len(set(groups)) < len(groups):
        found["ours_minus_it_by_group"] = paired_interval(one, two, draws, metric=metric, groups=groups)
    return found


def row_of(method: Method, ours: Method | None, draws: Draws) -> dict[str, Any]:
    """All figures of a method as plain values."""
    card = method.card
    found: dict[str, Any] = {"method": method.title, "ours": method.ours}
    found |= {"overall": _plain(card.overall), "levels": {n: _plain(f) for n, f in card.per_level.items()}}
    found |= {"heads": {n: _plain(f) for n, f in card.per_head.items()}, "group_mean": card.group_mean}
    found |= {"pooled": {head: _pooled(card, head) for head in card.per_head}}
    found |= {"verdicts": {n: asdict(f) for n, f in card.verdicts.classes.items()} if card.verdicts else {}}
    if ours is not None and ours is not method:
        found |= differences(ours.card, card, draws)
    costs = {"fit_cpu_seconds": method.fit_cpu_seconds, "cpu_ms": method.cpu_ms}
    return found | costs | {"setting": method.setting}


def _pooled(card: Scorecard, head: str) -> float:
    """F1 of the pixels of all images together."""
    rows = [row for row in card.per_image if row.head == head]
    counts = (sum(values) for values in zip(*((r.tp, r.predicted, r.actual or 0) for r in rows), strict=True))
    return float(pixel_f1(*counts))


def _plain(figures: Figures | None) -> dict[str, Any]:
    return {} if figures is None else asdict(figures)


def table_of(rows: Sequence[dict[str, Any]], *, metric: str = "macro-f1") -> list[str]:
    """The comparison as lines of Markdown."""
    levels = list(dict.fromkeys(level for row in rows for level in row["levels"]))
    heads = list(dict.fromkeys(head for row in rows for head in row["heads"]))
    heads = heads if len(heads) > 1 else []
    by_group = any("ours_minus_it_by_group" in row for row in rows)
    heading = ["method", TITLES[metric], *FIRST, *(["by group"] if by_group else [])]
    heading += [*(f"level {level}" for level in levels), *(f"head {head}" for head in heads), *LAST, *COSTS]
    lines = [_line(heading), _line(["---"] * len(heading))]
    for row in rows:
        overall, gap, wide = row["overall"], row.get("ours_minus_it"), row.get("ours_minus_it_by_group")
        cells = [row["method"], f"{overall['score_mean']:.4f}", _range(overall["interval"])]
        cells += [f"{gap[0]:+.4f}", _range(gap[1:], "+.4f")] if gap else ["-", "-"]
        cells += ([_range(wide[1:], "+.4f")] if wide else ["-"]) if by_group else []
        cells += [_cell(row["levels"].get(level, {}).get("score_mean"), ".4f") for level in levels]
        cells += [_cell(row["heads"].get(head, {}).get("score_mean"), ".4f") for head in heads]
        cells += [_cell(overall["dirty_mean"], ".4f"), _cell(overall["dirty_at_zero"], ".1%")]
        cells += [_cell(overall["clean_marked"], ".1%")]
        lines.append(_line([*cells, _cell(row["fit_cpu_seconds"], ",.0f"), _cell(row["cpu_ms"], ",.0f")]))
    return lines


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _range(ends: Sequence[float], form: str = ".4f") -> str:
    return " to ".join(format(end, form) for end in ends)


def _cell(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
