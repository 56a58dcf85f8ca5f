"""What else was tried: the table of an ablation, as `benchmarks/ablation.py` writes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pixelgbm.errors import ConfigError
from pixelgbm.report.document import Table

__all__ = ["read_ablation"]

_HEADING = (
    "variation",
    "mean",
    "95 % interval",
    "change",
    "95 % interval",
    "dirty at 0",
    "clean marked",
    "train + tune",
)


def read_ablation(path: Path) -> tuple[Table, ...]:
    """Its tables that hold anything. Raises ConfigError, one line, for a file that is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        parts = (("Ablation: one thing changed at a time.", found["ablations"]), ("Learning curve.", found["curve"]))
        return tuple(Table((_HEADING, *map(_cells, rows)), caption) for caption, rows in parts if rows)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise ConfigError(f"{path}: not as benchmarks/ablation.py writes it ({error!r})") from None


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    overall, change = row["overall"], row.get("change")
    low, high = overall["interval"]
    return (
        str(row["variation"]),
        f"{overall['score_mean']:.4f}",
        f"{low:.4f} to {high:.4f}",
        "-" if change is None else f"{change[0]:+.4f}",
        "-" if change is None else f"{change[1]:+.4f} to {change[2]:+.4f}",
        *("-" if overall[name] is None else f"{overall[name]:.1%}" for name in ("dirty_at_zero", "clean_marked")),
        f"{row['train_and_tune_seconds']:.0f} s",
    )
