"""What a model loses on images it has not seen when a family's bytes are those of pixels of other images.

It says what the model cannot do without; families that stand in for each other all look dispensable. Pixel average
precision is what drops, for it does not hang on any rule. Context is computed anew, from the maps that the changed
bytes give, and from a pair whose pixels are exchanged in the same way where context weighs them by such a map.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from features import FeatureStack, Scene, extract_scene
from pixelgbm import datasets
from pixelgbm.errors import DatasetError
from pixelgbm.explanation.families import family_of, model_families
from pixelgbm.mapping import map_head, prepare_pair
from pixelgbm.metrics import average_precision
from pixelgbm.model import Model
from pixelgbm.records import Dataset, Sample
from pixelgbm.sampling import DEFECT, generator
from pixelgbm.threads import ordered_map
from pixelgbm.training import known_groups

__all__ = ["Drop", "permutation_drops"]

Progress = Callable[[int, int, str], None]

_LEVELS = 256

_READ_BY_CONTEXT = {
    "difference": ("joint",),
    "contrast": ("log_light",),
    "colour": ("ratio_red", "ratio_green", "ratio_blue"),
}
"""By family, the planes of a scene that context columns read beside the map. Left as they are they give away what the
shuffled bytes hide: on small prints a model of three looks then lost nothing without difference, instead of .18."""


@dataclass(frozen=True, slots=True)
class Drop:
    """How far shuffling `family` lowers the pixel average precision `whole` of a head.

    interval: 95 %, when groups of images are drawn again with replacement.
    """

    head: str
    family: str
    whole: float
    drop: float
    interval: tuple[float, float]
    groups: int


def permutation_drops(
    model: Model,
    dataset: Dataset,
    *,
    seed: int = 0,
    resamples: int = 1000,
    workers: int = 1,
    progress: Progress | None = None,
) -> tuple[Drop, ...]:
    """The drop of every head and family on the labelled, not excluded samples of `dataset`, a head's largest first.

    Select images that the model was not trained on, such as the dev split. Each image takes the family's bytes, all
    columns together, from pixels in random order of a random image of another group (of any image, if there is one
    group). Raises DatasetError for the very images of the training, and without any defect to find.
    """
    if datasets.data_digest(dataset) == model.training.get("data_digest"):
        raise DatasetError(f"{dataset.root}: the model was trained on these images; take others, such as the dev split")
    groups = known_groups(dataset, workers=workers, progress=progress)
    samples = [s for s in dataset.samples if s.id in groups]

    def count(sample: Sample) -> dict[str, NDArray[np.int64]]:
        rng = generator(seed, "permutation", sample.id)
        others = [s for s in samples if groups[s.id] != groups[sample.id]] or samples
        return _counts(model, dataset, sample, others[int(rng.integers(len(others)))], rng)

    per_head: dict[str, dict[str, NDArray[np.int64]]] = {head.name: {} for head in model.heads}
    for done, (sample, found) in enumerate(zip(samples, ordered_map(count, samples, workers=workers), strict=True), 1):
        for head, counts in found.items():
            table = per_head[head]
            table[groups[sample.id]] = table.get(groups[sample.id], 0) + counts
        if progress is not None:
            progress(done, len(samples), "shuffling families")
    families = model_families(model.looks)
    drops: list[Drop] = []
    for head, table in per_head.items():
        if not any(counts[0, 0].any() for counts in table.values()):
            raise DatasetError(f"{dataset.root}: {head}: no defect pixel in {len(samples)} images; nothing to find")
        drops += _drops(head, families, np.stack(list(table.values())), generator(seed, "bootstrap"), resamples)
    return tuple(drops)


@dataclass(frozen=True, slots=True, eq=False)
class _Planes:
    """What the looks read of an image. known: all evidence of later looks; None with one look, which reads no scene."""

    scene: Scene
    first: FeatureStack
    known: FeatureStack | None

    def with_family(self, family: str, donor: _Planes, rng: np.random.Generator) -> _Planes:
        """The same with a family's bytes from the pixels of another image, in random order."""
        shape = self.first.planes.shape[1:]
        order = np.resize(rng.permutation(donor.first.planes[0].size), shape)
        first = _exchanged(self.first, donor.first, family, order)
        if self.known is None or donor.known is None:
            return _Planes(self.scene, first, None)
        nothing = np.zeros_like(donor.scene.planes["light"])
        planes = {
            name: donor.scene.planes.get(name, nothing).ravel()[order]
            for name in _READ_BY_CONTEXT.get(family, ())
            if name in self.scene.planes
        }
        scene = replace(self.scene, planes=self.scene.planes | planes)
        return _Planes(scene, first, _exchanged(self.known, donor.known, family, order))


