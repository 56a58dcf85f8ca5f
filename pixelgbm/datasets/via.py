"""The layout `via`: images and the annotations.json of the VGG Image Annotator; a region's class is its head.

An image with an entry and no region of a class is known to be clean there; one without an entry is unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from pixelgbm.datasets.annotated import Drawing, Marked, Part, Table, annotated_layout
from pixelgbm.datasets.layout import why_not_an_id
from pixelgbm.formats import via

__all__ = ["LAYOUT"]


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


def _encode(entries: Sequence[Marked], heads: Sequence[str]) -> str:
    pictures = (
        via.ViaImage(e.file_name, -1, tuple(r for head, mask in e.masks.items() for r in via.regions_of(mask, head)))
        for e in entries
    )
    return via.encode_via(pictures, classes=heads)


LAYOUT = annotated_layout("via", looks="a VIA annotations.json", parse=_parse, encode=_encode)
