"""200 trees of 31 leaves on 48 byte planes of 390x390, beside the libraries that evaluate LightGBM's models."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace

import lightgbm
import numpy as np
from numpy.typing import NDArray

from features import FeatureSpec, extract
from pixelgbm.forest import Trees, codegen, parse_trees, predict_planes, traverse
from races.clock import Contestant, Row, absent, race, timed
from races.inputs import Setup, draw, fitted, grown
from races.lleaves_peer import LLeaves, Unavailable, environment

__all__ = ["ABOUT", "TITLE", "run", "without_avx512"]

TITLE = "Trees: 200 x 31 leaves on 48 byte planes of 390x390"
ABOUT = (
    "The same booster and the same values. Ours reads the byte planes; the others are given the rows they want, ready "
    "made. `gap`: largest difference to `Booster.predict`; ours must be equal bit by bit among themselves and within "
    "1e-6 of it. `to build, s`: compiling or converting, once per model."
)
COLUMNS, TREES, LEAVES = 48, 200, 31
MOST_GAP = 1e-6

Answer = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Task:
    """text: the booster. planes: (48, rows, cols) uint8. rows: (pixels, 48) float64, the same values."""

    text: str
    trees: Trees
    planes: NDArray[np.uint8]
    rows: NDArray[np.float64]


def without_avx512(host: codegen.Host) -> codegen.Host:
    """The same machine as one whose registers end at 256 bits, in LLVM's words."""
    features = [f"-{f[1:]}" if f[1:].startswith("avx512") else f for f in host.features.split(",")]
    return replace(host, features=",".join(features))


def compiled_for(task: Task, host: codegen.Host) -> tuple[Callable[[], Answer], float]:
    """Our generated code for a given machine, called as `predict_planes` calls it; and the seconds to compile it."""
    start = time.perf_counter()
    code = codegen.link(task.trees, codegen.compile_trees(task.trees, host))
    build = time.perf_counter() - start
    flat = task.planes.reshape(len(task.planes), -1)

    def predict() -> Answer:
        raw, out = np.zeros(flat.shape[1]), np.empty(flat.shape[1], np.float32)
        codegen.add_trees(code, flat, None, raw)
        traverse.sigmoid(raw, task.trees.sigmoid, out)
        return out

    return predict, build


def _onnxruntime(task: Task) -> Callable[[], Answer]:
    import onnxruntime
    from onnxmltools import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType

    booster = lightgbm.Booster(model_str=task.text)
    model = convert_lightgbm(booster, initial_types=[("rows", FloatTensorType([None, COLUMNS]))], zipmap=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    rows, output = task.rows.astype(np.float32), session.get_outputs()[1].name
    return lambda: session.run([output], {"rows": rows})[0][:, 1]


def _treelite(task: Task) -> Callable[[], Answer]:
    import treelite

    model = treelite.frontend.from_lightgbm(lightgbm.Booster(model_str=task.text))
    rows = task.rows.astype(np.float32)
    return lambda: np.asarray(treelite.gtil.predict(model, rows, nthread=1)).ravel()


CONVERTED = (
    ("onnxruntime", ("onnxruntime", "onnxmltools", "skl2onnx"), _onnxruntime),
    ("treelite GTIL", ("treelite",), _treelite),
)
"""Name, packages it needs, and how its prediction is made from a task."""


def _task(setup: Setup) -> Task:
    spec, parts = FeatureSpec(lean=True), []
    quantizer = fitted(draw(setup.seed), spec)
    for number in range(3):
        drawn = draw(setup.seed, number)
        planes = extract(drawn.image, drawn.reference, spec, quantizer).planes[:COLUMNS]
        parts.append((np.ascontiguousarray(planes), drawn.mask))
    text = grown(setup.work / "trees.txt", parts[1:], trees=TREES, leaves=LEAVES)
    planes = parts[0][0]
    return Task(text, parse_trees(text, where="trees.txt"), planes, planes.reshape(COLUMNS, -1).T.astype(np.float64))


def _ours(task: Task) -> tuple[list[Contestant], Answer]:
    host = codegen.this_host()
    best, build = compiled_for(task, host)
    narrow, narrow_build = compiled_for(task, without_avx512(host))
    numba = predict_planes(task.trees, task.planes, engine="numba").ravel()
    answers = [best(), narrow(), predict_planes(task.trees, task.planes, engine="llvm").ravel()]
    for answer in answers:
        np.testing.assert_array_equal(answer, numba)
    width = "AVX-512" if host.permutes else "this machine has no AVX-512"
    return [
        Contestant(
            f"pixelgbm, llvm ({width})",
            timed(lambda: predict_planes(task.trees, task.planes, engine="llvm")),
            {"to build, s": build},
        ),
        Contestant("pixelgbm, llvm, AVX-512 forbidden", timed(narrow), {"to build, s": narrow_build}),
        Contestant("pixelgbm, numba", timed(lambda: predict_planes(task.trees, task.planes, engine="numba"))),
    ], numba


def run(setup: Setup) -> tuple[list[Row], list[str]]:
    task = _task(setup)
    booster = lightgbm.Booster(model_str=task.text)
    expected = np.asarray(booster.predict(task.rows, num_threads=1))
    contestants, ours = _ours(task)
    gap = float(np.abs(ours - expected).max())
    if gap > MOST_GAP:
        raise AssertionError(f"our answer differs from Booster.predict by {gap:.1e}; at most {MOST_GAP:g} is allowed")
    contestants = [replace(one, facts={"gap": gap, **one.facts}) for one in contestants]
    contestants.append(
        Contestant("lightgbm Booster.predict", timed(lambda: booster.predict(task.rows, num_threads=1)), {"gap": 0.0})
    )
    missing: list[Row] = []
    for name, packages, make in CONVERTED:
        lacks = [package for package in packages if importlib.util.find_spec(package) is None]
        if lacks:
            missing.append(absent(name, f"{', '.join(lacks)} not installed (extra `benchmarks`)"))
            continue
        start = time.perf_counter()
        predict = make(task)
        facts = {"to build, s": time.perf_counter() - start, "gap": float(np.abs(predict() - expected).max())}
        contestants.append(Contestant(name, timed(predict), facts))
    with ExitStack() as stack:
        try:
            python = environment(setup.work / "lleaves")
            child = stack.enter_context(LLeaves(python, setup.work / "trees.txt", task.rows, setup.work))
        except Unavailable as error:
            missing.append(absent("lleaves", str(error)))
        else:
            facts = {"to build, s": child.build_s, "gap": float(np.abs(child.answer - expected).max())}
            contestants.append(Contestant("lleaves (an environment of its own)", child.spend, facts))
        return race(contestants, rounds=setup.rounds) + missing, []
