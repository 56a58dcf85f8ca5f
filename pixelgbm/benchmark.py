"""How long each stage of a pair takes on this machine, with one thread."""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from features import FeatureSpec, Quantizer, extract_scene, fit_quantizer, prepare, register, sample_columns
from pixelgbm import images
from pixelgbm.datasets.layout import make_pair
from pixelgbm.inspection import inspect_pair
from pixelgbm.machine import peak_memory
from pixelgbm.model import Model
from pixelgbm.predictions import PredictionWriter
from pixelgbm.records import Pair, Sample
from pixelgbm.stages import heard, stage
from pixelgbm.synth import pairs
from pixelgbm.threads import ordered_map

__all__ = ["EXTRACTION_STAGES", "STAGES", "Timing", "draw_sample", "time_extraction", "time_inspection"]

STAGES = (
    "decode",
    "register",
    "light and focus",
    "first look: columns",
    "first look: trees",
    "later looks: columns",
    "later looks: trees",
    "regions",
    "write",
    "rest",
)
"""From the files of a pair to its answer on disk; `rest` is what lies between the others."""

EXTRACTION_STAGES = ("decode", "register", "light and focus", "lean columns", "all columns")
"""What can be timed without a model; a pair needs the lean columns or all of them."""

_FITTED_PIXELS = 400

_Seconds = dict[str, float]


@dataclass(frozen=True, slots=True)
class Timing:
    """Medians over repetitions.

    stages_ms: milliseconds of each stage. whole_ms: of a pair, from its files on; the median of the sums, not the sum
    of the medians. peak_memory: bytes that the process held at most; None where the system does not say.
    """

    stages_ms: Mapping[str, float]
    whole_ms: float
    repetitions: int
    peak_memory: int | None

    @property
    def pairs_per_second(self) -> float:
        """Of one worker."""
        return 1000 / self.whole_ms


def draw_sample(folder: Path, *, level: int, seed: int) -> Sample:
    """Draw a dirty pair as `pixelgbm synth` draws it (390x390 and 500x500, colour) and write its two files."""
    jobs = pairs.plan({"dev": 20}, clean_share=0.0, seed=seed)
    job = next(job for job in jobs if job.level == level and not job.wrong)
    image, reference, _, _ = pairs.draw_pair(job)
    sample = Sample(id="drawn", split="", image=folder / "drawn.tif", reference=folder / "drawn_ref.tif")
    images.write_tiff(sample.image, image)
    images.write_tiff(folder / "drawn_ref.tif", reference)
    return sample


def time_inspection(model: Model, sample: Sample, *, repetitions: int) -> Timing:
    """Time a pair from its files to its answer in a PRED folder, as `predict` answers it.

    Raises ImageError for files that cannot be read.
    """
    ids = [str(number) for number in range(repetitions + 1)]
    heads = [head.name for head in model.heads]
    with tempfile.TemporaryDirectory() as folder:
        writer = PredictionWriter(
            Path(folder) / "predictions", model_digest="", data_digest="", layout=model.layout, ids=ids, heads=heads
        )

        def once(number: int) -> _Seconds:
            spent: _Seconds = defaultdict(float)
            start = time.perf_counter()
            with heard(lambda name, seconds: spent.__setitem__(name, spent[name] + seconds)):
                with stage("decode"):
                    pair = make_pair(sample)
                found = inspect_pair(model, pair, id=ids[number])
                with stage("write"):
                    writer.write(found)
            whole = time.perf_counter() - start
            spent["rest"] = whole - sum(spent.values())
            return spent | {"whole": whole, "register": _registered(pair)}

        return _timing(once, STAGES, repetitions)


def time_extraction(sample: Sample, *, repetitions: int) -> Timing:
    """Time what can be timed without a model: a pair from its files to all its columns."""
    full = FeatureSpec()
    quantizers: dict[bool, Quantizer] = {}

    def once(number: int) -> _Seconds:
        spent: _Seconds = {}
        start = time.perf_counter()
        with heard(spent.__setitem__):
            with stage("decode"):
                pair = make_pair(sample)
            with stage("prepare"):
                scene = prepare(pair.test, pair.reference, blue=full.blue)
            if not quantizers:
                quantizers[False] = _fitted(pair, full)
                quantizers[True] = quantizers[False].for_spec(FeatureSpec(lean=True))
            for name, lean in (("lean columns", True), ("all columns", False)):
                with stage(name):
                    extract_scene(scene, FeatureSpec(lean=lean), quantizers[lean])
        whole = time.perf_counter() - start - spent["lean columns"]
        return spent | {"whole": whole, "register": _registered(pair)}

    return _timing(once, EXTRACTION_STAGES, repetitions)


def _fitted(pair: Pair, spec: FeatureSpec) -> Quantizer:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, pair.test.shape[:2], (_FITTED_PIXELS, 2))
    return fit_quantizer(sample_columns(pair.test, pair.reference, spec, pixels), spec)


def _registered(pair: Pair) -> float:
    """Seconds of registration by itself, which is the first part of the stage `prepare`."""
    start = time.perf_counter()
    if pair.reference is not None:
        register(pair.test, pair.reference)
    return time.perf_counter() - start


def _timing(once: Callable[[int], _Seconds], stages: tuple[str, ...], repetitions: int) -> Timing:
    """The first run compiles kernels and warms caches; it is not counted."""
    # `ordered_map` holds OpenCV to one thread and keeps freed planes, as it does when `predict` runs.
    counted = list(ordered_map(once, range(repetitions + 1)))[1:]

    def ms(name: str) -> float:
        return 1000 * median(spent.get(name, 0.0) for spent in counted)

    medians = {name: ms(name) for name in stages}
    medians["light and focus"] = max(ms("prepare") - ms("register"), 0.0)
    return Timing(medians, ms("whole"), repetitions, peak_memory())
