"""Reading the views of a plan: pairs as they are, without their reference, or with defects of others laid over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from features import FeatureStack, Scene
from pixelgbm import datasets
from pixelgbm.config import RunConfig, SamplingConfig
from pixelgbm.mapping import first_stack, prepare_pair
from pixelgbm.model import Look
from pixelgbm.records import Dataset, Sample, Truth
from pixelgbm.sampling import DEFECT, generator
from pixelgbm.threads import ordered_map
from pixelgbm.training.pasting import Patch, cut_patches, paste
from pixelgbm.training.plan import Plan, Progress, View

__all__ = ["Patches", "Reader", "Shown", "collect_patches", "sampling_of", "view_reader"]

Patches = Mapping[str, Sequence[Patch]]
"""Per donor its defects."""


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """What a view shows to the looks.

    first: the planes of the first look. ignore: (rows, cols) bool or None, neither drawn nor scored. known: planes that
    later looks need not compute, beside those of the look before.
    """

    scene: Scene
    first: FeatureStack
    truth: Truth
    ignore: NDArray[np.bool_] | None
    known: FeatureStack | None = None

    def defect(self, head: str) -> NDArray[np.bool_]:
        """(rows, cols) bool: the pixels that count as defect."""
        found = self.truth[head] >= DEFECT
        return found if self.ignore is None else found & ~self.ignore


Reader = Callable[[View, Look], Shown]
"""Shows a view to a first look. Training reads files; the full search has most of it at hand."""


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


def view_reader(dataset: Dataset, patches: Patches, config: RunConfig) -> Reader:
    """Reads and registers a view from its files."""
    return lambda view, look: _read(dataset, view, look, patches, config)


def _read(dataset: Dataset, view: View, look: Look, patches: Patches, config: RunConfig) -> Shown:
    """In a view with donors the sample's own defects are ignored: they are learned from in the view as it is."""
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
    scene = prepare_pair(look, pair, references="drop" if view.hide_reference else "use")
    return Shown(scene, first_stack(look, scene), truth, pair.ignore)


def sampling_of(view: View, config: RunConfig) -> SamplingConfig:
    """How the pixels of a view are drawn: around what was laid over, for the rest is drawn in the view as it is."""
    if not view.donors:
        return config.sampling
    return replace(config.sampling, negatives=config.sampling.pasted_negatives, hard_share=0.5, ring_share=0.5)
