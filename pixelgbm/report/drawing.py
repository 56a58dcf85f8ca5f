"""The figures of a report, each drawn once for the page (SVG) and once for the PDF (PNG), and the curve of `score`."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pixelgbm.min_size import Measure
from pixelgbm.report.curves import Calibrated
from pixelgbm.report.document import Picture
from pixelgbm.report.sizes import SizeRow, bin_labels
from pixelgbm.report.surface import Surface
from pixelgbm.scorecard import Figures, Scorecard
from pixelgbm.size_curve import CurvePoint
from pixelgbm.tuning.study import History

__all__ = [
    "PROMISED",
    "draw_calibration",
    "draw_history",
    "draw_levels",
    "draw_min_sizes",
    "draw_precision_recall",
    "draw_size_counts",
    "draw_size_scores",
    "draw_surface",
]

_INK = "#16191d"
"""Of lines and letters. In the page it becomes the colour of the text around, light or dark."""

_COLOURS = ("#2f7fc1", "#d9730d", "#2a9d78", "#a65fb5", "#8a8f98")
_MARKS = ("-", "--")

_WHENCE = ("predictions", "out of fold")
"""Where curves come from; each keeps its colour when another is missing."""

PROMISED = ("pixels, predictions", "pixels, before calibration", "pixels, calibrated by other folds", "regions")
"""Calibration curves; all but the first are out of fold."""

_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "pixelgbm",
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": _INK,
    "text.parse_math": False,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#8a8f98",
    "grid.alpha": 0.25,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "legend.frameon": False,
    "legend.fontsize": 8,
}

_SIZE = (4.6, 3.0)
"""Inches. Letters stay legible when a phone shows the figure at its full width."""


def _drawn(draw: Any, caption: str, size: tuple[float, float] = _SIZE) -> Picture:
    """A picture of what `draw(axes)` draws."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure.subplots())
        svg, png = _saved(figure, "svg", transparent=True), _saved(figure, "png")
    return Picture(_inline(svg.decode(), caption), png, caption)


def _saved(figure: Figure, form: Literal["png", "svg"], **options: Any) -> bytes:
    """The file of a figure, the same on every machine and day."""
    file = io.BytesIO()
    if form == "svg":
        options["metadata"] = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(file, format=form, dpi=200, **{"facecolor": "white", **options})
    return file.getvalue()


def _inline(svg: str, caption: str) -> str:
    """The element alone, to stand in a page: no prologue, no fixed size, no identifier that nothing refers to."""
    found = svg[svg.index("<svg") :].replace(_INK, "currentColor")
    head, rest = found.split(">", 1)
    box = re.search(r'viewBox="[^"]*"', head)
    rest = re.sub(
        r' id="(?:figure|axes|patch|text|line2d|matplotlib|xtick|ytick|legend|Quad|Line|Path)[^"]*"', "", rest
    )
    label = caption.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return f'<svg {box.group(0) if box else ""} role="img" aria-label="{label}">{rest}'.strip()


def draw_levels(card: Scorecard) -> Picture:
    """The mean of each level with its interval, and what the all-clean answer gets there."""
    named = {"all": card.overall, **{f"level {level}": figures for level, figures in card.per_level.items()}}
    if len(card.per_head) > 1:
        named |= {f"head {head}": figures for head, figures in card.per_head.items()}
    rows = {name: figures for name, figures in named.items() if figures is not None}

    def draw(axes: Axes) -> None:
        places = np.arange(len(rows))
        means = [figures.score_mean for figures in rows.values()]
        axes.barh(
            places, means, height=0.55, color=_COLOURS[0], xerr=_errors(list(rows.values())), ecolor=_INK, capsize=4
        )
        for place, figures in zip(places, rows.values(), strict=True):
            if figures.all_clean is not None:
                label = "all-clean answer" if place == 0 else None
                axes.plot([figures.all_clean] * 2, [place - 0.4, place + 0.4], color=_COLOURS[1], lw=2, label=label)
        axes.set_yticks(places, [f"{name}\n{figures.images} images" for name, figures in rows.items()])
        axes.set(xlabel=f"mean {card.metric}", xlim=(0, 1.02), ylim=(len(rows) - 0.4, -0.6))
        _legend(axes)
        axes.grid(axis="y", visible=False)

    caption = f"Mean {card.metric} with its 95 % bootstrap interval over images."
    return _drawn(draw, caption, (_SIZE[0], 1.0 + 0.45 * len(rows)))


