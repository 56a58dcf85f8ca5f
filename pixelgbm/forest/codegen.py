"""One model's trees as machine code: LLVM assembly written out, compiled, linked and called.

64 pixels are a step. A node is one compare of 64 bytes and one blend of 64 leaf numbers; a tree ends in a look-up of
its leaf values. The values are added in float64, tree after tree, as `traverse` adds them, so both give the same bits.

Measured per pixel (200 trees of 31 leaves, 48 columns, one core with AVX-512, ratio to `Booster.predict`): `traverse`
42, the generated code alone with a gather for the look-up 91, with a permutation of registers 165, which packing the
bytes and the sigmoid bring down to 115. Loads of single values gave 89 and took 1.5 times as long to compile. Tiles of
512 pixels instead of 2048 gave 108 in place of 165: the code of all trees does not fit the instruction cache, so each
tree must meet many pixels while it is there.
"""

from __future__ import annotations

import ctypes
import itertools
import struct
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from llvmlite import binding as llvm
from numba import njit
from numpy.typing import NDArray

from pixelgbm.errors import ModelError
from pixelgbm.forest.trees import Trees

__all__ = ["CODE_FORMAT", "Code", "Host", "add_trees", "assembly", "compile_trees", "link", "this_host"]

CODE_FORMAT = 1
"""Raised whenever the code that is generated changes, so that no older object is taken from the cache."""

MAX_NODES = 50_000
"""Nodes that are compiled (0.5 ms each); a larger model stays with `traverse`."""

_STEP = 64  # pixels: a register of AVX-512; LLVM splits it where registers are shorter
_TILE = 2048  # pixels; see above
_LANES = 8  # float64 sums in a register
_GROUP = 4  # trees per function: their sums stay in registers; one by one is as fast, but the objects are larger
_PERMUTED = 64  # leaves that are looked up by permutations of 16; from there on a gather is as fast
_ENTRY = "pixelgbm_trees"


@dataclass(frozen=True, slots=True)
class Host:
    """The machine that code is made for, in LLVM's words."""

    triple: str
    cpu: str
    features: str

    @property
    def permutes(self) -> bool:
        """Has AVX-512's permutation of two registers of float64."""
        return "+avx512f" in self.features.split(",")


@dataclass(frozen=True, slots=True, eq=False)
class Code:
    """Linked code. columns: (used,) int64, the planes it reads. run(tile, steps, raw) works on addresses."""

    columns: NDArray[np.int64]
    run: Any
    owners: tuple[Any, ...]  # the linker and its library, which own the memory of `run`


def this_host() -> Host:
    """Raises RuntimeError where LLVM is too old for this module's assembly (before llvmlite 0.45)."""
    if llvm.llvm_version_info < (20,):
        raise RuntimeError(f"LLVM {llvm.llvm_version_info[0]}; 20 is needed")
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = llvm.get_host_cpu_features().flatten()
    return Host(llvm.get_process_triple(), llvm.get_host_cpu_name(), features)


def compile_trees(trees: Trees, host: Host) -> bytes:
    """The object code of `trees`. Raises ModelError when there are too many nodes."""
    if trees.feature.size > MAX_NODES:
        raise ModelError(f"a booster of {trees.feature.size} nodes is not compiled; at most {MAX_NODES} are")
    module = llvm.parse_assembly(assembly(trees, permute=host.permutes))
    target = llvm.Target.from_triple(host.triple)
    machine = target.create_target_machine(
        cpu=host.cpu, features=host.features, opt=2, reloc="pic", codemodel="default", jit=True
    )
    module.triple, module.data_layout = host.triple, str(machine.target_data)
    code: bytes = machine.emit_object(module)
    return code


def link(trees: Trees, code: bytes) -> Code:
    """Put object code of `trees` into memory, ready to be called."""
    linker = _linker()
    builder = llvm.JITLibraryBuilder().add_object_img(code).export_symbol(_ENTRY)
    with _linking:
        library = builder.link(linker, f"trees {next(_numbers)}")
    run = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p)(library[_ENTRY])
    return Code(_columns(trees), run, (linker, library))


_linking, _numbers = threading.Lock(), itertools.count()


@cache
def _linker() -> llvm.LLJIT:
    """One for all boosters. On Linux by JITLink: LLVM's older linker keeps a second copy of what it has linked."""
    return llvm.create_lljit_compiler(use_jit_link=sys.platform == "linux")


