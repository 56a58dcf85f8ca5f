"""A single image of 256x1248: profile "fast" beside a U-Net with an encoder of MobileNetV2's blocks."""

from __future__ import annotations

import importlib.util
import logging
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelgbm.inspection import inspect_pair
from pixelgbm.records import Pair
from races.clock import Contestant, Row, absent, race, timed
from races.inputs import Setup, draw, fast_model
from races.whole import by_engine

__all__ = ["ABOUT", "SHAPE", "TITLE", "run", "wide_image"]

TITLE = "A single image of 256x1248"
ABOUT = (
    "Ours: evidence, trees and regions of an image without a reference, from pixels to verdict. The U-Net "
    "(`peers/unet_network.py`) is given its float input ready made, and its map is not thresholded: its time is that "
    "of one forward pass, float32. Its weights are as drawn, which costs the same."
)
SHAPE = (256, 1248)
MOST_GAP = 1e-3


def wide_image(seed: int) -> NDArray[np.uint8]:
    """(256, 1248, 3): four drawn images side by side."""
    width = SHAPE[1] // 4
    return np.hstack([draw(seed, number).image[: SHAPE[0], :width] for number in range(4)])


def _torch_net() -> tuple[Any, Any]:
    import torch
    from peers.unet_network import CHANNELS, UNet

    torch.set_num_threads(1)
    torch.manual_seed(0)
    net = UNet().eval().to(memory_format=torch.channels_last)
    rows = torch.randn(1, CHANNELS, *SHAPE).to(memory_format=torch.channels_last)
    return net, rows


def _by_torch(net: Any, rows: Any) -> NDArray[np.float32]:
    import torch

    with torch.inference_mode():
        return np.asarray(net(rows).numpy(), np.float32)


def _session(net: Any, rows: Any, path: Path) -> Callable[[], NDArray[np.float32]]:
    import onnxruntime
    import torch

    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it tells of operators that are not in this network
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        torch.onnx.export(net, (rows,), str(path), input_names=["image"], external_data=False, verbose=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    given = {"image": np.ascontiguousarray(rows.numpy())}
    return lambda: np.asarray(session.run(None, given)[0], np.float32)


def _lacking(packages: tuple[str, ...]) -> str:
    return ", ".join(package for package in packages if importlib.util.find_spec(package) is None)


def run(setup: Setup) -> tuple[list[Row], list[str]]:
    model, pair = fast_model(setup), Pair(wide_image(setup.seed))

    facts = {"columns": sum(not column.reference for column in model.looks[0].spec.table)}
    contestants = [
        Contestant(f'pixelgbm, "{model.profile}", {name}', by_engine(name, lambda: inspect_pair(model, pair)), facts)
        for name in ("llvm", "numba")
    ]
    missing = []
    if lacks := _lacking(("torch",)):
        missing = [absent(f"U-Net, {name}", f"{lacks} not installed") for name in ("torch", "onnxruntime")]
        return race(contestants, rounds=setup.rounds) + missing, []
    net, rows = _torch_net()
    weights = {"weights": sum(weight.numel() for weight in net.parameters())}
    contestants.append(Contestant("U-Net, torch", timed(partial(_by_torch, net, rows)), weights))
    if lacks := _lacking(("onnxruntime", "onnx", "onnxscript")):
        missing = [absent("U-Net, onnxruntime", f"{lacks} not installed (extra `benchmarks`)")]
    else:
        predict = _session(net, rows, setup.work / "unet.onnx")
        gap = float(np.abs(predict() - _by_torch(net, rows)).max())
        if gap > MOST_GAP:
            raise AssertionError(f"onnxruntime and torch differ by {gap:.1e}; at most {MOST_GAP:g} is allowed")
        contestants.append(Contestant("U-Net, onnxruntime", timed(predict), weights | {"gap to torch": gap}))
    return race(contestants, rounds=setup.rounds) + missing, []
