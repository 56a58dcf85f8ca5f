"""What the full search may change of a run's configuration, and how a configuration is read, written and told."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from features import EVIDENCE, FeatureError, FeatureSpec
from pixelgbm.config import BoosterConfig, RunConfig, SamplingConfig
from pixelgbm.errors import ConfigError

__all__ = [
    "IMAGES",
    "TRIALS",
    "Choice",
    "Range",
    "Space",
    "Values",
    "config_from",
    "config_text",
    "describe",
    "space_around",
]

Values = Mapping[str, Any]
"""Name of a setting -> bool, int, float or text: what a trial is."""

TRIALS, IMAGES = 40, 60
"""Settings to try, and images to try them on."""

LOOKS = 2
"""Later looks that are tried at least; more when the model's own configuration has more."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few values without an order."""

    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """low..high, both included; whole numbers when both are; logarithmic where a factor is what matters."""

    low: float
    high: float
    log: bool = False

    @property
    def whole(self) -> bool:
        return isinstance(self.low, int) and isinstance(self.high, int)


@dataclass(frozen=True, slots=True)
class Space:
    """The settings around a configuration `base`; `axes`: name -> what it may be."""

    base: RunConfig
    axes: Mapping[str, Choice | Range]

    def of(self, config: RunConfig) -> dict[str, Any]:
        """The values of a configuration that differs from `base` on the axes only."""
        families = config.features.families
        return {
            **{f"family {name}": name in families for name in EVIDENCE},
            "lean": config.features.lean,
            "scale": config.features.scale,
            "later looks": config.context_rounds if config.profile == "best" else 0,
            "first trees": config.first_booster.trees,
            "first num_leaves": config.first_booster.num_leaves,
            "trees": config.booster.trees,
            "num_leaves": config.booster.num_leaves,
            "learning_rate": config.booster.learning_rate,
            "min_data_in_leaf": config.booster.min_data_in_leaf,
            "negatives": config.sampling.negatives,
            "hard_share": config.sampling.hard_share,
        }

    def config(self, values: Values) -> RunConfig:
        """`base` with `values` in place of its own; with no family at all, those of `base`."""
        families = tuple(name for name in EVIDENCE if values[f"family {name}"]) or self.base.features.families
        looks = int(values["later looks"])
        return replace(
            self.base,
            profile="best" if looks else "fast",
            context_rounds=looks or self.base.context_rounds,
            features=replace(
                self.base.features, families=families, scale=float(values["scale"]), lean=values["lean"] and not looks
            ),
            first_booster=replace(
                self.base.first_booster,
                trees=int(values["first trees"]),
                num_leaves=int(values["first num_leaves"]),
            ),
            sampling=replace(
                self.base.sampling,
                negatives=int(values["negatives"]),
                hard_share=float(f"{values['hard_share']:.2g}"),
            ),
            booster=replace(
                self.base.booster,
                trees=int(values["trees"]),
                num_leaves=int(values["num_leaves"]),
                learning_rate=float(f"{values['learning_rate']:.3g}"),
                min_data_in_leaf=int(values["min_data_in_leaf"]),
            ),
        )

    def starts(self) -> list[dict[str, Any]]:
        """What is tried before anything is drawn: the present setting; with one look; lean; with a small forest."""
        present = self.of(self.base)
        one_look = present | {"later looks": 0}
        lean = one_look | {"lean": True}
        small = lean | {"trees": self.low("trees"), "num_leaves": self.low("num_leaves")}
        return [present, one_look, lean, small]

    def cheapest(self) -> list[dict[str, Any]]:
        """Per family the least that can be run: it alone, one look, the smallest forest, at the present scale."""
        least = self.of(self.base) | {"later looks": 0, "lean": True, "trees": self.low("trees")}
        least["num_leaves"] = self.low("num_leaves")
        return [least | {f"family {name}": name == kept for name in EVIDENCE} for kept in reversed(EVIDENCE)]

    def low(self, name: str) -> int:
        """The smallest value of a range."""
        axis = self.axes[name]
        assert isinstance(axis, Range)
        return int(axis.low)


