"""Running the peers over a plan, and scoring their masks and ours as `pixelgbm score` does."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peers import Peer, pairs, tuning
from peers.figures import Draws, Method
from peers.plan import Lot, Plan
from peers.task import FITTED, Task, read_fitted
from pixelgbm import evaluation, files, images
from pixelgbm.datasets import Answer
from pixelgbm.errors import ConfigError
from pixelgbm.metrics import METRICS
from pixelgbm.predictions import Predictions, is_predictions, read_predictions
from pixelgbm.records import Dataset
from pixelgbm.scorecard import Scorecard

__all__ = ["Effort", "all_clean", "our_predictions", "ours_method", "peer_method", "run_peer"]

Read = Callable[[str, tuple[int, int]], dict[str, NDArray[np.bool_]]]


@dataclass(frozen=True, slots=True)
class Effort:
    """Where the peers keep their work, and what they may spend."""

    work: Path
    seed: int = 0
    workers: int = 1
    unet_minutes: float = 42.0


@dataclass(frozen=True, slots=True)
class _Part:
    """Heads that are fitted together; folder: of their fittings, with the answers below."""

    heads: tuple[str, ...]
    folder: Path


def _parts(peer: Peer, plan: Plan, work: Path) -> tuple[_Part, ...]:
    """One part of all heads for a peer that learns from images that are labelled for all of them, else one a head."""
    heads, learnt = plan.dataset.heads, [s for lot in plan.lots for s in (*lot.train, *lot.dev)]
    place = work / peer.name
    place = place if peer.learns else place / plan.dataset.metric
    if len(heads) == 1 or (peer.learns and all(set(heads) <= set(sample.labelled_heads) for sample in learnt)):
        return (_Part(heads, place),)
    return tuple(_Part((head,), place / head) for head in heads)


def run_peer(peer: Peer, plan: Plan, effort: Effort) -> None:
    """Fit what is not fitted, map what is not mapped, and cut the maps by rules for the metric of the data."""
    parts, metric = _parts(peer, plan, effort.work), METRICS[plan.dataset.metric]
    minutes = effort.unet_minutes / len(plan.lots) / len(parts)
    for part in parts:
        for lot in plan.lots:
            task = _task(plan, part, lot, effort, minutes)
            if not (task.folder / FITTED).exists():
                print(f"{peer.name}: fitting {', '.join(part.heads)} {lot.folder}".rstrip(), flush=True)
                task.folder.mkdir(parents=True, exist_ok=True)
                peer.fit(task)
            if not tuning.tuned(task.folder, metric):
                print(f"{peer.name}: rules for {metric.name} {lot.folder}".rstrip(), flush=True)
                tuning.tune(task, metric, peer.smoothing)
            _map_lot(peer, plan, part, lot, effort.work)
            _cut_lot(plan, part, lot)


def _task(plan: Plan, part: _Part, lot: Lot, effort: Effort, minutes: float) -> Task:
    train, dev = (
        pairs.items_of(
            plan.dataset,
            [sample for sample in samples if set(part.heads) <= set(sample.labelled_heads)],
            heads=part.heads,
            work=effort.work,
        )
        for samples in (lot.train, lot.dev)
    )
    return Task(train, dev, part.folder / lot.folder, part.folder, effort.seed, effort.workers, minutes)


def _map_lot(peer: Peer, plan: Plan, part: _Part, lot: Lot, work: Path) -> None:
    """Maps of the lot's answers, and what they took in all, reading and registering included."""
    place = _maps_in(plan, part)
    done = _taken(place)
    missing = [sample for sample in lot.answered if sample.id not in done]
    if not missing:
        return
    print(f"{peer.name}: mapping {len(missing)} images of {lot.folder or plan.split}", flush=True)
    mapped = peer.mapper(part.folder / lot.folder)
    for item in pairs.items_of(plan.dataset, missing, heads=part.heads, work=work):
        started = time.process_time()
        view = item.view()
        maps = mapped(view)
        taken = time.process_time() - started + (view.cpu_seconds if item.sample.reference else 0.0)
        tuning.write_maps(place, part.heads, item.id, maps)
        _note(place, item.id, taken)


def _cut_lot(plan: Plan, part: _Part, lot: Lot) -> None:
    """Masks of the lot's answers for the metric of the data, and what cutting took."""
    place = _masks_in(plan, part)
    done = _taken(place)
    choices, _ = tuning.read_choices(part.folder / lot.folder, METRICS[plan.dataset.metric])
    for sample in lot.answered:
        if sample.id not in done:
            maps = tuning.read_maps(_maps_in(plan, part), part.heads, sample.id)
            started = time.process_time()
            masks = [tuning.cut(maps[..., k], choices[head]) for k, head in enumerate(part.heads)]
            taken = time.process_time() - started
            tuning.write_maps(place, part.heads, sample.id, np.dstack(masks))
            _note(place, sample.id, taken)


def _maps_in(plan: Plan, part: _Part) -> Path:
    return part.folder / plan.split / "maps"


