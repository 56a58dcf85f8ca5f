"""A LightGBM text model as checked arrays.

LightGBM itself trusts the text: a crafted one makes it write out of bounds (lightgbm-org/LightGBM#7357). Here every
count, child, feature number and size is verified before an array is built from it, so the kernels need no checks.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from pixelgbm.errors import ModelError

__all__ = ["OBJECTIVES", "BytePrograms", "Trees", "parse_trees", "split_trees"]

OBJECTIVES = ("binary", "cross_entropy")
"""The objectives that are read; both end in a sigmoid."""

MAX_LEAVES = 65_536
MAX_COLUMNS = 65_536

_CATEGORICAL, _DEFAULT_LEFT = 1, 2
_MISSING_NONE, _MISSING_ZERO, _MISSING_NAN = 0, 1, 2

_Number = TypeVar("_Number", bound=np.generic)

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
# LightGBM writes an infinite threshold where it parts the missing values from all others.
_THRESHOLD = re.compile(r"[+-]?inf|[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")


@dataclass(frozen=True, slots=True, eq=False)
class BytePrograms:
    """The trees as rows of byte compares, children before parents, for planes of bytes.

    A tree works in rows of leaf numbers: row k < max_leaves holds the constant k, row max_leaves + n
    belongs to node n and becomes `row[left] where byte <= threshold else row[right]`. `root` is the row of each
    tree's answer. feature, left, right: (nodes,) int64. threshold: (nodes,) uint8. root: (trees,) int64.
    """

    feature: NDArray[np.int64]
    threshold: NDArray[np.uint8]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    root: NDArray[np.int64]
    max_leaves: int


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Trees:
    """One booster.

    columns: names of the input columns, in order. sigmoid: slope of the last sigmoid.
    Tree t owns nodes node_start[t]:node_start[t + 1] and leaves leaf_start[t]:leaf_start[t + 1].
    feature, left, right: (nodes,) int64, a child c >= 0 is a node of the same tree, c < 0 its leaf ~c.
    threshold: (nodes,) float64, `value <= threshold` goes left. nan_left: (nodes,) int8, where a NaN goes:
    1 left, 0 right, -1 it is read as 0.0. value: (leaves,) float64. All arrays are read-only. digest: sha256 of the
    text. text: None where it was not kept.
    """

    columns: tuple[str, ...]
    objective: str
    sigmoid: float
    node_start: NDArray[np.int64]
    leaf_start: NDArray[np.int64]
    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    nan_left: NDArray[np.int8]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    value: NDArray[np.float64]
    programs: BytePrograms
    digest: str
    text: str | None = field(repr=False)

    @property
    def count(self) -> int:
        """Number of trees."""
        return len(self.node_start) - 1

    def to_text(self) -> str:
        """The text the trees were read from, unchanged. Raises ModelError when it was not kept."""
        if self.text is None:
            raise ModelError("the text of this booster was not kept when it was read")
        return self.text


@dataclass(frozen=True, slots=True)
class _Tree:
    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    nan_left: NDArray[np.int8]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    value: NDArray[np.float64]


def parse_trees(text: str, *, where: str, keep_text: bool = True) -> Trees:
    """Read a LightGBM text model (`Booster.model_to_string`).

    where: named in errors, usually the path of the file. keep_text: prediction never asks for it, and it is twice as
    large as all arrays.
    Raises ModelError for a truncated, crafted or unsupported model: categorical splits, linear trees,
    several classes, averaged forests and `zero_as_missing` are not read.
    """
    blocks = text.encode("utf-8", errors="surrogatepass")
    head_end = blocks.find(b"\nTree=")
    if not text.startswith("tree\n") or head_end < 0:
        raise ModelError(f"{where}: not a LightGBM text model with at least one tree")
    header = _key_values(blocks[:head_end], where=where)
    columns = _columns(header, where=where)
    objective, sigmoid = _objective(header, where=where)
    sizes = _whole_numbers(header.get("tree_sizes", ""), None, what="tree_sizes", where=where)

    trees: list[_Tree] = []
    start = head_end + 1
    for index, size in enumerate(sizes):
        block = blocks[start : start + size] if size > 0 else b""
        if len(block) != size or not block.startswith(b"Tree=%d\n" % index) or not block.endswith(b"\n"):
            raise ModelError(f"{where}: tree {index} is not the {size} bytes that tree_sizes announces")
        trees.append(_tree(_key_values(block, where=where), len(columns), where=f"{where}: tree {index}"))
        start += size
    if not blocks[start:].startswith(b"end of trees"):
        raise ModelError(f"{where}: 'end of trees' expected after {len(trees)} trees; the file is truncated or altered")
    digest = hashlib.sha256(blocks).hexdigest()
    return _assemble(trees, columns, objective, sigmoid, digest, text if keep_text else None)


def split_trees(trees: Trees, count: int) -> tuple[Trees, Trees]:
    """The first `count` trees and the others, each as a booster of its own; their raw sums add up to the whole's.

    Raises ModelError unless 0 < count < trees.count.
    """
    if not 0 < count < trees.count:
        raise ModelError(f"a booster of {trees.count} trees cannot be split after {count}")
    return _part(trees, 0, count), _part(trees, count, trees.count)


def _part(trees: Trees, first: int, stop: int) -> Trees:
    """Trees first..stop - 1, without a text."""
    nodes = slice(trees.node_start[first], trees.node_start[stop])
    leaves = slice(trees.leaf_start[first], trees.leaf_start[stop])
    byte = trees.programs
    return replace(
        trees,
        node_start=_frozen(trees.node_start[first : stop + 1] - nodes.start),
        leaf_start=_frozen(trees.leaf_start[first : stop + 1] - leaves.start),
        feature=trees.feature[nodes],
        threshold=trees.threshold[nodes],
        nan_left=trees.nan_left[nodes],
        left=trees.left[nodes],
        right=trees.right[nodes],
        value=trees.value[leaves],
        programs=BytePrograms(
            feature=byte.feature[nodes],
            threshold=byte.threshold[nodes],
            left=byte.left[nodes],
            right=byte.right[nodes],
            root=byte.root[first:stop],
            max_leaves=byte.max_leaves,
        ),
        digest=hashlib.sha256(f"{trees.digest} {first} {stop}".encode()).hexdigest(),
        text=None,
    )


def _key_values(block: bytes, *, where: str) -> dict[str, str]:
    """The `key=value` lines of a block; a key said twice is refused, because readers differ in which they take."""
    found: dict[str, str] = {}
    try:
        lines = block.decode("utf-8").split("\n")
    except UnicodeDecodeError:
        raise ModelError(f"{where}: not valid UTF-8 text") from None
    for line in lines:
        key, _, value = line.partition("=")
        if key and key in found:
            raise ModelError(f"{where}: the line {key[:40]!r} stands twice")
        found[key] = value
    return found


def _columns(header: dict[str, str], *, where: str) -> tuple[str, ...]:
    for key, only in (("num_class", 1), ("num_tree_per_iteration", 1)):
        if _whole_numbers(header.get(key, ""), 1, what=key, where=where) != [only]:
            raise ModelError(f"{where}: {key}={header[key]}; only models with one output are read")
    if "average_output" in header:
        raise ModelError(f"{where}: an averaged forest (boosting=rf) is not read, only boosted trees")
    columns = tuple(header.get("feature_names", "").split(" "))
    highest = _whole_numbers(header.get("max_feature_idx", ""), 1, what="max_feature_idx", where=where)[0]
    if highest + 1 != len(columns) or len(columns) > MAX_COLUMNS:
        raise ModelError(f"{where}: {len(columns)} feature_names, but max_feature_idx={highest}")
    if len(set(columns)) != len(columns) or "" in columns:
        raise ModelError(f"{where}: feature_names must be distinct and not empty")
    return columns


def _objective(header: dict[str, str], *, where: str) -> tuple[str, float]:
    name, *options = header.get("objective", "").split(" ")
    sigmoid = 1.0
    if name not in OBJECTIVES:
        raise ModelError(f"{where}: objective {name[:40]!r}; allowed: {', '.join(OBJECTIVES)}")
    for option in options:
        key, _, value = option.partition(":")
        if name != "binary" or key != "sigmoid":
            raise ModelError(f"{where}: objective option {option[:40]!r} is not read")
        sigmoid = _decimals(value, 1, what="sigmoid", where=where)[0]
        if not 0 < sigmoid < 1e6:
            raise ModelError(f"{where}: sigmoid:{value}; it must be positive")
    return name, sigmoid


def _whole_numbers(line: str, count: int | None, *, what: str, where: str) -> list[int]:
    return [int(word) for word in _words(line, count, _INTEGER.fullmatch, what=what, where=where)]


def _decimals(line: str, count: int | None, *, what: str, where: str) -> list[float]:
    numbers = [float(word) for word in _words(line, count, _DECIMAL.fullmatch, what=what, where=where)]
    if not all(map(math.isfinite, numbers)):
        raise ModelError(f"{where}: {what} holds a number that is not finite")
    return numbers


def _words(line: str, count: int | None, matches: Callable[[str], object], *, what: str, where: str) -> Sequence[str]:
    words = line.split()
    if count is not None and len(words) != count:
        raise ModelError(f"{where}: {what} has {len(words)} numbers, {count} expected")
    for word in words:
        if not matches(word):
            raise ModelError(f"{where}: {what} holds {word[:40]!r}, which is not a number as LightGBM writes them")
    return words


def _tree(lines: dict[str, str], columns: int, *, where: str) -> _Tree:
    def whole(key: str, count: int) -> NDArray[np.int64]:
        return np.array(_whole_numbers(lines.get(key, ""), count, what=key, where=where), dtype=np.int64)

    leaves = int(whole("num_leaves", 1)[0])
    if not 1 <= leaves <= MAX_LEAVES:
        raise ModelError(f"{where}: num_leaves={leaves}; allowed: 1..{MAX_LEAVES}")
    if whole("num_cat", 1)[0] != 0:
        raise ModelError(f"{where}: categorical splits are not read")
    if lines.get("is_linear", "0") != "0":
        raise ModelError(f"{where}: linear trees are not read")

    feature, kind = whole("split_feature", leaves - 1), whole("decision_type", leaves - 1)
    if feature.size and not (feature.min() >= 0 and feature.max() < columns):
        raise ModelError(f"{where}: a split_feature lies outside the {columns} columns")
    left, right = whole("left_child", leaves - 1), whole("right_child", leaves - 1)
    _check_shape(left, right, leaves, where=where)
    line = lines.get("threshold", "")
    thresholds = _words(line, leaves - 1, _THRESHOLD.fullmatch, what="threshold", where=where)
    return _Tree(
        feature=feature,
        threshold=np.array([float(word) for word in thresholds], dtype=np.float64),
        nan_left=_nan_left(kind, where=where),
        left=left,
        right=right,
        value=np.array(
            _decimals(lines.get("leaf_value", ""), leaves, what="leaf_value", where=where), dtype=np.float64
        ),
    )


def _check_shape(left: NDArray[np.int64], right: NDArray[np.int64], leaves: int, *, where: str) -> None:
    """Every node but the root and every leaf is the child of exactly one earlier node.

    LightGBM numbers a node when it splits a leaf, so a child's number is above its parent's; together with
    "once each" that leaves no room for a cycle or an orphan.
    """
    nodes = leaves - 1
    children = np.concatenate([left, right])
    parents = np.concatenate([np.arange(nodes), np.arange(nodes)])
    if ((children >= nodes) | (children < -leaves)).any():
        raise ModelError(f"{where}: a child lies outside its {nodes} nodes and {leaves} leaves")
    inner = children >= 0
    if (children[inner] <= parents[inner]).any():
        raise ModelError(f"{where}: a child comes before its parent; the tree has a cycle or was altered")
    if len(np.unique(children)) != len(children):
        raise ModelError(f"{where}: a node or leaf has two parents")


def _nan_left(kind: NDArray[np.int64], *, where: str) -> NDArray[np.int8]:
    if kind.size and not (kind.min() >= 0 and kind.max() < 12):
        raise ModelError(f"{where}: unknown decision_type; allowed: 0..11")
    if (kind & _CATEGORICAL).any():
        raise ModelError(f"{where}: categorical splits are not read")
    missing = kind >> 2
    if (missing == _MISSING_ZERO).any():
        raise ModelError(f"{where}: splits that take zero for missing (zero_as_missing) are not read")
    left = (kind & _DEFAULT_LEFT != 0).astype(np.int8)
    return np.where(missing == _MISSING_NAN, left, np.int8(-1)).astype(np.int8)


def _byte_programs(trees: list[_Tree]) -> BytePrograms:
    most = max(tree.value.size for tree in trees)
    left, right, threshold, feature, root = [], [], [], [], []
    for tree in trees:
        below = tree.threshold < 0  # no byte goes left: both ways lead right
        to_left = np.where(below, tree.right, tree.left)
        left.append(np.where(to_left >= 0, to_left + most, ~to_left))
        right.append(np.where(tree.right >= 0, tree.right + most, ~tree.right))
        threshold.append(np.clip(np.floor(tree.threshold), 0, 255).astype(np.uint8))
        feature.append(tree.feature)
        root.append(most if tree.feature.size else 0)
    return BytePrograms(
        feature=_frozen(np.concatenate(feature)),
        threshold=_frozen(np.concatenate(threshold)),
        left=_frozen(np.concatenate(left)),
        right=_frozen(np.concatenate(right)),
        root=_frozen(np.array(root, dtype=np.int64)),
        max_leaves=most,
    )


def _assemble(
    trees: list[_Tree], columns: tuple[str, ...], objective: str, sigmoid: float, digest: str, text: str | None
) -> Trees:
    return Trees(
        columns=columns,
        objective=objective,
        sigmoid=sigmoid,
        node_start=_starts([tree.feature.size for tree in trees]),
        leaf_start=_starts([tree.value.size for tree in trees]),
        feature=_frozen(np.concatenate([tree.feature for tree in trees])),
        threshold=_frozen(np.concatenate([tree.threshold for tree in trees])),
        nan_left=_frozen(np.concatenate([tree.nan_left for tree in trees])),
        left=_frozen(np.concatenate([tree.left for tree in trees])),
        right=_frozen(np.concatenate([tree.right for tree in trees])),
        value=_frozen(np.concatenate([tree.value for tree in trees])),
        programs=_byte_programs(trees),
        digest=digest,
        text=text,
    )


def _starts(sizes: list[int]) -> NDArray[np.int64]:
    return _frozen(np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64))


def _frozen(array: NDArray[_Number]) -> NDArray[_Number]:
    array.setflags(write=False)
    return array
