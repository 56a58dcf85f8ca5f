"""The parts of a report in words, tables and figures, made of what was measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from pixelgbm.model import Model
from pixelgbm.report import drawing
from pixelgbm.report.document import (
    Block,
    Code,
    Facts,
    Gallery,
    GalleryRow,
    Headline,
    Section,
    Table,
    Text,
)
from pixelgbm.report.gallery import EACH, KINDS, Pick
from pixelgbm.report.sizes import size_counts, size_rows
from pixelgbm.report.surface import Surface
from pixelgbm.report.survey import Seen
from pixelgbm.report.timing import REPEATS, Timing
from pixelgbm.scorecard import Scorecard
from pixelgbm.tuning.objective import FALSE_ALARM_COST, JITTERS
from pixelgbm.tuning.study import History

__all__ = [
    "data_section",
    "decision_section",
    "gallery_section",
    "history_section",
    "repeat_section",
    "score_section",
    "sizes_section",
    "timing_section",
]

MOST_GROUPS = 30
"""Of the table of groups; all of them are in the score card that lies in the page."""


def score_section(card: Scorecard) -> Section:
    """The score card; `card.overall` is there."""
    overall = card.overall
    assert overall is not None
    low, high = overall.interval
    clean = "-" if overall.all_clean is None else f"{1e6 * overall.all_clean:,.0f}"
    blocks: list[Block] = [
        Headline(
            (
                ("score", f"{card.score:,.1f}", f"1,000,000 x mean {card.metric} over {overall.images} images"),
                ("95 % interval", f"{1e6 * low:,.0f} to {1e6 * high:,.0f}", "bootstrap over images"),
                ("all-clean answer", clean, "what marking nothing would score"),
                ("clean images marked", _share(overall.clean_marked), f"of {overall.clean_images} clean images"),
                ("dirty images at 0", _share(overall.dirty_at_zero), f"of {overall.dirty_images} dirty images"),
            )
        ),
        Table(tuple(card.table()), f"Mean {card.metric}, its interval and what must stand beside it."),
        drawing.draw_levels(card),
    ]
    if len(card.per_group) > 1:
        heading, *rows = card.group_table()
        lowest = sorted(rows, key=lambda row: float(row[1]))[:MOST_GROUPS]
        caption = f"The {len(lowest)} lowest of {len(rows)} groups; the mean over all groups is {card.group_mean:.4f}."
        blocks.append(Table((heading, *lowest), caption))
    left_out = []
    if card.excluded:
        left_out.append(f"Excluded, not scored ({len(card.excluded)}): {', '.join(card.excluded)}.")
    if card.failures:
        left_out.append(f"Not inspected, scored 0 ({len(card.failures)}): {', '.join(card.failures)}.")
    if card.unlabelled:
        left_out.append(f"{card.unlabelled} images without truth were not scored.")
    return Section("Score card", (*blocks, *map(Text, left_out)))


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def data_section(model: Model, trained: Sequence[Seen], scored: Sequence[Seen], remark: str) -> Section:
    """What the model was trained on and what it is scored on."""
    told = model.training
    facts = [
        ("layout", model.layout),
        ("profile", f"{model.profile}, {len(model.looks)} look{'s' if len(model.looks) > 1 else ''}"),
        ("columns", " / ".join(str(len(look.spec.columns)) for look in model.looks) + ", look by look"),
        ("heads", ", ".join(head.name for head in model.heads)),
        ("images", f"{told.get('images', '?')}, and {told.get('excluded', '?')} excluded"),
        ("groups", f"{told.get('groups', '?')}; images of one group never part between folds"),
    ]
    facts += [(f"dirty images, {head}", str(count)) for head, count in dict(told.get("dirty_images", {})).items()]
    parts = {name: seen for name, seen in (("trained on", trained), ("scored", scored)) if seen}
    blocks: list[Block] = [Text(remark, warning=True)] if remark else []
    blocks.append(Facts(tuple(facts)))
    rows = [row for name, seen in parts.items() for row in _count_rows(name, seen)]
    heading = ("", "images", "clean", "clean share", "defects", "median px of a defect", "median px of a dirty image")
    blocks.append(Table((heading, *rows), "Labelled images that are not excluded, per level and kind of defect."))
    counts = {name: size_counts(seen) for name, seen in parts.items()}
    if any(values.any() for values in counts.values()):
        blocks.append(drawing.draw_size_counts(counts))
    return Section("What was trained on what", tuple(blocks))


def _count_rows(name: str, seen: Sequence[Seen]) -> list[tuple[str, ...]]:
    """One row for all, and one for each level and head where there are several."""
    levels = sorted({item.sample.level for item in seen if item.sample.level}, key=lambda level: (len(level), level))
    heads = sorted({item.head for item in seen})
    rows = [_count_row(name, seen)] if len(heads) == 1 else []
    for head in heads:
        of_head = [item for item in seen if item.head == head]
        if len(heads) > 1:
            rows.append(_count_row(f"{name}, {head}", of_head))
        for level in levels if len(levels) > 1 else ():
            part = [item for item in of_head if item.sample.level == level]
            title = f"{name}, level {level}" + (f", {head}" if len(heads) > 1 else "")
            rows += [_count_row(title, part)] if part else []
    return rows


def _count_row(title: str, seen: Sequence[Seen]) -> tuple[str, ...]:
    sizes = np.concatenate([item.sizes for item in seen])
    totals = np.array([item.sizes.sum() for item in seen])
    clean = int((totals == 0).sum())
    medians = [f"{np.median(values):,.0f}" if values.size else "-" for values in (sizes, totals[totals > 0])]
    return (title, f"{len(seen):,}", f"{clean:,}", f"{clean / len(seen):.1%}", f"{sizes.size:,}", *medians)


def sizes_section(card: Scorecard, scored: Sequence[Seen]) -> Section:
    """What was found of small and large defects; some scored image is dirty."""
    rows = size_rows(scored, card.per_image)
    heading = ("px", "defects", "found at all", "their pixels", "images with as much", f"their {card.metric}")
    cells = [
        (
            row.label,
            str(row.defects),
            _share(row.found),
            _share(row.covered),
            str(row.images),
            "-" if row.score is None else f"{row.score:.4f}",
        )
        for row in rows
    ]
    table = Table(
        (heading, *cells),
        "Left: connected defects by their size, found at all if one pixel is marked. Right: dirty images by all their "
        "dirt together.",
    )
    return Section("Score by defect size", (table, drawing.draw_size_scores(rows, card.metric)))


def decision_section(model: Model, surfaces: Mapping[str, Surface]) -> Section:
    """The rule of each head and the surface it stands on."""
    blocks: list[Block] = []
    for head in model.heads:
        rule = head.rule.to_dict()
        rule["low"] = f"{head.rule.low} of 255, p >= {head.rule.low / 255:.2f} before calibration"
        facts = [(name.replace("_", " "), _value(value)) for name, value in rule.items()]
        surface = surfaces.get(head.name)
        if surface is not None and surface.chosen is not None:
            chosen = surface.chosen
            facts.append(("out of fold", f"mean {chosen.score:.4f}, of the dirty images {chosen.dirty_score:.4f}"))
            facts.append(("false alarms out of fold", f"{chosen.false_alarms:.1%} of {chosen.clean} clean images"))
        blocks.append(Facts((("head", head.name), *facts)))
        if surface is not None:
            blocks.append(drawing.draw_surface(surface, head.name))
    if surfaces:
        blocks.append(
            Text(
                f"The objective is the mean over images, averaged over {len(JITTERS)} small moves of the rule, less "
                f"{FALSE_ALARM_COST:g} x the share of clean images marked. All but threshold and cut stay as chosen. "
                "The surface is that of the trained images, out of fold; tune --also may have seen more."
            )
        )
    return Section("Decision rule", tuple(blocks))


def _value(value: object) -> str:
    """A setting of a rule in words."""
    words: dict[object, str] = {None: "off", False: "no", True: "yes"}
    return words[value] if value is None or isinstance(value, bool) else str(value)


def gallery_section(rows: Sequence[GalleryRow], rest: Sequence[Pick], *, probabilities: bool) -> Section:
    """The pictures, and the images that there was no room for."""
    kinds = tuple(kind for kind in KINDS if any(kind in row.kinds for row in rows))
    levels = tuple(sorted({row.level for row in rows if row.level}, key=lambda level: (len(level), level)))
    text = (
        "A miss is a dirty image without one true pixel found, a false alarm a clean image that is marked; worst, "
        f"typical and best are {EACH} each of the dirty images that were found at least in part. Green: the truth, and "
        "what was found and touches it. Vermilion: found, and no truth there. Light blue, broken: a defect "
        "that nothing touches."
    )
    shown = "Probability: violet 0, blue 0.1, teal 0.25, green 0.5, yellow 1."
    lacking = "No probability panel: predict with --probabilities keeps the maps."
    blocks: list[Block] = [Text(text), Text(shown if probabilities else lacking)]
    blocks.append(Gallery(kinds, levels, tuple(rows)))
    if rest:
        heading = ("image", "level", "kind", "score", "truth, px", "found, px")
        cells = [
            (p.id, p.level or "-", ", ".join(p.kinds), f"{p.score:.2f}", f"{p.truth_area:,}", f"{p.found_area:,}")
            for p in rest
        ]
        blocks.append(Table((heading, *cells), f"{len(rest)} further images without room for pictures."))
    return Section("Gallery", tuple(blocks))


def timing_section(timing: Timing) -> Section:
    """Milliseconds per stage."""
    total = sum(timing.ms.values())
    rows = [(name, f"{ms:.1f}", f"{ms / total:.0%}") for name, ms in timing.ms.items()]
    text = (
        f"Measured when this report was made, on {timing.images} of the scored images of about {timing.pixels:,} "
        f"pixels, by the clock and with one thread: the median over the images of the faster of {REPEATS} runs. What "
        "else the machine was doing is in it."
    )
    return Section(
        "Time per image",
        (
            Text(text),
            Table((("stage", "ms", "share"), *rows, ("all", f"{total:.1f}", "100%")), "Milliseconds of an image."),
        ),
    )


def history_section(histories: Sequence[History], ablations: Sequence[Table]) -> Section:
    """What else was tried; one of the two is not empty."""
    rows = []
    for history in histories:
        best = [
            max(values) if maximise else min(values)
            for maximise, values in zip(history.maximise, zip(*history.values, strict=True), strict=True)
        ]
        rows.append((history.name, str(len(history.values)), " / ".join(f"{value:.4f}" for value in best)))
    blocks: list[Block] = []
    if rows:
        blocks.append(
            Table((("study", "trials", "best value"), *rows), "Kept studies; several objectives: best of each.")
        )
    single = [history for history in histories if len(history.maximise) == 1]
    if single:
        blocks.append(drawing.draw_history(single))
    return Section("What else was tried", (*blocks, *ablations))


def repeat_section(
    commands: Sequence[str],
    configuration: str | None,
    facts: Iterable[tuple[str, str]],
    versions: tuple[tuple[str, str], ...],
    *,
    same_model: bool,
) -> Section:
    """Commands, configuration, digests, seeds and versions."""
    blocks: list[Block] = [Code("\n".join(commands))]
    remark = "A model does not record whether it was tuned with --also or other options of tune: add them if it was."
    blocks.append(Text(remark))
    if not same_model:
        blocks.append(Text("The predictions were made by another model than the one reported.", warning=True))
    if configuration is not None:
        blocks += [Text("run.toml, the configuration of the training:"), Code(configuration)]
    blocks += [Facts(tuple(facts)), Text("Versions here, where the report was made:"), Facts(versions)]
    return Section("How to repeat it", tuple(blocks))
