"""The full search: families, scales, looks and boosters, reported on images it never saw."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from pixelgbm import files
from pixelgbm.config import RunConfig
from pixelgbm.errors import ConfigError, ModelError
from pixelgbm.mapstore import maps_folder
from pixelgbm.metrics import Metric
from pixelgbm.model import Model, read_model
from pixelgbm.records import Dataset
from pixelgbm.training.plan import Progress, make_plan
from pixelgbm.tuning import named_metric
from pixelgbm.tuning.costs import Cost, PairCost, expected_forest
from pixelgbm.tuning.frontier import Frontier, Tried, open_frontier, pareto
from pixelgbm.tuning.parts import Parts, allowed_data, parted
from pixelgbm.tuning.settings import IMAGES, TRIALS, Space, config_from, config_text, describe, space_around
from pixelgbm.tuning.shots import Album
from pixelgbm.tuning.trying import FOLDS, HeldOut, Row, Trying, searching

__all__ = ["FullResult", "Row", "search_settings"]

_SCALE_STEP = 1.5
_VERSION = 2  # of what a trial is: a study of another version is not continued


@dataclass(frozen=True, slots=True)
class FullResult:
    """curve: cheapest first; ends at the best score. whole_ms: of the pick, measured from end to end."""

    curve: tuple[Row, ...]
    present: Row
    pick: Row
    whole_ms: float | None
    held_out: HeldOut
    images: int
    groups: int
    trials: int
    config_path: Path
    searched: tuple[str, ...]
    kept_from_search: tuple[str, ...]


def search_settings(
    folder: Path | str,
    dataset: Dataset,
    *,
    also: Sequence[str] = (),
    metric: str | None = None,
    budget_ms: float | None = None,
    trials: int = TRIALS,
    images: int = IMAGES,
    timeout_s: float | None = None,
    storage: str | None = None,
    out_config: Path | None = None,
    seed: int = 0,
    workers: int = 1,
    progress: Progress | None = None,
    cost: Cost | None = None,
) -> FullResult:
    """Search the settings around those of the model in `folder`, and write the pick as a `run.toml`.

    dataset: all of the data the model was trained on; only the splits of that training and `also` are opened. metric:
    as for `tune_model`. images: how many the search uses; half as many more are kept from it, for the figures of the
    pick. budget_ms: what a pair may cost; None takes the cheapest setting that is not told apart from the best.
    storage, trials: as for `tune`; by default MODEL.maps/full.db, and a study goes on where it stopped, whatever the
    budget then was.
    cost: in place of a clock.
    Raises ConfigError for a test split, and when no setting meets the budget; ModelError for other data.
    """
    model = read_model(folder)
    maps = maps_folder(folder)
    base = _base(folder, model)
    usable = allowed_data(folder, model, maps, dataset, also)
    if trials < 1 or images < 2 * FOLDS:
        raise ConfigError(f"trials = {trials}, images = {images}; at least 1 and {2 * FOLDS} are needed")
    config = searching(base, seed)
    parts = parted(usable, images=images, seed=seed, workers=workers, progress=progress)
    plan = make_plan(parts.search, config, workers=workers, progress=progress)
    space = space_around(base, scales=_scales(base))
    chosen_metric = named_metric(metric or model.metric, where=folder)
    url = f"sqlite:///{maps.resolve() / 'full.db'}" if storage is None else storage
    name = f"full-{_question(model, chosen_metric, parts, space, seed)}"
    with (
        open_frontier(url, name, space, seed=seed) as frontier,
        Album(parts.search, plan, config, folder=maps, workers=workers, progress=progress) as album,
    ):
        clock = PairCost(parts.search, config, known=frontier.notes.get("cost")) if cost is None else cost
        trying = Trying(parts, plan, album, space, chosen_metric, clock, seed, workers)
        _check_budget(space, clock, len(plan.heads), budget_ms)
        _search(frontier, trying, budget_ms, trials=trials, timeout_s=timeout_s, progress=progress)
        tried = frontier.tried
        chosen = _pick(tried, trying, budget_ms)
        held_out, best = trying.held_out(space.config(chosen.values), progress=progress)
        whole_ms = clock.whole(best) if isinstance(clock, PairCost) else None
    rows = {trial.number: trying.row(trial) for trial in (*pareto(tried), tried[0], chosen)}
    path = maps / "full.toml" if out_config is None else Path(out_config)
    result = FullResult(
        curve=tuple(rows[trial.number] for trial in pareto(tried)),
        present=rows[tried[0].number],
        pick=rows[chosen.number],
        whole_ms=whole_ms,
        held_out=held_out,
        images=len(trying.groups),
        groups=len(set(trying.groups)),
        trials=len(tried),
        config_path=path,
        searched=tuple(s.id for s in parts.search.samples),
        kept_from_search=tuple(s.id for s in parts.held_out.samples),
    )
    files.write_text(path, config_text(result.pick.config, comment=_comment(result)))
    return result


def _base(folder: Path | str, model: Model) -> RunConfig:
    try:
        return config_from(model.training["config"])
    except (KeyError, ConfigError) as error:
        raise ModelError(f"{folder}: {error}") from None


def _scales(base: RunConfig) -> list[float]:
    around = (base.features.scale / _SCALE_STEP, base.features.scale * _SCALE_STEP)
    return [float(f"{scale:.3g}") for scale in around if 0.25 <= scale <= 8]


def _question(model: Model, metric: Metric, parts: Parts, space: Space, seed: int) -> str:
    """A digest of what a trial's score depends on. The budget is not in it: a trial is worth the same under any."""
    asked = {
        "version": _VERSION,
        "data": model.training.get("data_digest"),
        "metric": metric.name,
        "seed": seed,
        "base": space.base.to_dict(),
        "axes": {name: repr(axis) for name, axis in space.axes.items()},
        "search": [[s.id, s.group] for s in parts.search.samples],
    }
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]


