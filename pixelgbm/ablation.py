"""The ablation file: what each variation of a training scored, and how far that is from the training as it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixelgbm.errors import ConfigError

__all__ = ["Ablation", "Variation", "read_ablation"]


@dataclass(frozen=True, slots=True)
class Variation:
    """One training. score: the mean over images. interval, and the last two of change: 95 %.

    change: the mean difference to the base on the same images; None for the base, and for parts of a learning curve.
    dirty_at_zero, clean_marked: shares of the dirty and of the clean images, None where there are none. seconds: to
    train and tune.
    """

    name: str
    score: float
    interval: tuple[float, float]
    change: tuple[float, float, float] | None
    dirty_at_zero: float | None
    clean_marked: float | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Ablation:
    """variations: one thing changed at a time. curve: more and more training pairs."""

    variations: tuple[Variation, ...]
    curve: tuple[Variation, ...]


def read_ablation(path: Path | str) -> Ablation:
    """Read what `benchmarks/ablation.py` wrote. Raises ConfigError, one line, for a file that is none."""
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
        return Ablation(tuple(map(_variation, found["ablations"])), tuple(map(_variation, found["curve"])))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise ConfigError(f"{path}: not as benchmarks/ablation.py writes it ({error!r})") from None


def _variation(row: Mapping[str, Any]) -> Variation:
    overall, change = row["overall"], row.get("change")
    low, high = map(float, overall["interval"])
    return Variation(
        name=str(row["variation"]),
        score=float(overall["score_mean"]),
        interval=(low, high),
        change=None if change is None else (float(change[0]), float(change[1]), float(change[2])),
        dirty_at_zero=_share(overall["dirty_at_zero"]),
        clean_marked=_share(overall["clean_marked"]),
        seconds=float(row["train_and_tune_seconds"]),
    )


def _share(value: float | None) -> float | None:
    return None if value is None else float(value)
