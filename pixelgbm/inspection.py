"""A model applied to a pair: maps, candidate regions, their scores, the verdict."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import NDArray

from features import FeatureError, Scene
from pixelgbm import datasets, decision, regions
from pixelgbm.calibration import Calibration, calibrated_map
from pixelgbm.errors import PixelgbmError
from pixelgbm.forest import Trees, predict_rows
from pixelgbm.mapping import HeadMap, References, map_heads, prepare_pair
from pixelgbm.min_size import MinSize, large_enough
from pixelgbm.model import Head, Model
from pixelgbm.predictions import PredictionWriter
from pixelgbm.records import Dataset, Inspection, Pair, Region, Sample, Verdict
from pixelgbm.stages import stage
from pixelgbm.threads import ordered_map

__all__ = [
    "Cut",
    "Judged",
    "decide_head",
    "inspect_into",
    "inspect_many",
    "inspect_pair",
    "judge",
    "pair_flags",
    "promised_map",
    "region_of",
    "region_scores",
]


def region_scores(
    booster: Trees | None,
    calibration: Calibration,
    mean_probability: NDArray[np.float64],
    features: NDArray[np.float32],
) -> NDArray[np.float64]:
    """(n,) calibrated confidence of candidates; without a region booster their mean probability stands in.

    mean_probability: (n,). features: (n, F), as `regions.measure` gives them.
    """
    if mean_probability.size == 0:
        return np.zeros(0)
    return calibration(mean_probability if booster is None else predict_rows(booster, features))


def inspect_pair(
    model: Model, pair: Pair, *, id: str = "", min_size: MinSize | None = None, references: References = "use"
) -> Inspection:
    """Inspect one pair: every head's mask and map, the regions kept, and accepted or rejected.

    A part is accepted when no head keeps a region. Of those that the rule keeps, `min_size` drops the small ones: set
    it when defects below a size do not matter to the customer.
    """
    scene = prepare_pair(model.looks[0], pair, references=references)
    masks: dict[str, NDArray[np.bool_]] = {}
    maps: dict[str, NDArray[np.float32]] = {}
    found: list[Region] = []
    for head, mapped in map_heads(model.looks, model.heads, scene, pair.ignore):
        maps[head.name] = promised_map(head, mapped, pair.ignore)
        masks[head.name], kept = decide_head(head, mapped, min_size=min_size)
        found.extend(kept)
    flags = pair_flags(pair, scene, references=references)
    return Inspection(id, masks, maps, tuple(found), Verdict(accepted=not found, flags=flags))


def promised_map(head: Head, mapped: HeadMap, ignore: NDArray[np.bool_] | None) -> NDArray[np.float32]:
    """(rows, cols) float32: how often pixels that looked like these were defects; 0 where ignored.

    The map of the boosters where the model has no calibration for it. Nothing is decided on it.
    """
    if head.map_calibration is None:
        return mapped.probability
    promised = calibrated_map(head.map_calibration, mapped.probability)
    if ignore is not None:
        promised[ignore] = 0
    return promised


Cut = tuple[regions.RegionTable, NDArray[np.float64]]
"""The candidates of one threshold and their scores."""


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """How the rule judged the map of one head.

    cuts: the candidates at the rule's low and, where regions are trimmed, at every higher threshold of the grid.
    found: per cut the rows that make up the mask. mask: (rows, cols) bool.
    """

    cuts: tuple[Cut, ...]
    found: tuple[NDArray[np.intp], ...]
    mask: NDArray[np.bool_]


@stage("regions")
def judge(head: Head, mapped: HeadMap) -> Judged:
    """Apply a head's rule to its map."""
    rule = head.rule
    cuts = [_cut(head, mapped, rule.low)]
    mask, kept = decision.decide(*cuts[0], rule)
    found = [kept]
    if rule.trim is not None and kept.size:
        cuts += [_cut(head, mapped, low) for low in regions.LOW_GRID if low > rule.low]
        mask, found = decision.decide_parts(cuts, kept, rule)
    return Judged(tuple(cuts), tuple(found), mask)


def decide_head(
    head: Head, mapped: HeadMap, *, min_size: MinSize | None = None
) -> tuple[NDArray[np.bool_], list[Region]]:
    """The final mask of one head, (rows, cols) bool, and its kept regions. min_size: as for `inspect_pair`."""
    judged = judge(head, mapped)
    mask = judged.mask
    parts = [(cut, int(k)) for cut, rows in zip(judged.cuts, judged.found, strict=True) for k in rows]
    if min_size is not None:
        pixels = [_pixels(head, cut, k) for cut, k in parts]
        matter = large_enough(pixels, min_size)
        for small in (pixels[k] for k in np.flatnonzero(~matter)):
            mask[small[:, 0], small[:, 1]] = False
        parts = [part for part, large in zip(parts, matter, strict=True) if large]
    return mask, sorted((region_of(head, cut, k) for cut, k in parts), key=lambda region: region.bbox)


