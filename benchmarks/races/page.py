"""The result of the speed benchmark as files: sections merged into what is there, and all of it as Markdown."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pixelgbm import files
from races.clock import Row

__all__ = ["Document", "markdown", "merged", "read", "write"]

Document = dict[str, Any]
"""{"sections": {name: {"title", "about", "machine", "rows", "notes"}}}, in the order of the script's sections."""


def read(path: Path) -> Document:
    """What earlier runs left; an empty document when there is nothing."""
    found: Document = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"sections": {}}
    return found


def merged(document: Document, name: str, section: Mapping[str, Any], order: Sequence[str]) -> Document:
    """The document with one section replaced or added, its sections in the given order."""
    sections = {**document["sections"], name: dict(section)}
    return {"sections": {key: sections[key] for key in order if key in sections}}


def write(folder: Path, document: Document) -> None:
    """speed.json and speed.md."""
    files.write_text(folder / "speed.json", json.dumps(document, indent=1) + "\n")
    files.write_text(folder / "speed.md", markdown(document))


def markdown(document: Document) -> str:
    """One table for each section, under what it is about and what it was measured on."""
    parts = ["# Speed", "One core, one thread, the same input in the same run, medians of interleaved rounds."]
    for section in document["sections"].values():
        machine = ", ".join(f"{name} {value}" for name, value in section["machine"].items())
        parts += [f"## {section['title']}", section["about"], _table(section["rows"])]
        parts += [f"- {note}" for note in section["notes"]]
        parts += [f"Measured on: {machine}."]
    return "\n\n".join(parts) + "\n"


def _table(rows: Sequence[Row]) -> str:
    lines = ["| | ms | middle half, ms | CPU ms | times the first | |", "|---|---|---|---|---|---|"]
    for row in rows:
        if "absent" in row:
            lines.append(f"| {row['name']} | absent | | | | {row['absent']} |")
            continue
        facts = "; ".join(f"{name} {_short(value)}" for name, value in row["facts"].items())
        spread = f"{_short(row['low_ms'])} to {_short(row['high_ms'])}"
        cells = [row["name"], _short(row["median_ms"]), spread, _short(row["cpu_ms"]), _short(row["times"]), facts]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _short(value: Any) -> str:
    """Three figures of a number, a whole number as it is."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"