def _check_budget(space: Space, cost: Cost, heads: int, budget_ms: float | None) -> None:
    """Refuse a budget below the cheapest setting there is, before anything is tried."""
    if budget_ms is None:
        return
    configs = [space.config(values) for values in space.cheapest()]
    least = min(cost.ms(config, expected_forest(config, heads)) for config in configs)
    if least > budget_ms:
        raise ConfigError(
            f"no setting costs at most {budget_ms:g} ms a pair on this machine; the cheapest, {least:.3g} ms"
        )


def _search(
    frontier: Frontier,
    trying: Trying,
    budget_ms: float | None,
    *,
    trials: int,
    timeout_s: float | None,
    progress: Progress | None,
) -> None:
    started = monotonic()
    while len(frontier.tried) < trials:
        if frontier.tried and timeout_s is not None and monotonic() - started >= timeout_s:
            break
        frontier.note("cost", dict(trying.cost.known))
        frontier.try_next(trying.expected_ms, trying.attempt, budget_ms=budget_ms)
        frontier.note("cost", dict(trying.cost.known))
        if progress is not None:
            progress(len(frontier.tried), trials, "trying settings")


def _pick(tried: Sequence[Tried], trying: Trying, budget_ms: float | None) -> Tried:
    """The best within the budget; without one the cheapest that is not told apart from the best.

    Told apart: worse by more than one standard error of the difference on the same images.
    """
    cheapest = min(tried, key=lambda trial: trial.ms)
    if budget_ms is not None:
        affordable = [trial for trial in tried if trial.ms <= budget_ms]
        if not affordable:
            raise ConfigError(
                f"none of {len(tried)} settings tried costs at most {budget_ms:g} ms a pair; the cheapest, "
                f"{cheapest.ms:.3g} ms ({describe(trying.space.config(cheapest.values))}); "
                "raise --budget-ms or --trials"
            )
        return max(affordable, key=lambda trial: (trial.score, -trial.ms))
    best = max(tried, key=lambda trial: (trial.score, -trial.ms))
    for trial in pareto(tried):
        if trying.is_as_good(trial, best):
            return trial
    return best


def _comment(result: FullResult) -> str:
    held_out = result.held_out
    return (
        "Written by `pixelgbm tune --full`; train with `pixelgbm train DATA --config THIS --out MODEL`.\n"
        f"{result.pick.ms:.3g} ms a pair on one core of the machine of the search. On {held_out.images} images it has "
        f"not seen {held_out.pick.mean:.4f},\nthe setting before {held_out.present.mean:.4f}, both grown on "
        f"{result.images} images only."
    )
