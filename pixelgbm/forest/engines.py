"""The probability of pixels, by the engine that suits the number of them.

"numba" (`traverse`) serves every model at once. "llvm" (`codegen`) is several times faster, but compiles each model
first: seconds, once per model and machine, then kept in the user's cache folder. Both give the same bits.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal, get_args
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from pixelgbm.errors import ConfigError, ModelError
from pixelgbm.forest import codecache, codegen, traverse
from pixelgbm.forest.early import EarlyExit
from pixelgbm.forest.trees import Trees, split_trees

__all__ = ["WORTH_COMPILING", "Engine", "predict_pixels", "predict_planes", "prepare_engine", "prepared_parts"]

Engine = Literal["auto", "numba", "llvm"]
"""`"auto"`: "llvm" once it is compiled, found in the cache, or worth compiling; "numba" until then."""

WORTH_COMPILING = 24_000_000
"""Pixels from which compiling pays: 0.5 ms per node against 21 ps saved per node and pixel, whatever the model."""

_TAKEN = 16_384  # pixels whose bytes are copied side by side at a time; some 3 MB


@dataclass(slots=True)
class _State:
    """What is known of one booster in this process; `lock` is held by whoever compiles it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    code: codegen.Code | None = None
    failure: str = ""
    cache_asked: bool = False
    pixels: int = 0
    parts: dict[int, tuple[Trees, Trees]] = field(default_factory=dict)


_states: WeakKeyDictionary[Trees, _State] = WeakKeyDictionary()
_states_lock = threading.Lock()


def predict_planes(
    trees: Trees, planes: NDArray[np.uint8], *, early: EarlyExit | None = None, engine: Engine = "auto"
) -> NDArray[np.float32]:
    """The probability at every pixel.

    planes: (columns, rows, cols) uint8 in the order of `trees.columns`. early: pixels that it settles are given 0, all
    others what they would have without. Returns (rows, cols) float32, 0..1. $PIXELGBM_ENGINE replaces "auto".
    Raises ModelError when the planes are not as many as the columns, or when `engine="llvm"` cannot compile the
    booster.
    """
    flat = _flat(trees, planes)
    found = _predict(trees, flat, None, engine) if early is None else _predict_early(trees, flat, early, engine)
    return found.reshape(planes.shape[1:])


def predict_pixels(
    trees: Trees, planes: NDArray[np.uint8], pixels: NDArray[np.integer], *, engine: Engine = "auto"
) -> NDArray[np.float32]:
    """The probability at some pixels only, equal to that of `predict_planes` there.

    planes: (columns, rows, cols) uint8. pixels: (n,) flat indices into a plane. Returns (n,) float32.
    Raises IndexError for a pixel outside the plane; otherwise as `predict_planes`.
    """
    flat = _flat(trees, planes)
    if pixels.size and not (pixels.min() >= 0 and pixels.max() < flat.shape[1]):
        raise IndexError(f"pixels {pixels.min()}..{pixels.max()}; a plane has 0..{flat.shape[1] - 1}")
    return _predict(trees, flat, np.ascontiguousarray(pixels, dtype=np.int64), engine)


def prepare_engine(trees: Trees, *, pixels: int | None = None) -> Engine:
    """Say that so many pixels will follow; None: compile in any case. Returns the engine that "auto" now takes.

    Without this call "auto" counts the pixels that come and compiles when they have become worth it.
    """
    if _asked("auto") == "numba":
        return "numba"
    state = _state(trees)
    with state.lock:
        if pixels is None or pixels >= WORTH_COMPILING:
            _make(trees, state)
        else:
            _find(trees, state)
    return "numba" if state.code is None else "llvm"


def prepared_parts(trees: Trees, early: EarlyExit | None) -> tuple[Trees, ...]:
    """What is truly evaluated, for `prepare_engine`: the booster, or its two parts where pixels may leave."""
    return (trees,) if early is None else _parts(trees, early.trees)


def _parts(trees: Trees, count: int) -> tuple[Trees, Trees]:
    state = _state(trees)
    with state.lock:
        if count not in state.parts:
            state.parts[count] = split_trees(trees, count)
        return state.parts[count]


