"""The U-Net as a peer: trained for a budget of processor time, continued after a kill, tuned on dev."""

from __future__ import annotations

import copy
import ctypes
import json
import math
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# Waiting threads that spin would count as processor time and eat the budget on a shared machine.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from peers.pairs import Item, View
from peers.task import Task, inner_folds, read_fitted, write_fitted
from peers.tuning import keep_maps
from peers.unet_batches import load, planes_of
from peers.unet_network import CHANNELS, STRIDE, UNet

__all__ = ["SMOOTHING", "fit", "mapper"]

BATCH = 8
PEAK_RATE = 2e-3
WARM_UP = 0.05
WEIGHT_DECAY = 0.01
EMA = 0.998
CHECKPOINT_S = 120.0
SMOOTH = 20.0
"""Pixels added to both sides of the Dice ratio: a clean crop then pays for what is marked in it."""
BCE_WEIGHT = 4.0
SMOOTHING = (0.0,)
"""The network's maps are smooth."""


def fit(task: Task) -> None:
    """Train on `task.train` for its minutes of two cores as processor time, and map `task.dev` for the rules.

    One network for all heads of the task. Without dev a quarter of the groups of train is mapped, and not learnt from.
    """
    torch.manual_seed(task.seed)
    torch.set_num_threads(task.workers)
    _hold_memory()
    train, dev = task.train, task.dev
    if not dev:
        held_out, *rest = inner_folds(train, folds=4, seed=task.seed)
        train, dev = tuple(item for part in rest for item in part), tuple(held_out)
    net, facts = _train(task, train)
    started = time.process_time()
    keep_maps(task, ((item, _score(net, item.view(), facts["bfloat16"])) for item in dev))
    facts["fit_cpu_seconds"] = round(facts["fit_cpu_seconds"] + time.process_time() - started, 1)
    write_fitted(task, facts)


def mapper(folder: Path) -> Callable[[View], NDArray[np.uint8]]:
    """A function from a pair to its maps, (rows, cols, heads) of bytes, with the weights in `folder`."""
    facts, weights = read_fitted(folder), torch.load(folder / "weights.pt", weights_only=True)
    net = UNet(len(weights["head.bias"]))
    net.load_state_dict(weights)
    net = net.to(memory_format=torch.channels_last).eval()
    return lambda view: _score(net, view, facts["bfloat16"])


def _train(task: Task, train: tuple[Item, ...]) -> tuple[UNet, dict[str, Any]]:
    """The averaged network, and what is worth knowing of its training."""
    net = UNet(len(task.heads)).to(memory_format=torch.channels_last)
    average = copy.deepcopy(net).eval()
    optimizer = torch.optim.AdamW(_parts(net), lr=PEAK_RATE)
    rng = task.rng(6)
    budget = task.unet_minutes * 120.0
    state: dict[str, Any] = {"step": 0, "cpu_seconds": 0.0, "bfloat16": None}
    kept = task.folder / "checkpoint.pt"
    if kept.exists():
        found = torch.load(kept, weights_only=True)
        for part, name in ((net, "net"), (average, "average"), (optimizer, "optimizer")):
            part.load_state_dict(found[name])
        rng.bit_generator.state = json.loads(found["rng"])
        state = found["state"]

    def keep(spent: float) -> None:
        parts = {"net": net.state_dict(), "average": average.state_dict(), "optimizer": optimizer.state_dict()}
        state["cpu_seconds"] = spent
        _save({**parts, "rng": json.dumps(rng.bit_generator.state), "state": state}, kept)

    crops = load(train)
    if state["bfloat16"] is None:
        state["bfloat16"] = _bfloat16_is_quicker()
    before, last, losses = time.process_time() - state["cpu_seconds"], state["cpu_seconds"], []
    while (spent := time.process_time() - before) < budget:
        for part in optimizer.param_groups:
            part["lr"] = PEAK_RATE * _schedule(spent / budget)
        inputs, truth, weight = (torch.from_numpy(a) for a in crops.batch(BATCH, rng))
        net.train()
        with torch.autocast("cpu", torch.bfloat16, enabled=state["bfloat16"]):
            logits = net(inputs.contiguous(memory_format=torch.channels_last))
        loss = _loss(logits.float(), truth, weight)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 2.0)
        optimizer.step()
        state["step"] += 1
        _follow(average, net, min(EMA, (1 + state["step"]) / (10 + state["step"])))
        losses.append(loss.item())
        if spent - last >= CHECKPOINT_S:
            last = spent
            print(
                f"u-net: step {state['step']}, {spent / 60:.1f} of {budget / 60:.1f} core-minutes, "
                f"loss {np.mean(losses):.4f}",
                flush=True,
            )
            losses = []
            keep(spent)
    keep(spent)
    _save(average.state_dict(), task.folder / "weights.pt")
    facts = {"steps": state["step"], "crops": state["step"] * BATCH, "images": len(train)}
    facts |= {"parameters": sum(p.numel() for p in net.parameters()), "bfloat16": state["bfloat16"]}
    return average, facts | {"fit_cpu_seconds": round(spent, 1)}


