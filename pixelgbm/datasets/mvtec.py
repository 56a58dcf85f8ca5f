"""The layout `mvtec`, that of MVTec AD: train/good, test/KIND and ground_truth/KIND/NAME_mask.png.

Images in a folder `good` are known to be clean; every other image of test/ has a mask, in which any
positive value is a defect. The kind of defect is the level of an image, not a head.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pixelgbm import images
from pixelgbm.datasets import folders
from pixelgbm.datasets.folders import HEAD
from pixelgbm.datasets.layout import Labelled, Layout, make_pair
from pixelgbm.errors import DatasetError
from pixelgbm.records import Dataset, Sample, Truth

__all__ = ["LAYOUT"]


def recognise(root: Path) -> bool:
    """Whether a folder holds train/good and test/."""
    return (root / "train" / "good").is_dir() and (root / "test").is_dir()


def read(root: Path, *, truth: Path | None = None) -> tuple[Dataset, list[str]]:
    """The images of train/, then of test/, by kind and name, and every problem of the structure."""
    problems: list[str] = []
    found: list[tuple[Path, str, str, Path | None]] = []
    for kind in folders.folders_in(root / "train"):
        if kind.name != "good":
            problems.append(f"{kind}: a folder of train/; allowed is good, defects lie in test/KIND")
    for split in ("train", "test"):
        for kind in folders.folders_in(root / split):
            if split == "test" or kind.name == "good":
                pictures = folders.list_images(kind, problems)
                masks = _masks(root, kind.name, pictures, problems) if split == "test" else {}
                found += [(path, split, kind.name, masks.get(path)) for path in pictures]
    for kind in folders.folders_in(root / "ground_truth"):
        if kind.name == "good" or not (root / "test" / kind.name).is_dir():
            problems.append(f"{kind}: masks without images; test/ holds no kind of defect {kind.name}")
    ids = folders.identifiers(root, [path for path, *_ in found], problems)
    samples = []
    for id, (path, split, level, mask) in zip(ids, found, strict=True):
        labelled = (HEAD,) if mask or level == "good" else ()
        samples.append(
            Sample(id, split, path, masks={HEAD: (mask,)} if mask else {}, labelled_heads=labelled, level=level)
        )
    if truth is not None:
        samples = folders.add_sealed_masks(truth, samples, problems)
    for sample in samples:
        if not sample.labelled_heads and (root / "ground_truth").is_dir():
            problems.append(f"{sample.image}: no mask; ground_truth/{sample.level} must hold one of its name")
    return folders.finish(root, LAYOUT.name, LAYOUT.metric, (HEAD,), samples, problems)


def read_truth(sample: Sample, shape: tuple[int, int]) -> Truth:
    """The plane, 0 or 255. Raises DatasetError for a mask of another size, or one that marks nothing."""
    return folders.read_filled_masks(sample, shape, folder=f"test/{sample.level}")


def write(root: Path, labelled: Iterable[Labelled], *, sealed: Path | None = None) -> None:
    """Write train/good, test/KIND and ground_truth/KIND; the kind is the level, `defect` without one.

    Raises DatasetError for an image that is not labelled, or has a defect and is of the split train.
    """
    for name in ("train/good", "test"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for item in labelled:
        mask = folders.only_head(item, LAYOUT.name)
        if mask is None or item.sealed or item.split not in ("train", "test"):
            raise DatasetError(f"{item.id}: this layout has a place for labelled images of the splits train and test")
        if mask.any() and item.split == "train":
            raise DatasetError(f"{item.id}: has a defect; in this layout only images of the split test have any")
        kind = (item.level if item.level not in (None, "good") else HEAD) if mask.any() else "good"
        images.write_png(root / item.split / str(kind) / f"{item.id}.png", item.pair.test)
        if mask.any():
            images.write_png(root / "ground_truth" / str(kind) / f"{item.id}_mask.png", mask)


def _masks(root: Path, kind: str, pictures: list[Path], problems: list[str]) -> dict[Path, Path]:
    if kind == "good":
        return {}
    return folders.match_masks(pictures, folders.list_images(root / "ground_truth" / kind, problems), problems)


LAYOUT = Layout(
    name="mvtec",
    looks="folders train/good and test/KIND",
    metric="macro-f1",
    recognise=recognise,
    read=read,
    read_pair=make_pair,
    read_truth=read_truth,
    write=write,
)
