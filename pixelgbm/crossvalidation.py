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
from pixelgbm.evaluation import score
from pixelgbm.groups import fold_table
from pixelgbm.inspection import inspect_into
from pixelgbm.mapping import References
from pixelgbm.model import Model, read_model
from pixelgbm.predictions import WITHOUT_REFERENCES, Predictions, PredictionWriter, read_predictions
from pixelgbm.records import Dataset, Sample
from pixelgbm.scorecard import Scorecard
from pixelgbm.training import known_groups, train
from pixelgbm.tuning import TRIALS, tune_model

__all__ = ["crossvalidate", "outer_folds"]

Progress = Callable[[int, int, str], None]

_RUNS = {"as_they_are": "", "without_references": WITHOUT_REFERENCES, "wrong_references": "wrong-references"}
"""A run over the held-out images, as the Scorecard names it, and its place in the folder of predictions."""


def crossvalidate(
    dataset: Dataset,
    config: RunConfig,
    *,
    out: Path,
    folds: int = 5,
    leave_one_group_out: bool = False,
    wrong_references: bool = False,
    trials: int = TRIALS,
    workers: int = 1,
    progress: Progress | None = None,
) -> Scorecard:
    """Train, tune, predict once per fold; score every labelled image by the model that has not seen its group.

    dataset: its labelled samples of all splits take part, the excluded do not. leave_one_group_out: a fold per group;
    `folds` is then not used. Groups that the data do not name are inferred from the masks. Writes
    OUT/fold-N/{model,model.maps,predictions}, the predictions with their probabilities and also without references
    where there are any, and OUT/scorecard.json. wrong_references: predict once more, every image with a reference of
    another group. Raises what training raises; ConfigError for fewer groups than folds.
    """
    samples = tuple(s for s in dataset.select(usable_only=True).samples if s.labelled_heads)
    groups = known_groups(replace(dataset, samples=samples), workers=workers, progress=progress)
    grouped = replace(dataset, samples=tuple(replace(s, group=groups[s.id]) for s in samples), excluded={})
    table = outer_folds(grouped, folds=None if leave_one_group_out else folds, seed=config.seed)
    count = max(table.values()) + 1
    predicted: dict[str, dict[str, Predictions]] = {run: {} for run in _RUNS}
    runs = _runs(grouped, wrong_references=wrong_references)
    for fold in range(count):
        kept = replace(grouped, samples=tuple(s for s in grouped.samples if table[s.id] != fold))
        held_out = replace(grouped, samples=tuple(s for s in grouped.samples if table[s.id] == fold))
        folder = out / f"fold-{fold + 1}"
        report = _named(progress, f"fold {fold + 1} of {count}")
        train(kept, config, out=folder / "model", workers=workers, progress=report)
        tune_model(folder / "model", trials=trials, seed=config.seed, progress=report)
        model = read_model(folder / "model")
        for run, shown in runs.items():
            data = replace(held_out, samples=tuple(shown[s.id] for s in held_out.samples))
            place = folder / "predictions" / _RUNS[run]
            references: References = "drop" if run == "without_references" else "use"
            found = _predict(model, data, place, references=references, workers=workers, progress=report)
            predicted[run].update(dict.fromkeys(found.ids, found))
    cards = {run: _score(out, grouped, predicted[run], seed=config.seed) for run in runs}
    card = replace(
        cards["as_they_are"],
        without_references=cards.get("without_references"),
        wrong_references=cards.get("wrong_references"),
    )
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


def _runs(dataset: Dataset, *, wrong_references: bool) -> dict[str, dict[str, Sample]]:
    """The runs over the held-out images, named as in `_RUNS`: id -> sample as that run sees it.

    A wrong reference is that of the image half the data set further on, or of the next one of another group.
    """
    plain = {s.id: s for s in dataset.samples}
    if all(s.reference is None for s in dataset.samples):
        return {"as_they_are": plain}
    runs = {"as_they_are": plain, "without_references": plain}
    given = [s for s in dataset.samples if s.reference is not None]
    if wrong_references and len({s.group for s in given}) > 1:
        starts = [(k + len(given) // 2) % len(given) for k in range(len(given))]
        others = [
            next(other for other in given[start:] + given if other.group != sample.group)
            for sample, start in zip(given, starts, strict=True)
        ]
        runs["wrong_references"] = plain | {
            sample.id: replace(sample, reference=other.reference) for sample, other in zip(given, others, strict=True)
        }
    return runs


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
        probabilities=True,
    )
    with writer:
        failures = inspect_into(writer, model, dataset, references=references, workers=workers, progress=progress)
    if failures:
        id, reason = next(iter(failures.items()))
        raise DatasetError(f"{id}: {reason}")
    return read_predictions(folder)


def _score(out: Path, dataset: Dataset, predicted: dict[str, Predictions], *, seed: int) -> Scorecard:
    """The predictions of all folds as one answer, each mask and map read where its fold keeps it."""

    def masks(id: str, shape: tuple[int, int]) -> dict[str, NDArray[np.bool_]]:
        return predicted[id].masks(id)

    def maps(id: str, head: str) -> NDArray[np.float32]:
        return predicted[id].probability(id, head)

    answer = Answer(out, dataset.layout, frozenset(predicted), masks)
    return score(answer, dataset, maps=maps, seed=seed)


def _named(progress: Progress | None, prefix: str) -> Progress | None:
    if progress is None:
        return None
    return lambda done, total, label: progress(done, total, f"{prefix}: {label}")