def _cut(head: Head, mapped: HeadMap, low: int) -> Cut:
    candidates = regions.candidate_mask(mapped.levels, low=low, operation=head.rule.operation)
    table = regions.measure(mapped.levels, candidates, mapped.stack)
    return table, region_scores(head.region_booster, head.calibration, table.mean_probability, table.features)


def _pixels(head: Head, cut: Cut, k: int) -> NDArray[np.int64]:
    """(n, 2) the pixels (row, col) of a region, with its holes where they are filled."""
    table, _ = cut
    top, left, bottom, right = table.bbox[k]
    labels = table.filled_labels if head.rule.fill_holes else table.labels
    rows, cols = np.nonzero(labels[top:bottom, left:right] == k + 1)
    return np.stack([rows + top, cols + left], axis=1)


def region_of(head: Head, cut: Cut, k: int) -> Region:
    """Row `k` of a cut as a record."""
    table, scores = cut
    area = table.filled_area if head.rule.fill_holes else table.area
    return Region(
        head=head.name,
        bbox=tuple(int(edge) for edge in table.bbox[k]),  # type: ignore[arg-type]
        centroid=(float(table.centroid[k, 0]), float(table.centroid[k, 1])),
        area=int(area[k]),
        score=float(scores[k]),
        mean_probability=float(table.mean_probability[k]),
        max_probability=float(table.max_probability[k]),
    )


def pair_flags(pair: Pair, scene: Scene, *, references: References = "use") -> tuple[str, ...]:
    """What a person should know about the answer: a missing or wrong reference, what the reader changed."""
    flags = []
    if pair.reference is None or references == "drop":
        flags.append("no reference")
    elif scene.quality is not None and scene.quality.status == "mismatch":
        flags.append("reference mismatch")
    return (*flags, *pair.notes)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of one sample: an inspection and the seconds it took, or the reason why not."""

    id: str
    inspection: Inspection | None
    seconds: float
    failure: str = ""


def inspect_many(
    model: Model,
    dataset: Dataset,
    samples: Iterable[Sample] | None = None,
    *,
    on_result: Callable[[Inspection, float], None],
    on_failure: Callable[[str, str], None],
    workers: int = 1,
    min_size: MinSize | None = None,
    references: References = "use",
    progress: Callable[[int, int, str], None] | None = None,
) -> None:
    """Inspect samples (None: all of `dataset`) with `workers` threads, one image per thread.

    `on_result(inspection, seconds)` and `on_failure(id, reason)` are called in this thread, in the order
    of the samples. A file that cannot be read is reported and the rest is done. The bytes handed out
    do not depend on `workers`, and memory is bounded by it.
    """
    todo = tuple(dataset.samples if samples is None else samples)

    def inspect(sample: Sample) -> _Outcome:
        start = time.perf_counter()
        try:
            pair = datasets.read_pair(dataset, sample)
            inspection = inspect_pair(model, pair, id=sample.id, min_size=min_size, references=references)
        except (PixelgbmError, FeatureError) as error:
            return _Outcome(sample.id, None, time.perf_counter() - start, str(error))
        return _Outcome(sample.id, inspection, time.perf_counter() - start)

    done = count(1)  # not by `enumerate`, which holds what it gave, and so its maps, until the next image is done
    for outcome in ordered_map(inspect, todo, workers=workers):
        if outcome.inspection is None:
            on_failure(outcome.id, outcome.failure)
        else:
            on_result(outcome.inspection, outcome.seconds)
        del outcome
        if progress is not None:
            progress(next(done), len(todo), "inspecting")


def inspect_into(
    writer: PredictionWriter,
    model: Model,
    dataset: Dataset,
    *,
    workers: int = 1,
    min_size: MinSize | None = None,
    references: References = "use",
    progress: Callable[[int, int, str], None] | None = None,
) -> dict[str, str]:
    """Inspect what `writer` does not hold yet and write it there; returns the reason for every image that failed."""
    failures: dict[str, str] = {}

    def fail(id: str, reason: str) -> None:
        failures[id] = reason
        writer.fail(id, reason)

    inspect_many(
        model,
        dataset,
        [sample for sample in dataset.samples if not writer.done(sample.id)],
        on_result=lambda inspection, _: writer.write(inspection),
        on_failure=fail,
        workers=workers,
        min_size=min_size,
        references=references,
        progress=progress,
    )
    return failures
