"""The figures of several answers on the same images, and the intervals of their differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelgbm.metrics import METRICS
from pixelgbm.scorecard import Figures, Scorecard

__all__ = ["Draws", "Method", "paired_interval", "row_of", "table_of"]

HEADING = ("method", "macro-F1", "95 %", "ours - it", "95 %", "dirty mean", "dirty at 0", "clean marked")
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
    groups: Sequence[str] | None = None,
) -> tuple[float, float, float]:
    """Difference of the means over heads of the means over images, and its 95 % percentile bootstrap interval.

    ours, other: (images, heads) of the same images, NaN where a head is not labelled. Both are drawn with the same
    rows, and with the rows that `metrics.bootstrap_interval` draws for the same seed. groups: draw whole groups.
    """
    names = [str(k) for k in range(len(ours))] if groups is None else list(groups)
    order = {name: k for k, name in enumerate(dict.fromkeys(names))}
    number = np.array([order[name] for name in names])
    members = [np.flatnonzero(number == k) for k in range(len(order))]
    rng = np.random.default_rng(draws.seed)
    found = []
    for _ in range(draws.resamples):
        drawn = rng.integers(len(members), size=len(members))
        rows = drawn if groups is None else np.concatenate([members[k] for k in drawn])
        found.append(_mean(ours[rows]) - _mean(other[rows]))
    low, high = np.nanquantile(found, [0.025, 0.975])
    return _mean(ours) - _mean(other), float(low), float(high)


def _mean(values: NDArray[np.float64]) -> float:
    """values: (images, heads)."""
    return float(METRICS["macro-f1"].overall(values[..., np.newaxis]))


def values_of(card: Scorecard) -> NDArray[np.float64]:
    """(images, heads) of the scores of a card, in its order."""
    ids = {id: k for k, id in enumerate(dict.fromkeys(row.id for row in card.per_image))}
    heads = {head: k for k, head in enumerate(card.per_head)}
    found = np.full((len(ids), len(heads)), np.nan)
    for row in card.per_image:
        found[ids[row.id], heads[row.head]] = row.score
    return found


def row_of(method: Method, ours: Method | None, draws: Draws) -> dict[str, Any]:
    """All figures of a method as plain values."""
    card = method.card
    found: dict[str, Any] = {"method": method.title, "ours": method.ours}
    found |= {"overall": _plain(card.overall), "levels": {n: _plain(f) for n, f in card.per_level.items()}}
    found |= {"heads": {n: _plain(f) for n, f in card.per_head.items()}, "group_mean": card.group_mean}
    if ours is not None and ours is not method:
        groups = {row.id: row.group for row in card.per_image}
        one, two = values_of(ours.card), values_of(card)
        found["ours_minus_it"] = paired_interval(one, two, draws)
        names = [group for group in groups.values() if group is not None]
        if len(names) == len(groups) and len(set(names)) < len(names):
            found["ours_minus_it_by_group"] = paired_interval(one, two, draws, groups=names)
    costs = {"fit_cpu_seconds": method.fit_cpu_seconds, "cpu_ms": method.cpu_ms}
    return found | costs | {"setting": method.setting}


def _plain(figures: Figures | None) -> dict[str, Any]:
    return {} if figures is None else asdict(figures)


def table_of(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The comparison as lines of Markdown."""
    levels = list(dict.fromkeys(level for row in rows for level in row["levels"]))
    by_group = any("ours_minus_it_by_group" in row for row in rows)
    heading = [*HEADING[:5], *(["by group"] if by_group else []), *(f"level {level}" for level in levels)]
    lines = [_line([*heading, *HEADING[5:], *COSTS]), _line(["---"] * (len(heading) + len(HEADING[5:] + COSTS)))]
    for row in rows:
        overall, gap, wide = row["overall"], row.get("ours_minus_it"), row.get("ours_minus_it_by_group")
        cells = [row["method"], f"{overall['score_mean']:.4f}", _range(overall["interval"])]
        cells += [f"{gap[0]:+.4f}", _range(gap[1:], "+.4f")] if gap else ["-", "-"]
        cells += ([_range(wide[1:], "+.4f")] if wide else ["-"]) if by_group else []
        cells += [_cell(row["levels"].get(level, {}).get("score_mean"), ".4f") for level in levels]
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
