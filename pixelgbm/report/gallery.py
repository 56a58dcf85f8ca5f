"""The images to look at: the best, typical and worst answers, every false alarm and every miss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelgbm import images
from pixelgbm.display import coloured
from pixelgbm.predictions import Predictions
from pixelgbm.records import Dataset
from pixelgbm.report.document import GalleryRow
from pixelgbm.report.panels import (
    FALSE,
    HIT,
    MISSED,
    Shown,
    beside,
    placed,
    read_shown,
    resized,
    thinned,
    tinted,
)
from pixelgbm.scorecard import Scorecard
from pixelgbm.threads import ordered_map

__all__ = ["KINDS", "MOST_BYTES", "Pick", "pick_images", "read_rows"]

KINDS: tuple[str, ...] = ("miss", "false alarm", "worst", "typical", "best")
"""miss: dirty and no true pixel found. false alarm: clean and marked. The others are dirty images, found at least in
part, by their score."""

EACH = 6
"""Images that are the best, typical and worst."""

SIDE, PANEL = 420, 200
"""Longest side in px of a picture in the page, and of a panel in the PDF."""

MOST_BYTES = 17_000_000
"""Of all pictures and outlines together; in the page they take a third more. Further images are listed only."""


@dataclass(frozen=True, slots=True)
class Pick:
    """An image of the gallery, all heads together. score: of its worst head. areas: px."""

    id: str
    level: str
    kinds: tuple[str, ...]
    score: float
    truth_area: int
    found_area: int


def pick_images(card: Scorecard, *, count: int) -> tuple[list[Pick], list[Pick]]:
    """The images to show, at most `count`, and the remaining misses and false alarms.

    Shown first are the best, typical and worst, then the false alarms with most pixels and the misses with most dirt,
    one of each in turn. Both lists are in the order of `KINDS`, the gravest first.
    """
    found = _merged(card)
    dirty = sorted((p for p in found if p.truth_area), key=lambda p: (p.score, p.id))
    misses = [p for p in found if "miss" in p.kinds]
    hit = [p for p in dirty if "miss" not in p.kinds]
    middle = max((len(hit) - EACH) // 2, 0)
    parts = {"worst": hit[:EACH], "best": hit[-EACH:], "typical": hit[middle : middle + EACH]}
    chosen = {p.id: p for p in found}
    for kind, part in parts.items():
        for pick in part:
            before = chosen[pick.id]
            chosen[pick.id] = Pick(**_plain(before) | {"kinds": (*before.kinds, kind)})
    telling = [p.id for kind in ("worst", "best", "typical") for p in parts[kind]]
    false = sorted((p for p in found if "false alarm" in p.kinds), key=lambda p: (-p.found_area, p.id))
    missed = sorted(misses, key=lambda p: (-p.truth_area, p.id))
    order = list(dict.fromkeys([*telling, *_in_turn([p.id for p in false], [p.id for p in missed])]))
    shown, rest = set(order[:count]), set(order[count:])
    ranked = sorted((chosen[id] for id in order), key=_gravity)
    return [p for p in ranked if p.id in shown], [p for p in ranked if p.id in rest]


def _plain(pick: Pick) -> dict[str, Any]:
    return {name: getattr(pick, name) for name in Pick.__slots__}


def _gravity(pick: Pick) -> tuple[int, float, int, str]:
    return (min(KINDS.index(kind) for kind in pick.kinds), pick.score, -pick.truth_area - pick.found_area, pick.id)


def _in_turn(one: Sequence[str], two: Sequence[str]) -> list[str]:
    pairs = [ids for pair in zip(one, two, strict=False) for ids in pair]
    shorter = min(len(one), len(two))
    return [*pairs, *one[shorter:], *two[shorter:]]


def _merged(card: Scorecard) -> list[Pick]:
    """Every image that did not fail, as a miss, a false alarm or neither."""
    rows: dict[str, list[Any]] = {}
    for row in card.per_image:
        if row.actual is not None:
            rows.setdefault(row.id, []).append(row)
    picks = []
    for id, heads in rows.items():
        truth, found = sum(row.actual for row in heads), sum(row.predicted for row in heads)
        miss, alarm = truth > 0 and not any(row.tp for row in heads), truth == 0 and found > 0
        kinds = ("miss",) * miss + ("false alarm",) * alarm
        picks.append(Pick(id, heads[0].level or "", kinds, min(row.score for row in heads), truth, found))
    return picks


def read_rows(
    picks: Sequence[Pick],
    predicted: Predictions,
    dataset: Dataset,
    *,
    workers: int = 1,
    progress: Callable[[int, int, str], None] | None = None,
) -> list[GalleryRow]:
    """Read and encode the pictures, in the order given, until `MOST_BYTES` are reached.

    Raises DatasetError, ImageError or SubmissionError for a file that cannot be read.
    """
    samples = {sample.id: sample for sample in dataset.samples}
    verdicts = predicted.verdicts()
    references = any(samples[pick.id].reference is not None for pick in picks)

    def encode(pick: Pick) -> GalleryRow:
        shown = read_shown(predicted, dataset, samples[pick.id], probability=predicted.has_probabilities)
        return _row(pick, shown, verdicts[pick.id].flags, references=references)

    rows: list[GalleryRow] = []
    total = 0
    for row in ordered_map(encode, picks, workers=workers):
        pictures = (row.image, row.reference or b"", row.probability or b"")
        total += sum(map(len, (*pictures, row.truth, row.hit, row.false, row.missed)))
        if total > MOST_BYTES:
            break
        rows.append(row)
        if progress is not None:
            progress(len(rows), len(picks), "drawing the gallery")
    return rows


def _row(pick: Pick, shown: Shown, flags: tuple[str, ...], *, references: bool) -> GalleryRow:
    scale = min(1.0, SIDE / max(shown.truth.shape))
    image = resized(shown.image, scale)
    hit, false = _by_touch(shown.found, shown.truth)
    missed = _by_touch(shown.truth, shown.found)[1]
    levels = None if shown.probability is None else coloured(resized(shown.probability, scale))
    return GalleryRow(
        **_plain(pick),
        flags=flags,
        size=(image.shape[0], image.shape[1]),
        image=images.encode_webp(image, quality=72),
        reference=None if shown.reference is None else images.encode_webp(resized(shown.reference, scale), quality=72),
        probability=None if levels is None else images.encode_webp(levels, quality=60),
        truth=_path(shown.truth, scale),
        hit=_path(hit, scale),
        false=_path(false, scale),
        missed=_path(missed, scale),
        strip=_strip(shown, hit, false, missed, references=references),
    )


def _by_touch(regions: NDArray[np.bool_], other: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The connected regions that share a pixel with `other`, and those that do not."""
    count, labels = cv2.connectedComponents(regions.view(np.uint8), connectivity=8)
    touching = np.bincount(labels[other & regions], minlength=count) > 0
    return touching[labels], regions & ~touching[labels]


