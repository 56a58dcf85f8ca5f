"""What the layouts of annotation files share: where the files lie, their images, and the truth drawn from them.

An annotation file is ROOT/annotations.json, ROOT/annotations/NAME.json, or annotations.json beside the
images of a folder. The first folder on the way to an image is its split, if it is called as one.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pixelgbm import files, images
from pixelgbm.datasets import folders
from pixelgbm.datasets.layout import Labelled, relative_to
from pixelgbm.errors import DatasetError
from pixelgbm.records import Dataset, Sample, Truth

__all__ = ["Drawing", "Parse", "Part", "Table", "is_kind", "read_annotated", "read_drawn", "write_annotated"]

Mask = NDArray[np.bool_]

_SPLITS = ("train", "dev", "val", "valid", "test")
_NAMES = ("annotations.json", "_annotations.coco.json")


@dataclass(frozen=True, slots=True)
class Part:
    """One annotated region of an image: what it is, where the file says so, and how it is drawn."""

    head: str
    where: str
    draw: Callable[[tuple[int, int]], Mask]


@dataclass(frozen=True, slots=True)
class Drawing:
    """All regions of one image, none where it is clean; its size, where the file says it."""

    parts: tuple[Part, ...] = ()
    size: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """An annotation file: the kinds of defects for which all its images are labelled, and its images by file name."""

    heads: tuple[str, ...]
    drawings: Mapping[str, Drawing]


Parse = Callable[[bytes, Path, list[str]], Table]
"""(contents, path, problems) -> the table; what is refused goes to problems and is left out."""


def is_kind(root: Path, kind: str) -> bool:
    """Whether a folder holds an annotation file of the kind "via" or "coco". Raises DatasetError for bad JSON."""
    return any(_kind(path, *_state(path)) == kind for path in _tables_in(root))


def read_annotated(
    root: Path, *, name: str, metric: str, parse: Parse, truth: Path | None
) -> tuple[Dataset, list[str]]:
    """The images by split and path, those in an annotation file labelled for its heads, and every problem.

    An image of no annotation file is unknown, but clean where it lies in a folder `good`.
    """
    problems: list[str] = []
    pictures = folders.list_images(root, problems)
    for folder in folders.folders_in(root):
        pictures += folders.list_images(folder, problems, deep=True)
    pictures.sort(key=lambda path: (_order(_split(root, path)), relative_to(path, root)))
    index: dict[str, list[Path]] = defaultdict(list)
    for picture in pictures:
        index[picture.name].append(picture)
    tables = _tables_in(root)
    if not tables:
        problems.append(f"{root}: no annotation file; allowed is annotations.json, in it or beside the images")
    masks: dict[Path, dict[str, list[Path]]] = defaultdict(lambda: defaultdict(list))
    labelled: dict[Path, dict[str, None]] = defaultdict(dict)
    heads: dict[str, None] = {}
    sources = [(table, root) for table in tables]
    if truth is not None:
        sealed = _tables_in(truth) if truth.is_dir() else [truth]
        if not sealed:
            raise DatasetError(f"{truth}: no annotation file of sealed truth; allowed is annotations.json")
        sources += [(table, truth) for table in sealed]
    for path, base in sources:
        table = parse(_bytes_of(path), path, problems)
        heads.update(dict.fromkeys(table.heads))
        for file_name, drawing in table.drawings.items():
            meant = _picture_of(file_name, path, base, root, index, problems)
            if meant is None:
                continue
            for head in table.heads:
                if head in labelled[meant]:
                    problems.append(f"{path}: {file_name} is labelled for {head} in another file too")
                labelled[meant][head] = None
            for part in drawing.parts:
                if path not in masks[meant][part.head]:
                    masks[meant][part.head].append(path)
    samples = []
    for picture, id in zip(pictures, folders.identifiers(root, pictures, problems), strict=True):
        known = tuple(labelled.get(picture, heads if picture.parent.name == "good" else ()))
        found = {head: tuple(paths) for head, paths in masks.get(picture, {}).items()}
        samples.append(Sample(id, _split(root, picture), picture, masks=found, labelled_heads=known))
    return folders.finish(root, name, metric, tuple(heads), samples, problems)


def read_drawn(sample: Sample, shape: tuple[int, int], *, parse: Parse) -> Truth:
    """The plane, 0 or 255, of every labelled head.

    Raises DatasetError for a region that marks no pixel of the image, and an image of another size than
    its annotation file says.
    """
    found: Truth = {head: np.zeros(shape, np.uint8) for head in sample.labelled_heads}
    for path in dict.fromkeys(path for paths in sample.masks.values() for path in paths):
        drawing = _drawing_of(sample.image, _drawings(path, *_state(path), parse))
        if drawing.size not in (None, shape):
            raise DatasetError(f"{sample.image}: {shape[0]}x{shape[1]}, {path} says {_by(drawing.size)}")
        for part in drawing.parts:
            mask = part.draw(shape)
            if not mask.any():
                raise DatasetError(f"{part.where}: marks no pixel of its image of {_by(shape)}")
            found[part.head][mask] = 255
    return found


def write_annotated(
    root: Path,
    labelled: Iterable[Labelled],
    *,
    sealed: Path | None,
    name: str,
    encode: Callable[[Sequence[tuple[str, Mapping[str, Mask], tuple[int, int]]], Sequence[str]], str],
) -> None:
    """Write SPLIT/ID.png and SPLIT/annotations.json, sealed truth to SEALED/SPLIT/annotations.json. Raises OutputError.

    encode(images, heads): the text of a file from (file name, {head: mask}, shape). Raises DatasetError
    when the labelled images of one file are not labelled for the same heads.
    """
    tables: dict[Path, list[tuple[str, Mapping[str, Mask], tuple[int, int]]]] = {}
    for item in labelled:
        if item.pair.reference is not None or item.pair.ignore is not None:
            raise DatasetError(f"{item.id}: the layout {name} has no place for a reference or an ignore mask")
        if item.split not in _SPLITS:
            raise DatasetError(f"{item.id}: split {item.split!r}; allowed are {', '.join(_SPLITS)}")
        if item.sealed and item.truth and sealed is None:
            raise DatasetError(f"{item.id}: its truth is sealed, but no folder for sealed truth was named")
        images.write_png(root / item.split / f"{item.id}.png", item.pair.test)
        if item.truth:
            target = (sealed if item.sealed and sealed is not None else root) / item.split / _NAMES[0]
            masks = {head: plane >= 128 for head, plane in item.truth.items()}
            rows, cols = item.pair.test.shape[:2]
            tables.setdefault(target, []).append((f"{item.id}.png", masks, (rows, cols)))
    for path, entries in tables.items():
        heads = tuple(entries[0][1])
        for file_name, marked, _ in entries:
            if marked.keys() != set(heads):
                raise DatasetError(
                    f"{path}: {file_name} is labelled for {', '.join(marked)}, {entries[0][0]} for {', '.join(heads)}; "
                    f"a file of the layout {name} labels all its images for the same, a manifest need not"
                )
        files.write_text(path, encode(entries, heads))


def _tables_in(root: Path) -> list[Path]:
    """The annotation files of a folder: in it, in its folder annotations, and beside the images of its folders."""
    found = [root / name for name in _NAMES]
    for folder in folders.folders_in(root):
        if folder.name == "annotations":
            found += sorted(folder.glob("*.json"))
        found += [folder / name for name in _NAMES]
    return list(dict.fromkeys(path for path in found if path.is_file()))


def _picture_of(
    file_name: str, table: Path, base: Path, root: Path, index: Mapping[str, list[Path]], problems: list[str]
) -> Path | None:
    """The image that a file name means: below the folder of its file, or anywhere if that lies on top."""
    inner = Path(relative_to(table.parent, base))
    folder = root if inner == Path("annotations") else root / inner
    wanted = _plain(file_name)
    fitting = [
        path
        for path in index.get(wanted.rpartition("/")[2], ())
        if path.is_relative_to(folder) and f"/{relative_to(path, root)}".endswith(f"/{wanted}")
    ]
    if len(fitting) == 1:
        return fitting[0]
    exact = [path for path in fitting if path in (table.parent / wanted, folder / wanted)]
    split = [path for path in fitting if table.stem.rpartition("_")[2] == _split(root, path)]
    for choice in (exact, split):
        if len(choice) == 1:
            return choice[0]
    there = f"{len(fitting)} images of that name" if fitting else "no such image"
    problems.append(f"{table}: {file_name}: {there} in {folder}; allowed is one")
    return None


def _split(root: Path, picture: Path) -> str:
    """The name of a split among the folders on the way to an image; train without one."""
    return next((part for part in picture.relative_to(root).parts[:-1] if part in _SPLITS), "train")


def _order(split: str) -> int:
    return _SPLITS.index(split)


def _drawing_of(picture: Path, index: Mapping[str, list[tuple[str, Drawing]]]) -> Drawing:
    """The regions of an image: the entry whose name ends the path of the image, the longest such name."""
    path = f"/{picture.as_posix()}"
    fitting = [entry for entry in index[picture.name] if path.endswith(f"/{entry[0]}")]
    return max(fitting, key=lambda entry: len(entry[0]))[1]


@lru_cache(maxsize=8)
def _drawings(path: Path, changed: int, size: int, parse: Parse) -> Mapping[str, list[tuple[str, Drawing]]]:
    """The (file name, regions) of a file by the last part of the name.

    The file is parsed again only when it changed: truth is asked for image by image.
    """
    index: dict[str, list[tuple[str, Drawing]]] = {}
    for name, drawing in parse(_bytes_of(path), path, []).drawings.items():
        plain = _plain(name)
        index.setdefault(plain.rpartition("/")[2], []).append((plain, drawing))
    return index


def _plain(file_name: str) -> str:
    return file_name.replace("\\", "/").removeprefix("./")


@lru_cache(maxsize=16)
def _kind(path: Path, changed: int, size: int) -> str:
    """What kind of annotation file a file is; "" for neither."""
    try:
        data = json.loads(_bytes_of(path))
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{path}: not readable as JSON ({error})") from error
    if not isinstance(data, dict):
        return ""
    if all(isinstance(data.get(name), list) for name in ("images", "annotations")):
        return "coco"
    entries = [entry for entry in data.values() if isinstance(entry, dict)]
    return "via" if "_via_img_metadata" in data or any({"filename", "regions"} <= e.keys() for e in entries) else ""


def _state(path: Path) -> tuple[int, int]:
    try:
        state = path.stat()
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror or error}") from error
    return state.st_mtime_ns, state.st_size


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror or error}") from error


def _by(shape: tuple[int, int] | None) -> str:
    return "x".join(map(str, shape or ()))
