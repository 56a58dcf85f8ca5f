"""Jitted loops over the pixels of candidate regions; see `regions` for what they are for."""

# mypy: ignore-errors
from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["assign_holes", "first_and_mass", "list_pixels", "measure_planes", "measure_shapes"]

RING_GAP, RING_REACH = 1, 4
"""The ring of a region: Chebyshev distance 2..4 from it. The pixel next to it is left out, it is half the defect's."""


@njit(nogil=True, cache=True)
def first_and_mass(labels, probability, first, area, mass):
    """Per label: flat index of its first pixel in raster order, pixel count, sum of probability bytes.

    labels: (h, w) int32, 0 = none. probability: (h, w) uint8. first filled with -1, area and mass with 0 before.
    """
    for row in range(labels.shape[0]):
        for col in range(labels.shape[1]):
            label = labels[row, col]
            if label > 0:
                if first[label] < 0:
                    first[label] = row * labels.shape[1] + col
                area[label] += 1
                mass[label] += probability[row, col]


@njit(nogil=True, cache=True)
def assign_holes(background, outside, labels, owner, filled):
    """Give every hole to the region around it: filled[pixel of a hole] = that region's label.

    background: (h, w) int32 labels of the 4-connected background, `outside` the one that is no hole. The first
    pixel of a hole in raster order has the surrounding region right above it. owner: filled with -1 before.
    """
    for row in range(1, background.shape[0]):
        for col in range(background.shape[1]):
            hole = background[row, col]
            if hole > 0 and hole != outside:
                if owner[hole] < 0:
                    owner[hole] = labels[row - 1, col]
                filled[row, col] = owner[hole]


@njit(nogil=True, cache=True)
def list_pixels(labels, top, left, bottom, right, cursor, pixels):
    """Flat indices of the pixels of every region, region after region, each in raster order.

    labels: (rows, cols) int32, all labels inside the half-open box. cursor: (n,) int64, where each list begins.
    """
    for row in range(top, bottom):
        for col in range(left, right):
            region = labels[row, col] - 1
            if region >= 0:
                pixels[cursor[region]] = row * labels.shape[1] + col
                cursor[region] += 1


@njit(nogil=True, cache=True)
def measure_shapes(labels, probability, pixels, start, bbox, centroid, out):
    """Box, centroid and the columns of `regions.SHAPE_NAMES` that need pixels, one row per region.

    out columns: perimeter, sqrt of the larger and smaller eigenvalue of the second moments (+ 1/12, a pixel's
    own), distance to the image border, then of the probability bytes: mean, deviation, least, greatest, mean of
    the rim (pixels with a 4-neighbour outside the region), share >= 128. Sums of bytes are exact integers; the
    moments are taken about the centroid, because one pass over raw squares cancels.
    """
    rows, cols = labels.shape
    for region in range(start.size - 1):
        count = start[region + 1] - start[region]
        top, left, bottom, right = rows, cols, 0, 0
        row_sum, col_sum, total, squares = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
        least, greatest, perimeter, rim, rim_total, high = 255, 0, 0, 0, np.int64(0), 0
        for at in range(start[region], start[region + 1]):
            row, col = pixels[at] // cols, pixels[at] % cols
            top, left = min(top, row), min(left, col)
            bottom, right = max(bottom, row + 1), max(right, col + 1)
            row_sum += row
            col_sum += col
            value = np.int64(probability[row, col])
            total += value
            squares += value * value
            least, greatest = min(least, value), max(greatest, value)
            high += 1 if value >= 128 else 0
            edges = 0
            edges += 1 if row == 0 or labels[row - 1, col] != region + 1 else 0
            edges += 1 if row == rows - 1 or labels[row + 1, col] != region + 1 else 0
            edges += 1 if col == 0 or labels[row, col - 1] != region + 1 else 0
            edges += 1 if col == cols - 1 or labels[row, col + 1] != region + 1 else 0
            perimeter += edges
            if edges > 0:
                rim += 1
                rim_total += value
        row_mean, col_mean = row_sum / count, col_sum / count
        row_row, row_col, col_col = np.float64(0.0), np.float64(0.0), np.float64(0.0)
        for at in range(start[region], start[region + 1]):
            row, col = pixels[at] // cols - row_mean, pixels[at] % cols - col_mean
            row_row += row * row
            row_col += row * col
            col_col += col * col
        row_row, col_col, row_col = row_row / count + 1 / 12, col_col / count + 1 / 12, row_col / count
        middle = (row_row + col_col) / 2
        spread = np.sqrt(((row_row - col_col) / 2) ** 2 + row_col**2)
        bbox[region] = (top, left, bottom, right)
        centroid[region] = (row_mean, col_mean)
        out[region, 0] = perimeter
        out[region, 1] = np.sqrt(middle + spread)
        out[region, 2] = np.sqrt(max(middle - spread, 1 / 12))
        out[region, 3] = min(min(top, left), min(rows - bottom, cols - right))
        out[region, 4] = total / count
        out[region, 5] = np.sqrt(max(squares * count - total * total, 0)) / count
        out[region, 6] = least
        out[region, 7] = greatest
        out[region, 8] = rim_total / rim
        out[region, 9] = high / count


