"""The layout `via`: images and the annotations.json of the VGG Image Annotator; a region's class is its head.

An image with an entry and no region of a class is known to be clean there; one without an entry is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pixelgbm.datasets.annotated import Drawing, Part, Table, is_kind, read_annotated, read_drawn, write_annotated
from pixelgbm.datasets.layout import Labelled, Layout, make_pair, refuse_contest_exclusions, why_not_an_id
from pixelgbm.formats import via
from pixelgbm.records import Dataset, Sample, Truth

__all__ = ["LAYOUT"]


def recognise(root: Path) -> bool:
    """Whether a folder holds an annotation file of VIA. Raises DatasetError for one that is no JSON."""
    return root.is_dir() and is_kind(root, LAYOUT.name)


def read(root: Path, *, truth: Path | None = None, contest_exclusions: bool = False) -> tuple[Dataset, list[str]]:
    """The images by split and path, and every problem of the annotations."""
    if contest_exclusions:
        refuse_contest_exclusions(root, LAYOUT.name)
    return read_annotated(root, name=LAYOUT.name, metric=LAYOUT.metric, parse=_parse, truth=truth)


def read_truth(sample: Sample, shape: tuple[int, int]) -> Truth:
    """The plane, 0 or 255, of every labelled head. Raises DatasetError for a region that marks no pixel."""
    return read_drawn(sample, shape, parse=_parse)


def write(root: Path, labelled: Iterable[Labelled], *, sealed: Path | None = None) -> None:
    """Write SPLIT/ID.png and SPLIT/annotations.json with polygons. Raises OutputError."""
    write_annotated(root, labelled, sealed=sealed, name=LAYOUT.name, encode=_encode)


def _parse(text: bytes, path: Path, problems: list[str]) -> Table:
    pictures, classes = via.decode_via(text, where=path, problems=problems)
    for label in classes:
        if why := why_not_an_id(label):
            problems.append(f"{path}: class {label!r} {why}")
    drawings = {}
    for image in pictures:
        parts = (
            Part(region.label, f"{path}: {image.filename}: region {number}", partial(via.draw_region, region))
            for number, region in enumerate(image.regions, start=1)
        )
        drawings[image.filename] = Drawing(tuple(parts))
    return Table(classes or (via.DEFAULT_CLASS,), drawings)


def _encode(
    entries: Sequence[tuple[str, Mapping[str, NDArray[np.bool_]], tuple[int, int]]], heads: Sequence[str]
) -> str:
    pictures = (
        via.ViaImage(name, -1, tuple(r for head, mask in masks.items() for r in via.regions_of(mask, head)))
        for name, masks, _ in entries
    )
    return via.encode_via(pictures, classes=heads)


LAYOUT = Layout(
    name="via",
    looks="a VIA annotations.json",
    metric="macro-f1",
    recognise=recognise,
    read=read,
    read_pair=make_pair,
    read_truth=read_truth,
    write=write,
)