def _masks_in(plan: Plan, part: _Part) -> Path:
    return part.folder / plan.split / f"masks-{plan.dataset.metric}"


def _note(place: Path, id: str, seconds: float) -> None:
    """Written last: its line says that an image is done."""
    files.append_line(place / "cpu_ms.txt", f"{id} {1000 * seconds:.1f}")


def _taken(place: Path) -> dict[str, float]:
    """Image -> milliseconds, of the images that are done."""
    path = place / "cpu_ms.txt"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    parted = (line.rpartition(" ") for line in lines)
    return {id: float(number) for id, _, number in parted}


def peer_method(peer: Peer, plan: Plan, scored: Dataset, effort: Effort, draws: Draws) -> Method:
    """The masks of a peer, scored, with what they cost: fitting, mapping for the rules, and their search."""
    parts = _parts(peer, plan, effort.work)
    places = {head: _masks_in(plan, part) / head for part in parts for head in part.heads}

    def read(id: str, shape: tuple[int, int]) -> dict[str, NDArray[np.bool_]]:
        return {head: images.read_gray(place / f"{id}.png") > 0 for head, place in places.items()}

    settings = {}
    for part in parts:
        for lot in plan.lots:
            head = "" if len(parts) == 1 else part.heads[0]
            settings["/".join(name for name in (head, lot.folder) if name) or "all"] = _setting(plan, part, lot)
    card = _card(effort.work / peer.name, read, plan, scored, draws)
    fitted = sum(setting["fit_cpu_seconds"] for setting in settings.values())
    taken = sum(sum(_taken(place(plan, part)).values()) for part in parts for place in (_maps_in, _masks_in))
    return Method(peer.title, card, fit_cpu_seconds=fitted, cpu_ms=taken / len(plan.answered), setting=settings)


def _setting(plan: Plan, part: _Part, lot: Lot) -> dict[str, Any]:
    """What a fitting is, and the rules of its heads for the metric of the data."""
    facts = read_fitted(part.folder / lot.folder)
    choices, seconds = tuning.read_choices(part.folder / lot.folder, METRICS[plan.dataset.metric])
    facts["fit_cpu_seconds"] = round(facts["fit_cpu_seconds"] + seconds, 1)
    rules = {head: choice.to_dict() for head, choice in choices.items()}
    return (rules[part.heads[0]] if len(rules) == 1 else {"heads": rules}) | facts


def ours_method(
    name: str,
    folders: Sequence[Path],
    plan: Plan,
    scored: Dataset,
    draws: Draws,
    *,
    cost: tuple[float | None, float | None] = (None, None),
) -> Method:
    """Our predictions, from PRED folders or the folder of a crossval, scored; cost: CPU seconds and ms an image."""
    found = our_predictions(folders)
    heads = {h for predicted in found.values() for h in predicted.heads}
    single = len(heads) == 1 and len(scored.heads) == 1

    def read(id: str, shape: tuple[int, int]) -> dict[str, NDArray[np.bool_]]:
        predicted = found[id]
        if id in predicted.failures:
            raise ConfigError(f"{predicted.folder}: image {id} failed ({predicted.failures[id]})")
        masks = predicted.masks(id)
        return {scored.heads[0]: next(iter(masks.values()))} if single else masks

    if lacking := [sample.id for sample in plan.answered if sample.id not in found]:
        raise ConfigError(f"{name}: {len(lacking)} images of {plan.split} are not predicted, the first is {lacking[0]}")
    card = _card(folders[0], read, plan, scored, draws)
    return Method(name, card, ours=True, fit_cpu_seconds=cost[0], cpu_ms=cost[1])


def our_predictions(folders: Sequence[Path]) -> dict[str, Predictions]:
    """Image -> the PRED folder that answers it; a folder that is none is a crossval's, FOLDER/fold-N/predictions."""
    found: dict[str, Predictions] = {}
    for folder in folders:
        inner = [folder] if is_predictions(folder) else sorted(folder.glob("fold-*/predictions"))
        if not inner:
            raise ConfigError(f"{folder}: neither a PRED folder nor that of a crossval")
        for each in inner:
            predicted = read_predictions(each)
            found |= dict.fromkeys(predicted.ids, predicted)
    return found


def _card(path: Path, read: Read, plan: Plan, scored: Dataset, draws: Draws) -> Scorecard:
    ids = frozenset(sample.id for sample in scored.samples)
    answer = Answer(path, plan.dataset.layout, ids, read)
    return evaluation.score(answer, scored, seed=draws.seed, resamples=draws.resamples)


def all_clean(plan: Plan, scored: Dataset, draws: Draws) -> Method:
    """The answer without any mark."""

    def read(id: str, shape: tuple[int, int]) -> dict[str, NDArray[np.bool_]]:
        return {head: np.zeros(shape, bool) for head in scored.heads}

    return Method("all clean", _card(Path("all clean"), read, plan, scored, draws), fit_cpu_seconds=0.0, cpu_ms=0.0)
