"""The looks of a model, grown one after another: each later one on out-of-fold maps of those before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pixelgbm.config import RunConfig
from pixelgbm.forest import Trees
from pixelgbm.mapping import Chain
from pixelgbm.model import Look
from pixelgbm.records import Dataset
from pixelgbm.training.pixels import FoldChains, Rows, collect_rows, fit_look, grow_final, grow_folds
from pixelgbm.training.plan import Plan, Progress
from pixelgbm.training.survivors import choose_cuts
from pixelgbm.training.views import Patches, collect_patches

__all__ = ["GrownLooks", "grow_looks"]


@dataclass(frozen=True, slots=True)
class GrownLooks:
    """chains: per head and fold, for out-of-fold maps. finals: per head, grown on everything, for the model.

    rows: per head the sampled pixels of every look.
    """

    looks: tuple[Look, ...]
    chains: FoldChains
    finals: Mapping[str, Chain]
    rows: Mapping[str, list[int]]


def grow_looks(
    dataset: Dataset, plan: Plan, config: RunConfig, *, workers: int, progress: Progress | None
) -> GrownLooks:
    """Grow the first look and, for the profile "best", `config.context_rounds` later ones."""
    fitted = fit_look(dataset, plan, config, workers=workers, progress=progress)
    several = config.profile == "best"
    if several:
        spec = replace(fitted.spec, lean=True)
        first, booster = Look(spec, fitted.quantizer.for_spec(spec)), config.first_booster
    else:
        first, booster = fitted, config.booster
    patches = collect_patches(dataset, plan, first, workers=workers, progress=progress) if plan.pasted else {}
    rounds = 1 if several else config.sampling.rounds
    rows = _first_rows(dataset, plan, first, patches, config, rounds=rounds, workers=workers, progress=progress)
    boosters = grow_folds(rows, first, config, booster=booster, workers=workers, progress=progress)
    finals = grow_final(rows, first, config, booster=booster, workers=workers, progress=progress)
    grown = GrownLooks(
        (first,),
        {head: tuple(Chain((booster,)) for booster in folds) for head, folds in boosters.items()},
        {head: Chain((booster,)) for head, booster in finals.items()},
        {head: [int(table.labels.size)] for head, table in rows.items()},
    )
    del rows
    if not several:
        return grown
    spec = fitted.spec.with_context()
    later = Look(spec, fitted.quantizer.for_spec(spec))
    grown = _with_cuts(grown, dict.fromkeys(plan.heads, config.survivor_cut))
    for number in range(2, 2 + config.context_rounds):
        grown = _with_look(
            dataset, plan, later, grown, patches, config, number=number, workers=workers, progress=progress
        )
        if number == 2:
            cuts = choose_cuts(dataset, plan, grown.looks, grown.chains, config, workers=workers, progress=progress)
            grown = _with_cuts(grown, cuts)
    return grown


def _first_rows(
    dataset: Dataset,
    plan: Plan,
    look: Look,
    patches: Patches,
    config: RunConfig,
    *,
    rounds: int,
    workers: int,
    progress: Progress | None,
) -> dict[str, Rows]:
    """The rows of the last round of sampling. Later looks mine by themselves, so one round is enough before them."""

    def rows_of(stage: str, label: str, chains: FoldChains | None) -> dict[str, Rows]:
        return collect_rows(
            dataset,
            plan,
            (look,),
            config,
            chains=chains,
            patches=patches,
            stage=stage,
            label=label,
            workers=workers,
            progress=progress,
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
    dataset: Dataset,
    plan: Plan,
    look: Look,
    grown: GrownLooks,
    patches: Patches,
    config: RunConfig,
    *,
    number: int,
    workers: int,
    progress: Progress | None,
) -> GrownLooks:
    """One look more."""
    looks = (*grown.looks, look)
    rows = collect_rows(
        dataset,
        plan,
        looks,
        config,
        chains=grown.chains,
        patches=patches,
        stage=f"look-{number}",
        label=f"sampling for look {number}",
        workers=workers,
        progress=progress,
    )
    folds = grow_folds(rows, look, config, booster=config.booster, workers=workers, progress=progress)
    finals = grow_final(rows, look, config, booster=config.booster, workers=workers, progress=progress)
    return GrownLooks(
        looks,
        {head: tuple(map(_longer, grown.chains[head], folds[head])) for head in plan.heads},
        {head: _longer(grown.finals[head], finals[head]) for head in plan.heads},
        {head: [*grown.rows[head], int(table.labels.size)] for head, table in rows.items()},
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
