"""Draws docs/pictures: what was found on one pair, how, and the planes that each family of evidence has of it.

    python docs/draw_pictures.py

Everything comes from drawn sheets and a small booster grown here; the same versions give the same pictures.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from features import FAMILIES, FeatureSpec, extract, fit_quantizer, register, sample_columns
from pixelgbm import datasets, inspection, mapping, synth, training, tuning
from pixelgbm.config import BoosterConfig, RunConfig, SamplingConfig
from pixelgbm.model import Model, read_model
from pixelgbm.records import Dataset, Pair
from pixelgbm.report.panels import HIT

PICTURES = Path(__file__).parent / "pictures"
COLUMNS = 3
WINDOW = 200
"""Rows and columns shown, around the largest defect."""

SHOWN: Mapping[str, Sequence[str]] = {
    "difference": ("level-2", "tolerant-0.7-1", "joint-2.4", "joint-local-2.4", "joint-mass-3"),
    "contrast": ("level", "band-2-4", "deviation-4", "curvature-1.5-low", "rank"),
    "gabor": ("image-2-0", "image-2-90", "image-4-45", "ratio-2-max", "ratio-4-mean"),
    "colour": ("red-green-4", "blue-light-4", "ratio-red", "ratio-red-green-4", "ratio-blue-light-4"),
    "broad": ("band-16-32", "standard-4-32", "curvature-6-low", "gradient-6", "red-green-8-32"),
    "rarity": ("1-1.5", "2-3", "4-6", "2-8", "palette-4"),
    "whitened": ("spot-2", "spot-6", "line-10", "edge-4", "spot-6-red-green"),
    "figure": ("spot-10-blue-light", "spot-1.5", "spot-6", "rim-8", "unlike-2"),
    "context": ("prior", "blur-4", "peak-4", "share-10-1", "area-38"),
}
"""Columns that show what their family is for; of a family that is not named here the first five are drawn."""

SMALL = RunConfig(
    folds=2,
    profile="fast",
    sampling=SamplingConfig(positives=400, negatives=700, rounds=1, quantizer_images=12, quantizer_pixels=600),
    booster=BoosterConfig(trees=120, num_leaves=31),
    region_booster=BoosterConfig(trees=40, num_leaves=7, min_data_in_leaf=10),
)

Plane = NDArray[np.generic]


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        synth.make(Path(folder) / "data", train=90, dev=30, test=0, clean_share=0.2, seed=7)
        data = datasets.open_dataset(Path(folder) / "data")
        training.train(data.select({"train"}), SMALL, out=Path(folder) / "model")
        tuning.tune_model(Path(folder) / "model", trials=120)
        pair, truth = dirtiest(data)
        model = read_model(Path(folder) / "model")
    found = inspection.inspect_pair(model, pair)
    window = around(truth)
    probability, mask = found.probabilities["dirt"], found.masks["dirt"]
    aligned = register(pair.test, pair.reference).aligned.round().astype(np.uint8)
    sides = {"image": pair.test, "reference": aligned}
    draw(PICTURES / "found.png", sides | {"found": outlined(pair.test, mask)}, window, colours=256)
    draw(PICTURES / "pair.png", sides | {"truth": truth, "probability": probability, "mask": mask}, window)
    prior = first_levels(model, pair)
    for family in FAMILIES:
        planes = family_planes(family, pair, prior)
        draw(PICTURES / f"{family}.png", {"image": pair.test} | planes, window)


def first_levels(model: Model, pair: Pair) -> NDArray[np.uint8]:
    """The map of the first look before it is calibrated: what the context of a later look is measured on."""
    look = model.looks[0]
    scene = mapping.prepare_pair(look, pair)
    first = mapping.first_stack(look, scene)
    return mapping.map_head(model.looks, model.heads[0], scene, pair.ignore, first=first).first


def dirtiest(data: Dataset) -> tuple[Pair, NDArray[np.bool_]]:
    """Of the printed characters in dev the pair with most dirt, and its truth."""
    found = []
    for sample in data.select({"dev"}, usable_only=True).samples:
        if sample.level == "2":
            pair = datasets.read_pair(data, sample)
            found.append((pair, datasets.read_truth(data, sample, pair.test.shape)["dirt"] > 0))
    return max(found, key=lambda row: int(row[1].sum()))


def outlined(image: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The image with a green line just outside of what was found, so that it stays visible."""
    near = cv2.dilate(mask.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))) > 0
    image = image.copy()
    image[near & ~mask] = HIT
    return image


def around(truth: NDArray[np.bool_]) -> tuple[slice, slice]:
    """A window of the image with the largest defect in its middle, as far as the borders allow."""
    _, _, stats, centroids = cv2.connectedComponentsWithStats(truth.astype(np.uint8))
    col, row = centroids[1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))]
    starts = [
        int(np.clip(place - WINDOW / 2, 0, size - WINDOW)) for place, size in zip((row, col), truth.shape, strict=True)
    ]
    return slice(starts[0], starts[0] + WINDOW), slice(starts[1], starts[1] + WINDOW)


def family_planes(family: str, pair: Pair, prior: NDArray[np.uint8]) -> dict[str, Plane]:
    """The shown columns of a family as the booster sees them, one byte a pixel, by short name."""
    spec = FeatureSpec(families=(family,))
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, pair.test.shape[:2], size=(4000, 2))
    quantizer = fit_quantizer(sample_columns(pair.test, pair.reference, spec, pixels), spec)
    stack = extract(pair.test, pair.reference, spec, quantizer, prior=prior if spec.needs_prior else None)
    planes = {name.removeprefix(f"{family}."): plane for name, plane in zip(stack.names, stack.planes, strict=True)}
    return {name: planes[name] for name in SHOWN.get(family, list(planes)[:5])}


def draw(path: Path, planes: Mapping[str, Plane | None], window: tuple[slice, slice], *, colours: int = 64) -> None:
    """Planes under their names, three in a row so that a phone shows them, as a PNG of few colours."""
    lines = -(-len(planes) // COLUMNS)
    size = (2 * COLUMNS, 2.3 * lines)
    figure, grid = plt.subplots(lines, COLUMNS, figsize=size, dpi=100, layout="constrained", squeeze=False)
    for panel in grid.flat:
        panel.axis("off")
    for panel, (name, plane) in zip(grid.flat, planes.items(), strict=False):
        assert plane is not None
        panel.imshow(plane[window], cmap="gray")
        panel.set_title(name, fontsize=11)
    figure.savefig(path)
    plt.close(figure)
    with Image.open(path) as drawn:
        drawn.convert("RGB").quantize(colours).save(path, optimize=True)


if __name__ == "__main__":
    main()