def _parts(net: nn.Module) -> list[dict[str, Any]]:
    """Decay pulls at filters, not at the scales and offsets of the normalisation."""
    filters = [p for p in net.parameters() if p.ndim > 1]
    rest = [p for p in net.parameters() if p.ndim <= 1]
    return [{"params": filters, "weight_decay": WEIGHT_DECAY}, {"params": rest, "weight_decay": 0.0}]


def _schedule(done: float) -> float:
    """Linear up to 1, then half a cosine down to 0."""
    if done < WARM_UP:
        return 0.05 + 0.95 * done / WARM_UP
    return 0.5 * (1 + math.cos(math.pi * min((done - WARM_UP) / (1 - WARM_UP), 1.0)))


def _loss(logits: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """Binary cross-entropy and, crop by crop and head by head as the metric counts image by image, Dice."""
    entropy = (functional.binary_cross_entropy_with_logits(logits, truth, reduction="none") * weight).mean()
    p, t = torch.sigmoid(logits) * weight, truth * weight
    hits, total = (p * t).sum((2, 3)), (p + t).sum((2, 3))
    return BCE_WEIGHT * entropy + (1 - (2 * hits + SMOOTH) / (total + SMOOTH)).mean()


@torch.no_grad()
def _follow(average: nn.Module, net: nn.Module, decay: float) -> None:
    for mean, now in zip(average.state_dict().values(), net.state_dict().values(), strict=True):
        if mean.is_floating_point():
            mean.lerp_(now, 1 - decay)
        else:
            mean.copy_(now)


def _save(state: dict[str, Any], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".tmp")
    torch.save(state, aside)
    aside.replace(path)


def _hold_memory() -> None:
    """Tell glibc's malloc not to hand planes back to the system after every step; a tenth quicker where measured."""
    if os.name == "posix" and hasattr(library := ctypes.CDLL(None), "mallopt"):
        for option, value in ((-4, 0), (-1, 2**31 - 1), (-2, 2**28)):  # no mmap, no trimming, grow by 256 MiB
            library.mallopt(option, value)


def _bfloat16_is_quicker() -> bool:
    """Measured on this processor, the best of three steps each."""
    net, inputs = UNet().to(memory_format=torch.channels_last), torch.randn(2, CHANNELS, 256, 256)
    inputs = inputs.contiguous(memory_format=torch.channels_last)

    def step(halved: bool) -> float:
        started = time.process_time()
        with torch.autocast("cpu", torch.bfloat16, enabled=halved):
            logits = net(inputs)
        logits.float().mean().backward()
        return time.process_time() - started

    taken = {halved: [step(halved) for _ in range(3)] for halved in (False, True)}
    return min(taken[True]) < min(taken[False])


@torch.inference_mode()
def _score(net: UNet, view: View, halved: bool) -> NDArray[np.uint8]:
    """255 x the probabilities (rows, cols, heads), the mean over the image, mirrored both ways, and turned by half."""
    rows, cols = view.covered.shape
    planes = planes_of(np.rint(view.test), np.rint(view.reference), view.covered)
    lack = [(0, -n % STRIDE) for n in (rows, cols)]
    inputs = torch.from_numpy(np.pad(planes, [(0, 0), *lack], mode="symmetric"))[None]
    found = torch.zeros(net.head.out_channels, *inputs.shape[-2:])
    for axes in _mirrors():
        with torch.autocast("cpu", torch.bfloat16, enabled=halved):
            logits = net(inputs.flip(axes).contiguous(memory_format=torch.channels_last))
        found += torch.sigmoid(logits.float()).flip(axes)[0] / 4
    return np.asarray(np.rint(255 * found[:, :rows, :cols].numpy()), np.uint8).transpose(1, 2, 0)


def _mirrors() -> Iterator[tuple[int, ...]]:
    yield from ((), (2,), (3,), (2, 3))