def _legend(axes: Axes) -> None:
    """Above the axes, where it hides nothing."""
    axes.figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=2)


def _errors(figures: Sequence[Figures]) -> NDArray[np.float64]:
    """(2, n) how far the intervals reach down and up."""
    return np.array([[f.score_mean - f.interval[0], f.interval[1] - f.score_mean] for f in figures]).T


def draw_precision_recall(
    curves: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]],
    masks: tuple[float, float] | None,
    head: str | None,
) -> Picture:
    """curves: "predictions" or "out of fold" -> (recall, precision). masks: that of the masks of the predictions.

    head: whose they are, None when there is but one.
    """

    def draw(axes: Axes) -> None:
        for name, (recall, precision) in curves.items():
            place = _WHENCE.index(name)
            axes.plot(recall, precision, color=_colour(place), ls=_MARKS[place], lw=1.8, label=name)
        if masks is not None:
            axes.plot(*masks, "o", ms=8, mfc="none", mec=_INK, mew=1.8, label="masks of the predictions")
        axes.set(xlabel="recall of defect pixels", ylabel="precision", xlim=(0, 1.01), ylim=(0, 1.02))
        _legend(axes)

    ring = "" if masks is None else "; the ring is what the decision rule made of the maps"
    return _drawn(draw, _of(head, f"Precision over recall of pixels, all images pooled{ring}."))


def _of(head: str | None, caption: str) -> str:
    """A caption that says whose figure it is, where there are several."""
    return caption if head is None else f"{head}: {caption[0].lower()}{caption[1:]}"


def _colour(place: int) -> str:
    return _COLOURS[place % len(_COLOURS)]


def draw_calibration(curves: Mapping[str, Calibrated], head: str | None) -> Picture:
    """curves: by the names of `PROMISED`. head: whose they are, None when there is but one."""

    def draw(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=_INK, lw=1, ls=":", label="as promised")
        for name, curve in curves.items():
            colour = _colour(PROMISED.index(name))
            axes.plot(curve.promised, curve.true, "o-", color=colour, ms=4, lw=1.6, label=name)
        axes.set(xlabel="promised probability", ylabel="share that is defect", xlim=(0, 1.01), ylim=(0, 1.02))
        _legend(axes)

    caption = "Calibration: above the dotted line too little is promised, below it too much. "
    return _drawn(draw, _of(head, caption + "All but the predictions are out of fold."))


def draw_size_counts(counts: Mapping[str, NDArray[np.int64]]) -> Picture:
    """counts: name -> (bins,) defects of each size."""

    def draw(axes: Axes) -> None:
        width = 0.8 / max(len(counts), 1)
        for place, (name, values) in enumerate(counts.items()):
            at = np.arange(len(values)) + (place - (len(counts) - 1) / 2) * width
            axes.bar(at, values / max(values.sum(), 1), width=width, color=_colour(place), label=name)
        axes.set_xticks(range(len(bin_labels())), bin_labels(), rotation=30, ha="right")
        axes.set(xlabel="size of a connected defect, px", ylabel="share of the defects")
        axes.grid(axis="x", visible=False)
        _legend(axes)

    return _drawn(draw, "How large the defects are.")


def draw_size_scores(rows: Sequence[SizeRow], metric: str) -> Picture:
    """Found defects by their size, and the score of images by how much dirt is on them."""

    def draw(axes: Axes) -> None:
        lines = (
            ("defects found at all", [row.found for row in rows], "o-"),
            ("their pixels found", [row.covered for row in rows], "s--"),
            (f"{metric} of images with as much in all", [row.score for row in rows], "D-."),
        )
        for place, (name, values, mark) in enumerate(lines):
            known = [np.nan if value is None else value for value in values]
            axes.plot(range(len(rows)), known, mark, color=_colour(place), ms=5, lw=1.6, label=name)
        axes.set_xticks(range(len(rows)), [row.label for row in rows], rotation=30, ha="right")
        axes.set(xlabel="size, px", ylim=(0, 1.02))
        _legend(axes)

    return _drawn(draw, "By size: the share of defects found, of their pixels, and the mean score of dirty images.")


