"""The layout `good-bad`: the folders good/, bad/ and masks/, a mask named as its image in bad/.

An image in good/ is known to be clean. One in bad/ without a mask is unknown, never clean. In a mask
any positive value is a defect. All images are of the split train.
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
    """Whether a folder holds good/, bad/ and masks/."""
    return all((root / name).is_dir() for name in ("good", "bad", "masks"))


def read(root: Path, *, truth: Path | None = None) -> tuple[Dataset, list[str]]:
    """The images of good/, then of bad/, by name, and every problem of the structure."""
    problems: list[str] = []
    good, bad = (folders.list_images(root / name, problems) for name in ("good", "bad"))
    found = folders.match_masks(bad, folders.list_images(root / "masks", problems, deep=True), problems)
    samples = []
    for path, id in zip([*good, *bad], folders.identifiers(root, [*good, *bad], problems), strict=True):
        masks = {HEAD: (found[path],)} if path in found else {}
        labelled = (HEAD,) if masks or path.parent.name == "good" else ()
        samples.append(Sample(id, "train", path, masks=masks, labelled_heads=labelled))
    if truth is not None:
        samples = folders.add_sealed_masks(truth, samples, problems)
    return folders.finish(root, LAYOUT.name, LAYOUT.metric, (HEAD,), samples, problems)


def read_truth(sample: Sample, shape: tuple[int, int]) -> Truth:
    """The plane, 0 or 255. Raises DatasetError for a mask of another size, or one that marks nothing: it is of bad/."""
    return folders.read_filled_masks(sample, shape, folder="bad/")


def write(root: Path, labelled: Iterable[Labelled], *, sealed: Path | None = None) -> None:
    """Write good/, bad/ and masks/; every image must be labelled and of the split train. Raises OutputError."""
    for name in ("good", "bad", "masks"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for item in labelled:
        mask = folders.only_head(item, LAYOUT.name)
        if mask is None or item.sealed or item.split != "train":
            raise DatasetError(f"{item.id}: this layout has a place for labelled images of the split train alone")
        kind = "bad" if mask.any() else "good"
        images.write_png(root / kind / f"{item.id}.png", item.pair.test)
        if mask.any():
            images.write_png(root / "masks" / f"{item.id}.png", mask)


LAYOUT = Layout(
    name="good-bad",
    looks="folders good, bad and masks",
    metric="verdict-f1",
    recognise=recognise,
    read=read,
    read_pair=make_pair,
    read_truth=read_truth,
    write=write,
)
