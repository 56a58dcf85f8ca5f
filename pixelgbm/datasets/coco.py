"""The layout `coco`: images and an annotations.json in the form of COCO; a category is a head.

An image of the file without annotations of a category is known to be clean there; an image that the
file does not list is unknown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pixelgbm.datasets.annotated import Drawing, Part, Table, is_kind, read_annotated, read_drawn, write_annotated
from pixelgbm.datasets.layout import Labelled, Layout, make_pair, refuse_contest_exclusions, why_not_an_id
from pixelgbm.formats import coco
from pixelgbm.records import Dataset, Sample, Truth

__all__ = ["LAYOUT"]


def recognise(root: Path) -> bool:
    """Whether a folder holds an annotation file of COCO. Raises DatasetError for one that is no JSON."""
    return root.is_dir() and is_kind(root, LAYOUT.name)


def read(root: Path, *, truth: Path | None = None, contest_exclusions: bool = False) -> tuple[Dataset, list[str]]:
    """The images by split and path, and every problem of the annotations."""
    if contest_exclusions:
        refuse_contest_exclusions(root, LAYOUT.name)
    return read_annotated(root, name=LAYOUT.name, metric=LAYOUT.metric, parse=_parse, truth=truth)


def read_truth(sample: Sample, shape: tuple[int, int]) -> Truth:
    """The plane, 0 or 255, of every labelled head. Raises DatasetError for an annotation that marks no pixel."""
    return read_drawn(sample, shape, parse=_parse)


def write(root: Path, labelled: Iterable[Labelled], *, sealed: Path | None = None) -> None:
    """Write SPLIT/ID.png and SPLIT/annotations.json with packed runs. Raises OutputError."""
    write_annotated(root, labelled, sealed=sealed, name=LAYOUT.name, encode=_encode)


def _parse(text: bytes, path: Path, problems: list[str]) -> Table:
    found = coco.decode_coco(text, where=path, problems=problems)
    for category in found.categories:
        if why := why_not_an_id(category):
            problems.append(f"{path}: category {category!r} {why}")
    names = {image.id: image.file_name for image in found.images}
    parts: dict[int, list[Part]] = defaultdict(list)
    for note in found.annotations:
        of_image = parts[note.image_id]
        where = f"{path}: annotation {len(of_image) + 1} of {names[note.image_id]}"
        of_image.append(Part(note.category, where, partial(coco.draw_annotation, note)))
    drawings = {i.file_name: Drawing(tuple(parts[i.id]), (i.rows, i.cols)) for i in found.images}
    return Table(found.categories, drawings)


def _encode(
    entries: Sequence[tuple[str, Mapping[str, NDArray[np.bool_]], tuple[int, int]]], heads: Sequence[str]
) -> str:
    pictures = tuple(coco.CocoImage(n, name, *shape) for n, (name, _, shape) in enumerate(entries, start=1))
    notes = tuple(
        coco.CocoAnnotation(n, head, counts=coco.counts_of(mask))
        for n, (_, masks, _) in enumerate(entries, start=1)
        for head, mask in masks.items()
        if mask.any()
    )
    return coco.encode_coco(coco.Coco(pictures, tuple(heads), notes))


LAYOUT = Layout(
    name="coco",
    looks="a COCO annotations.json",
    metric="macro-f1",
    recognise=recognise,
    read=read,
    read_pair=make_pair,
    read_truth=read_truth,
    write=write,
)
