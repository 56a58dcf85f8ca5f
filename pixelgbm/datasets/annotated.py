"""The layouts of annotation files: where the files lie, their images, and the truth drawn from them.

An annotation file is ROOT/annotations.json, ROOT/annotations/NAME.json, or annotations.json beside the
images of a folder. The first folder on the way to an image is its split, if it is called as one.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pixelgbm import files, images
from pixelgbm.datasets import folders
from pixelgbm.datasets.kept import kept
from pixelgbm.datasets.layout import Labelled, Layout, make_pair, read_bytes, refuse_reference, relative_to, truth_root
from pixelgbm.errors import DatasetError
from pixelgbm.records import Dataset, Sample, Truth

__all__ = ["Drawing", "Marked", "Part", "Table", "annotated_layout"]

Mask = NDArray[np.bool_]

_METRIC = "macro-f1"
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


@dataclass(frozen=True, slots=True)
class Marked:
    """An image to be written to an annotation file: its name, {head: (rows, cols) bool}, and (rows, cols)."""

    file_name: str
    masks: Mapping[str, Mask]
    shape: tuple[int, int]


Kind = Literal["via", "coco"]

Parse = Callable[[bytes, Path, list[str]], Table]
"""(contents, path, problems) -> the table; what is refused goes to problems and is left out."""

Encode = Callable[[Sequence[Marked], Sequence[str]], str]
"""(images, the heads for which all of them are labelled) -> the contents of the file."""

_Drawings = dict[str, list[tuple[str, Drawing]]]
"""{last part of a file name: [(file name, regions)]}."""


def annotated_layout(name: Kind, *, looks: str, parse: Parse, encode: Encode) -> Layout:
    """The layout of annotation files of one kind: `parse` reads the contents of such a file, `encode` makes them."""

    @kept
    def drawings(path: Path) -> _Drawings:
        return _by_name(parse(read_bytes(path), path, []))

    return Layout(
        name=name,
        looks=looks,
        metric=_METRIC,
        recognise=partial(_recognise, kind=name),
        read=partial(_read, name=name, parse=parse),
        read_pair=make_pair,
        read_truth=partial(_read_truth, drawings=drawings),
        write=partial(_write, name=name, encode=encode),
    )


def _recognise(root: Path, *, kind: Kind) -> bool:
    """Whether a folder holds an annotation file of a kind. Raises DatasetError for one that is no JSON."""
    return root.is_dir() and any(_kind(path) == kind for path in _tables_in(root))


def _read(root: Path, *, name: str, parse: Parse, truth: Path | None = None) -> tuple[Dataset, list[str]]:
    """The images by split and path, those in an annotation file labelled for its heads, and every problem.

    An image of no annotation file is unknown, but clean where it lies in a folder `good`.
    """
    problems: list[str] = []
    pictures = _pictures_in(root, problems)
    by_name: dict[str, list[Path]] = defaultdict(list)
    for picture in pictures:
        by_name[picture.name].append(picture)
    heads: dict[str, None] = {}
    labels: dict[Path, _Label] = defaultdict(_Label)
    for path, base in _sources(root, truth, problems):
        table = parse(read_bytes(path), path, problems)
        heads.update(dict.fromkeys(table.heads))
        for file_name, drawing in table.drawings.items():
            meant = _picture_of(file_name, path, base, root, by_name, problems)
            if meant is not None:
                for head in labels[meant].add(path, table.heads, drawing):
                    problems.append(f"{path}: {file_name} is labelled for {head} in another file too")
    samples = []
    for picture, id in zip(pictures, folders.identifiers(root, pictures, problems), strict=True):
        label = labels[picture]
        known = tuple(label.heads or (heads if picture.parent.name == "good" else ()))
        masks = {head: tuple(paths) for head, paths in label.masks.items()}
        samples.append(Sample(id, _split(root, picture), picture, masks=masks, labelled_heads=known))
    return folders.finish(root, name, _METRIC, tuple(heads), samples, problems)


def _read_truth(sample: Sample, shape: tuple[int, int], *, drawings: Callable[[Path], _Drawings]) -> Truth:
    """The plane, 0 or 255, of every labelled head.

    Raises DatasetError for a region that marks no pixel of the image, and an image of another size than
    its annotation file says.
    """
    found: Truth = {head: np.zeros(shape, np.uint8) for head in sample.labelled_heads}
    for path in dict.fromkeys(path for paths in sample.masks.values() for path in paths):
        drawing = _drawing_of(sample.image, drawings(path))
        if drawing.size not in (None, shape):
            raise DatasetError(f"{sample.image}: {_by(shape)}, {path} says {_by(drawing.size)}")
        for part in drawing.parts:
            mask = part.draw(shape)
            if not mask.any():
                raise DatasetError(f"{part.where}: marks no pixel of its image of {_by(shape)}")
            found[part.head][mask] = 255
    return found


def _write(root: Path, labelled: Iterable[Labelled], *, name: str, encode: Encode, sealed: Path | None = None) -> None:
    """Write SPLIT/ID.png and SPLIT/annotations.json, sealed truth to SEALED/SPLIT/annotations.json. Raises OutputError.

    Raises DatasetError when the labelled images of one file are not labelled for the same heads.
    """
    tables: dict[Path, list[Marked]] = {}
    for item in labelled:
        refuse_reference(item, name)
        if item.split not in _SPLITS:
            raise DatasetError(f"{item.id}: split {item.split!r}; allowed are {', '.join(_SPLITS)}")
        images.write_png(root / item.split / f"{item.id}.png", item.pair.test)
        if item.truth:
            target = truth_root(item, root, sealed) / item.split / _NAMES[0]
            masks = {head: plane >= 128 for head, plane in item.truth.items()}
            rows, cols = item.pair.test.shape[:2]
            tables.setdefault(target, []).append(Marked(f"{item.id}.png", masks, (rows, cols)))
    for path, entries in tables.items():
        first = entries[0]
        for entry in entries:
            if entry.masks.keys() != first.masks.keys():
                got, there = (", ".join(other.masks) for other in (entry, first))
                raise DatasetError(
                    f"{path}: {entry.file_name} is labelled for {got}, {first.file_name} for {there}; "
                    f"a file of the layout {name} labels all its images for the same, a manifest need not"
                )
        files.write_text(path, encode(entries, tuple(first.masks)))


@dataclass(slots=True)
class _Label:
    """What annotation files say of one image: the heads it is labelled for, the files that mark each of them."""

    heads: dict[str, None] = field(default_factory=dict)
    masks: dict[str, list[Path]] = field(default_factory=dict)

    def add(self, path: Path, heads: Sequence[str], drawing: Drawing) -> list[str]:
        """Add what a file says; returns the heads for which another file has labelled the image."""
        twice = [head for head in heads if head in self.heads]
        self.heads.update(dict.fromkeys(heads))
        for head in dict.fromkeys(part.head for part in drawing.parts):
            self.masks.setdefault(head, []).append(path)
        return twice


def _pictures_in(root: Path, problems: list[str]) -> list[Path]:
    """All images of a folder and of the folders in it, by split and path."""
    pictures = folders.list_images(root, problems)
    for folder in folders.folders_in(root):
        pictures += folders.list_images(folder, problems, deep=True)
    return sorted(pictures, key=lambda path: (_SPLITS.index(_split(root, path)), relative_to(path, root)))


def _sources(root: Path, truth: Path | None, problems: list[str]) -> list[tuple[Path, Path]]:
    """(annotation file, the folder it is of) of the data folder, then of sealed truth."""
    own = _tables_in(root)
    if not own:
        problems.append(f"{root}: no annotation file; allowed is annotations.json, in it or beside the images")
    if truth is None:
        return [(table, root) for table in own]
    sealed = _tables_in(truth) if truth.is_dir() else [truth]
    if not sealed:
        raise DatasetError(f"{truth}: no annotation file of sealed truth; allowed is annotations.json")
    return [(table, root) for table in own] + [(table, truth) for table in sealed]


def _tables_in(root: Path) -> list[Path]:
    """The annotation files of a folder: in it, in its folder annotations, and beside the images of its folders."""
    found = [root / name for name in _NAMES]
    for folder in folders.folders_in(root):
        if folder.name == "annotations":
            found += sorted(folder.glob("*.json"))
        found += [folder / name for name in _NAMES]
    return list(dict.fromkeys(path for path in found if path.is_file()))


def _picture_of(
    file_name: str, table: Path, base: Path, root: Path, pictures: Mapping[str, list[Path]], problems: list[str]
) -> Path | None:
    """The image that a file name means: below the folder of its file, or anywhere if that lies on top."""
    inner = Path(relative_to(table.parent, base))
    folder = root if inner == Path("annotations") else root / inner
    wanted = _plain(file_name)
    fitting = [
        path
        for path in pictures.get(wanted.rpartition("/")[2], ())
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


def _by_name(table: Table) -> _Drawings:
    index: _Drawings = {}
    for name, drawing in table.drawings.items():
        plain = _plain(name)
        index.setdefault(plain.rpartition("/")[2], []).append((plain, drawing))
    return index


def _drawing_of(picture: Path, index: _Drawings) -> Drawing:
    """The regions of an image: the entry whose name ends the path of the image, the longest such name."""
    path = f"/{picture.as_posix()}"
    fitting = [entry for entry in index[picture.name] if path.endswith(f"/{entry[0]}")]
    return max(fitting, key=lambda entry: len(entry[0]))[1]


def _plain(file_name: str) -> str:
    return file_name.replace("\\", "/").removeprefix("./")


@partial(kept, files=16)
def _kind(path: Path) -> Kind | None:
    """What kind of annotation file a file is; None for neither."""
    try:
        data = json.loads(read_bytes(path))
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{path}: not readable as JSON ({error})") from error
    if not isinstance(data, dict):
        return None
    if all(isinstance(data.get(name), list) for name in ("images", "annotations")):
        return "coco"
    entries = [entry for entry in data.values() if isinstance(entry, dict)]
    return "via" if "_via_img_metadata" in data or any({"filename", "regions"} <= e.keys() for e in entries) else None


def _by(shape: tuple[int, int] | None) -> str:
    return "x".join(map(str, shape or ()))