def draw_min_sizes(curve: Sequence[CurvePoint], measure: Measure, *, form: Literal["png", "svg"]) -> bytes:
    """The file of a picture: precision and recall of bad and of good over the smallest size that matters.

    A precision has a gap where nothing was called so, a recall where nothing is.
    """
    sizes = [point.min_size for point in curve]
    kinds = (("NG", "bad", _COLOURS[1]), ("OK", "good", _COLOURS[0]))
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=_SIZE, layout="constrained")
        axes = figure.subplots()
        for name, told, colour in kinds:
            for what, mark in (("precision", "--"), ("recall", "-")):
                values = [_known(point, name, what) for point in curve]
                axes.plot(sizes, values, mark, drawstyle="steps-pre", color=colour, lw=1.8, label=f"{what} of {told}")
        axes.set_xscale("symlog", linthresh=10)
        axes.xaxis.set_major_formatter("{x:,.0f}")
        unit = "px2" if measure == "area" else "px"
        axes.set(xlabel=f"smallest {measure} that matters, {unit}", ylim=(-0.02, 1.02), xlim=(0, None))
        _legend(axes)
        return _saved(figure, form)


def _known(point: CurvePoint, name: str, what: str) -> float:
    """A figure of a class; NaN where nothing was called so (precision), or is (recall)."""
    called = sum(row[name] for row in point.verdicts.confusion.values())
    found = point.verdicts.classes[name]
    return float(getattr(found, what)) if (called if what == "precision" else found.support) else float("nan")


def draw_surface(surface: Surface, head: str) -> Picture:
    """The objective over threshold and cut, the chosen point marked."""

    def draw(axes: Axes) -> None:
        shown = np.maximum(surface.worth, surface.worth.max() - 0.15)
        step = surface.cuts[1] - surface.cuts[0]
        edges = np.append(surface.cuts, surface.cuts[-1] + step) - step / 2
        mesh = axes.pcolormesh(
            edges, np.arange(len(surface.lows) + 1) - 0.5, shown, cmap="cividis", edgecolors="face", lw=0.3
        )
        if surface.rule.low in surface.lows:
            at = (surface.rule.region_cut, surface.lows.index(surface.rule.low))
            axes.plot(*at, "o", ms=10, mfc="none", mec="white", mew=3.5)
            axes.plot(*at, "o", ms=10, mfc="none", mec="#d9230f", mew=2)
        axes.set_yticks(range(len(surface.lows)), [f"{low / 255:.2f}" for low in surface.lows])
        axes.set(xlabel="region cut", ylabel="low threshold of the map")
        axes.grid(visible=False)
        bar = axes.figure.colorbar(mesh, ax=axes, label="objective", extend="min")
        bar.outline.set_visible(False)

    caption = (
        "What tuning maximises, out of fold; the ring is the chosen rule. More than 0.15 below the best is one colour."
    )
    return _drawn(draw, _of(head, caption))


def draw_history(histories: Sequence[History]) -> Picture:
    """The best value so far, trial by trial, of studies with one objective."""

    def draw(axes: Axes) -> None:
        for place, history in enumerate(histories):
            values = np.array([row[0] for row in history.values])
            best = np.maximum.accumulate(values) if history.maximise[0] else np.minimum.accumulate(values)
            axes.plot(np.arange(1, len(values) + 1), values, ".", ms=2.5, color=_colour(place), alpha=0.35)
            axes.plot(np.arange(1, len(values) + 1), best, color=_colour(place), lw=1.8, label=history.name)
        top = max(max(row[0] for row in history.values) for history in histories)
        low = min(float(np.quantile([row[0] for row in history.values], 0.25)) for history in histories)
        axes.set(xlabel="trial", ylabel="objective", ylim=(low - 0.02, top + 0.02))
        _legend(axes)

    return _drawn(draw, "Tuning: every trial (dots; the lowest quarter is cut off) and the best so far.")
