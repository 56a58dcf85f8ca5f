"""Reading the views of a plan: pairs as they are, without their reference, or with defects of others laid over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from features import Scene
from pixelgbm import datasets
from pixelgbm.config import RunConfig, SamplingConfig
from pixelgbm.mapping import prepare_pair
from pixelgbm.model import Look
from pixelgbm.records import Dataset, Pair, Sample, Truth
from pixelgbm.sampling import generator
from pixelgbm.threads import ordered_map
from pixelgbm.training.pasting import Patch, cut_patches, paste
from pixelgbm.training.plan import Plan, Progress, View

__all__ = ["Patches", "Shown", "collect_patches", "read_view", "sampling_of"]

Patches = Mapping[str, Sequence[Patch]]
"""Per donor its defects."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a view shows. ignore: (rows, cols) bool or None, neither drawn nor scored."""

    pair: Pair
    truth: Truth
    scene: Scene

    @property
    def ignore(self) -> NDArray[np.bool_] | None:
        return self.pair.ignore


def collect_patches(
    dataset: Dataset, plan: Plan, look: Look, *, workers: int, progress: Progress | None
) -> dict[str, list[Patch]]:
    """The defects of every donor of the plan; a donor whose reference is of no use has none."""
    wanted = {donor for view in plan.pasted for donor in view.donors}
    donors = [view.sample for view in plan.views if not view.hide_reference and view.sample.id in wanted]

    def cut(sample: Sample) -> list[Patch]:
        pair = datasets.read_pair(dataset, sample)
        (truth,) = datasets.read_truth(dataset, sample, pair.test.shape).values()
        if pair.ignore is not None:
            truth = np.where(pair.ignore, np.uint8(0), truth)
        return cut_patches(prepare_pair(look, pair), truth)

    patches = {}
    for done, (donor, found) in enumerate(zip(donors, ordered_map(cut, donors, workers=workers), strict=True), 1):
        patches[donor.id] = found
        if progress is not None:
            progress(done, len(donors), "cutting out defects")
    return patches


def read_view(dataset: Dataset, view: View, look: Look, patches: Patches, config: RunConfig) -> Shown:
    """Read and register one view.

    In a view with donors the sample's own defects are ignored: they are learned from in the view as it is.
    """
    pair = datasets.read_pair(dataset, view.sample)
    truth = datasets.read_truth(dataset, view.sample, pair.test.shape)
    if view.donors:
        ((head, own),) = truth.items()
        test, laid = pair.test, np.zeros_like(own)
        rng = generator(config.seed, "pasting", view.name)
        for donor in view.donors:
            test, laid = paste(test, laid, patches[donor], rng=rng)
        ignore = own > 0 if pair.ignore is None else pair.ignore | (own > 0)
        pair, truth = replace(pair, test=test, ignore=ignore), {head: laid}
    return Shown(pair, truth, prepare_pair(look, pair, references="drop" if view.hide_reference else "use"))


def sampling_of(view: View, config: RunConfig) -> SamplingConfig:
    """How the pixels of a view are drawn: around what was laid over, for the rest is drawn in the view as it is."""
    if not view.donors:
        return config.sampling
    return replace(config.sampling, negatives=config.sampling.pasted_negatives, hard_share=0.5, ring_share=0.5)