def _exchanged(stack: FeatureStack, donor: FeatureStack, family: str, order: NDArray[np.intp]) -> FeatureStack:
    """order: (rows, cols), the flat index of the donor's pixel that each pixel takes its bytes from."""
    planes = stack.planes.copy()
    for k, name in enumerate(stack.names):
        if family_of(name) == family:
            planes[k] = donor.planes[k].ravel()[order]
    return replace(stack, planes=planes)


def _read(model: Model, dataset: Dataset, sample: Sample) -> tuple[_Planes, NDArray[np.bool_] | None]:
    pair = datasets.read_pair(dataset, sample)
    scene = prepare_pair(model.looks[0], pair)
    first, last = model.looks[0], model.looks[-1]
    known = None
    if len(model.looks) > 1:
        spec = replace(last.spec, families=tuple(f for f in last.spec.families if f != "context"))
        known = extract_scene(scene, spec, last.quantizer.for_spec(spec))
    return _Planes(scene, extract_scene(scene, first.spec, first.quantizer, known=known), known), pair.ignore


def _counts(
    model: Model, dataset: Dataset, sample: Sample, donor: Sample, rng: np.random.Generator
) -> dict[str, NDArray[np.int64]]:
    """Per labelled head (1 + families, 2, 256): how many pixels with and without defect have each level of the map.

    The first row is of the image as it is, the others of the families' shuffles.
    """
    planes, ignore = _read(model, dataset, sample)
    other, _ = _read(model, dataset, donor)
    truth = datasets.read_truth(dataset, sample, planes.first.planes.shape[1:])
    shown = [planes, *(planes.with_family(family, other, rng) for family in model_families(model.looks))]
    found = {}
    for head in model.heads:
        if head.name in truth:
            kinds = _kinds(truth[head.name], ignore)
            maps = (map_head(model.looks, head, p.scene, ignore, first=p.first, known=p.known).levels for p in shown)
            found[head.name] = np.array(
                [[np.bincount(levels[kind], minlength=_LEVELS) for kind in kinds] for levels in maps], dtype=np.int64
            )
    return found


def _kinds(truth: NDArray[np.uint8], ignore: NDArray[np.bool_] | None) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Pixels with and without defect, (rows, cols) bool each."""
    usable = np.ones(truth.shape, dtype=np.bool_) if ignore is None else ~ignore
    return (truth >= DEFECT) & usable, (truth < DEFECT) & usable


def _drops(
    head: str, families: tuple[str, ...], counts: NDArray[np.int64], rng: np.random.Generator, resamples: int
) -> list[Drop]:
    """counts: (groups, 1 + families, 2, levels)."""
    groups = len(counts)
    whole, *shuffled = _precisions(counts.sum(axis=0))
    drawn = []
    for _ in range(resamples):
        times = np.bincount(rng.integers(groups, size=groups), minlength=groups)
        first, *rest = _precisions(np.tensordot(times, counts, axes=1))
        drawn.append([first - value for value in rest])
    lows, highs = np.nanquantile(np.array(drawn), [0.025, 0.975], axis=0)
    found = [
        Drop(head, family, whole, whole - value, (float(low), float(high)), groups)
        for family, value, low, high in zip(families, shuffled, lows, highs, strict=True)
    ]
    return sorted(found, key=lambda drop: -drop.drop)


def _precisions(counts: NDArray[np.int64]) -> list[float]:
    """counts: (n, 2, levels). NaN where a draw has no defect."""
    return [average_precision(defect, other) for defect, other in counts]
