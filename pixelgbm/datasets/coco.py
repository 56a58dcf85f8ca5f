"""The layout `coco`: images and an annotations.json in the form of COCO; a category is a head.

An image of the file without annotations of a category is known to be clean there; an image that the
file does not list is unknown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from pixelgbm.datasets.annotated import Drawing, Marked, Part, Table, annotated_layout
from pixelgbm.datasets.layout import why_not_an_id
from pixelgbm.formats import coco

__all__ = ["LAYOUT"]


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


def _encode(entries: Sequence[Marked], heads: Sequence[str]) -> str:
    pictures = tuple(coco.CocoImage(n, e.file_name, *e.shape) for n, e in enumerate(entries, start=1))
    notes = tuple(
        coco.CocoAnnotation(n, head, counts=coco.counts_of(mask))
        for n, e in enumerate(entries, start=1)
        for head, mask in e.masks.items()
        if mask.any()
    )
    return coco.encode_coco(coco.Coco(pictures, tuple(heads), notes))


LAYOUT = annotated_layout("coco", looks="a COCO annotations.json", parse=_parse, encode=_encode)