@njit(nogil=True, cache=True)
def _ring(labels, pixels, region, stamp, ring):
    """Fill `ring` with the flat indices of the region's ring and return how many there are."""
    rows, cols = labels.shape
    found = 0
    for reach in (RING_GAP, RING_REACH):
        for pixel in pixels:
            row, col = pixel // cols, pixel % cols
            inner = 0 < row < rows - 1 and 0 < col < cols - 1
            if (
                inner
                and labels[row - 1, col] == region + 1
                and labels[row + 1, col] == region + 1
                and labels[row, col - 1] == region + 1
                and labels[row, col + 1] == region + 1
            ):
                continue
            for near_row in range(max(0, row - reach), min(rows, row + reach + 1)):
                for near_col in range(max(0, col - reach), min(cols, col + reach + 1)):
                    if labels[near_row, near_col] == 0 and stamp[near_row, near_col] != region + 1:
                        stamp[near_row, near_col] = region + 1
                        if reach == RING_REACH:
                            ring[found] = near_row * cols + near_col
                            found += 1
    return found


@njit(nogil=True, cache=True)
def measure_planes(labels, probability, planes, place, pixels, start, stamp, ring, surround, out):
    """What every plane says inside a region and against its ring.

    planes: (columns, n) uint8, 0 = no evidence, left out of every mean. place: (rows * cols,) int32, where in a plane a
    pixel is, of candidates and their rings. probability: (rows * cols,) uint8.
    surround: (n, 3), mean and greatest probability byte of the ring, share of bytes inside without evidence.
    out: (n, 3 * columns): means inside, deviations inside, mean inside minus mean of the ring; NaN without evidence.
    """
    columns = planes.shape[0]
    for region in range(start.size - 1):
        inside = pixels[start[region] : start[region + 1]]
        around = ring[: _ring(labels, inside, region, stamp, ring)]
        total, greatest = np.int64(0), np.uint8(0)
        for pixel in around:
            total += probability[pixel]
            greatest = max(greatest, probability[pixel])
        surround[region, 0] = total / around.size if around.size else np.nan
        surround[region, 1] = greatest if around.size else np.nan
        held, held_around = place[inside], place[around]
        unknown = np.int64(0)
        for column in range(columns):
            plane = planes[column]
            total, squares, count = np.int64(0), np.int64(0), np.int64(0)
            for pixel in held:
                value = np.int64(plane[pixel])
                total += value
                squares += value * value
                count += 1 if value > 0 else 0
            unknown += inside.size - count
            ring_total, ring_count = np.int64(0), np.int64(0)
            for pixel in held_around:
                ring_total += plane[pixel]
                ring_count += 1 if plane[pixel] > 0 else 0
            mean = total / count if count else np.nan
            out[region, column] = mean
            out[region, columns + column] = (
                np.sqrt(max(squares * count - total * total, 0)) / count if count else np.nan
            )
            out[region, 2 * columns + column] = mean - ring_total / ring_count if ring_count else np.nan
        surround[region, 2] = unknown / (inside.size * columns) if columns else 0.0
