"""MkDocs hook: the figures of benchmarks/*.json as tables, each under what its script says it measures.

A script that writes a page beside its JSON file is shown by that page.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

PLACE = "<!-- benchmarks -->"
FOLDER = Path(__file__).parents[2] / "benchmarks"

WITHOUT_SCRIPT: Mapping[str, str] = {
    "demo.json": "What `pixelgbm score --json` says of the test split of the demo.\n\n"
    "    bash run_all.sh && cp demo/score.json benchmarks/demo.json",
}
"""What is said of a file that no script beside it writes."""

STRUCTURE = ("rows", "sections")
"""Keys that only hold what follows: they get no heading."""

LONG = 60
"""Rows of a table beyond which it is named and not shown."""


def on_page_markdown(markdown: str, **_: Any) -> str:
    """MkDocs calls this for every page; only the one with the place is changed."""
    return markdown.replace(PLACE, "\n".join(lines(FOLDER))) if PLACE in markdown else markdown


def lines(folder: Path) -> Iterator[str]:
    """Markdown: a section a JSON file of `folder`, in the order of their names; what a script says stands once."""
    told: list[Sequence[str]] = []
    for path in sorted(folder.glob("*.json")):
        said = _said(path)
        yield from (f"## {path.stem}", "", *(said if said not in told else ()), "")
        told.append(said)
        page = path.with_suffix(".md")
        yield from _page(page) if page.is_file() else render(json.loads(path.read_text(encoding="utf-8")), level=3)


def _page(path: Path) -> Iterator[str]:
    """A page without its title, its other headings one level down: it becomes a part of ours."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("# "):
            yield f"#{line}" if line.startswith("##") else line
    yield ""


def _said(path: Path) -> Sequence[str]:
    """What the script beside a JSON file says of itself: accuracy.py writes accuracy-dev.json too."""
    script = path.with_name(f"{path.stem.partition('-')[0]}.py")
    text = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) if script.is_file() else None
    return (text or WITHOUT_SCRIPT.get(path.name, f"Written to {path.name}.")).splitlines()


def render(value: Any, *, level: int) -> Iterator[str]:
    """Markdown of any JSON value: rows as a table, plain facts as a list, the rest under headings of their own."""
    if _is_rows(value) and len(value) > LONG:
        yield from (f"{len(value)} rows, in the file alone.", "")
    elif _is_rows(value):
        yield from _table(_rows(value))
    elif isinstance(value, Mapping):
        plain = {key: found for key, found in value.items() if not _is_deep(found)}
        yield from (f"- {_name(key)}: {_cell(found)}" for key, found in plain.items())
        yield ""
        yield from _sections({key: found for key, found in value.items() if key not in plain}, level)
    elif _is_deep(value):
        yield from _sections({_title(item, number): item for number, item in enumerate(value, 1)}, level)
    else:
        yield from (_cell(value), "")


def _sections(parts: Mapping[str, Any], level: int) -> Iterator[str]:
    for key, found in parts.items():
        headed = key not in STRUCTURE
        yield from (f"{'#' * min(level, 6)} {_name(key)}", "") if headed else ()
        yield from render(found, level=level + headed)


def _title(item: Any, number: int) -> str:
    """The first text of a mapping, which is its name in all our files."""
    texts = [value for value in item.values() if isinstance(value, str)] if isinstance(item, Mapping) else []
    return texts[0] if texts else str(number)


def _is_deep(value: Any) -> bool:
    """Whether a value holds mappings of more than plain values, or several, so that it does not fit into a cell."""
    if isinstance(value, Mapping):
        return any(isinstance(item, Mapping | list) for item in value.values())
    return isinstance(value, list) and any(isinstance(item, Mapping) for item in value)


def _is_rows(value: Any) -> bool:
    """Whether a value is a table: a list of mappings without deep values, or named ones of plain values."""
    items = list(value.values()) if isinstance(value, Mapping) else value
    is_list = isinstance(items, list) and bool(items) and all(isinstance(item, Mapping) for item in items)
    if not is_list:
        return False
    cells = [cell for item in items for cell in item.values()]
    return not any(_is_deep(cell) or (isinstance(cell, Mapping) and value is not items) for cell in cells)


def _rows(value: Any) -> list[dict[str, Any]]:
    named = value.items() if isinstance(value, Mapping) else (("", item) for item in value)
    return [({"": name} if name else {}) | dict(item) for name, item in named]


def _table(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    yield _line(_name(column) for column in columns)
    yield _line("---" for _ in columns)
    yield from (_line(_cell(row.get(column)) for column in columns) for row in rows)
    yield ""


def _line(cells: Iterator[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _name(key: str) -> str:
    return key.replace("_", " ")


def _cell(value: Any) -> str:
    """A value as text: four digits of a share, lists with slashes, a dash for nothing."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.1f}" if abs(value) >= 10_000 else f"{value:.4g}"
    if isinstance(value, list):
        return " / ".join(_cell(item) for item in value) or "-"
    if isinstance(value, Mapping):
        return "; ".join(f"{_name(key)} {_cell(found)}" for key, found in value.items()) or "-"
    return str(value).replace("|", r"\|")