def add_trees(
    code: Code, planes: NDArray[np.uint8], pixels: NDArray[np.int64] | None, raw: NDArray[np.float64]
) -> None:
    """raw[i] += the leaf value of pixel i in each tree, tree after tree.

    planes: (columns, n) uint8, C-contiguous. pixels: (len(raw),) int64, columns of `planes`; None: all. raw: float64.
    """
    tile = _aligned(_TILE * code.columns.size, np.uint8).reshape(_TILE // _STEP, code.columns.size, _STEP)
    total = _aligned(_TILE, np.float64)
    for start in range(0, raw.size, _TILE):
        stop = min(start + _TILE, raw.size)
        if pixels is None:
            _pack(planes, code.columns, start, stop, tile)
        else:
            _pack_pixels(planes, code.columns, pixels[start:stop], tile)
        total[: stop - start] = raw[start:stop]
        code.run(tile.ctypes.data, -(-(stop - start) // _STEP), total.ctypes.data)
        raw[start:stop] = total[: stop - start]


def _columns(trees: Trees) -> NDArray[np.int64]:
    """The columns that any node asks about; a booster trained on a share of its columns skips some."""
    return np.unique(trees.feature)


def _aligned(size: int, kind: type[np.generic]) -> NDArray[Any]:
    """Zeros that start where a cache line does: each step then reads one line per column, not two."""
    room = np.zeros(size * np.dtype(kind).itemsize + _STEP, dtype=np.uint8)
    return room[-room.ctypes.data % _STEP :][: size * np.dtype(kind).itemsize].view(kind)


@njit(nogil=True, cache=True)
def _pack(planes, columns, start, stop, tile):  # type: ignore[no-untyped-def]
    """tile[s, k, j] = planes[columns[k], start + 64 s + j]: what a step reads lies in neighbouring lines.

    Planes whose size is a power of two would otherwise fall on each other's place in the cache.
    """
    whole = (stop - start) // _STEP
    for k in range(columns.size):
        plane = planes[columns[k], start:stop]
        for step in range(whole):
            row, here = tile[step, k], plane[step * _STEP : (step + 1) * _STEP]
            for j in range(_STEP):
                row[j] = here[j]
        for i in range(whole * _STEP, plane.size):
            tile[whole, k, i - whole * _STEP] = plane[i]


@njit(nogil=True, cache=True)
def _pack_pixels(planes, columns, pixels, tile):  # type: ignore[no-untyped-def]
    """tile[s, k, j] = planes[columns[k], pixels[64 s + j]]."""
    for k in range(columns.size):
        plane = planes[columns[k]]
        for i in range(pixels.size):
            step, j = np.uint64(i) // np.uint64(_STEP), np.uint64(i) % np.uint64(_STEP)
            tile[step, k, j] = plane[np.uint64(pixels[i])]


def assembly(trees: Trees, *, permute: bool) -> str:
    """The LLVM assembly of a function (tile, steps, raw): raw[64 s + j] += the leaf values of pixel (s, j).

    tile: (steps, used columns, 64) uint8. raw: (64 * steps,) float64. permute: use AVX-512's permutation.
    """
    lines = [
        "declare <8 x double> @llvm.masked.gather.v8f64.v8p0(<8 x ptr>, i32, <8 x i1>, <8 x double>)",
        "declare <8 x double> @llvm.x86.avx512.vpermi2var.pd.512(<8 x double>, <8 x i64>, <8 x double>)"
        if permute
        else "",
    ]
    groups = [range(first, min(first + _GROUP, trees.count)) for first in range(0, trees.count, _GROUP)]
    for number, group in enumerate(groups):
        lines += (_leaf_table(trees, tree) for tree in group)
        lines += _group(trees, number, group, permute=permute)
    lines += [f"define void @{_ENTRY}(ptr %tile, i64 %steps, ptr %raw) {{"]
    lines += [f"call void @group{number}(ptr %tile, i64 %steps, ptr %raw)" for number in range(len(groups))]
    return "\n".join([*lines, "ret void", "}", ""])


def _leaf_table(trees: Trees, tree: int) -> str:
    """The leaf values of a tree, filled up with zeros to whole pairs of registers."""
    values = trees.value[trees.leaf_start[tree] : trees.leaf_start[tree + 1]]
    words = [f"double {_double(value)}" for value in [*values, *[0.0] * (-len(values) % (2 * _LANES))]]
    return f"@leaves{tree} = private unnamed_addr constant [{len(words)} x double] [{', '.join(words)}], align 64"


def _group(trees: Trees, number: int, group: range, *, permute: bool) -> Iterator[str]:
    """A function that adds some trees, whose sums stay in registers meanwhile."""
    columns = _columns(trees)
    yield f"define internal void @group{number}(ptr noalias %tile, i64 %steps, ptr noalias %raw) {{"
    yield "entry:\nbr label %loop\nloop:\n%step = phi i64 [0, %entry], [%next, %loop]"
    yield f"%tile_at = mul i64 %step, {columns.size * _STEP}\n%block = getelementptr i8, ptr %tile, i64 %tile_at"
    yield f"%raw_at = mul i64 %step, {_STEP}\n%sums = getelementptr double, ptr %raw, i64 %raw_at"
    for part in range(_STEP // _LANES):
        yield f"%at{part} = getelementptr double, ptr %sums, i64 {part * _LANES}"
        yield f"%sum{group.start}_{part} = load <8 x double>, ptr %at{part}, align 8"
    for tree in group:
        yield from _nodes(trees, tree, columns)
        yield from _look_up(trees, tree, permute=permute)
    for part in range(_STEP // _LANES):
        yield f"store <8 x double> %sum{group.stop}_{part}, ptr %at{part}, align 8"
    yield "%next = add i64 %step, 1\n%more = icmp ult i64 %next, %steps"
    yield "br i1 %more, label %loop, label %done\ndone:\nret void\n}"


def _nodes(trees: Trees, tree: int, columns: NDArray[np.int64]) -> Iterator[str]:
    """Node by node the leaf numbers of 64 pixels: byte <= threshold ? those of the left child : of the right."""
    byte, first = trees.programs, trees.node_start[tree]
    kind = _leaf_type(trees)
    for node in _bottom_up(trees, tree):
        column = int(np.searchsorted(columns, byte.feature[first + node]))
        left, right = (_leaves_of(trees, tree, int(side[first + node])) for side in (byte.left, byte.right))
        name = f"{tree}_{node}"
        yield f"%address{name} = getelementptr i8, ptr %block, i64 {column * _STEP}"
        yield f"%bytes{name} = load <64 x i8>, ptr %address{name}, align 1"
        yield f"%low{name} = icmp ule <64 x i8> %bytes{name}, {_splat('i8', int(byte.threshold[first + node]))}"
        yield f"%leaf{name} = select <64 x i1> %low{name}, <64 x {kind}> {left}, <64 x {kind}> {right}"


def _bottom_up(trees: Trees, tree: int) -> list[int]:
    """The nodes that count, children first and the deeper subtree first, so that few results wait in registers."""
    byte, first, nodes = trees.programs, trees.node_start[tree], int(np.diff(trees.node_start)[tree])

    def inner(node: int) -> set[int]:
        rows = {int(byte.left[first + node]), int(byte.right[first + node])}
        return {row - byte.max_leaves for row in rows if row >= byte.max_leaves}

    size = [1] * nodes
    for node in range(nodes - 1, -1, -1):
        size[node] += sum(size[child] for child in inner(node))
    order: list[int] = []
    waiting = [0] if nodes else []
    while waiting:
        order.append(waiting.pop())
        waiting += sorted(inner(order[-1]), key=lambda child: (-size[child], child))
    return order[::-1]


def _look_up(trees: Trees, tree: int, *, permute: bool) -> Iterator[str]:
    """Add the values of the leaves of 64 pixels to their sums, 8 pixels at a time."""
    leaves = int(np.diff(trees.leaf_start)[tree])
    numbers, kind = _leaves_of(trees, tree, int(trees.programs.root[tree])), _leaf_type(trees)
    for part in range(_STEP // _LANES):
        name = f"{tree}_{part}"
        lanes = ", ".join(f"i32 {part * _LANES + lane}" for lane in range(_LANES))
        yield f"%some{name} = shufflevector <64 x {kind}> {numbers}, <64 x {kind}> poison, <8 x i32> <{lanes}>"
        yield f"%wide{name} = zext <8 x {kind}> %some{name} to <8 x i64>"
        if permute and leaves <= _PERMUTED:
            yield from _permutations(tree, name, leaves)
            value = f"%value{name}_{(leaves - 1) // 16 * 16}"
        else:
            value = f"%value{name}"
            yield f"%from{name} = getelementptr double, ptr @leaves{tree}, <8 x i64> %wide{name}"
            yield (
                f"{value} = call <8 x double> @llvm.masked.gather.v8f64.v8p0(<8 x ptr> %from{name}, i32 8, "
                "<8 x i1> splat (i1 true), <8 x double> poison)"
            )
        yield f"%sum{tree + 1}_{part} = fadd <8 x double> %sum{tree}_{part}, {value}"


def _permutations(tree: int, name: str, leaves: int) -> Iterator[str]:
    """%value_k: the values of leaves below k + 16; two registers hold 16 and are asked for the number modulo 16."""
    for first in range(0, leaves, 16):
        here = f"{name}_{first}"
        new = f"%value{here}" if first == 0 else f"%new{here}"
        for half in (0, 1):
            at = f"getelementptr (double, ptr @leaves{tree}, i64 {first + half * _LANES})"
            yield f"%table{here}_{half} = load <8 x double>, ptr {at}, align 64"
        yield (
            f"{new} = call <8 x double> @llvm.x86.avx512.vpermi2var.pd.512("
            f"<8 x double> %table{here}_0, <8 x i64> %wide{name}, <8 x double> %table{here}_1)"
        )
        if first:
            yield f"%below{here} = icmp ult <8 x i64> %wide{name}, {_splat('i64', first)}"
            yield (
                f"%value{here} = select <8 x i1> %below{here}, <8 x double> %value{name}_{first - 16}, "
                f"<8 x double> {new}"
            )


def _leaves_of(trees: Trees, tree: int, row: int) -> str:
    """A row of `BytePrograms`: a constant leaf number, or what a node found."""
    most = trees.programs.max_leaves
    return _splat(_leaf_type(trees), row) if row < most else f"%leaf{tree}_{row - most}"


def _leaf_type(trees: Trees) -> str:
    return "i8" if trees.programs.max_leaves <= 256 else "i16"


def _splat(kind: str, number: int) -> str:
    """A constant vector; LLVM reads the numbers of a type as signed ones."""
    bits = int(kind[1:])
    return f"splat ({kind} {number - (number >> (bits - 1) << bits)})"


def _double(value: float) -> str:
    """A float64 as LLVM writes it without loss: its bits."""
    return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"
