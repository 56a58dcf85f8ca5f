"""How good training would be on unseen images: folds of whole groups, each trained, tuned, predicted and scored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pixelgbm import files
from pixelgbm.config import RunConfig
from pixelgbm.datasets import Answer, data_digest
from pixelgbm.errors import ConfigError, DatasetError
from pixelgbm.evaluation import Scorecard, score
from pixelgbm.groups import fold_table
from pixelgbm.inspection import inspect_into
from pixelgbm.mapping import References
from pixelgbm.model import Model, read_model
from pixelgbm.predictions import WITHOUT_REFERENCES, Predictions, PredictionWriter, read_predictions
from pixelgbm.records import Dataset
from pixelgbm.training import known_groups, train
from pixelgbm.tuning import TRIALS, tune_model

__all__ = ["crossvalidate", "outer_folds"]

Progress = Callable[[int, int, str], None]


def crossvalidate(
    dataset: Dataset,
    config: RunConfig,
    *,
    out: Path,
    folds: int = 5,
    leave_one_group_out: bool = False,
    trials: int = TRIALS,
    workers: int = 1,
    progress: Progress | None = None,
) -> Scorecard:
    """Train, tune, predict once per fold; score every labelled image by the model that has not seen its group.

    dataset: its labelled samples of all splits take part, the excluded do not. leave_one_group_out: a fold per group;
    `folds` is then not used. Groups that the data do not name are inferred from the masks. Writes
    OUT/fold-N/{model,model.maps,predictions}, the predictions also without references where there are any, and
    OUT/scorecard.json. Raises what training raises; ConfigError for fewer groups than folds.
    """
    samples = tuple(s for s in dataset.select(usable_only=True).samples if s.labelled_heads)
    groups = known_groups(replace(dataset, samples=samples), workers=workers, progress=progress)
    grouped = replace(dataset, samples=tuple(replace(s, group=groups[s.id]) for s in samples), excluded={})
    table = outer_folds(grouped, folds=None if leave_one_group_out else folds, seed=config.seed)
    count = max(table.values()) + 1
    predicted: dict[References, dict[str, Predictions]] = {"use": {}, "drop": {}}
    for fold in range(count):
        kept = replace(grouped, samples=tuple(s for s in grouped.samples if table[s.id] != fold))
        held_out = replace(grouped, samples=tuple(s for s in grouped.samples if table[s.id] == fold))
        folder = out / f"fold-{fold + 1}"
        report = _named(progress, f"fold {fold + 1} of {count}")
        train(kept, config, out=folder / "model", workers=workers, progress=report)
        tune_model(folder / "model", trials=trials, seed=config.seed, progress=report)
        model = read_model(folder / "model")
        references: References
        for references, place in _passes(held_out, folder / "predictions"):
            found = _predict(model, held_out, place, references=references, workers=workers, progress=report)
            predicted[references].update(dict.fromkeys(found.ids, found))
    card = score(_answer(out, grouped, predicted["use"]), grouped, seed=config.seed)
    if predicted["drop"]:
        bare = predicted["use"] | predicted["drop"]
        card = replace(card, without_references=score(_answer(out, grouped, bare), grouped, seed=config.seed))
    files.write_text(out / "scorecard.json", card.to_json())
    return card


def outer_folds(dataset: Dataset, *, folds: int | None, seed: int) -> dict[str, int]:
    """Sample id -> fold 0.., whole groups in one fold; `folds` None makes every group a fold, in data order."""
    groups = {s.id: str(s.group) for s in dataset.samples}
    names = list(dict.fromkeys(groups.values()))
    wanted = len(names) if folds is None else folds
    if wanted < 2 or len(names) < wanted:
        raise ConfigError(
            f"{dataset.root}: {len(names)} groups for {wanted} folds; at least 2 folds and a group for each are needed"
        )
    if folds is None:
        return {id: names.index(group) for id, group in groups.items()}
    return fold_table(list(groups), groups, folds=folds, seed=seed)


def _passes(dataset: Dataset, folder: Path) -> list[tuple[References, Path]]:
    """The runs over the held-out images: as they are and, where there are references, with every one hidden."""
    if all(s.reference is None for s in dataset.samples):
        return [("use", folder)]
    return [("use", folder), ("drop", folder / WITHOUT_REFERENCES)]


def _predict(
    model: Model,
    dataset: Dataset,
    folder: Path,
    *,
    references: References,
    workers: int,
    progress: Progress | None,
) -> Predictions:
    writer = PredictionWriter(
        folder,
        model_digest=model.digest,
        data_digest=data_digest(dataset),
        layout=dataset.layout,
        ids=[s.id for s in dataset.samples],
        heads=[head.name for head in model.heads],
    )
    with writer:
        failures = inspect_into(writer, model, dataset, references=references, workers=workers, progress=progress)
    if failures:
        id, reason = next(iter(failures.items()))
        raise DatasetError(f"{id}: {reason}")
    return read_predictions(folder)


def _answer(out: Path, dataset: Dataset, predicted: dict[str, Predictions]) -> Answer:
    """The predictions of all folds as one answer, each mask read where its fold keeps it."""

    def read(id: str, shape: tuple[int, int]) -> dict[str, NDArray[np.bool_]]:
        return predicted[id].masks(id)

    return Answer(out, dataset.layout, frozenset(predicted), read)


def _named(progress: Progress | None, prefix: str) -> Progress | None:
    if progress is None:
        return None
    return lambda done, total, label: progress(done, total, f"{prefix}: {label}")
