"""From an image and its reference to byte planes: the checks, the halo, the threads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

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

__all__ = ["empty_stack", "extract", "extract_scene", "sample_columns", "strips", "with_halo"]

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
    make = np.zeros
    if tiles is None:
        make = np.empty  # every pixel is written
        tiles = _bands(rows, cols, max(1, workers) if rows > 2 * STRIP or workers > 1 else 1)
    out = make((len(spec.table), rows, cols), np.uint8)
    todo = _copy_known(known, spec, quantizer, out)
    jobs = [_inside(tile, rows, cols) for tile in tiles]
    if workers > 1 and len(jobs) > 1:
        with ThreadPoolExecutor(workers) as pool:
            for future in [pool.submit(_fill, scene, spec, quantizer, tile, out, todo) for tile in jobs]:
                future.result()
    else:
        for tile in jobs:
            _fill(scene, spec, quantizer, tile, out, todo)
    return FeatureStack(out, spec.columns, scene.quality, _measures(scene), quantizer.scales)


def empty_stack(scene: Scene, spec: FeatureSpec, quantizer: Quantizer) -> FeatureStack:
    """A stack that shows no evidence anywhere: every byte 0. Costs nothing while its planes are not read."""
    planes = np.zeros((len(spec.table), *scene.planes["light"].shape), np.uint8)
    return FeatureStack(planes, spec.columns, scene.quality, _measures(scene), quantizer.scales)


def _measures(scene: Scene) -> dict[str, float]:
    return {name: scene.measures[name] for name in MEASURES}


def _copy_known(
    known: FeatureStack | None, spec: FeatureSpec, quantizer: Quantizer, out: NDArray[np.uint8]
) -> list[int]:
    """Fill the planes that `known` holds already; the numbers of the columns that are left."""
    places = {} if known is None else {pair: k for k, pair in enumerate(zip(known.names, known.scales, strict=True))}
    left = []
    for k, column in enumerate(spec.table):
        place = None if column.prior else places.get((column.name, quantizer.scales[k]))
        if known is None or place is None:
            left.append(k)
        else:
            out[k] = known.planes[place]
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
    todo = range(len(spec.table))
    height, cols = scene.planes["light"].shape
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        out = np.empty((len(spec.table), bottom - top, cols), np.uint8)
        _fill(scene, spec, quantizer, (top, 0, bottom, cols), out, todo, origin=(top, 0))
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
    if quantizer.names != spec.columns:
        raise FeatureError(
            f"a quantizer of {len(quantizer.names)} columns for a specification of {len(spec.columns)} others"
        )
    if spec.needs_prior and prior is None:
        raise FeatureError("the context family reads the map of an earlier look, and none was given (prior=)")


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


def _fill(
    scene: Scene,
    spec: FeatureSpec,
    quantizer: Quantizer,
    tile: Tile,
    out: NDArray[np.uint8],
    todo: Sequence[int],
    *,
    origin: tuple[int, int] = (0, 0),
) -> None:
    """Compute the columns `todo` of one tile with its halo and write their core into `out`.

    origin: the place in the image of the first pixel of `out`.
    """
    top, left, bottom, right = tile
    rows, cols = scene.planes["light"].shape
    window = with_halo(tile, spec, (rows, cols))
    part = scene if window == (0, 0, rows, cols) else scene.crop(*window)
    core = (slice(top - window[0], bottom - window[0]), slice(left - window[1], right - window[1]))
    whole = part.planes["light"].shape == (bottom - top, right - left)
    target = (slice(top - origin[0], bottom - origin[0]), slice(left - origin[1], right - origin[1]))
    line = np.empty((bottom - top, right - left), np.uint8)
    covered = None if part.covered is None else np.ascontiguousarray(part.covered[core])
    for k in todo:
        if not can_be_measured(spec.table[k], scene):
            out[k][target] = 0
    for k, values in measured(part, spec, [k for k in todo if can_be_measured(spec.table[k], scene)]):
        quantizer.plane(k, values if whole else np.ascontiguousarray(values[core]), line)
        if spec.table[k].reference and covered is not None:
            blank(covered, line)
        out[k][target] = line
