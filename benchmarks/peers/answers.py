"""Running the peers over a plan, and scoring their masks and ours as `pixelgbm score` does."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from peers import Peer, pairs
from peers.figures import Draws, Method
from peers.plan import Lot, Plan
from peers.task import Task, read_setting
from pixelgbm import evaluation, files, images
from pixelgbm.datasets import Answer
from pixelgbm.errors import ConfigError
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


def run_peer(peer: Peer, plan: Plan, effort: Effort) -> None:
    """Fit what is not fitted and answer what is not answered, one head after another."""
    for head in plan.dataset.heads:
        place = _place(peer, plan, head, effort.work)
        for lot in plan.lots:
            folder = place / lot.folder
            if not (folder / "setting.json").exists():
                print(f"{peer.name}: fitting {lot.folder or head}", flush=True)
                train, dev = (
                    pairs.items_of(
                        plan.dataset, [s for s in part if head in s.labelled_heads], head=head, work=effort.work
                    )
                    for part in (lot.train, lot.dev)
                )
                folder.mkdir(parents=True, exist_ok=True)
                minutes = effort.unet_minutes / len(plan.lots) / len(plan.dataset.heads)
                peer.fit(Task(train, dev, folder, effort.seed, effort.workers, minutes))
            _answer_lot(peer, plan, lot, head, place, effort.work)


def _answer_lot(peer: Peer, plan: Plan, lot: Lot, head: str, place: Path, work: Path) -> None:
    missing = [sample for sample in lot.answered if not (place / plan.split / f"{sample.id}.png").exists()]
    if not missing:
        return
    print(f"{peer.name}: answering {len(missing)} images of {lot.folder or plan.split}", flush=True)
    predict = peer.predictor(place / lot.folder)
    (place / plan.split).mkdir(exist_ok=True)
    for item in pairs.items_of(plan.dataset, missing, head=head, work=work):
        started = time.process_time()
        view = item.view()
        mask = predict(view)
        taken = time.process_time() - started + (view.cpu_seconds if item.sample.reference else 0.0)
        files.append_line(place / plan.split / "cpu_ms.txt", f"{item.id} {1000 * taken:.1f}")
        images.write_png(place / plan.split / f"{item.id}.png", mask)


def _place(peer: Peer, plan: Plan, head: str, work: Path) -> Path:
    return work / peer.name / head if len(plan.dataset.heads) > 1 else work / peer.name


def peer_method(peer: Peer, plan: Plan, scored: Dataset, effort: Effort, draws: Draws) -> Method:
    """The masks of a peer, scored, with what they cost."""
    places = {head: _place(peer, plan, head, effort.work) for head in plan.dataset.heads}

    def read(id: str, shape: tuple[int, int]) -> dict[str, NDArray[np.bool_]]:
        return {head: images.read_gray(p / plan.split / f"{id}.png") > 0 for head, p in places.items()}

    settings = {
        "/".join(part for part in (head if len(places) > 1 else "", lot.folder) if part) or "all": read_setting(
            place / lot.folder
        )
        for head, place in places.items()
        for lot in plan.lots
    }
    taken: dict[str, float] = {}
    for head, place in places.items():
        for line in (place / plan.split / "cpu_ms.txt").read_text(encoding="utf-8").splitlines():
            id, _, number = line.rpartition(" ")
            taken[f"{head}/{id}"] = float(number)
    card = _card(effort.work / peer.name, read, plan, scored, draws)
    fitted = sum(setting["fit_cpu_seconds"] for setting in settings.values())
    per_image = sum(taken.values()) / len(plan.answered)
    return Method(peer.title, card, fit_cpu_seconds=fitted, cpu_ms=per_image, setting=settings)


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
