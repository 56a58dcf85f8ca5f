"""What layouts of plain folders share: listing images, naming them, finding their masks, reading planes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pixelgbm import images
from pixelgbm.datasets.layout import (
    Labelled,
    check_size,
    excluded_in,
    list_folder,
    refuse_reference,
    relative_to,
    why_not_an_id,
)
from pixelgbm.errors import DatasetError
from pixelgbm.records import Dataset, Sample, Truth

__all__ = [
    "HEAD",
    "IMAGES",
    "add_sealed_masks",
    "finish",
    "folders_in",
    "identifiers",
    "image_name",
    "list_images",
    "match_masks",
    "only_head",
    "read_filled_masks",
    "read_hard_plane",
    "read_masks",
]

HEAD = "defect"
"""The one head of the layouts that know one kind of defect."""

IMAGES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
"""The suffixes of the images of a folder."""

_REMARKS = frozenset({".txt", ".md", ".csv", ".json", ".html", ".pdf", ".db", ".ini", ".xml", ".yaml", ".yml"})
_MASK_NAME = re.compile(r"[_ -]?(mask|masks|gt|label|truth)$", re.IGNORECASE)
_NUMBER_AT_END = re.compile(r"([0-9]+)$")
_LOSSY = frozenset({".jpg", ".jpeg"})


def folders_in(folder: Path) -> list[Path]:
    """The folders in a folder by name, `truth` left out: it is never read as data."""
    if not folder.is_dir():
        return []
    return [Path(entry.path) for entry in list_folder(folder) if entry.is_dir() and entry.name != "truth"]


def list_images(folder: Path, problems: list[str], *, deep: bool = False) -> list[Path]:
    """The images of a folder by name, of its folders too if `deep`; none where there is no folder.

    Other files are problems, but for remarks: what was meant as an image must not be lost in silence.
    """
    if not folder.is_dir():
        return []
    found = []
    for entry in list_folder(folder):
        path = Path(entry.path)
        if entry.is_dir():
            found += list_images(path, problems, deep=True) if deep else []
        elif path.suffix.lower() in IMAGES:
            found.append(path)
        elif path.suffix.lower() not in _REMARKS:
            problems.append(f"{path}: not an image of a kind that is read; allowed are {', '.join(IMAGES)}")
    return found


def identifiers(root: Path, paths: Sequence[Path], problems: list[str]) -> list[str]:
    """The name of each file without its suffix; where two have the same, their folders, joined by -, come before it."""
    stems = Counter(path.stem for path in paths)
    ids = []
    first: dict[str, Path] = {}
    for path in paths:
        id = path.stem
        if stems[id] > 1:
            id = relative_to(path.with_suffix(""), root).replace("/", "-")
        if why := why_not_an_id(id):
            problems.append(f"{path}: identifier {id!r} {why}")
        if id in first:
            problems.append(
                f"{path}: identifier {id} a second time, it is also {first[id]}; every identifier is used once"
            )
        first.setdefault(id, path)
        ids.append(id)
    return ids


def image_name(mask: Path) -> str:
    """The name of the image that a mask is named after: its own without suffix and without `_mask` at the end."""
    return _MASK_NAME.sub("", mask.stem)


def match_masks(
    pictures: Sequence[Path], masks: Sequence[Path], problems: list[str], *, by_number: bool = False
) -> dict[Path, Path]:
    """{image: mask}: a mask is named as its image, with or without `_mask` at the end.

    `by_number`: failing that, the number at the end of the names, where one image alone has it.
    """
    by_stem = {picture.stem: picture for picture in pictures}
    numbers = Counter(_number(picture.stem) for picture in pictures)
    by_end = {
        _number(picture.stem): picture for picture in pictures if by_number and numbers[_number(picture.stem)] == 1
    }
    found: dict[Path, Path] = {}
    for mask in masks:
        bare = image_name(mask)
        picture = by_stem.get(mask.stem) or by_stem.get(bare)
        if picture is None and _number(bare):
            picture = by_end.get(_number(bare))
        if picture is None:
            problems.append(f"{mask}: mask without image; it is named as its image, or with _mask at the end")
        elif picture in found:
            problems.append(f"{mask}: a second mask of {picture.name}, it has {found[picture].name}; allowed is one")
        else:
            found[picture] = mask
    return found


def add_sealed_masks(truth: Path, samples: Iterable[Sample], problems: list[str]) -> list[Sample]:
    """The samples with the masks found anywhere below `truth`, matched by identifier or name of the image."""
    if not truth.is_dir():
        raise DatasetError(f"{truth}: no such folder of sealed masks")
    samples = list(samples)
    names = {sample.id: i for i, sample in enumerate(samples)}
    stems = Counter(sample.image.stem for sample in samples)
    names.update({s.image.stem: i for i, s in enumerate(samples) if stems[s.image.stem] == 1})
    found = list_images(truth, problems, deep=True)
    if not found:
        raise DatasetError(f"{truth}: holds no masks; allowed are images named as those they belong to")
    for mask in found:
        at = names.get(mask.stem, names.get(image_name(mask)))
        if at is None:
            problems.append(f"{mask}: mask without image; the data hold no {mask.stem}")
        elif samples[at].labelled_heads:
            problems.append(f"{mask}: {samples[at].id} is labelled in the data folder too; allowed is one mask")
        else:
            samples[at] = replace(samples[at], masks={HEAD: (mask,)}, labelled_heads=(HEAD,))
    return samples


def read_masks(sample: Sample, shape: tuple[int, int]) -> Truth:
    """The plane, 0 or 255, of every labelled head; all 0 where the image is known to be clean."""
    return {
        head: read_hard_plane(sample.masks[head][0], shape) if head in sample.masks else np.zeros(shape, np.uint8)
        for head in sample.labelled_heads
    }


def read_filled_masks(sample: Sample, shape: tuple[int, int], *, folder: str) -> Truth:
    """As `read_masks`; raises DatasetError for a mask that marks nothing though its image lies among the defects."""
    found = read_masks(sample, shape)
    if sample.masks and not found[HEAD].any():
        raise DatasetError(f"{sample.masks[HEAD][0]}: marks nothing, but its image lies in {folder}")
    return found


def read_hard_plane(path: Path, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """A mask as 0 or 255: any value above 0 is a defect, in a JPEG file, whose values are inexact, 128 and above.

    Raises DatasetError for a mask of another size, ImageError for an unreadable one.
    """
    plane = images.read_gray(path)
    check_size(path, plane, shape)
    marked = plane >= 128 if path.suffix.lower() in _LOSSY else plane > 0
    return marked.astype(np.uint8) * np.uint8(255)


def only_head(item: Labelled, layout: str) -> NDArray[np.bool_] | None:
    """The mask, soft ones cut at one half, of an image to be written in a layout that knows one kind of defect.

    None when it is not labelled. Raises DatasetError for what such a layout has no place for.
    """
    refuse_reference(item, layout)
    if len(item.truth) > 1:
        raise DatasetError(f"{item.id}: the heads {', '.join(item.truth)}; the layout {layout} has room for one")
    return next((plane >= 128 for plane in item.truth.values()), None)


def finish(
    root: Path, name: str, metric: str, heads: tuple[str, ...], samples: Sequence[Sample], problems: list[str]
) -> tuple[Dataset, list[str]]:
    """The data set of these samples, those in `excluded.txt` excluded; no images at all is a problem."""
    if not samples:
        problems.append(f"{root}: no images; allowed are {', '.join(IMAGES)} in the folders of the layout {name}")
    there = {sample.id for sample in samples}
    excluded = {id: "listed in excluded.txt" for id in excluded_in(root) if id in there}
    return Dataset(root, name, metric, heads, tuple(samples), excluded), problems


def _number(stem: str) -> str:
    match = _NUMBER_AT_END.search(stem)
    return match[1] if match else ""