def _flat(trees: Trees, planes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if planes.ndim != 3 or planes.dtype != np.uint8 or planes.shape[0] != len(trees.columns):
        raise ModelError(
            f"planes of {planes.dtype} with shape {planes.shape}; "
            f"the booster reads ({len(trees.columns)}, rows, cols) uint8"
        )
    return np.ascontiguousarray(planes).reshape(planes.shape[0], planes.shape[1] * planes.shape[2])


def _predict(
    trees: Trees, flat: NDArray[np.uint8], pixels: NDArray[np.int64] | None, engine: Engine
) -> NDArray[np.float32]:
    """(n,) float32 probabilities of `pixels`, or of all."""
    raw = np.zeros(flat.shape[1] if pixels is None else pixels.size, dtype=np.float64)
    _add(trees, flat, pixels, raw, engine)
    out = np.empty(raw.size, dtype=np.float32)
    traverse.sigmoid(raw, trees.sigmoid, out)
    return out


def _predict_early(trees: Trees, flat: NDArray[np.uint8], early: EarlyExit, engine: Engine) -> NDArray[np.float32]:
    """(n,) float32. The other trees go on from the sums of the first ones, so who stays is given the same bits."""
    first, others = _parts(trees, early.trees)
    raw = np.zeros(flat.shape[1], dtype=np.float64)
    _add(first, flat, None, raw, engine)
    kept = np.flatnonzero(raw >= np.log(early.cut / (1 - early.cut)) / trees.sigmoid)
    sums = raw[kept]
    _add(others, flat, kept, sums, engine)
    judged = np.empty(kept.size, dtype=np.float32)
    traverse.sigmoid(sums, trees.sigmoid, judged)
    out = np.zeros(raw.size, dtype=np.float32)
    out[kept] = judged
    return out


def _add(
    trees: Trees,
    flat: NDArray[np.uint8],
    pixels: NDArray[np.int64] | None,
    raw: NDArray[np.float64],
    engine: Engine,
) -> None:
    """raw[i] += the leaf values of pixel i, or of pixels[i], tree after tree."""
    code = _code(trees, raw.size, _asked(engine))
    if code is not None:
        codegen.add_trees(code, flat, pixels, raw)
    elif pixels is None:
        traverse.add_trees(trees, flat, raw)
    else:
        for start in range(0, pixels.size, _TAKEN):
            part = pixels[start : start + _TAKEN]
            chosen = np.empty((flat.shape[0], part.size), dtype=np.uint8)
            traverse.take_pixels(flat, part, chosen)
            traverse.add_trees(trees, chosen, raw[start : start + _TAKEN])


def _asked(engine: Engine) -> Engine:
    said = os.environ.get("PIXELGBM_ENGINE", "auto") if engine == "auto" else engine
    for known in get_args(Engine):
        if said == known:
            return known  # type: ignore[no-any-return]
    source = "PIXELGBM_ENGINE=" if engine == "auto" else "engine "
    raise ConfigError(f"{source}{said!r}; allowed: {', '.join(get_args(Engine))}")


def _state(trees: Trees) -> _State:
    with _states_lock:
        return _states.setdefault(trees, _State())


def _code(trees: Trees, pixels: int, engine: Engine) -> codegen.Code | None:
    """The code to predict with, or None for `traverse`."""
    if engine == "numba":
        return None
    state = _state(trees)
    if state.code is not None:
        return state.code
    if engine == "llvm":
        with state.lock:
            _make(trees, state)
        if state.code is None:
            raise ModelError(f"the engine 'llvm' cannot be had: {state.failure}; use 'auto' or 'numba'")
        return state.code
    if state.lock.acquire(blocking=False):  # while one thread compiles, the others go on with `traverse`
        try:
            state.pixels += pixels
            if state.pixels >= WORTH_COMPILING:
                _make(trees, state)
            else:
                _find(trees, state)
        finally:
            state.lock.release()
    return state.code


def _find(trees: Trees, state: _State) -> None:
    """Take the code from the cache folder, which is asked once."""
    if state.code is None and not state.cache_asked:
        state.cache_asked = True
        with suppress(RuntimeError):  # llvmlite's word for every failure; `_make` reports it
            kept = codecache.load(codecache.key_of(trees, codegen.this_host()))
            state.code = None if kept is None else codegen.link(trees, kept)


def _make(trees: Trees, state: _State) -> None:
    """Take the code from the cache folder, or compile it and keep it there; a failure is tried once."""
    _find(trees, state)
    if state.code is None and not state.failure:
        try:
            host = codegen.this_host()
            made = codegen.compile_trees(trees, host)
            state.code = codegen.link(trees, made)
        except (ModelError, RuntimeError) as error:
            state.failure = str(error)
        else:
            codecache.store(codecache.key_of(trees, host), made)
