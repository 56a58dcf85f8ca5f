"""Out-of-fold maps and region tables on disk, beside the model, for tuning and later looks.

MODEL.maps/
  store.json             format, digest of the boosters they belong to, heads, fold of every image
  maps/HEAD/ID.png       out-of-fold byte map, 255 x probability
  tables/HEAD.images.parquet, tables/HEAD.regions.parquet
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pixelgbm import files, images
from pixelgbm.errors import ModelError
from pixelgbm.regions import GRID

__all__ = ["FORMAT", "MapStore", "MapWriter", "Tables", "joined", "maps_folder", "open_store", "write_store"]

FORMAT = 1

_INDEX = "store.json"


@dataclass(frozen=True, slots=True, eq=False)
class Tables:
    """What tuning needs to know of one head: its images, and the candidate regions of every grid point.

    Per image: ids, split, object (its number, the same for all its views), actual (truth pixels), rows, cols. Per
    region, (n,) each: image (number in `ids`), grid (place in `regions.GRID`), region (row of its region table), parent
    (row at the next lower threshold without an operation, or -1), area, filled_area, tp, filled_tp (px), score (of the
    region booster, calibrated, out-of-fold). An image without candidates has no region rows.
    """

    ids: tuple[str, ...]
    split: tuple[str, ...]
    object: NDArray[np.int64]
    actual: NDArray[np.int64]
    rows: NDArray[np.int64]
    cols: NDArray[np.int64]
    image: NDArray[np.int64]
    grid: NDArray[np.int64]
    region: NDArray[np.int64]
    parent: NDArray[np.int64]
    area: NDArray[np.int64]
    filled_area: NDArray[np.int64]
    tp: NDArray[np.int64]
    filled_tp: NDArray[np.int64]
    score: NDArray[np.float64]

    def __post_init__(self) -> None:
        for name in _IMAGE_COLUMNS[1:]:
            if len(getattr(self, name)) != len(self.ids):
                raise ModelError(f"region tables: {len(getattr(self, name))} of {name} for {len(self.ids)} images")
        for name in _REGION_COLUMNS:
            if len(getattr(self, name)) != len(self.image):
                raise ModelError(f"region tables: {len(getattr(self, name))} of {name} for {len(self.image)} regions")
        for name, end in (("image", len(self.ids)), ("grid", len(GRID)), ("object", len(self.ids))):
            values = getattr(self, name)
            if values.size and not (values.min() >= 0 and values.max() < end):
                raise ModelError(f"region tables: {name} lies outside 0..{end - 1}")


_IMAGE_COLUMNS = ("ids", "split", "object", "actual", "rows", "cols")
_REGION_COLUMNS = tuple(field.name for field in fields(Tables) if field.name not in _IMAGE_COLUMNS)


def joined(parts: Sequence[Tables]) -> Tables:
    """The images and regions of all parts, such as out-of-fold train and dev. At least one part."""
    starts = np.cumsum([0, *(len(part.ids) for part in parts)])
    merged: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("actual", "rows", "cols", *_REGION_COLUMNS)
    }
    merged["image"] = np.concatenate([part.image + start for part, start in zip(parts, starts, strict=False)])
    objects = np.cumsum([0, *(part.object.max(initial=-1) + 1 for part in parts)])
    merged["object"] = np.concatenate([part.object + start for part, start in zip(parts, objects, strict=False)])
    for name in ("ids", "split"):
        merged[name] = tuple(value for part in parts for value in getattr(part, name))
    return Tables(**merged)


def maps_folder(model_folder: Path | str) -> Path:
    """Where the out-of-fold maps of a model lie: MODEL.maps beside MODEL."""
    folder = Path(model_folder)
    return folder.with_name(folder.name + ".maps")


class MapWriter:
    """A store that is being filled; see `write_store`. `map` may be called from any thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._heads: list[str] = []

    def map(self, head: str, id: str, levels: NDArray[np.uint8]) -> None:
        """Keep the out-of-fold map of one image. levels: (rows, cols) uint8, 255 x probability."""
        images.write_png(self._folder / "maps" / head / f"{id}.png", levels)

    def tables(self, head: str, tables: Tables) -> None:
        """Keep the tables of one head; heads are listed in the order of these calls."""
        names = ("id", *_IMAGE_COLUMNS[1:])
        _write_frame(
            self._folder / "tables" / f"{head}.images.parquet",
            {name: getattr(tables, field) for name, field in zip(names, _IMAGE_COLUMNS, strict=True)},
        )
        points = np.array([low for low, _ in GRID], dtype=np.uint8)
        operations = np.array([operation for _, operation in GRID])
        columns: dict[str, Any] = {
            "id": np.array(tables.ids, dtype=object)[tables.image],
            "low": points[tables.grid],
            "operation": operations[tables.grid].tolist(),
        }
        columns |= {name: getattr(tables, name) for name in _REGION_COLUMNS if name not in ("image", "grid")}
        _write_frame(self._folder / "tables" / f"{head}.regions.parquet", columns)
        self._heads.append(head)

    def finish(self, *, digest: str, folds: Mapping[str, int]) -> None:
        """Name the boosters these maps came from (`Model.boosters_digest`) and the fold of every image."""
        index = {"format": FORMAT, "digest": digest, "heads": self._heads, "folds": dict(folds)}
        files.write_text(self._folder / _INDEX, json.dumps(index, sort_keys=True, indent=1, ensure_ascii=False) + "\n")


