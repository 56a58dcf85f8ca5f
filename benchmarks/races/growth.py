"""How the cost grows with the area of an image and with the number of images."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from features import strips
from pixelgbm import files
from pixelgbm.datasets import LAYOUTS, open_dataset
from pixelgbm.datasets.layout import Labelled
from pixelgbm.forest import predict_planes
from pixelgbm.inspection import inspect_many, inspect_pair
from pixelgbm.machine import peak_memory
from pixelgbm.model import Model
from pixelgbm.records import Pair
from races.clock import Contestant, Row, race, timed
from races.inputs import Setup, draw, fast_model
from races.whole import engine

__all__ = ["ABOUT", "TITLE", "against_smallest", "enlarged", "exponents", "figure", "run"]

TITLE = "Growth with area and with the number of images"
ABOUT = (
    "Pairs up to 10 Mpixel are inspected whole. Single images have their evidence and trees made in strips of 512 "
    "rows, so that only a strip of byte planes is held. Large images are drawn ones in mirrored tiles. "
    "`times the first` is the cost of the row's unit (megapixel, image) against the smallest row of its kind."
)
SIDES = (200, 400, 800, 1600, 3200, 8000)
PAIR_MOST = 10.3
IMAGES = (10, 100, 1_000, 10_000)
"""Pairs of a folder: the same ten, as often as it takes."""
SEVERAL_BELOW = 1.0
"""Megapixels; larger images are timed three times, those of more than ten once."""


def enlarged(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """(side, side, 3): the image mirrored at its edges as often as it takes."""
    rows, cols = (np.pad(np.arange(n), (0, max(side - n, 0)), mode="symmetric")[:side] for n in image.shape[:2])
    return np.ascontiguousarray(image[np.ix_(rows, cols)])


def _in_strips(model: Model, image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(rows, cols): the map of the first look, a strip at a time."""
    look, booster = model.looks[0], model.heads[0].boosters[0]
    made = strips(image, None, look.spec, look.quantizer)
    return np.concatenate([predict_planes(booster, stack.planes) for _, stack in made])


def _once(kind: str, size: float, unit: str, work: Callable[[], object], rounds: int) -> Row:
    name = f"{kind}, {size:g} {unit}{'s' if unit == 'image' else ''}"
    row = race([Contestant(name, timed(work))], rounds=rounds)[0]
    memory = peak_memory()
    facts = {f"ms per {unit}": row["median_ms"] / size} | ({} if memory is None else {"MB so far": memory / 1e6})
    return row | {"kind": kind, "size": size, "unit": unit, "facts": facts}


def _rounds(setup: Setup, megapixels: float) -> int:
    return setup.rounds if megapixels <= SEVERAL_BELOW else min(setup.rounds, 3 if megapixels <= 10.3 else 1)


def run(setup: Setup) -> tuple[list[Row], list[str]]:
    drawn, model, rows = draw(setup.seed), fast_model(setup), []
    started = time.perf_counter()
    with engine("llvm"):
        rows += _images(setup, model)
        for side in SIDES:
            area = side * side / 1e6
            if area > setup.largest:
                continue
            image = enlarged(drawn.image, side)
            rounds = _rounds(setup, area)
            rows.append(_once("single image in strips", area, "Mpixel", lambda i=image: _in_strips(model, i), rounds))
            if area <= PAIR_MOST:
                pair = Pair(image, enlarged(drawn.reference, side + side // 10))
                rows.append(_once("pair", area, "Mpixel", lambda p=pair: inspect_pair(model, p), rounds))
    rows = against_smallest(sorted(rows, key=lambda row: (row["kind"], row["size"])))
    files.write_bytes(setup.out / "speed-growth.png", figure(rows))
    powers = ", ".join(f"{kind} {power:.2f}" for kind, power in exponents(rows).items())
    took = time.perf_counter() - started
    return rows, [
        f"Time grows with size to the power of: {powers}.",
        f"Plot: speed-growth.png. It all took {took:.0f} s.",
    ]


def _images(setup: Setup, model: Model) -> list[Row]:
    """Pairs of a folder, one after the other, from their files on."""
    root = setup.work / "ten-images"
    if not root.exists():
        items = [(str(k), draw(setup.seed, k)) for k in range(IMAGES[0])]
        labelled = [
            Labelled(id, "dev", Pair(d.image, d.reference), {"dirt": d.mask.astype(np.uint8)}) for id, d in items
        ]
        LAYOUTS["manifest"].write(root, labelled)
    dataset = open_dataset(root)

    def inspect(count: int) -> None:
        failures: list[str] = []
        inspect_many(
            model,
            dataset,
            [replace(dataset.samples[k % IMAGES[0]], id=str(k)) for k in range(count)],
            on_result=lambda found, seconds: None,
            on_failure=lambda id, reason: failures.append(reason),
        )
        if failures:
            raise AssertionError(failures[0])

    counts = [count for count in IMAGES if count <= setup.images]
    rounds = {n: min(setup.rounds, 3 if n < 1_000 else 1) for n in counts}
    return [_once("pairs of a folder", n, "image", lambda n=n: inspect(n), rounds[n]) for n in counts]


def against_smallest(rows: list[Row]) -> list[Row]:
    """The rows, ordered by size, with `times`: the cost of a unit against that of the smallest row of the kind."""
    smallest = {row["kind"]: row["median_ms"] / row["size"] for row in reversed(rows)}
    times = [row["median_ms"] / row["size"] / smallest[row["kind"]] for row in rows]
    return [row | {"times": float(f"{value:.3g}")} for row, value in zip(rows, times, strict=True)]


def exponents(rows: list[Row]) -> dict[str, float]:
    """By kind the slope of a line through the logarithms of size and time; 1 is linear growth."""
    found = {}
    for kind in dict.fromkeys(row["kind"] for row in rows):
        points = np.log([(row["size"], row["median_ms"]) for row in rows if row["kind"] == kind])
        if len(points) > 1:
            found[kind] = float(np.polyfit(*points.T, 1)[0])
    return found


def figure(rows: list[Row]) -> bytes:
    """A PNG of time against size, both logarithmic; a dashed line of slope 1 through the first point of each kind."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(10, 4), layout="constrained")
    FigureCanvasAgg(drawn)
    for axes, unit in zip(drawn.subplots(1, 2), ("Mpixel", "image"), strict=True):
        for kind in dict.fromkeys(row["kind"] for row in rows if row["unit"] == unit):
            points = np.array([(row["size"], row["median_ms"] / 1000) for row in rows if row["kind"] == kind])
            (line,) = axes.loglog(*points.T, "o-", label=kind)
            axes.loglog(points[:, 0], points[0, 1] * points[:, 0] / points[0, 0], "--", color=line.get_color(), lw=0.8)
        axes.set_xlabel(f"{unit}s")
        axes.set_ylabel("s, one core")
        if axes.lines:
            axes.legend(title="dashed: linear")
    stored = io.BytesIO()
    drawn.savefig(stored, format="png", dpi=120)
    return stored.getvalue()
