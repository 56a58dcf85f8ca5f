"""What a training run may be told: frozen dataclasses, read from a TOML file."""

from __future__ import annotations

import math
import tomllib
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from features import SURFACE, FeatureError, FeatureSpec
from pixelgbm.errors import ConfigError

__all__ = ["BoosterConfig", "RunConfig", "SamplingConfig", "load_config", "preset"]

_T = TypeVar("_T")

PROFILES = ("fast", "best")
"""One look; or more, each later one reading the map of the one before."""

PRESETS = (*PROFILES, "surface")
"""What `preset` and a run.toml may start from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingConfig:
    """Which pixels of an image are shown to the pixel booster.

    Raise `negatives` when clean texture is called dirt everywhere; raise `hard_share` when a few
    kinds of edge are. `ring_share` of the negatives lie `ring_inner`..`ring_outer` px outside the dirt:
    raise it when masks come out swollen. `rounds = 1` skips mining for the first look; later looks draw hard pixels
    by the map before them anyway, so profile `"best"` never mines. `pasted_share` of the pairs are shown once more with
    a defect of another pair laid over them; only the surroundings of that defect are drawn then, `pasted_negatives` of
    them. Lower it when real defects look nothing like a stain on the print. At most `clean_images` images without any
    defect are learned and tuned on, drawn by the seed: lower it when thousands look alike and each costs the same time.
    """

    positives: int = 900
    negatives: int = 1400
    rounds: int = 2
    hard_share: float = 0.5
    ring_share: float = 0.1
    ring_inner: int = 2
    ring_outer: int = 6
    mining_trees: int = 80
    reference_dropout: float = 0.10
    pasted_share: float = 1.0
    pasted_negatives: int = 400
    clean_images: int = 1_000_000
    quantizer_images: int = 60
    quantizer_pixels: int = 1500

    def __post_init__(self) -> None:
        _within(self, "positives", 1, 1_000_000)
        _within(self, "negatives", 1, 1_000_000)
        _within(self, "rounds", 1, 2)
        _within(self, "ring_inner", 1, 100)
        _within(self, "ring_outer", self.ring_inner, 200)
        _within(self, "mining_trees", 1, 10_000)
        _within(self, "quantizer_images", 1, 100_000)
        _within(self, "quantizer_pixels", 10, 1_000_000)
        _within(self, "pasted_share", 0.0, 10.0)
        _within(self, "pasted_negatives", 1, 1_000_000)
        _within(self, "clean_images", 1, 1_000_000)
        for name in ("hard_share", "ring_share", "reference_dropout"):
            _within(self, name, 0.0, 1.0)
        if self.hard_share + self.ring_share > 1:
            raise ConfigError(f"hard_share + ring_share must be at most 1, got {self.hard_share + self.ring_share:g}")


@dataclass(frozen=True, slots=True, kw_only=True)
class BoosterConfig:
    """How one LightGBM booster is grown; names are LightGBM's own where it has one.

    `threads` is LightGBM's thread count. It is fixed here, apart from `--workers`, because LightGBM
    writes it into the model text and sums gradients in an order that depends on it. Boosters are grown
    side by side by the workers, so more than 1 pays only on a machine with cores to spare: two threads on a busy
    two-core machine were measured ten times slower than one.
    """

    trees: int = 240
    num_leaves: int = 48
    learning_rate: float = 0.08
    min_data_in_leaf: int = 60
    feature_fraction: float = 0.35
    bagging_fraction: float = 1.0
    lambda_l2: float = 5.0
    threads: int = 1

    def __post_init__(self) -> None:
        _within(self, "trees", 1, 10_000)
        _within(self, "num_leaves", 2, 4096)
        _within(self, "learning_rate", 1e-4, 1.0)
        _within(self, "min_data_in_leaf", 1, 1_000_000)
        _within(self, "feature_fraction", 0.01, 1.0)
        _within(self, "bagging_fraction", 0.01, 1.0)
        _within(self, "lambda_l2", 0.0, 1e6)
        _within(self, "threads", 1, 256)


def _region_booster() -> BoosterConfig:
    return BoosterConfig(
        trees=200, num_leaves=15, learning_rate=0.04, min_data_in_leaf=40, feature_fraction=0.4, bagging_fraction=0.8
    )


def _first_booster() -> BoosterConfig:
    return BoosterConfig(trees=150, num_leaves=31, feature_fraction=0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """Everything that decides what a training run gives, beside the data.

    `folds` is the number of out-of-fold parts, made of whole groups. `profile` is `"fast"`, one look, or `"best"`. The
    first of the looks of "best" reads the lean columns alone and is grown by `first_booster`; `context_rounds` later
    looks read all columns of `features` and the map of the look before, and are grown by `booster`, as the one look of
    "fast" is. They judge the pixels that the first gives at least `survivor_cut`, a probability, and only where the
    search for the real cut starts. `early_exit_trees`, for "fast" only, lets pixels leave that the first so many trees
    call clean; 0 asks all trees of every pixel. The cut is chosen out of fold to lose at most one defect pixel in a
    hundred and .002 of the metric, and the model keeps what it loses. `judge_regions = false` does without a region
    booster: a region's mean probability is its score then. `preset` says what each profile is by default.
    """

    seed: int = 0
    folds: int = 3
    profile: str = "best"
    context_rounds: int = 2
    survivor_cut: float = 0.02
    early_exit_trees: int = 0
    judge_regions: bool = True
    features: FeatureSpec = field(default_factory=FeatureSpec)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    first_booster: BoosterConfig = field(default_factory=_first_booster)
    booster: BoosterConfig = field(default_factory=BoosterConfig)
    region_booster: BoosterConfig = field(default_factory=_region_booster)

    def __post_init__(self) -> None:
        _within(self, "seed", 0, 2**31 - 1)
        _within(self, "folds", 2, 100)
        _within(self, "context_rounds", 1, 4)
        _within(self, "survivor_cut", 0.0, 0.5)
        _within(self, "early_exit_trees", 0, self.booster.trees - 1)
        if self.features.lean and self.profile == "best":
            raise ConfigError("[features]: lean is for profile 'fast'; the first look of 'best' is lean already")
        if self.early_exit_trees and self.profile == "best":
            raise ConfigError("early_exit_trees is for profile 'fast'; 'best' judges few pixels by more trees anyway")
        if "context" in self.features.families:
            raise ConfigError("[features]: the first look has no context; profile 'best' adds it to the later ones")
        if self.profile not in PROFILES:
            raise ConfigError(f"unknown profile {self.profile!r}; known: {', '.join(map(repr, PROFILES))}")

    def to_dict(self) -> dict[str, Any]:
        """Nested plain values, JSON-ready: the provenance kept in a model. Nothing here depends on the machine."""
        plain = asdict(self)
        plain["features"] = self.features.to_dict()
        return plain


def preset(name: str) -> RunConfig:
    """What a profile is unless more is said.

    "best" is what RunConfig is. "fast" is its lean first look, with hard pixels mined, alone. "surface" is one look,
    too, with all columns of families that take an image without a reference for its own norm. Raises ConfigError
    for an unknown name.
    """
    if name == "best":
        return RunConfig()
    if name == "fast":
        return RunConfig(profile="fast", features=FeatureSpec(lean=True), booster=_first_booster())
    if name == "surface":
        return RunConfig(profile="fast", features=FeatureSpec(families=SURFACE), booster=_first_booster())
    raise ConfigError(f"unknown profile {name!r}; known: {', '.join(map(repr, PRESETS))}")


def load_config(path: Path, *, profile: str | None = None) -> RunConfig:
    """Read a `run.toml`; what it does not name is that of its profile (`preset`), which `profile` replaces.

    Raises ConfigError, one line with the file and the table: unreadable, not TOML, an unknown key,
    a value of another type or out of range.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start})") from error
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not TOML: {' '.join(str(error).split())}") from error
    where = f"{path}: "
    named = _typed(table.pop("profile", RunConfig().profile), "", where=f"{where}profile")
    try:
        default = preset(named)
    except ConfigError as error:
        raise ConfigError(f"{where}{error}") from error
    return _merged(default if profile is None else preset(profile), table, where=where)