@contextmanager
def write_store(folder: Path | str) -> Iterator[MapWriter]:
    """Fill a store aside; it takes the place of `folder` when the body ends well, and leaves no trace otherwise."""
    with files.replace_folder(folder) as aside:
        yield MapWriter(aside)


def _write_frame(path: Path, columns: Mapping[str, Any]) -> None:
    frame = pl.DataFrame({name: list(v) if isinstance(v, tuple) else v for name, v in columns.items()})
    frame = frame.with_columns(pl.col("id").cast(pl.String))
    with files.output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(path, statistics=False)


@dataclass(frozen=True, slots=True)
class MapStore:
    """A store on disk. digest: of the boosters the maps came from. folds: image id -> fold."""

    folder: Path
    digest: str
    heads: tuple[str, ...]
    folds: Mapping[str, int]

    def map(self, head: str, id: str) -> NDArray[np.uint8]:
        """The out-of-fold map of one image, (rows, cols) uint8. Raises ImageError when it is missing."""
        return images.read_gray(self.folder / "maps" / head / f"{id}.png").astype(np.uint8, copy=False)

    def tables(self, head: str) -> Tables:
        """The tables of one head. Raises ModelError when they are missing, damaged or of another grid."""
        if head not in self.heads:
            raise ModelError(f"{self.folder}: no head {head!r}; known: {', '.join(self.heads)}")
        of_images = _read_frame(self.folder / "tables" / f"{head}.images.parquet")
        path = self.folder / "tables" / f"{head}.regions.parquet"
        of_regions = _read_frame(path)
        try:
            if "object" not in of_images.columns:  # written before objects were kept: every image is one
                of_images = of_images.with_row_index("object")
            ids = of_images["id"].to_list()
            numbers = {id: number for number, id in enumerate(ids)}
            places = {point: place for place, point in enumerate(GRID)}
            points = zip(of_regions["low"].to_list(), of_regions["operation"].to_list(), strict=True)
            return Tables(
                ids=tuple(ids),
                split=tuple(of_images["split"].to_list()),
                object=of_images["object"].to_numpy().astype(np.int64),
                image=np.array([numbers[id] for id in of_regions["id"].to_list()], dtype=np.int64),
                grid=np.array([places[point] for point in points], dtype=np.int64),
                score=of_regions["score"].to_numpy().astype(np.float64),
                **{name: of_images[name].to_numpy().astype(np.int64) for name in ("actual", "rows", "cols")},
                **{
                    name: of_regions[name].to_numpy().astype(np.int64)
                    for name in ("region", "parent", "area", "filled_area", "tp", "filled_tp")
                },
            )
        except (KeyError, pl.exceptions.PolarsError) as error:
            raise ModelError(
                f"{path}: written by another version or damaged ({_first_line(error)}); train again"
            ) from None


def _read_frame(path: Path) -> pl.DataFrame:
    try:
        return pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ModelError(f"{path}: cannot be read: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def open_store(folder: Path | str) -> MapStore:
    """Open a store. Raises ModelError, in one line, when there is none or it is damaged or of a newer format."""
    path = Path(folder) / _INDEX
    try:
        index = json.loads(path.read_bytes())
        number = index["format"]
        if number == FORMAT:
            folds = {str(id): int(fold) for id, fold in index["folds"].items()}
            return MapStore(Path(folder), str(index["digest"]), tuple(map(str, index["heads"])), folds)
    except (FileNotFoundError, NotADirectoryError):
        raise ModelError(f"{folder}: no out-of-fold maps; `pixelgbm train` writes them beside the model") from None
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ModelError(f"{path}: damaged or not of pixelgbm; train again") from None
    raise ModelError(f"{path}: format {number!r}; this pixelgbm reads {FORMAT}")
