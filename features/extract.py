"""From an image and its reference to byte planes: the checks, the halo, the threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.errors import FeatureError
from features.kernels.quantise import blank
from features.measuring import can_be_measured, measured
from features.prior import with_prior
from features.scene import MEASURES, Scene, prepare
from features.smoothing import ALIGNMENT
from features.spec import FeatureSpec
from features.stack import FeatureStack, Quantizer

__all__ = ["begin_pixels", "extract", "extract_scene", "sample_columns", "strips", "with_halo", "write_columns"]

Tile = tuple[int, int, int, int]
STRIP = 512
"""Rows of a strip when none are asked for: keeps the float planes of a large image within some 100 MB."""


def extract(
    test: NDArray[np.generic],
    reference: NDArray[np.generic] | None,
    spec: FeatureSpec,
    quantizer: Quantizer,
    *,
    prior: NDArray[np.uint8] | None = None,
    tiles: Sequence[Tile] | None = None,
    workers: int = 1,
) -> FeatureStack:
    """The byte planes of one image.

    test, reference: (rows, cols[, 3]) uint8 or uint16, channels R, G, B; the reference may have any size.
    prior: (rows, cols) uint8, 255 x the probability an earlier look gave; needed by the context family only.
    tiles: (top, left, bottom, right), half-open; only these are filled, the rest stays 0. A tile has the bytes of the
    whole image. workers: threads over row bands; the bytes do not depend on their number.
    """
    _check(spec, quantizer, prior)
    scene = prepare(test, reference, blue=spec.blue)
    return extract_scene(scene, spec, quantizer, prior=prior, tiles=tiles, workers=workers)


def extract_scene(
    scene: Scene,
    spec: FeatureSpec,
    quantizer: Quantizer,
    *,
    prior: NDArray[np.uint8] | None = None,
    known: FeatureStack | None = None,
    tiles: Sequence[Tile] | None = None,
    workers: int = 1,
) -> FeatureStack:
    """`extract` of a scene that is prepared already, so that several looks share its registration.

    scene: of `prepare`, with `spec`'s treatment of blue. known: a stack of the same scene and tiles; columns of the
    same name and byte scale are taken from it.
    """
    _check(spec, quantizer, prior)
    if prior is not None and spec.needs_prior:
        scene = with_prior(scene, prior)
    rows, cols = scene.planes["light"].shape
    if tiles is None:
        tiles = _bands(rows, cols, max(1, workers) if rows > 2 * STRIP or workers > 1 else 1)
    out = _no_evidence(spec, (rows, cols))
    todo = _copy_known(known, scene, spec, quantizer, out)
    jobs = [_inside(tile, rows, cols) for tile in tiles]

    def fill(tile: Tile) -> None:
        top, left, bottom, right = tile
        _fill_tile(scene, spec, quantizer, tile, out[:, top:bottom, left:right], todo)

    if workers > 1 and len(jobs) > 1:
        with ThreadPoolExecutor(workers) as pool:
            for future in [pool.submit(fill, tile) for tile in jobs]:
                future.result()
    else:
        for tile in jobs:
            fill(tile)
    return FeatureStack(out, spec.columns, scene.quality, _measures(scene), quantizer.scales)


def begin_pixels(
    scene: Scene,
    spec: FeatureSpec,
    quantizer: Quantizer,
    pixels: NDArray[np.integer],
    *,
    known: FeatureStack,
) -> tuple[FeatureStack, list[int]]:
    """A stack of some pixels with the columns that `known` has, and the numbers of those left to `write_columns`.

    pixels: (n,) flat indices, ascending, each once. known: a stack of the same scene that holds all of them.
    """
    _check_scales(spec, quantizer)
    place = np.full(scene.planes["light"].shape, -1, np.int32)
    place.ravel()[pixels] = np.arange(pixels.size, dtype=np.int32)
    planes = _no_evidence(spec, (1, pixels.size))
    stack = FeatureStack(planes, spec.columns, scene.quality, _measures(scene), quantizer.scales, place)
    return stack, _copy_known(known, scene, spec, quantizer, planes, pixels)


def write_columns(
    stack: FeatureStack,
    scene: Scene,
    spec: FeatureSpec,
    quantizer: Quantizer,
    columns: Sequence[int],
    *,
    prior: NDArray[np.uint8] | None = None,
) -> None:
    """Write columns of a stack of some pixels, over what was there; the bytes are those of the whole image.

    stack: of `begin_pixels`, with this scene, specification and quantizer. prior: as for `extract`; needed by columns
    that read it.
    """
    if stack.place is None:
        raise FeatureError("columns are written into a stack of some pixels only, and this one is of all")
    pixels = np.flatnonzero(stack.place >= 0)
    if pixels.size:
        seen = scene if prior is None else with_prior(scene, prior)
        there = [k for k in columns if can_be_measured(spec.table[k], scene)]
        _fill_pixels(seen, spec, quantizer, pixels, stack.planes, there)


def _fill_pixels(
    scene: Scene,
    spec: FeatureSpec,
    quantizer: Quantizer,
    pixels: NDArray[np.integer],
    out: NDArray[np.uint8],
    todo: Sequence[int],
) -> None:
    """Compute the columns `todo` of some pixels, band after band. out: (columns, 1, pixels)."""
    rows, cols = scene.planes["light"].shape
    for tile in _bands(rows, cols, 1):
        start, stop = np.searchsorted(pixels, (tile[0] * cols, tile[2] * cols))
        if start < stop:
            part, window = _seen(scene, spec, tile)
            row, col = np.divmod(pixels[start:stop], cols)
            inside = (row - window[0]) * (window[3] - window[1]) + col - window[1]
            _fill(part, spec, quantizer, partial(_picked, pixels=inside), out[:, :, start:stop], todo)


def _picked(plane: NDArray[np.generic], *, pixels: NDArray[np.integer]) -> NDArray[np.generic]:
    """(1, n) some pixels of a plane."""
    return plane.reshape(-1).take(pixels)[np.newaxis]


def _measures(scene: Scene) -> dict[str, float]:
    return {name: scene.measures[name] for name in MEASURES}


def _no_evidence(spec: FeatureSpec, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """(columns, *shape) uint8, 0. Columns that the scene has not are left so, and take no memory in a large stack."""
    return np.zeros((len(spec.table), *shape), np.uint8)


def _copy_known(
    known: FeatureStack | None,
    scene: Scene,
    spec: FeatureSpec,
    quantizer: Quantizer,
    out: NDArray[np.uint8],
    pixels: NDArray[np.integer] | None = None,
) -> list[int]:
    """Fill the planes that `known` holds already; the numbers of the columns of the scene that are left.

    pixels: None for all.
    """
    places = {} if known is None else {pair: k for k, pair in enumerate(zip(known.names, known.scales, strict=True))}
    at = None if known is None or pixels is None else known.at(pixels)
    left = []
    for k, column in enumerate(spec.table):
        if not can_be_measured(column, scene):
            continue
        place = None if column.prior else places.get((column.name, quantizer.scales[k]))
        if known is None or place is None:
            left.append(k)
        else:
            plane = known.planes[place]
            out[k] = plane if at is None else plane.reshape(-1).take(at)
    return left


def strips(
    test: NDArray[np.generic],
    reference: NDArray[np.generic] | None,
    spec: FeatureSpec,
    quantizer: Quantizer,
    *,
    prior: NDArray[np.uint8] | None = None,
    rows: int = STRIP,
) -> Iterator[tuple[slice, FeatureStack]]:
    """The same planes, `rows` rows at a time, for images whose whole stack would not fit in memory."""
    _check(spec, quantizer, prior)
    if rows < 1:
        raise FeatureError(f"strips of {rows} rows; allowed: 1 or more")
    scene = prepare(test, reference, blue=spec.blue)
    if prior is not None and spec.needs_prior:
        scene = with_prior(scene, prior)
    todo = [k for k, column in enumerate(spec.table) if can_be_measured(column, scene)]
    height, cols = scene.planes["light"].shape
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        out = _no_evidence(spec, (bottom - top, cols))
        _fill_tile(scene, spec, quantizer, (top, 0, bottom, cols), out, todo)
        yield slice(top, bottom), FeatureStack(out, spec.columns, scene.quality, _measures(scene), quantizer.scales)


def sample_columns(
    test: NDArray[np.generic],
    reference: NDArray[np.generic] | None,
    spec: FeatureSpec,
    pixels: NDArray[np.integer],
) -> NDArray[np.float32]:
    """The measured values at `pixels` (n, 2), as (n, columns) float32 with NaN for no evidence.

    Columns that read an earlier look's map have fixed scales and are not measured here.
    """
    scene = prepare(test, reference, blue=spec.blue)
    shape = scene.planes["light"].shape
    if pixels.ndim != 2 or pixels.shape[1] != 2:
        raise FeatureError(f"pixels of shape {pixels.shape}; allowed: (n, 2), row and column")
    if pixels.size and (pixels.min() < 0 or (pixels >= np.array(shape)).any()):
        raise FeatureError(f"pixels outside the image of {shape[0]}x{shape[1]}")
    values = np.full((len(pixels), len(spec.table)), np.nan, np.float32)
    at = (pixels[:, 0], pixels[:, 1])
    todo = [k for k, column in enumerate(spec.table) if not column.prior and can_be_measured(column, scene)]
    for k, plane in measured(scene, spec, todo):
        values[:, k] = plane[at]
        if spec.table[k].reference and scene.covered is not None:
            values[~scene.covered[at], k] = np.nan
    return values


def _check(spec: FeatureSpec, quantizer: Quantizer, prior: NDArray[np.uint8] | None) -> None:
    _check_scales(spec, quantizer)
    if spec.needs_prior and prior is None:
        raise FeatureError("the context family reads the map of an earlier look, and none was given (prior=)")


def _check_scales(spec: FeatureSpec, quantizer: Quantizer) -> None:
    if quantizer.names != spec.columns:
        raise FeatureError(
            f"a quantizer of {len(quantizer.names)} columns for a specification of {len(spec.columns)} others"
        )


def _inside(tile: Tile, rows: int, cols: int) -> Tile:
    top, left, bottom, right = tile
    if not (0 <= top < bottom <= rows and 0 <= left < right <= cols):
        raise FeatureError(f"tile {tile}; allowed: not empty, within the image of {rows}x{cols}")
    return tile


def _bands(rows: int, cols: int, workers: int) -> list[Tile]:
    """Row bands: one per worker for small images, at most `STRIP` rows for large ones."""
    height = min(-(-rows // workers), STRIP) if workers > 1 or rows > 2 * STRIP else rows
    return [(top, 0, min(top + height, rows), cols) for top in range(0, rows, height)]


def with_halo(tile: Tile, spec: FeatureSpec, shape: tuple[int, int]) -> Tile:
    """The window that holds all that the columns of a tile look at; it sees the coarse pixels of the whole image."""
    top, left, bottom, right = tile
    halo, rows, cols = spec.reach, *shape
    starts = [max(start - halo, 0) // ALIGNMENT * ALIGNMENT for start in (top, left)]
    return starts[0], starts[1], min(bottom + halo, rows), min(right + halo, cols)


def _seen(scene: Scene, spec: FeatureSpec, tile: Tile) -> tuple[Scene, Tile]:
    """What the columns of a tile look at, and its window in the image."""
    rows, cols = scene.planes["light"].shape
    window = with_halo(tile, spec, (rows, cols))
    return (scene if window == (0, 0, rows, cols) else scene.crop(*window)), window


def _fill(
    part: Scene,
    spec: FeatureSpec,
    quantizer: Quantizer,
    take: Callable[[NDArray[Any]], NDArray[Any]],
    out: NDArray[np.uint8],
    todo: Sequence[int],
) -> None:
    """Measure the columns `todo` of a scene and write the bytes of what is taken of each into `out`.

    take: (rows, cols) of the scene -> (height, width), C-contiguous. out: (columns, height, width).
    """
    line = np.empty(out.shape[1:], np.uint8)
    covered = None if part.covered is None else take(part.covered)
    for k, values in measured(part, spec, todo):
        quantizer.plane(k, take(values), line)
        if spec.table[k].reference and covered is not None:
            blank(covered, line)
        out[k] = line


def _fill_tile(
    scene: Scene, spec: FeatureSpec, quantizer: Quantizer, tile: Tile, out: NDArray[np.uint8], todo: Sequence[int]
) -> None:
    """Compute the columns `todo` of one tile with its halo; `out`, (columns, height, width), is its core."""
    part, window = _seen(scene, spec, tile)
    top, left, bottom, right = tile
    core = (slice(top - window[0], bottom - window[0]), slice(left - window[1], right - window[1]))
    _fill(part, spec, quantizer, lambda plane: np.ascontiguousarray(plane[core]), out, todo)
