"""The looks of a model, grown one after another: each later one on out-of-fold maps of those before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pixelgbm.config import BoosterConfig, RunConfig
from pixelgbm.forest import EarlyExit, Trees
from pixelgbm.mapping import Chain
from pixelgbm.metrics import Metric
from pixelgbm.model import Look
from pixelgbm.training.leaving import choose_exits
from pixelgbm.training.pixels import FoldChains, Rows, collect_rows, grow_final, grow_folds
from pixelgbm.training.plan import Plan, Progress
from pixelgbm.training.survivors import choose_cuts
from pixelgbm.training.views import Reader

__all__ = ["GrownLooks", "grow_looks"]


@dataclass(frozen=True, slots=True)
class GrownLooks:
    """chains: per head and fold, for out-of-fold maps. finals: per head, grown on everything, for the model, or empty.

    rows: per head the sampled pixels of every look.
    """

    looks: tuple[Look, ...]
    chains: FoldChains
    finals: Mapping[str, Chain]
    rows: Mapping[str, list[int]]


def grow_looks(
    fitted: Look,
    plan: Plan,
    read: Reader,
    config: RunConfig,
    *,
    metric: Metric | None,
    final: bool = True,
    workers: int = 1,
    progress: Progress | None = None,
) -> GrownLooks:
    """Grow the first look and, for the profile "best", `config.context_rounds` later ones.

    fitted: the columns of `config.features` with their byte scales. metric: what the survivors' cut must not lose;
    None leaves the cut at `config.survivor_cut`. final: also grow the boosters of the model, on everything.
    """
    several = config.profile == "best"
    first, booster = fitted, config.booster
    if several:
        spec = replace(fitted.spec, lean=True)
        first, booster = Look(spec, fitted.quantizer.for_spec(spec)), config.first_booster
    nothing = GrownLooks(
        (),
        {head: (Chain(()),) * config.folds for head in plan.heads},
        {head: Chain(()) for head in plan.heads} if final else {},
        {head: [] for head in plan.heads},
    )
    rounds = 1 if several else config.sampling.rounds
    rows = _first_rows(plan, read, first, config, rounds=rounds, workers=workers, progress=progress)
    grown = _with_look(nothing, first, rows, booster, config, workers=workers, progress=progress)
    del rows
    if not several:
        if config.early_exit_trees == 0 or metric is None:
            return grown
        exits = choose_exits(
            plan, read, grown.looks, grown.chains, config, metric=metric, workers=workers, progress=progress
        )
        return _with_exits(grown, exits)
    spec = fitted.spec.with_context()
    later = Look(spec, fitted.quantizer.for_spec(spec))
    grown = _with_cuts(grown, dict.fromkeys(plan.heads, config.survivor_cut))
    for number in range(2, 2 + config.context_rounds):
        rows = collect_rows(
            plan,
            read,
            (*grown.looks, later),
            config,
            chains=grown.chains,
            stage=f"look-{number}",
            label=f"sampling for look {number}",
            workers=workers,
            progress=progress,
        )
        grown = _with_look(grown, later, rows, config.booster, config, workers=workers, progress=progress)
        del rows
        if number == 2 and metric is not None:
            cuts = choose_cuts(
                plan, read, grown.looks, grown.chains, config, metric=metric, workers=workers, progress=progress
            )
            grown = _with_cuts(grown, cuts)
    return grown


def _first_rows(
    plan: Plan,
    read: Reader,
    look: Look,
    config: RunConfig,
    *,
    rounds: int,
    workers: int,
    progress: Progress | None,
) -> dict[str, Rows]:
    """The rows of the last round of sampling. Later looks mine by themselves, so one round is enough before them."""

    def rows_of(stage: str, label: str, chains: FoldChains | None) -> dict[str, Rows]:
        return collect_rows(
            plan, read, (look,), config, chains=chains, stage=stage, label=label, workers=workers, progress=progress
        )

    rows = rows_of("round-1", "sampling pixels", None)
    if rounds == 1:
        return rows
    few = replace(config.booster, trees=min(config.sampling.mining_trees, config.booster.trees))
    mining = grow_folds(rows, look, config, booster=few, workers=workers, progress=progress)
    del rows
    chains = {head: tuple(Chain((booster,)) for booster in folds) for head, folds in mining.items()}
    return rows_of("round-2", "mining hard pixels", chains)


def _with_look(
    grown: GrownLooks,
    look: Look,
    rows: Mapping[str, Rows],
    booster: BoosterConfig,
    config: RunConfig,
    *,
    workers: int,
    progress: Progress | None,
) -> GrownLooks:
    """One look more, grown on `rows`."""
    folds = grow_folds(rows, look, config, booster=booster, workers=workers, progress=progress)
    finals = {}
    if grown.finals:
        finals = grow_final(rows, look, config, booster=booster, workers=workers, progress=progress)
    return GrownLooks(
        (*grown.looks, look),
        {head: tuple(map(_longer, chains, folds[head])) for head, chains in grown.chains.items()},
        {head: _longer(chain, finals[head]) for head, chain in grown.finals.items()},
        {head: [*counts, int(rows[head].labels.size)] for head, counts in grown.rows.items()},
    )


def _longer(chain: Chain, booster: Trees) -> Chain:
    return replace(chain, boosters=(*chain.boosters, booster))


def _with_cuts(grown: GrownLooks, cuts: Mapping[str, float]) -> GrownLooks:
    return replace(
        grown,
        chains={
            head: tuple(replace(chain, survivor_cut=cuts[head]) for chain in folds)
            for head, folds in grown.chains.items()
        },
        finals={head: replace(chain, survivor_cut=cuts[head]) for head, chain in grown.finals.items()},
    )


def _with_exits(grown: GrownLooks, exits: Mapping[str, EarlyExit]) -> GrownLooks:
    return replace(
        grown,
        chains={
            head: tuple(replace(chain, early_exit=exits.get(head)) for chain in folds)
            for head, folds in grown.chains.items()
        },
        finals={head: replace(chain, early_exit=exits.get(head)) for head, chain in grown.finals.items()},
    )
