"""What a setting costs: milliseconds of one core for a pair, put together from parts measured on this machine.

Time is the processor time of the thread, not the clock's, so that what else the machine does plays little part; reading
the files is not in it. A forest's time is (trees x a + nodes x b) x pixels, with a and b measured on two forests of one
size and different depth: that is how the kernel works through it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property, partial
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from features import EVIDENCE, FeatureSpec, FeatureStack, Quantizer, Scene, extract_scene, prepare
from pixelgbm import datasets, regions
from pixelgbm.config import BoosterConfig, RunConfig
from pixelgbm.forest import predict_planes
from pixelgbm.inspection import inspect_pair
from pixelgbm.model import Model
from pixelgbm.records import Dataset, Pair
from pixelgbm.sampling import generator
from pixelgbm.training.boosters import Task, grow_all
from pixelgbm.tuning.rehearsal import Forest

__all__ = ["Cost", "PairCost", "expected_forest"]

PAIRS, REPEATS = 3, 2
"""Pairs that are timed, the median counting; how often each, the best counting."""

MOST_PIXELS = 4_000_000
"""Images above this are so alike in time and so large in memory that one is timed."""

USUAL_SHARE = 0.1
"""Of the pixels, judged by later looks: what is reckoned with before a setting is tried. Measured afterwards."""


class Cost(Protocol):
    """Where the milliseconds of a setting come from; tests put fixed ones in place of a clock."""

    @property
    def known(self) -> Mapping[str, float]:
        """What was measured so far, JSON-ready."""

    def ms(self, config: RunConfig, forest: Forest) -> float:
        """Milliseconds of one core for a pair."""


def expected_forest(config: RunConfig, heads: int, *, share: float = USUAL_SHARE) -> Forest:
    """The forest of a setting before it is grown: every tree has all its leaves."""
    boosters = [config.booster]
    if config.profile == "best":
        boosters = [config.first_booster, *(config.booster for _ in range(config.context_rounds))]
    return Forest(
        tuple(heads * booster.trees for booster in boosters),
        tuple(heads * booster.trees * (booster.num_leaves - 1) for booster in boosters),
        share if len(boosters) > 1 else 0.0,
    )


class PairCost:
    """Parts of a pair's time, each measured when first asked for and then known.

    dataset: its pairs are timed, drawn by the seed. known: what an earlier run of the same study measured.
    """

    def __init__(self, dataset: Dataset, config: RunConfig, *, known: Mapping[str, float] | None = None) -> None:
        self._dataset, self._config = dataset, config
        self._known = dict(known or {})

    @property
    def known(self) -> Mapping[str, float]:
        return self._known

    def ms(self, config: RunConfig, forest: Forest) -> float:
        several = len(forest.trees) > 1
        spec = replace(config.features, lean=True) if several else config.features
        total = self._once("registration", lambda: self._median(lambda k: lambda: _prepared(self._pairs[k], spec)))
        total += self._once(f"evidence {_key(spec)}", lambda: self._evidence(spec))
        pixels = self._once("pixels", self._pixels)
        a = self._once("forest: ns per tree and pixel", lambda: self._forest[0])
        b = self._once("forest: ns per node and pixel", lambda: self._forest[1])
        for number, (trees, nodes) in enumerate(zip(forest.trees, forest.nodes, strict=True)):
            share = 1.0 if number == 0 else forest.share
            total += 1e-6 * (a * trees + b * nodes) * pixels * share
        later = config.features.with_context()
        if several:
            total += self._once(f"second look {_key(later)}", lambda: self._later(later, known=spec))
        if len(forest.trees) > 2:
            again = self._once(f"further look {_key(later)}", lambda: self._later(later, known=config.features))
            total += (len(forest.trees) - 2) * again
        return float(total)

    def whole(self, model: Model) -> float:
        """Milliseconds of one core for a pair, measured from end to end."""
        cv2.setNumThreads(1)
        return self._median(lambda k: lambda: inspect_pair(model, self._pairs[k]))

    def _once(self, name: str, measure: Callable[[], float]) -> float:
        if name not in self._known:
            cv2.setNumThreads(1)
            self._known[name] = float(f"{measure():.4g}")
        return self._known[name]

    @cached_property
    def _pairs(self) -> list[Pair]:
        samples = self._dataset.samples
        order = generator(self._config.seed, "timed pairs").permutation(len(samples))
        drawn = [datasets.read_pair(self._dataset, samples[k]) for k in order[:PAIRS].tolist()]
        return drawn[:1] if drawn[0].test.size > 3 * MOST_PIXELS else drawn

    def _median(self, prepared: Callable[[int], Callable[[], object]]) -> float:
        """prepared: number of a pair -> the work to time."""
        return float(np.median([_best_ms(prepared(k)) for k in range(len(self._pairs))]))

    def _pixels(self) -> float:
        return float(np.median([pair.test.shape[0] * pair.test.shape[1] for pair in self._pairs]))

    @cached_property
    def _scenes(self) -> dict[str, list[Scene]]:
        return {}

    def _scene(self, number: int, spec: FeatureSpec) -> Scene:
        if spec.blue not in self._scenes:
            self._scenes[spec.blue] = [_prepared(pair, spec) for pair in self._pairs]
        return self._scenes[spec.blue][number]

    def _evidence(self, spec: FeatureSpec) -> float:
        """Extraction, and measuring the candidate regions on what was extracted."""
        quantizer = _any_quantizer(spec)

        def of(number: int) -> Callable[[], object]:
            scene = self._scene(number, spec)
            levels = _blots(scene.planes["light"].shape)
            mask = levels > 0

            def work() -> object:
                stack = extract_scene(scene, spec, quantizer)
                return regions.measure(levels, mask, stack)

            return work

        return self._median(of)

    def _later(self, spec: FeatureSpec, *, known: FeatureSpec) -> float:
        """The columns of a later look; those that the look before has are copied."""
        quantizer, wide = _any_quantizer(known), _any_quantizer(spec)

        def of(number: int) -> Callable[[], object]:
            scene = self._scene(number, spec)
            before: FeatureStack = extract_scene(scene, known, quantizer)
            levels = _blots(scene.planes["light"].shape)
            return lambda: extract_scene(scene, spec, wide, prior=levels, known=before)

        return self._median(of)

    @cached_property
    def _forest(self) -> tuple[float, float]:
        """Nanoseconds per tree and pixel, and per node and pixel."""
        rng = generator(0, "timed forests")
        columns, trees, rows = 128, 30, 4000
        matrix = rng.integers(0, 256, (rows, columns)).astype(np.uint8)
        labels = rng.random(rows).astype(np.float32)
        names = tuple(f"c{k}" for k in range(columns))
        grown = grow_all(
            [
                Task(
                    matrix,
                    labels,
                    np.ones(rows, np.float32),
                    np.arange(rows),
                    names,
                    BoosterConfig(trees=trees, num_leaves=leaves, min_data_in_leaf=5, lambda_l2=0.0),
                    seed=0,
                )
                for leaves in (8, 64)
            ],
            workers=1,
            label="",
            progress=None,
        )
        planes = rng.integers(0, 256, (columns, 256, 256)).astype(np.uint8)
        small, large = (1e6 * _best_ms(partial(predict_planes, forest, planes)) for forest in grown)
        few, many = (len(forest.feature) for forest in grown)
        pixels = planes[0].size
        per_node = max((large - small) / (pixels * max(many - few, 1)), 0.0)
        return max((small / pixels - few * per_node) / trees, 0.0), per_node


def _prepared(pair: Pair, spec: FeatureSpec) -> Scene:
    return prepare(pair.test, pair.reference, blue=spec.blue)


def _best_ms(work: Callable[[], object]) -> float:
    """Processor time of this thread; the first run may compile a kernel, the best of several does not."""
    taken = []
    for _ in range(REPEATS):
        start = time.thread_time_ns()
        work()
        taken.append(time.thread_time_ns() - start)
    return 1e-6 * min(taken)


def _key(spec: FeatureSpec) -> str:
    families = "+".join(name for name in EVIDENCE if name in spec.families)
    return f"{families}{' lean' if spec.lean else ''} scale {spec.scale:g} blue {spec.blue}"


def _any_quantizer(spec: FeatureSpec) -> Quantizer:
    """Scales that are of no use but for the time it takes to apply them."""
    scales = tuple(1.0 if column.scale is None else column.scale for column in spec.table)
    return Quantizer(spec.columns, scales, tuple(column.signed for column in spec.table))


def _blots(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """(rows, cols) uint8: a map with as many small spots as an unsure one has."""
    levels = np.zeros(shape, np.uint8)
    for row in range(8, shape[0] - 8, 60):
        for col in range(8, shape[1] - 8, 60):
            levels[row : row + 6, col : col + 6] = 200
    return levels
