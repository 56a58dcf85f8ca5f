"""Annotations in the form of COCO: images, categories, and outlines or runs, in JSON.

Positions are (x, y) from the corner of the image, so pixel centres lie at halves: the outline 0 0, 4 0,
4 4, 0 4 marks 4x4 pixels. A pixel belongs to an outline when its centre lies inside or on it. Runs go
down the columns, the first one counts pixels that are not marked.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelgbm.errors import DatasetError
from pixelgbm.formats import outlines

__all__ = [
    "Coco",
    "CocoAnnotation",
    "CocoImage",
    "compress_counts",
    "counts_of",
    "decode_coco",
    "draw_annotation",
    "encode_coco",
    "expand_counts",
    "outlines_of",
]

_MOST_PIXELS = 2**28  # as images are read


@dataclass(frozen=True, slots=True)
class CocoImage:
    """One image: its number, its file name, and its size."""

    id: int
    file_name: str
    rows: int
    cols: int


@dataclass(frozen=True, slots=True)
class CocoAnnotation:
    """One object: outlines of (x, y) corners, or, where there are none, the counts of its runs."""

    image_id: int
    category: str
    outlines: tuple[tuple[tuple[float, float], ...], ...] = ()
    counts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Coco:
    """A COCO file: images, the names of the categories by their numbers, and annotations."""

    images: tuple[CocoImage, ...] = ()
    categories: tuple[str, ...] = ()
    annotations: tuple[CocoAnnotation, ...] = ()


def encode_coco(coco: Coco, *, compressed: bool = True) -> str:
    """The JSON text; `compressed` writes counts as a text, as pycocotools does, else as a list of numbers."""
    sizes = {image.id: (image.rows, image.cols) for image in coco.images}
    annotations = []
    for number, found in enumerate(coco.annotations, start=1):
        shape = sizes[found.image_id]
        mask = draw_annotation(found, shape)
        rows, cols = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
        box = [int(cols[0]), int(rows[0]), int(np.ptp(cols)) + 1, int(np.ptp(rows)) + 1] if len(rows) else [0, 0, 0, 0]
        segmentation: Any = [[value for corner in outline for value in corner] for outline in found.outlines]
        if not found.outlines:
            counts = compress_counts(found.counts) if compressed else list(found.counts)
            segmentation = {"size": list(shape), "counts": counts}
        annotations.append(
            {
                "id": number,
                "image_id": found.image_id,
                "category_id": coco.categories.index(found.category) + 1,
                "segmentation": segmentation,
                "area": int(mask.sum()),
                "bbox": box,
                "iscrowd": 0 if found.outlines else 1,
            }
        )
    data = {
        "images": [{"id": i.id, "file_name": i.file_name, "height": i.rows, "width": i.cols} for i in coco.images],
        "categories": [{"id": n, "name": name} for n, name in enumerate(coco.categories, start=1)],
        "annotations": annotations,
    }
    return json.dumps(data) + "\n"


def decode_coco(text: str | bytes, *, where: object, problems: list[str] | None = None) -> Coco:
    """The images, categories and annotations of a COCO text.

    Everything that is refused is appended to `problems`, one line each, and left out; without
    `problems` the first is raised as DatasetError.
    """
    said: list[str] = []
    coco = Coco()
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        said.append(f"{where}: not readable as JSON ({error})")
    else:
        parts = {name: data.get(name) if isinstance(data, dict) else None for name in _PARTS}
        for name, part in parts.items():
            if not isinstance(part, list):
                said.append(f"{where}: {name} {_short(part)}; a COCO file has lists {', '.join(_PARTS)}")
        if not said:
            coco = _read(parts, where, said)
    if problems is None and said:
        raise DatasetError(said[0])
    if problems is not None:
        problems.extend(said)
    return coco


def draw_annotation(annotation: CocoAnnotation, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """The (rows, cols) bool mask of an annotation, which marks what any of its outlines marks."""
    mask = np.zeros(shape, bool)
    if annotation.counts:
        values = np.arange(len(annotation.counts)) % 2 > 0
        mask[:] = np.repeat(values, annotation.counts).reshape(shape[::-1]).T
    for outline in annotation.outlines:
        mask |= outlines.fill_outline(np.array(outline, np.float64)[:, ::-1] - 0.5, shape)
    return mask


def counts_of(mask: NDArray[np.bool_]) -> tuple[int, ...]:
    """The lengths of the runs of a mask, down the columns: not marked, marked, not marked, ..."""
    flat = mask.T.ravel()
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    lengths = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
    return (0, *lengths) if flat[0] else tuple(lengths)


def outlines_of(mask: NDArray[np.bool_]) -> tuple[tuple[tuple[float, float], ...], ...]:
    """Outlines of (x, y) corners that `draw_annotation` turns into exactly `mask`."""
    return tuple(
        tuple((col + 0.5, row + 0.5) for row, col in corners.tolist()) for corners in outlines.outlines_of(mask)
    )


def compress_counts(counts: Sequence[int]) -> str:
    """The text of counts as pycocotools packs them: five bits a character, differences to the count before last."""
    characters = []
    for at, count in enumerate(counts):
        rest = count - (counts[at - 2] if at > 2 else 0)
        while True:
            bits, rest = rest & 31, rest >> 5
            last = rest == (-1 if bits & 16 else 0)
            characters.append(chr(48 + bits + (0 if last else 32)))
            if last:
                break
    return "".join(characters)


def expand_counts(text: str) -> tuple[int, ...]:
    """The counts of a text as `compress_counts` makes it. Raises DatasetError naming the character."""
    counts: list[int] = []
    value = shift = 0
    for place, character in enumerate(text, start=1):
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 40:
            raise DatasetError(f"counts: {character!r} in place {place}; allowed are runs packed as pycocotools does")
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            value -= (1 << shift) if bits & 16 else 0
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value = shift = 0
    if shift:
        raise DatasetError(f"counts: the text of {len(text)} characters ends within a number")
    return tuple(counts)


_PARTS = ("images", "categories", "annotations")


def _read(parts: dict[str, Any], where: object, said: list[str]) -> Coco:
    images: dict[int, CocoImage] = {}
    names: dict[int, str] = {}
    annotations = []
    files: set[str] = set()
    for row, entry in enumerate(parts["images"], start=1):
        try:
            image = _image(entry)
            if image.id in images or image.file_name in files:
                raise DatasetError(f"id {image.id}, file_name {image.file_name!r} a second time; allowed is each once")
            images[image.id] = image
            files.add(image.file_name)
        except DatasetError as error:
            said.append(f"{where}: image {row}: {error}")
    for row, entry in enumerate(parts["categories"], start=1):
        try:
            number, name = _whole(entry, "id"), _text(entry, "name")
            if number in names or name in names.values():
                raise DatasetError(f"id {number}, name {name!r} a second time; allowed is each once")
            names[number] = name
        except DatasetError as error:
            said.append(f"{where}: category {row}: {error}")
    for row, entry in enumerate(parts["annotations"], start=1):
        try:
            annotations.append(_annotation(entry, images, names))
        except DatasetError as error:
            said.append(f"{where}: annotation {row}: {error}")
    return Coco(tuple(images.values()), tuple(names[n] for n in sorted(names)), tuple(annotations))


def _image(entry: Any) -> CocoImage:
    image = CocoImage(_whole(entry, "id"), _text(entry, "file_name"), _whole(entry, "height"), _whole(entry, "width"))
    if image.rows < 1 or image.cols < 1 or image.rows * image.cols > _MOST_PIXELS:
        raise DatasetError(f"height {image.rows}, width {image.cols}; allowed are 1 to {_MOST_PIXELS} pixels")
    return image


def _annotation(entry: Any, images: dict[int, CocoImage], names: dict[int, str]) -> CocoAnnotation:
    image, category = _whole(entry, "image_id"), _whole(entry, "category_id")
    if image not in images:
        raise DatasetError(f"image_id {image}; no image has this id")
    if category not in names:
        raise DatasetError(f"category_id {category}; known are {', '.join(map(str, sorted(names))) or 'none'}")
    found = CocoAnnotation(image, names[category])
    segmentation = entry.get("segmentation")
    if isinstance(segmentation, dict):
        return replace(found, counts=_counts(segmentation, images[image]))
    if isinstance(segmentation, list) and segmentation:
        return replace(found, outlines=tuple(_outline(outline) for outline in segmentation))
    raise DatasetError(f"segmentation {_short(segmentation)}; allowed are a list of outlines, or size and counts")


def _outline(values: Any) -> tuple[tuple[float, float], ...]:
    if not isinstance(values, list) or len(values) < 6 or len(values) % 2:
        got = f"{len(values)} numbers" if isinstance(values, list) else _short(values)
        raise DatasetError(f"segmentation: an outline of {got}; allowed are pairs x, y, at least three")
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= 1e9:
            raise DatasetError(f"segmentation: {_short(value)} in an outline; allowed are numbers of pixels")
    return tuple(zip(values[::2], values[1::2], strict=True))


def _counts(segmentation: dict[str, Any], image: CocoImage) -> tuple[int, ...]:
    size, counts = segmentation.get("size"), segmentation.get("counts")
    if size != [image.rows, image.cols]:
        raise DatasetError(f"size {_short(size)}; that of the image is [{image.rows}, {image.cols}]")
    if isinstance(counts, str):
        counts = expand_counts(counts)
    if not isinstance(counts, list | tuple) or not counts:
        raise DatasetError(f"counts {_short(counts)}; allowed is a list of whole numbers, or their packed text")
    for count in counts:
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            raise DatasetError(f"counts: {_short(count)}; allowed are whole numbers, at least 0")
    if sum(counts) != image.rows * image.cols:
        raise DatasetError(
            f"counts: {sum(counts)} pixels, an image of {image.rows}x{image.cols} has {image.rows * image.cols}"
        )
    return tuple(counts)


def _whole(entry: Any, name: str) -> int:
    value = entry.get(name) if isinstance(entry, dict) else None
    if isinstance(value, bool) or not isinstance(value, int):
        raise DatasetError(f"{name} {_short(value)}; allowed is a whole number")
    return value


def _text(entry: Any, name: str) -> str:
    value = entry.get(name) if isinstance(entry, dict) else None
    if not isinstance(value, str) or not value:
        raise DatasetError(f"{name} {_short(value)}; allowed is a text")
    return value


def _short(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 40 else text[:37] + "..."