def _path(mask: NDArray[np.bool_], scale: float) -> str:
    """An SVG path along the rim pixels of every region of a mask, in px of the scaled picture."""
    contours, _ = cv2.findContours(mask.view(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    parts = []
    for contour in contours:
        corners = np.round((contour[:, 0] + 0.5) * scale, 1).tolist()
        parts.append("M" + "L".join(f"{col:g} {row:g}" for col, row in corners) + "Z")
    return "".join(parts)


def _strip(
    shown: Shown, hit: NDArray[np.bool_], false: NDArray[np.bool_], missed: NDArray[np.bool_], *, references: bool
) -> bytes:
    """The panels side by side, JPEG. references: some image has one; where this one has none, its panel is grey."""
    scale = min(1.0, PANEL / max(shown.truth.shape))
    image = found = resized(shown.image, scale)
    for mask, colour in ((missed, MISSED), (false, FALSE), (hit, HIT)):
        found = tinted(found, thinned(mask, scale), colour)
    reference = None if shown.reference is None else resized(shown.reference, scale)
    panels = [image, placed(reference, image.shape)] if references else [image]
    panels += [tinted(image, thinned(shown.truth, scale), HIT), found]
    if shown.probability is not None:
        panels.append(coloured(resized(shown.probability, scale)))
    return images.encode_jpeg(beside(panels), quality=80)
