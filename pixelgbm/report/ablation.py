"""What else was tried: the tables of an ablation."""

from __future__ import annotations

from pixelgbm.ablation import Ablation, Variation
from pixelgbm.report.document import Table

__all__ = ["ablation_tables"]

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


def ablation_tables(found: Ablation) -> tuple[Table, ...]:
    """Its tables that hold anything."""
    parts = (("Ablation: one thing changed at a time.", found.variations), ("Learning curve.", found.curve))
    return tuple(Table((_HEADING, *map(_cells, rows)), caption) for caption, rows in parts if rows)


def _cells(row: Variation) -> tuple[str, ...]:
    low, high = row.interval
    change = ("-", "-")
    if row.change is not None:
        change = (f"{row.change[0]:+.4f}", f"{row.change[1]:+.4f} to {row.change[2]:+.4f}")
    return (
        row.name,
        f"{row.score:.4f}",
        f"{low:.4f} to {high:.4f}",
        *change,
        *("-" if share is None else f"{share:.1%}" for share in (row.dirty_at_zero, row.clean_marked)),
        f"{row.seconds:.0f} s",
    )
