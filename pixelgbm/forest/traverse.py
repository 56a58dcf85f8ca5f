"""Evaluate boosted trees over byte planes and over rows of floats, with kernels that serve every model.

Planes are worked bottom-up: for a tile of pixels each node, children first, blends the leaf numbers of its two
children by one byte compare. There is no branch and no gather until the leaf values are looked up, so LLVM turns the
inner loop into SIMD by itself (a compare and a blend per node and register of pixels).
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pixelgbm.errors import ModelError
from pixelgbm.forest.trees import Trees

__all__ = ["add_trees", "predict_rows", "sigmoid", "take_pixels"]

_TILE = 512  # pixels; 31-leaf trees then work in 30 KB, and shorter tiles pay more loop overhead


def add_trees(trees: Trees, planes: NDArray[np.uint8], raw: NDArray[np.float64]) -> None:
    """raw[i] += the leaf value of pixel i in each tree, tree after tree.

    planes: (columns, pixels) uint8, C-contiguous. raw: (pixels,) float64.
    """
    byte = trees.programs
    leaf_type = np.uint8 if byte.max_leaves <= 256 else np.uint16
    scratch = np.zeros((2 * byte.max_leaves - 1, _TILE), dtype=leaf_type)
    scratch[: byte.max_leaves] = np.arange(byte.max_leaves, dtype=leaf_type)[:, np.newaxis]
    nodes = (byte.feature, byte.threshold, byte.left, byte.right, byte.root, trees.node_start)
    _planes(planes, nodes, (trees.value, trees.leaf_start), scratch, raw)


def predict_rows(trees: Trees, rows: NDArray[np.floating]) -> NDArray[np.float64]:
    """The probability of every row, as LightGBM's `Booster.predict` gives it.

    rows: (n, columns) float32 or float64 in the order of `trees.columns`; NaN is missing. Returns (n,) float64.
    Raises ModelError when the rows are not as long as there are columns.
    """
    if rows.ndim != 2 or rows.shape[1] != len(trees.columns):
        raise ModelError(f"rows with shape {rows.shape}; the booster reads (n, {len(trees.columns)})")
    out = np.zeros(rows.shape[0], dtype=np.float64)
    _rows(
        np.ascontiguousarray(rows, dtype=np.float64),
        (trees.feature, trees.threshold, trees.nan_left, trees.left, trees.right, trees.node_start),
        (trees.value, trees.leaf_start, trees.sigmoid),
        out,
    )
    return out


@njit(nogil=True, cache=True)
def sigmoid(raw, slope, out):  # type: ignore[no-untyped-def]
    """out[i] = 1 / (1 + exp(-slope * raw[i])); raw: (n,) float64, out: (n,) float32."""
    for i in range(raw.size):
        out[i] = 1.0 / (1.0 + np.exp(-slope * raw[i]))


@njit(nogil=True, cache=True)
def take_pixels(planes, pixels, out):  # type: ignore[no-untyped-def]
    """out[c, i] = planes[c, pixels[i]]; planes: (columns, n) uint8, out: (columns, pixels) uint8."""
    for column in range(planes.shape[0]):
        for i in range(pixels.size):
            out[column, i] = planes[column, pixels[i]]


@njit(nogil=True, cache=True)
def _planes(planes, nodes, leaves, scratch, raw):  # type: ignore[no-untyped-def]
    """raw[i] += sum over trees, in their order, of the leaf value of pixel i; in float64 like LightGBM's."""
    feature, threshold, left, right, root, node_start = nodes
    value, leaf_start = leaves
    pixels, tile, trees = planes.shape[1], scratch.shape[1], root.size
    first_node_row = (scratch.shape[0] + 1) // 2
    for start in range(0, pixels, tile):
        width = np.uint64(min(tile, pixels - start))
        total = raw[start : start + tile]
        for tree in range(trees):
            first = node_start[tree]
            for node in range(node_start[tree + 1] - 1, first - 1, -1):
                row = scratch[first_node_row + node - first]
                if_left, if_right = scratch[left[node]], scratch[right[node]]
                plane = planes[feature[node], start : start + tile]
                cut = threshold[node]
                if width == np.uint64(_TILE):  # the same loop with a constant end is a tenth faster over all
                    for i in range(_TILE):
                        a, b = if_left[i], if_right[i]
                        row[i] = a if plane[i] <= cut else b
                else:
                    for i in range(width):
                        a, b = if_left[i], if_right[i]
                        row[i] = a if plane[i] <= cut else b
            leaf = scratch[root[tree]]
            values = value[leaf_start[tree] : leaf_start[tree + 1]]
            for i in range(width):
                total[i] += values[np.uint64(leaf[i])]


@njit(nogil=True, cache=True)
def _rows(rows, nodes, leaves, out):  # type: ignore[no-untyped-def]
    """out[i] = sigmoid(slope * sum over trees of the leaf value of row i)."""
    feature, threshold, nan_left, left, right, node_start = nodes
    value, leaf_start, slope = leaves
    for i in range(rows.shape[0]):
        raw = np.float64(0.0)
        for tree in range(node_start.size - 1):
            first = node_start[tree]
            node = 0 if node_start[tree + 1] > first else -1
            while node >= 0:
                at = first + node
                number = rows[i, feature[at]]
                goes_left = number <= threshold[at]
                if np.isnan(number):
                    goes_left = nan_left[at] == 1 if nan_left[at] >= 0 else threshold[at] >= 0.0
                node = left[at] if goes_left else right[at]
            raw += value[leaf_start[tree] + ~node]
        out[i] = 1.0 / (1.0 + np.exp(-slope * raw))
