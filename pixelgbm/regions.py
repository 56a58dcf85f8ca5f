"""Candidate regions of a probability map, and what is measured on each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from features import MEASURES, FeatureStack
from pixelgbm import region_kernels

__all__ = [
    "GRID",
    "LOW_GRID",
    "OPERATIONS",
    "RegionTable",
    "candidate_mask",
    "max_regions",
    "measure",
    "parents",
    "region_feature_names",
    "truth_counts",
]

_CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], dtype=np.uint8)

_MORPHOLOGY = {
    "none": None,
    "shrink": cv2.MORPH_ERODE,
    "grow": cv2.MORPH_DILATE,
    "open": cv2.MORPH_OPEN,
    "close": cv2.MORPH_CLOSE,
}

OPERATIONS: tuple[str, ...] = tuple(_MORPHOLOGY)
"""What may be done to the thresholded map, by one pixel (a 3x3 cross)."""

LOW_GRID: tuple[int, ...] = (26, 51, 77, 102, 128, 153, 179, 204, 224)
"""Low thresholds tuning may choose from, in bytes: p = .10 .20 .30 .40 .50 .60 .70 .80 .88."""

GRID: tuple[tuple[int, str], ...] = (
    *((low, "none") for low in LOW_GRID),
    *((low, "shrink") for low in (51, 102, 153)),
    *((low, "grow") for low in (102, 153, 179, 204)),
    *((low, "open") for low in (77, 128, 179)),
    *((low, "close") for low in (102, 153)),
)
"""The (low, operation) pairs whose region tables are kept for tuning: each operation only where it can pay."""

MIN_CAP, PIXELS_PER_REGION = 64, 2500
"""A map has at most `max_regions` candidates: 64, or one per 2,500 px on images larger than 400x400. On maps of the
stand-in that loses .1 % of the true pixels, all of regions that score below .3, and a fifth of the tables' rows."""

SHAPE_NAMES = (
    "area",
    "log_area",
    "height",
    "width",
    "fill",
    "hole_share",
    "perimeter",
    "perimeter_per_area",
    "major_axis",
    "minor_axis",
    "elongation",
    "border_distance",
    "probability_mean",
    "probability_deviation",
    "probability_min",
    "probability_max",
    "probability_rim",
    "probability_high_share",
    "probability_ring",
    "probability_ring_max",
    "probability_contrast",
    "log_mass",
    "mass_share",
    "mass_rank",
    "image_mass",
    "image_regions",
    "image_probability_max",
    "no_evidence_share",
)

_PLANE_MEASURES = ("mean", "deviation", "contrast")


@dataclass(frozen=True, slots=True, eq=False)
class RegionTable:
    """The 8-connected candidate regions of one map, in the raster order of their first pixels.

    labels: (rows, cols) int32, 0 = none, k = row k - 1 of the table. filled_labels: the same with each hole given
    to the region directly around it, so filled regions never overlap. bbox: (n, 4) int64 (top, left, bottom, right),
    half-open. centroid: (n, 2) float64 (row, col). area, filled_area: (n,) int64. mean_probability,
    max_probability: (n,) float64, 0..1. features: (n, F) float32 for the region booster, NaN = no evidence, with
    `names`.
    """

    labels: NDArray[np.int32]
    filled_labels: NDArray[np.int32]
    bbox: NDArray[np.int64]
    centroid: NDArray[np.float64]
    area: NDArray[np.int64]
    filled_area: NDArray[np.int64]
    mean_probability: NDArray[np.float64]
    max_probability: NDArray[np.float64]
    features: NDArray[np.float32]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.area)


def region_feature_names(column_names: Sequence[str], measure_names: Sequence[str] = MEASURES) -> tuple[str, ...]:
    """Names of the region booster's inputs, in order, for a stack of these planes and image-level measures."""
    image = (f"image_{name}" for name in sorted(measure_names))
    return (*SHAPE_NAMES, *image, *(f"{kind}_{name}" for kind in _PLANE_MEASURES for name in column_names))


