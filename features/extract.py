"""From an image and its reference to byte planes: the checks, the halo, the threads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from features.errors import FeatureError
from features.kernels.quantise import blank
from features.scene import Canvas, Scene, prepare
from features.spec import FeatureSpec
from features.stack import FeatureStack, Quantizer

__all__ = ["extract", "sample_columns", "strips"]

Tile = tuple[int, int, int, int]
STRIP = 512
"""Rows of a strip when none are asked for: keeps the float planes of a large image within some 100 MB."""


def extract(
    test: NDArray[np.generic],
    reference: NDArray[np.generic] | None,
    spec: FeatureSpec,
    quantizer: Quantizer,
    *,
    tiles: Sequence[Tile] | None = None,
    workers: int = 1,
) -> FeatureStack:
    """The byte planes of one image.

    test, reference: (rows, cols[, 3]) uint8 or uint16, channels R, G, B; the reference may have any size.
    tiles: (top, left, bottom, right), half-open; only these are filled, the rest stays 0. A tile has the bytes of the
    whole image. workers: threads over row bands; the bytes do not depend on their number.
    """
    _check(spec, quantizer)
    scene = prepare(test, reference, blue=spec.blue)
    rows, cols = scene.planes["light"].shape
    if tiles is None:
        tiles = _bands(rows, cols, max(1, workers) if rows > 2 * STRIP or workers > 1 else 1)
    out = np.zeros((len(spec.table), rows, cols), np.uint8)
    jobs = [_inside(tile, rows, cols) for tile in tiles]
    if workers > 1 and len(jobs) > 1:
        with ThreadPoolExecutor(workers) as pool:
            for future in [pool.submit(_fill, scene, spec, quantizer, tile, out) for tile in jobs]:
                future.result()
    else:
        for tile in jobs:
            _fill(scene, spec, quantizer, tile, out)
    return FeatureStack(out, spec.columns, scene.quality, scene.measures)


def strips(
    test: NDArray[np.generic],
    reference: NDArray[np.generic] | None,
    spec: FeatureSpec,
    quantizer: Quantizer,
    *,
    rows: int = STRIP,
) -> Iterator[tuple[slice, FeatureStack]]:
    """The same planes, `rows` rows at a time, for images whose whole stack would not fit in memory."""
    _check(spec, quantizer)
    if rows < 1:
        raise FeatureError(f"strips of {rows} rows; allowed: 1 or more")
    scene = prepare(test, reference, blue=spec.blue)
    height, cols = scene.planes["light"].shape
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        out = np.zeros((len(spec.table), bottom - top, cols), np.uint8)
        _fill(scene, spec, quantizer, (top, 0, bottom, cols), out, origin=(top, 0))
        yield slice(top, bottom), FeatureStack(out, spec.columns, scene.quality, scene.measures)


def sample_columns(
    test: NDArray[np.generic],
    reference: NDArray[np.generic] | None,
    spec: FeatureSpec,
    pixels: NDArray[np.integer],
) -> NDArray[np.float32]:
    """The measured values at `pixels` (n, 2), as (n, columns) float32 with NaN for no evidence."""
    scene = prepare(test, reference, blue=spec.blue)
    shape = scene.planes["light"].shape
    if pixels.ndim != 2 or pixels.shape[1] != 2:
        raise FeatureError(f"pixels of shape {pixels.shape}; allowed: (n, 2), row and column")
    if pixels.size and (pixels.min() < 0 or (pixels >= np.array(shape)).any()):
        raise FeatureError(f"pixels outside the image of {shape[0]}x{shape[1]}")
    canvas = Canvas(scene)
    values = np.full((len(pixels), len(spec.table)), np.nan, np.float32)
    at = (pixels[:, 0], pixels[:, 1])
    for k, column in enumerate(spec.table):
        if (column.reference and scene.covered is None) or (column.colour and not scene.colour):
            continue
        values[:, k] = column.make(canvas)[at]
        if column.reference and scene.covered is not None:
            values[~scene.covered[at], k] = np.nan
    return values


def _check(spec: FeatureSpec, quantizer: Quantizer) -> None:
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


def _fill(
    scene: Scene,
    spec: FeatureSpec,
    quantizer: Quantizer,
    tile: Tile,
    out: NDArray[np.uint8],
    *,
    origin: tuple[int, int] = (0, 0),
) -> None:
    """Compute one tile with its halo and write its core into `out`, whose first pixel is `origin` of the image."""
    top, left, bottom, right = tile
    rows, cols = scene.planes["light"].shape
    halo = spec.reach
    window = (max(top - halo, 0), max(left - halo, 0), min(bottom + halo, rows), min(right + halo, cols))
    part = scene if window == (0, 0, rows, cols) else scene.crop(*window)
    canvas = Canvas(part)
    core = (slice(top - window[0], bottom - window[0]), slice(left - window[1], right - window[1]))
    whole = part.planes["light"].shape == (bottom - top, right - left)
    target = (slice(top - origin[0], bottom - origin[0]), slice(left - origin[1], right - origin[1]))
    line = np.empty((bottom - top, right - left), np.uint8)
    covered = None if part.covered is None else np.ascontiguousarray(part.covered[core])
    for k, column in enumerate(spec.table):
        if (column.reference and covered is None) or (column.colour and not scene.colour):
            continue
        values = column.make(canvas)
        quantizer.plane(k, values if whole else np.ascontiguousarray(values[core]), line)
        if column.reference and covered is not None:
            blank(covered, line)
        out[k][target] = line