def _merged(default: _T, table: dict[str, Any], *, where: str) -> _T:
    """`default` with the keys of a TOML table in place of its own; nested tables likewise."""
    known = [item.name for item in fields(default)]  # type: ignore[arg-type]
    unknown = [key for key in table if key not in known]
    if unknown:
        raise ConfigError(f"{where}unknown key {unknown[0]!r}; known: {', '.join(known)}")
    values = {}
    for key, got in table.items():
        current = getattr(default, key)
        if is_dataclass(current):
            if not isinstance(got, dict):
                raise ConfigError(f"{where}{key} must be a table, got {got!r}")
            values[key] = _merged(current, got, where=f"{where}[{key}]: ")
        else:
            values[key] = _typed(got, current, where=f"{where}{key}")
    try:
        return replace(default, **values)  # type: ignore[type-var]
    except (ConfigError, FeatureError) as error:
        raise ConfigError(f"{where}{error}") from error


def _typed(got: Any, current: Any, *, where: str) -> Any:
    """The TOML value `got` in the type of the value it replaces."""
    if isinstance(current, tuple):
        if not isinstance(got, list):
            raise ConfigError(f"{where} must be a list, got {got!r}")
        kind = type(current[0]) if current else str
        return tuple(_typed(item, kind(), where=f"{where}[{index}]") for index, item in enumerate(got))
    if isinstance(current, float) and type(got) is int:
        return float(got)
    if type(got) is not type(current):
        raise ConfigError(f"{where} must be {_TYPE_NAMES.get(type(current), type(current).__name__)}, got {got!r}")
    return got


_TYPE_NAMES = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}


def _within(config: object, name: str, low: float, high: float) -> None:
    """Refuse a field outside low..high, or not finite."""
    value = getattr(config, name)
    if not math.isfinite(value) or not low <= value <= high:
        raise ConfigError(f"{name} must lie in {low:g}..{high:g}, got {value:g}")
