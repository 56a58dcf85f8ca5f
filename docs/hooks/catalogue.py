"""MkDocs hook: the catalogue of evidence, written from the table of feature families."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from features import FAMILIES
from features.catalog import LEAN
from features.column import Column, Family

PLACE = "<!-- catalogue -->"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """MkDocs calls this for every page; only the one with the place is changed."""
    return markdown.replace(PLACE, "\n".join(lines())) if PLACE in markdown else markdown


def lines() -> Iterator[str]:
    """Markdown: a section a family with its question, its picture, its sources and, folded, its columns."""
    for family in FAMILIES.values():
        columns = family.columns("match", 1.0)
        yield from (f"## {family.name}", "", f"**{family.question}** {_counts(columns)}", "")
        yield from (f"![Planes of the family {family.name}](pictures/{family.name}.png){{ .evidence }}", "")
        yield from (f"Kernels: {', '.join(f'`{name}`' for name in family.kernels)}. Sources: {_linked(family)}.", "")
        yield from (f'??? note "The {len(columns)} columns"', "")
        yield "    | column | formula | looks, px | needs |"
        yield "    |---|---|---|---|"
        yield from (f"    {_row(column)}" for column in columns)
        yield ""


def _counts(columns: tuple[Column, ...]) -> str:
    lean = sum(column.name in LEAN for column in columns)
    signed = sum(column.signed for column in columns)
    reach = max(column.reach for column in columns)
    return (
        f"{len(columns)} columns, {lean} of them in the lean first look, {signed} signed; looks up to {reach} px far."
    )


def _linked(family: Family) -> str:
    return re.sub(r"doi:(\S+?)(?=[;,]|$)", r"[doi:\1](https://doi.org/\1)", family.source)


def _row(column: Column) -> str:
    needs = [name for name in ("reference", "colour", "prior") if getattr(column, name)]
    return f"| `{column.name}` | `{column.formula}` | {column.reach} | {', '.join(needs) or '-'} |"
