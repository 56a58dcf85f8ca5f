"""A whole pair, from two files to a mask: profile "fast" beside the obvious build."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pixelgbm import images
from pixelgbm.benchmark import time_inspection
from pixelgbm.datasets.layout import make_pair
from pixelgbm.forest import predict_planes
from pixelgbm.inspection import inspect_pair
from pixelgbm.mapping import first_stack, prepare_pair
from pixelgbm.model import Model
from pixelgbm.records import Pair, Sample
from races.clock import Contestant, Row, Spent, race, timed
from races.inputs import Setup, draw, fast_model, grown
from races.obvious import COLUMNS, Obvious, columns, register

__all__ = ["ABOUT", "TITLE", "by_engine", "engine", "run"]

TITLE = "A whole pair: 390x390 and 500x500, from files to mask"
ABOUT = (
    "Decode, register, evidence of every pixel, trees, regions. The obvious build: ORB with cross-checked matches and "
    "RANSAC, OpenCV filters, `Booster.predict`, connected components; its booster has as many trees and leaves as ours."
)
LEARNT = 3


@contextmanager
def engine(name: str) -> Iterator[None]:
    """Trees are evaluated by this engine in the body."""
    before = os.environ.get("PIXELGBM_ENGINE")
    os.environ["PIXELGBM_ENGINE"] = name
    try:
        yield
    finally:
        if before is None:
            del os.environ["PIXELGBM_ENGINE"]
        else:
            os.environ["PIXELGBM_ENGINE"] = before


def by_engine(name: str, work: Callable[[], object]) -> Callable[[], Spent]:
    """What one run of `work` takes with trees evaluated by this engine."""

    def spend() -> Spent:
        with engine(name):
            return timed(work)()

    return spend


def _equal(model: Model, pair: Pair) -> None:
    """Both engines give the same bits, and those of a `Booster` within 1e-6."""
    import lightgbm

    planes = first_stack(model.looks[0], prepare_pair(model.looks[0], pair)).planes
    trees = model.heads[0].boosters[0]
    found = [predict_planes(trees, planes, engine=name) for name in ("numba", "llvm")]
    np.testing.assert_array_equal(*found)
    rows = planes.reshape(len(planes), -1)[:, ::7].T.astype(np.float64)
    expected = lightgbm.Booster(model_str=trees.to_text()).predict(rows, num_threads=1)
    np.testing.assert_allclose(found[0].ravel()[::7], expected, rtol=0, atol=1e-6)


def _booster_text(setup: Setup, model: Model) -> str:
    trees = model.heads[0].boosters[0]
    leaves = int(np.diff(trees.leaf_start).max())
    parts: list[tuple[NDArray[np.float32], NDArray[np.bool_]]] = []
    for number in range(1, 1 + LEARNT):
        drawn = draw(setup.seed, number)
        image, reference = (np.ascontiguousarray(shot[..., ::-1]) for shot in (drawn.image, drawn.reference))
        parts.append((columns(image, register(image, reference)), drawn.mask))
    return grown(setup.work / f"obvious-{trees.count}x{leaves}.txt", parts, trees=trees.count, leaves=leaves)


def run(setup: Setup) -> tuple[list[Row], list[str]]:
    drawn, model = draw(setup.seed), fast_model(setup)
    files = [setup.work / "whole.tif", setup.work / "whole_ref.tif"]
    for path, pixels in zip(files, (drawn.image, drawn.reference), strict=True):
        images.write_tiff(path, pixels)
    sample = Sample(id="whole", split="", image=files[0], reference=files[1])
    _equal(model, make_pair(sample))
    obvious = Obvious(_booster_text(setup, model))
    trees = model.heads[0].boosters[0]
    size = {"trees": f"{trees.count} of up to {int(np.diff(trees.leaf_start).max())} leaves"}
    facts = {"columns": len(model.looks[0].spec.columns), **size}

    def ours() -> object:
        return inspect_pair(model, make_pair(sample))

    early = fast_model(setup, early=True)
    left = early.heads[0].early_exit
    leaving = []
    if left is not None:
        spend = by_engine("llvm", lambda: inspect_pair(early, make_pair(sample)))
        told = f"pixels that {left.trees} trees call clean leave; {left.judged:.1%} stay"
        leaving = [Contestant(f'pixelgbm, "{model.profile}", llvm, early exit', spend, facts | {"early exit": told})]
    contestants = [
        Contestant(f'pixelgbm, "{model.profile}", llvm', by_engine("llvm", ours), facts),
        *leaving,
        Contestant(f'pixelgbm, "{model.profile}", numba', by_engine("numba", ours), facts),
        Contestant(
            "obvious build", timed(lambda: obvious(Path(files[0]), Path(files[1]))), {"columns": COLUMNS, **size}
        ),
    ]
    rows = race(contestants, rounds=setup.rounds)
    with engine("llvm"):
        stages = time_inspection(model, sample, repetitions=setup.rounds).stages_ms
    told = ", ".join(f"{name} {ms:.1f}" for name, ms in stages.items())
    return rows, [f"Stages of ours with llvm, ms, the answer written too (`pixelgbm bench`): {told}."]