def space_around(base: RunConfig, *, scales: Sequence[float] = ()) -> Space:
    """The space of the full search: a factor around each number of `base`.

    scales: what `[features] scale` may be beside the present one. A defect that is found best at another scale of the
    filters is worth a look, but each scale is another extraction of everything.
    """
    booster, sampling = base.booster, base.sampling
    most_looks = max(LOOKS, base.context_rounds)
    hard_most = max(min(0.9, 1.0 - sampling.ring_share), sampling.hard_share)
    axes: dict[str, Choice | Range] = {
        **{f"family {name}": Choice((True, False)) for name in EVIDENCE},
        "lean": Choice((False, True)),
        "scale": Choice(tuple(sorted({float(base.features.scale), *map(float, scales)}))),
        "later looks": Choice(tuple(range(most_looks + 1))),
        "first trees": _around(base.first_booster.trees, 4, 2, least=1, most=10_000),
        "first num_leaves": _around(base.first_booster.num_leaves, 4, 2, least=2, most=4096),
        "trees": _around(booster.trees, 4, 2, least=1, most=10_000),
        "num_leaves": _around(booster.num_leaves, 4, 2, least=2, most=4096),
        "learning_rate": Range(
            max(1e-4, float(f"{booster.learning_rate / 2.5:.3g}")),
            min(1.0, float(f"{booster.learning_rate * 2.5:.3g}")),
            log=True,
        ),
        "min_data_in_leaf": _around(booster.min_data_in_leaf, 4, 4, least=1, most=1_000_000),
        "negatives": _around(sampling.negatives, 2, 2, least=1, most=1_000_000),
        "hard_share": Range(min(0.2, sampling.hard_share), float(f"{hard_most:.2g}")),
    }
    return Space(base, axes)


def _around(value: int, down: int, up: int, *, least: int, most: int) -> Range:
    """A logarithmic range of whole numbers from value / down to value x up."""
    return Range(max(least, value // down), min(most, max(value * up, value + 1)), log=True)


def config_from(plain: Mapping[str, Any]) -> RunConfig:
    """The configuration that `RunConfig.to_dict` wrote. Raises ConfigError for one of another version."""
    try:
        return RunConfig(
            **{
                **plain,
                "features": FeatureSpec.from_dict(plain["features"]),
                "sampling": SamplingConfig(**plain["sampling"]),
                "first_booster": BoosterConfig(**plain["first_booster"]),
                "booster": BoosterConfig(**plain["booster"]),
                "region_booster": BoosterConfig(**plain["region_booster"]),
            }
        )
    except (TypeError, KeyError, ValueError, FeatureError, ConfigError) as error:
        raise ConfigError(f"a configuration of another version ({error}); train again") from None


def config_text(config: RunConfig, *, comment: str) -> str:
    """A `run.toml` that `load_config` reads back as `config`, every key named."""
    plain = config.to_dict()
    tables = {key: value for key, value in plain.items() if isinstance(value, dict)}
    lines = [f"# {line}" for line in comment.splitlines()]
    lines += [f"{key} = {_toml(value)}" for key, value in plain.items() if key not in tables]
    for name, table in tables.items():
        lines += ["", f"[{name}]", *(f"{key} = {_toml(value)}" for key, value in table.items())]
    return "\n".join(lines) + "\n"


def describe(config: RunConfig) -> str:
    """A setting in a few words."""
    features, first, booster, sampling = config.features, config.first_booster, config.booster, config.sampling
    forest = f"{booster.trees}x{booster.num_leaves}"
    if config.profile == "best":
        forest = f"{first.trees}x{first.num_leaves} then {config.context_rounds} x {forest}"
    return (
        f"{'+'.join(features.families)}{' lean' if features.lean else ''}, scale {features.scale:g}, "
        f"trees {forest}, rate {booster.learning_rate:g}, leaf {booster.min_data_in_leaf}, "
        f"negatives {sampling.negatives}, hard {sampling.hard_share:g}"
    )


def _toml(value: Any) -> str:
    """Numbers as Python writes them, which TOML reads; texts, lists and truth values as JSON writes them."""
    if isinstance(value, bool | str | list | tuple):
        return json.dumps(value, ensure_ascii=False)
    return repr(value)
