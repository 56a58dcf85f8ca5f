"""What a family is worth and costs: the change of the metric and of a pair's milliseconds when it is left out.

Unlike shuffling, which asks a finished model, leaving a family out lets the others take its place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pixelgbm import datasets
from pixelgbm.ablation import Ablation
from pixelgbm.config import RunConfig
from pixelgbm.errors import ConfigError, DatasetError
from pixelgbm.inspection import inspect_many
from pixelgbm.metrics import METRICS
from pixelgbm.model import Model, read_model
from pixelgbm.records import Dataset, Inspection
from pixelgbm.sampling import DEFECT, generator
from pixelgbm.training import known_groups, train
from pixelgbm.tuning import TRIALS, tune_model
from pixelgbm.tuning.costs import PairCost, expected_forest

__all__ = ["LeftOut", "Worth", "family_ms", "family_worths", "leave_out", "worth_of"]

Progress = Callable[[int, int, str], None]

RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Worth:
    """How the metric changes without something: the difference of means and its 95 % interval, paired."""

    change: float
    interval: tuple[float, float]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Without `family`: `worth` in the metric, and the change of a pair's milliseconds."""

    family: str
    metric: str
    worth: Worth
    ms: float

    def __str__(self) -> str:
        low, high = self.worth.interval
        gained = f"{self.worth.change:+.3f} {self.metric} ({low:+.3f} to {high:+.3f})"
        return f"without {self.family}: {gained}, {self.ms:+.1f} ms per pair"


def leave_out(
    learned: Dataset,
    held_out: Dataset,
    config: RunConfig,
    *,
    out: Path,
    families: Sequence[str] | None = None,
    trials: int = TRIALS,
    workers: int = 1,
    progress: Progress | None = None,
) -> tuple[LeftOut, ...]:
    """Train and tune on `learned` with everything and again without each of `families`; score on `held_out`.

    families: None takes all of `config`. Models are left in OUT/everything and OUT/without-FAMILY. The interval draws
    whole groups of `held_out`, the same for both models. Raises what training raises, ConfigError for families that
    cannot be left out and for a metric that judges objects, and DatasetError for images of `held_out` that cannot be
    read.
    """
    if METRICS[held_out.metric].merges:
        # Its score is no mean over images, and the worth of a family is measured as one.
        allowed = ", ".join(name for name, metric in METRICS.items() if not metric.merges)
        raise ConfigError(f"leaving a family out is not scored by {held_out.metric!r}; allowed: {allowed}")
    names = config.features.families if families is None else tuple(families)
    settings = {name: _without(config, name) for name in names}

    def scores(name: str, setting: RunConfig) -> NDArray[np.float64]:
        report = None if progress is None else _named(progress, name)
        train(learned, setting, out=out / name, workers=workers, progress=report)
        tune_model(out / name, trials=trials, seed=setting.seed, progress=report)
        return _scores(read_model(out / name), usable, workers=workers, progress=report)

    groups = known_groups(held_out, workers=workers, progress=progress)
    usable = replace(held_out, samples=tuple(s for s in held_out.samples if s.id in groups))
    of_images = [groups[s.id] for s in usable.samples]
    whole = scores("everything", config)
    costs = family_ms(held_out, config, names)
    found = []
    for name, setting in settings.items():
        change = scores(f"without-{name}", setting) - whole
        found.append(LeftOut(name, held_out.metric, worth_of(change, of_images, seed=config.seed), costs[name]))
    return tuple(found)


def worth_of(change: NDArray[np.float64], groups: Sequence[str], *, seed: int) -> Worth:
    """The mean over heads of the mean over images of a change, and its interval when whole groups are drawn again.

    change: (images, heads) of the metric, NaN where a head is not labelled. groups: of the images. Raises
    DatasetError when nothing is labelled.
    """
    labelled = np.flatnonzero(~np.isnan(change).all(axis=1))
    if not labelled.size:
        raise DatasetError(f"none of {len(change)} images is labelled for what the model finds")
    names = np.asarray(groups)[labelled]
    members = [labelled[names == name] for name in dict.fromkeys(names.tolist())]
    rng = generator(seed, "leaving out")

    def mean(rows: NDArray[np.intp]) -> float:
        known = ~np.isnan(change[rows])
        heads = known.any(axis=0)
        return float((np.nansum(change[rows], axis=0)[heads] / known.sum(axis=0)[heads]).mean())

    drawn = (rng.integers(len(members), size=len(members)) for _ in range(RESAMPLES))
    means = [mean(np.concatenate([members[k] for k in numbers])) for numbers in drawn]
    low, high = np.quantile(means, [0.025, 0.975])
    return Worth(mean(labelled), (float(low), float(high)))


def _without(config: RunConfig, family: str) -> RunConfig:
    left = tuple(name for name in config.features.families if name != family)
    if family not in config.features.families or not left:
        raise ConfigError(
            f"the family {family!r} cannot be left out of {', '.join(config.features.families)}; "
            "allowed is any of them, if another is left"
        )
    return replace(config, features=replace(config.features, families=left))


def _named(progress: Progress, name: str) -> Progress:
    return lambda done, total, label: progress(done, total, f"{name}: {label}")


def _scores(model: Model, dataset: Dataset, *, workers: int, progress: Progress | None) -> NDArray[np.float64]:
    """(images, heads) of the metric, NaN where a head is not labelled."""
    metric = METRICS[dataset.metric]
    table = np.full((len(dataset.samples), len(model.heads)), np.nan)
    place = {sample.id: (row, sample) for row, sample in enumerate(dataset.samples)}

    def keep(inspection: Inspection, seconds: float) -> None:
        row, sample = place[inspection.id]
        for column, (head, mask) in enumerate(inspection.masks.items()):
            truth = datasets.read_truth(dataset, sample, mask.shape)
            if head in truth:
                ignore = datasets.read_ignore(sample, mask.shape)
                usable = np.ones(mask.shape, dtype=np.bool_) if ignore is None else ~ignore
                actual, marked = (truth[head] >= DEFECT) & usable, mask & usable
                table[row, column] = metric.per_image((actual & marked).sum(), marked.sum(), actual.sum())

    def fail(id: str, reason: str) -> None:
        raise DatasetError(f"{id}: {reason}")

    inspect_many(model, dataset, on_result=keep, on_failure=fail, workers=workers, progress=progress)
    return table


def family_ms(dataset: Dataset, config: RunConfig, families: Iterable[str]) -> dict[str, float]:
    """By how many milliseconds of one core a pair takes less evidence to compute without each family; below 0.

    Timed on this machine as `tune --full` times it, on pairs of `dataset`. Registration is the same without any
    family, and forests are as large, so neither is in it.
    """
    same = dict.fromkeys(("registration", "forest: ns per tree and pixel", "forest: ns per node and pixel"), 0.0)
    cost = PairCost(dataset, config, known=same)

    def ms(setting: RunConfig) -> float:
        return cost.ms(setting, expected_forest(setting, len(dataset.heads)))

    whole = ms(config)
    return {name: ms(_without(config, name)) - whole for name in families}


def family_worths(ablation: Ablation) -> dict[str, Worth]:
    """family -> its worth in an ablation, for data larger than fit a sitting."""
    named = {re.fullmatch(r"without the (\w+) family", row.name): row.change for row in ablation.variations}
    return {
        match[1]: Worth(change[0], (change[1], change[2]))
        for match, change in named.items()
        if match is not None and change is not None
    }
