"""The decision rule of each head, tuned on out-of-fold region tables."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from pixelgbm.decision import DEFAULT_RULE, Rule
from pixelgbm.errors import ConfigError, ModelError
from pixelgbm.mapstore import Tables, joined, maps_folder, open_store
from pixelgbm.metrics import METRICS, Metric
from pixelgbm.model import read_model, write_model
from pixelgbm.regions import GRID
from pixelgbm.tuning.objective import FALSE_ALARM_COST, JITTERS, MASK_WEIGHT, Outcome, judge, plateau, split_points
from pixelgbm.tuning.study import search

__all__ = ["TRIALS", "Outcome", "TuningResult", "named_metric", "refuse_test_split", "tune", "tune_model"]

TRIALS = 300

GATE_GAIN = 0.002
"""What the image gate must gain in the objective to be kept: once regions are judged it has little left to do."""

_VERSION = 2  # of the search space: a study of another version is not continued


@dataclass(frozen=True, slots=True)
class TuningResult:
    """The rule found and what it changed.

    metric: its name. before: of the rule there was; None when it stands outside the grid that tables are kept for.
    trials: finished ones in the study, those of earlier runs included.
    """

    metric: str
    rule: Rule
    before: Outcome | None
    after: Outcome
    trials: int


def refuse_test_split(splits: Iterable[str]) -> None:
    """Raise ConfigError when a split named test is among `splits`."""
    for split in splits:
        if split.strip().lower() == "test":
            raise ConfigError(
                f"split {split!r}: a test split is never tuned on, it is opened by `pixelgbm score` alone"
            )


def named_metric(name: str, *, where: Path | str) -> Metric:
    """The metric of that name. Raises ModelError, saying `where` it is named, for an unknown one."""
    if name not in METRICS:
        raise ModelError(f"{where}: metric {name!r}; known: {', '.join(METRICS)}")
    return METRICS[name]


def tune(
    tables: Tables,
    metric: Metric,
    *,
    rule: Rule = DEFAULT_RULE,
    name: str = "rule",
    clean_share: float | None = None,
    trials: int = TRIALS,
    timeout_s: float | None = None,
    storage: str | None = None,
    seed: int = 0,
    progress: Callable[[int, int, str], None] | None = None,
) -> TuningResult:
    """Find the rule with the best plateau of `metric` on `tables`; never worse there than `rule`.

    rule: the one there is. name: starts the name of the study, which also depends on the tables, metric and seed.
    clean_share: of clean images (of verdicts: objects) where the rule will be used; None: as in `tables`. Give it where
    the images that were labelled were not picked at random: a rule that is right for one defect in a hundred images
    misses too many where every second one is bad. trials: finished ones to reach, those kept in `storage` included.
    storage: an Optuna URL (`sqlite:///study.db`) or the path of a journal file; None keeps nothing.
    Raises ConfigError for a test split, no images or a share outside 0..1, OutputError for a storage that cannot be
    used.
    """
    refuse_test_split(set(tables.split))
    if clean_share is not None and not 0 < clean_share < 1:
        raise ConfigError(f"clean_share = {clean_share}; allowed is what lies between 0 and 1")
    if not tables.ids:
        raise ConfigError("no labelled image to tune on")
    if trials < 1:
        raise ConfigError(f"trials = {trials}; at least 1 is needed")
    points = split_points(tables)

    def worth(tried: Rule) -> float:
        return plateau(points[tried.low, tried.operation], tables, tried, metric, clean_share=clean_share)

    def report(done: int, total: int) -> None:
        if progress is not None:
            progress(done, total, f"tuning {name}")

    tried = search(
        worth,
        name=f"{name}-{_question(tables, metric, seed, clean_share)}",
        trials=trials,
        timeout_s=timeout_s,
        storage=storage,
        seed=seed,
        progress=report,
    )
    current = points.get((rule.low, rule.operation))
    known = tried if current is None else [(rule, worth(rule)), *tried]
    best = _best(known)
    return TuningResult(
        metric=metric.name,
        rule=best,
        before=None if current is None else judge(current, tables, rule, metric, clean_share=clean_share),
        after=judge(points[best.low, best.operation], tables, best, metric, clean_share=clean_share),
        trials=len(tried),
    )


def _best(known: list[tuple[Rule, float]]) -> Rule:
    """The first of the best rules without a gate, unless one with a gate is better by `GATE_GAIN`."""
    handicapped = [(worth - (GATE_GAIN if rule.gate is not None else 0.0), rule) for rule, worth in known]
    return max(handicapped, key=lambda pair: pair[0])[1]


def _question(tables: Tables, metric: Metric, seed: int, clean_share: float | None) -> str:
    """A digest of what a trial's value depends on, so that a study is continued only on the same question."""
    asked = (_VERSION, metric.name, seed, tables.ids, GRID, JITTERS, FALSE_ALARM_COST, MASK_WEIGHT, DEFAULT_RULE)
    digest = hashlib.sha256(repr(asked if clean_share is None else (*asked, clean_share)).encode())
    for field in fields(tables):
        value = getattr(tables, field.name)
        if isinstance(value, np.ndarray):
            digest.update(value.tobytes())
    return digest.hexdigest()[:16]


def tune_model(
    folder: Path | str,
    *,
    also: Mapping[str, Tables] | None = None,
    maps: Path | str | None = None,
    metric: str | None = None,
    clean_share: float | None = None,
    trials: int = TRIALS,
    timeout_s: float | None = None,
    storage: str | None = None,
    seed: int = 0,
    progress: Callable[[int, int, str], None] | None = None,
) -> dict[str, TuningResult]:
    """Tune every head of a model on its out-of-fold tables and write the rules into the model folder.

    also: per head the tables of further labelled images, such as dev. maps: the store, by default MODEL.maps.
    metric: a name in `METRICS`; None is that of the model. clean_share, storage: as for `tune`, storage by default a
    SQLite file in the store. timeout_s: for each head. The model is written once, when all heads are done. Raises
    ModelError when the maps are missing or of another training.
    """
    model = read_model(folder)
    store_folder = maps_folder(folder) if maps is None else Path(maps)
    store = open_store(store_folder)
    if store.digest != model.boosters_digest:
        raise ModelError(f"{store_folder}: these maps are of another training than {folder}; train again")
    chosen = named_metric(metric or model.metric, where=folder)
    results = {}
    for head in model.heads:
        parts = [store.tables(head.name)]
        if also is not None and head.name in also:
            parts.append(also[head.name])
        results[head.name] = tune(
            joined(parts),
            chosen,
            rule=head.rule,
            name=head.name,
            clean_share=clean_share,
            trials=trials,
            timeout_s=timeout_s,
            storage=f"sqlite:///{store_folder.resolve() / 'study.db'}" if storage is None else storage,
            seed=seed,
            progress=progress,
        )
    heads = tuple(replace(head, rule=results[head.name].rule) for head in model.heads)
    write_model(replace(model, heads=heads), folder)
    return results
