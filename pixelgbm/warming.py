"""Compiling ahead what is otherwise compiled on first use."""

from __future__ import annotations

import time

import numpy as np

from features import EVIDENCE, FeatureSpec, Quantizer, extract_scene, fit_quantizer, prepare, sample_columns
from pixelgbm import regions
from pixelgbm.forest import predict_rows, prepare_engine, prepared_parts
from pixelgbm.model import Model

__all__ = ["Warmed", "warm_up"]

_SIDE, _MARGIN = 96, 16

Warmed = dict[str, float]
"""What was made ready, and the seconds it took."""


def warm_up(model: Model | None = None) -> Warmed:
    """Run every feature and region kernel once, so that Numba compiles and caches it; compile a model's boosters too.

    Both caches last: the next process starts without compiling. Where a cache cannot be written, only this process
    is warm. Boosters are left to the default engine where LLVM cannot compile them.
    """
    seconds: Warmed = {}
    start = time.perf_counter()
    spec = FeatureSpec(families=EVIDENCE).with_context()
    rng = np.random.default_rng(0)
    for channels in ((3,), ()):
        wide = rng.integers(0, 256, (_SIDE + 2 * _MARGIN, _SIDE + 2 * _MARGIN, *channels)).astype(np.uint8)
        test = np.ascontiguousarray(wide[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN])
        prior = rng.integers(0, 256, test.shape[:2]).astype(np.uint8)
        quantizer = _quantizer(test, wide, rng)
        for reference in (wide, None):
            stack = extract_scene(prepare(test, reference), spec, quantizer, prior=prior)
        mask = regions.candidate_mask(prior, low=128, operation="open")
        regions.measure(prior, mask, stack)
    seconds["features and regions"] = time.perf_counter() - start
    for head in model.heads if model is not None else ():
        for number, booster in enumerate(head.boosters, 1):
            start = time.perf_counter()
            parts = prepared_parts(booster, head.early_exit if number == 1 else None)
            engine = {prepare_engine(part) for part in parts}.pop()
            seconds[f"{head.name}, look {number}: {engine}"] = time.perf_counter() - start
        if head.region_booster is not None:
            predict_rows(head.region_booster, np.zeros((1, len(head.region_booster.columns))))
    return seconds


def _quantizer(test: np.ndarray, reference: np.ndarray, rng: np.random.Generator) -> Quantizer:
    spec = FeatureSpec(families=EVIDENCE)
    pixels = rng.integers(0, _SIDE, (200, 2))
    return fit_quantizer(sample_columns(test, reference, spec, pixels), spec).for_spec(spec.with_context())
