"""MkDocs hook: the page of every command, written from click's own help."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from pixelgbm.__main__ import COMMANDS, group

PLACE = "<!-- commands -->"
_WIDTH = 96


def on_page_markdown(markdown: str, **_: Any) -> str:
    """MkDocs calls this for every page; only the one with the place is changed."""
    return markdown.replace(PLACE, "\n".join(lines())) if PLACE in markdown else markdown


def lines() -> Iterator[str]:
    """Markdown: what `pixelgbm --help` says, then a section a command with what its `--help` says."""
    top = click.Context(group, info_name="pixelgbm", terminal_width=_WIDTH, **group.context_settings)
    yield from _section("pixelgbm", top)
    for name in COMMANDS:
        command = group.get_command(top, name)
        assert command is not None
        context = click.Context(command, info_name=name, parent=top, terminal_width=_WIDTH)
        yield from _section(f"pixelgbm {name}", context)


def _section(title: str, context: click.Context) -> Iterator[str]:
    yield from (f"## {title}", "", "```text", context.get_help(), "```", "")
