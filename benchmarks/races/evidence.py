"""The columns of a pair, beside OpenCV's for those it can express."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from features import FeatureSpec, extract_scene, prepare
from features.column import Column
from races.clock import Contestant, Row, race, timed
from races.inputs import Setup, draw, fitted
from races.opencv_columns import COLUMNS, OpenCV

__all__ = ["ABOUT", "TITLE", "Chosen", "gap_in_bytes", "run"]

TITLE = "Evidence: the columns of a 390x390 pair"
ABOUT = (
    "From the prepared pair (registered, light and focus matched) to byte planes. OpenCV with numpy makes those "
    "columns that their filters express, sharing blurs, with the same windows; ours makes the same ones, then all."
)


@dataclass(frozen=True)
class Chosen(FeatureSpec):
    """The specification of the columns that OpenCV makes as well."""

    @cached_property
    def table(self) -> tuple[Column, ...]:
        return tuple(column for column in FeatureSpec().table if column.name in COLUMNS)


def gap_in_bytes(one: NDArray[np.uint8], two: NDArray[np.uint8]) -> dict[str, float]:
    """How alike two stacks of byte planes are: near equality, and the correlation of each plane with its twin."""
    gap = np.abs(one.astype(np.int16) - two.astype(np.int16))
    alike = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(one, two, strict=True)]
    found = {"within 2 bytes, %": 100 * (gap <= 2).mean(), "median correlation": np.median(alike)}
    return {name: float(value) for name, value in (found | {"least correlation": min(alike)}).items()}


def run(setup: Setup) -> tuple[list[Row], list[str]]:
    drawn = draw(setup.seed)
    spec, full = Chosen(), FeatureSpec()
    scene = prepare(drawn.image, drawn.reference, blue=spec.blue)
    scales = fitted(drawn, full)
    quantizer, lean = scales.for_spec(spec), FeatureSpec(lean=True)
    few = scales.for_spec(lean)
    gap = gap_in_bytes(extract_scene(scene, spec, quantizer).planes, OpenCV(scene).bytes(quantizer))
    contestants = [
        Contestant(
            "pixelgbm, the same columns",
            timed(lambda: extract_scene(scene, spec, quantizer)),
            {"columns": len(spec.table)},
        ),
        Contestant(
            "OpenCV and numpy", timed(lambda: OpenCV(scene).bytes(quantizer)), {"columns": len(spec.table), **gap}
        ),
        Contestant("pixelgbm, all", timed(lambda: extract_scene(scene, full, scales)), {"columns": len(full.table)}),
        Contestant(
            "pixelgbm, those of a lean first look",
            timed(lambda: extract_scene(scene, lean, few)),
            {"columns": len(lean.table)},
        ),
    ]
    left_out = sorted({column.name for column in full.table} - set(COLUMNS))
    notes = [
        "Gabor filters of sigma 4 and curvatures from sigma 3 on differ by more than 2 bytes: ours measures wide "
        "windows at a lower resolution, which damps the waves a little and leaves their pattern.",
        f"The {len(left_out)} columns that OpenCV was spared: {', '.join(left_out)}.",
    ]
    return race(contestants, rounds=setup.rounds), notes
