"""Why a model found what it found in an image, and why it did not find the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from features import Scene
from pixelgbm.errors import ConfigError
from pixelgbm.explanation.answer import Evidence, ExplainedPixel, ExplainedRegion, Explanation, HeadExplanation
from pixelgbm.explanation.families import Attribution, attribute
from pixelgbm.explanation.spots import Failed, Spot, failed_at, spots_of
from pixelgbm.inspection import judge, pair_flags, promised_map
from pixelgbm.mapping import HeadMap, first_stack, map_looks, prepare_pair, survivors
from pixelgbm.model import Head, Look, Model
from pixelgbm.records import Pair, Verdict

__all__ = ["Evidence", "ExplainedPixel", "ExplainedRegion", "Explanation", "Failed", "HeadExplanation", "explain_pair"]

MOST_PIXELS = 1200
"""Pixels of one head that are explained, at some 2 ms a look and pixel. Of more, each region gets its share, evenly
spread, and at least one."""

MOST_FAINT = 8
"""Regions that were never candidates, the heaviest first: of thousands on a rough texture nobody wants to read."""


def explain_pair(model: Model, pair: Pair, *, at: tuple[int, int] | None = None, workers: int = 1) -> Explanation:
    """Which families of evidence spoke for and against every region, and which test a rejected one failed.

    Verdict and found regions are those of `inspect_pair`. at: (row, col) of a pixel to explain as well; ConfigError
    when it lies outside the image. workers: threads of LightGBM; they change nothing else.
    """
    rows, cols = pair.test.shape[:2]
    if at is not None and not (0 <= at[0] < rows and 0 <= at[1] < cols):
        raise ConfigError(
            f"pixel {at[0]},{at[1]} is not in the image; its rows are 0 to {rows - 1}, its columns 0 to {cols - 1}"
        )
    pixel = None if at is None else at[0] * cols + at[1]
    scene = prepare_pair(model.looks[0], pair)
    first = first_stack(model.looks[0], scene)
    heads = []
    for head in model.heads:
        seen = list(map_looks(model.looks, head, scene, pair.ignore, first=first, lasting=True))
        told = _Told(model.looks, head, seen, workers)
        heads.append(_explain_head(told, pair.ignore, pixel=pixel))
    accepted = not any(item.found.any() for item in heads)
    return Explanation(Verdict(accepted, pair_flags(pair, scene)), tuple(heads), _reference(scene))


def _reference(scene: Scene) -> NDArray[np.uint8] | None:
    if scene.covered is None:
        return None
    if scene.colour:
        shown = np.stack([scene.planes[f"reference_{name}"] for name in ("red", "green", "blue")], axis=2)
    else:
        shown = scene.planes["reference_light"]
    return np.clip(shown, 0, 255).astype(np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class _Told:
    """One head's maps of an image, look after look, and what they can be asked."""

    looks: Sequence[Look]
    head: Head
    seen: Sequence[HeadMap]
    threads: int

    def of(self, pixels: NDArray[np.intp], *, look: int) -> Attribution:
        """What each family contributed to what a look (from 1) says of pixels (flat indices)."""
        stacks = [mapped.stack for mapped in self.seen[:look]]
        return attribute(self.looks[:look], self.head.boosters[:look], stacks, pixels, threads=self.threads)


def _explain_head(told: _Told, ignore: NDArray[np.bool_] | None, *, pixel: int | None) -> HeadExplanation:
    mapped = told.seen[-1]
    judged = judge(told.head, mapped)
    spots = spots_of(told.head, mapped, judged)
    promised = promised_map(told.head, mapped, ignore)
    shown = _shown(spots, pixel)
    picked = _picked([spot.pixels for spot in shown])
    attribution = told.of(np.concatenate([np.empty(0, np.intp), *picked]), look=len(told.looks))
    regions, start = [], 0
    for spot, pixels in zip(shown, picked, strict=True):
        evidence = _evidence(attribution, slice(start, start + pixels.size))
        probability = float(promised.ravel()[spot.pixels].mean())
        regions.append(ExplainedRegion(spot.region, probability, spot.failed, evidence, int(pixels.size)))
        start += pixels.size
    asked = None
    if pixel is not None:
        failed = failed_at(pixel, spots, told.head, mapped, judged)
        asked = _explain_pixel(told, ignore, pixel, shown, failed, probability=float(promised.flat[pixel]))
    heat = _heat(attribution, picked, shown, mapped.levels.shape)
    return HeadExplanation(told.head.name, tuple(regions), asked, heat, judged.mask, promised)


def _shown(spots: Sequence[Spot], pixel: int | None) -> list[Spot]:
    """All but the least of the faint ones, which have no score."""
    faint = 0
    shown = []
    for spot in spots:
        faint += bool(np.isnan(spot.region.score))
        if faint <= MOST_FAINT or (pixel is not None and pixel in spot.pixels):
            shown.append(spot)
    return shown


def _picked(areas: Sequence[NDArray[np.intp]]) -> list[NDArray[np.intp]]:
    """Of each region's pixels those that are explained."""
    share = min(1.0, MOST_PIXELS / max(sum(area.size for area in areas), 1))
    counts = [max(1, int(share * area.size)) for area in areas]
    return [
        area[np.linspace(0, area.size - 1, count).round().astype(np.intp)]
        for area, count in zip(areas, counts, strict=True)
    ]


def _evidence(attribution: Attribution, rows: slice) -> Evidence:
    means = attribution.values[rows].mean(axis=0)
    named = dict(zip(attribution.families, means.tolist(), strict=True))
    return Evidence(named, float(attribution.base[rows].mean()))


def _explain_pixel(
    told: _Told,
    ignore: NDArray[np.bool_] | None,
    pixel: int,
    shown: Sequence[Spot],
    failed: Failed | None,
    *,
    probability: float,
) -> ExplainedPixel:
    """A pixel that did not survive the first look is explained by that look, for no other judged it."""
    first, cut = told.seen[0].levels, told.head.survivor_cut
    again = survivors(first, cut, ignore).ravel()[pixel]
    look = len(told.looks) if again else 1
    row, col = divmod(pixel, first.shape[1])
    raw = float(told.seen[look - 1].probability[row, col])
    if not again and cut is not None and failed is not None and failed.test == "low":
        failed = Failed("survivor_cut", raw, cut)
    return ExplainedPixel(
        row=row,
        col=col,
        probability=probability,
        raw_probability=raw,
        look=look,
        region=next((k for k, spot in enumerate(shown) if pixel in spot.pixels), None),
        failed=failed,
        evidence=_evidence(told.of(np.array([pixel]), look=look), slice(None)),
    )


def _heat(
    attribution: Attribution, picked: Sequence[NDArray[np.intp]], shown: Sequence[Spot], shape: tuple[int, ...]
) -> dict[str, NDArray[np.float32]]:
    heat = np.full((len(attribution.families), *shape), np.nan, dtype=np.float32)
    if shown:
        number = np.full(shape, -1)
        number.ravel()[np.concatenate(picked)] = np.arange(len(attribution.base))
        row, col = distance_transform_edt(number < 0, return_distances=False, return_indices=True)
        where = np.zeros(shape, dtype=np.bool_)
        where.ravel()[np.concatenate([spot.pixels for spot in shown])] = True
        heat[:, where] = attribution.values[number[row, col][where]].T
    return dict(zip(attribution.families, heat, strict=True))
