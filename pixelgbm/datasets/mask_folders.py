"""The layout `mask-folders`: train/ and test/ with their masks, of the same names, in train_masks/ and test_masks/.

A mask in which no value is positive says that its image is clean; an image without a mask is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pixelgbm import images
from pixelgbm.datasets import folders
from pixelgbm.datasets.folders import HEAD
from pixelgbm.datasets.layout import Labelled, Layout, make_pair, truth_root
from pixelgbm.records import Dataset, Sample

__all__ = ["LAYOUT"]

_MASKS = "_masks"
_ORDER = {"train": 0, "dev": 1, "val": 1, "test": 2}


def recognise(root: Path) -> bool:
    """Whether a folder holds train/ and train_masks/."""
    return (root / "train").is_dir() and (root / f"train{_MASKS}").is_dir()


def read(root: Path, *, truth: Path | None = None) -> tuple[Dataset, list[str]]:
    """The images of train/, of every other folder with masks, and of test/, and every problem of the structure."""
    problems: list[str] = []
    there = {folder.name for folder in folders.folders_in(root)}
    splits = {name for name in there if f"{name}{_MASKS}" in there} | ({"test"} & there)
    for name in sorted(there):
        if name.endswith(_MASKS) and name.removesuffix(_MASKS) not in splits:
            problems.append(f"{root / name}: masks without images; there is no folder {name.removesuffix(_MASKS)}")
    found: list[tuple[Path, str, Path | None]] = []
    for split in sorted(splits, key=lambda name: (_ORDER.get(name, 3), name)):
        pictures = folders.list_images(root / split, problems)
        masks = folders.match_masks(pictures, folders.list_images(root / f"{split}{_MASKS}", problems), problems)
        found += [(path, split, masks.get(path)) for path in pictures]
    ids = folders.identifiers(root, [path for path, *_ in found], problems)
    samples = [
        Sample(id, split, path, masks={HEAD: (mask,)} if mask else {}, labelled_heads=(HEAD,) if mask else ())
        for id, (path, split, mask) in zip(ids, found, strict=True)
    ]
    if truth is not None:
        samples = folders.add_sealed_masks(truth, samples, problems)
    return folders.finish(root, LAYOUT.name, LAYOUT.metric, (HEAD,), samples, problems)


def write(root: Path, labelled: Iterable[Labelled], *, sealed: Path | None = None) -> None:
    """Write SPLIT/ID.png and SPLIT_masks/ID.png; sealed masks go to SEALED/SPLIT_masks. Raises OutputError."""
    for name in ("train", f"train{_MASKS}"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for item in labelled:
        mask = folders.only_head(item, LAYOUT.name)
        images.write_png(root / item.split / f"{item.id}.png", item.pair.test)
        if mask is not None:
            target = truth_root(item, root, sealed)
            images.write_png(target / f"{item.split}{_MASKS}" / f"{item.id}.png", mask)


LAYOUT = Layout(
    name="mask-folders",
    looks="folders train and train_masks",
    metric="macro-f1",
    recognise=recognise,
    read=read,
    read_pair=make_pair,
    read_truth=folders.read_masks,
    write=write,
)