def candidate_mask(probability: NDArray[np.uint8], *, low: int, operation: str) -> NDArray[np.bool_]:
    """Pixels with probability >= `low`, after one of `OPERATIONS`.

    probability: (rows, cols) uint8, 255 x p. Returns (rows, cols) bool. The image border neither shrinks nor grows.
    """
    mask = probability >= low
    morphology = _MORPHOLOGY[operation]
    if morphology is None or not mask.any():
        return mask
    return cv2.morphologyEx(mask.view(np.uint8), morphology, _CROSS).astype(np.bool_)


def max_regions(shape: tuple[int, ...]) -> int:
    """How many candidates a map of `shape` (rows, cols) may have; those with the least probability mass are dropped.

    A dropped candidate is as good as rejected.
    """
    return max(MIN_CAP, shape[0] * shape[1] // PIXELS_PER_REGION)


def measure(
    probability: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    stack: FeatureStack,
) -> RegionTable:
    """Label the candidates and measure each; the cost follows the candidate pixels, not the image.

    probability: (rows, cols) uint8. mask: (rows, cols) bool. stack: holds the pixels of the mask and those within
    `region_kernels.RING_REACH` of them, at least.
    """
    measures, columns = stack.measures, len(stack.names)
    names = region_feature_names(stack.names, tuple(measures))
    labels, filled, count = _label(probability, mask)
    box = _box(labels)
    area = _counts(labels, box, count)
    filled_area = area if filled is labels else _counts(filled, _box(filled), count)
    start = np.concatenate([[0], np.cumsum(area)])
    pixels = np.empty(int(start[-1]), dtype=np.int64)
    region_kernels.list_pixels(labels, *box, start[:-1].copy(), pixels)

    bbox, centroid = np.zeros((count, 4), dtype=np.int64), np.zeros((count, 2))
    shapes, surround = np.zeros((count, 10)), np.zeros((count, 3))
    evidence = np.zeros((count, len(_PLANE_MEASURES) * columns), dtype=np.float32)
    if count:
        place = np.arange(labels.size, dtype=np.int32) if stack.place is None else stack.place.reshape(-1)
        region_kernels.measure_shapes(labels, probability, pixels, start, bbox, centroid, shapes)
        region_kernels.measure_planes(
            labels,
            probability.reshape(-1),
            stack.planes.reshape(columns, stack.planes.shape[1] * stack.planes.shape[2]),
            place,
            pixels,
            start,
            np.zeros(labels.shape, dtype=np.int32),
            np.empty(labels.size, dtype=np.int64),
            surround,
            evidence,
        )
    shape = _shape_features(area, filled_area, bbox, shapes, surround)
    image = np.tile(np.array([measures[key] for key in sorted(measures)], dtype=np.float32), (count, 1))
    return RegionTable(
        labels=labels,
        filled_labels=filled,
        bbox=bbox,
        centroid=centroid,
        area=area,
        filled_area=filled_area,
        mean_probability=shapes[:, 4] / 255,
        max_probability=shapes[:, 7] / 255,
        features=np.hstack([shape, image, evidence]),
        names=names,
    )


def parents(table: RegionTable, below: RegionTable) -> NDArray[np.int64]:
    """For each region the row of the region of a lower threshold that it lies in; -1 where that was not kept.

    Both tables are of one map, without an operation. Returns (n,) int64.
    """
    inside = np.flatnonzero(table.labels)
    _, first = np.unique(table.labels.ravel()[inside], return_index=True)
    return below.labels.ravel()[inside[first]].astype(np.int64) - 1


def truth_counts(table: RegionTable, truth: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """True defect pixels inside each region, and inside each filled region.

    truth: (rows, cols) bool. Returns two (n,) int64.
    """
    inside = np.bincount(table.labels[truth], minlength=len(table) + 1)[1:]
    if table.filled_labels is table.labels:
        return inside, inside
    return inside, np.bincount(table.filled_labels[truth], minlength=len(table) + 1)[1:]


def _label(probability: NDArray[np.uint8], mask: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int32], int]:
    """Labels, labels with holes filled, and the number of regions kept."""
    labels = np.zeros(mask.shape, dtype=np.int32)
    top, left, bottom, right = _box(mask)
    if bottom == top:
        return labels, labels, 0
    # One pixel of background around the box joins everything that is no hole into one component.
    crop = np.pad(mask[top:bottom, left:right].view(np.uint8), 1)
    found, components = cv2.connectedComponents(crop, connectivity=8, ltype=cv2.CV_32S)
    raw: NDArray[np.int32] = np.asarray(components, dtype=np.int32)
    inside = np.pad(probability[top:bottom, left:right], 1)
    renumber = _raster_numbers(raw, inside, found, most=max_regions(mask.shape))
    renumbered = renumber[raw]
    labels[top:bottom, left:right] = renumbered[1:-1, 1:-1]
    count = int(renumber.max())

    holes, background = cv2.connectedComponents(1 - crop, connectivity=4, ltype=cv2.CV_32S)
    if holes == 2:  # the region pixels and the outside
        return labels, labels, count
    with_holes = renumbered.copy()
    owner = np.full(holes, -1, dtype=np.int32)
    region_kernels.assign_holes(background, background[0, 0], renumbered, owner, with_holes)
    filled = labels.copy()
    filled[top:bottom, left:right] = with_holes[1:-1, 1:-1]
    return labels, filled, count


def _raster_numbers(
    raw: NDArray[np.int32], probability: NDArray[np.uint8], found: int, *, most: int
) -> NDArray[np.int32]:
    """Raw label -> 1.. in the order of first pixels, 0 for the background and for all but the `most` heaviest.

    OpenCV's own numbers depend on its version and threads.
    """
    first = np.full(found, -1, dtype=np.int64)
    area, mass = np.zeros(found, dtype=np.int64), np.zeros(found, dtype=np.int64)
    region_kernels.first_and_mass(raw, probability, first, area, mass)
    order = np.lexsort((first[1:], -mass[1:]))[:most] + 1
    order = order[np.argsort(first[order])]
    renumber = np.zeros(found, dtype=np.int32)
    renumber[order] = np.arange(1, len(order) + 1)
    return renumber


def _box(mask: NDArray[np.generic]) -> tuple[int, int, int, int]:
    """The half-open box of all that is not zero; all zero when there is nothing."""
    rows = np.flatnonzero(mask.any(axis=1))
    if not rows.size:
        return 0, 0, 0, 0
    cols = np.flatnonzero(mask[rows[0] : rows[-1] + 1].any(axis=0))
    return int(rows[0]), int(cols[0]), int(rows[-1]) + 1, int(cols[-1]) + 1


def _counts(labels: NDArray[np.int32], box: tuple[int, int, int, int], count: int) -> NDArray[np.int64]:
    top, left, bottom, right = box
    return np.bincount(labels[top:bottom, left:right].ravel(), minlength=count + 1)[1:]


def _shape_features(
    area: NDArray[np.int64],
    filled_area: NDArray[np.int64],
    bbox: NDArray[np.int64],
    shapes: NDArray[np.float64],
    surround: NDArray[np.float64],
) -> NDArray[np.float32]:
    """The columns of `SHAPE_NAMES`, (n, len(SHAPE_NAMES)) float32."""
    perimeter, major, minor, border, mean, deviation, least, greatest, rim, high = shapes.T
    ring, ring_max, unknown = surround.T
    height, width = bbox[:, 2] - bbox[:, 0], bbox[:, 3] - bbox[:, 1]
    mass = mean / 255 * area
    total = mass.sum()
    rank = np.empty(len(area))
    rank[np.argsort(-mass, kind="stable")] = np.arange(len(area))
    columns = (
        area,
        np.log(area),
        height,
        width,
        area / (height * width),
        (filled_area - area) / filled_area,
        perimeter,
        perimeter / area,
        major,
        minor,
        major / minor,
        border,
        mean / 255,
        deviation / 255,
        least / 255,
        greatest / 255,
        rim / 255,
        high,
        ring / 255,
        ring_max / 255,
        (mean - ring) / 255,
        np.log(mass + 1),
        mass / max(total, 1e-9),
        rank,
        np.full(len(area), total),
        np.full(len(area), len(area)),
        np.full(len(area), greatest.max(initial=0) / 255),
        unknown,
    )
    return np.stack([np.asarray(column, dtype=np.float32) for column in columns], axis=1)
