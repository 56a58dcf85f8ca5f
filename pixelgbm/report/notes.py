"""What a person writes about a run, in Markdown, and its parts."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from pixelgbm.errors import ConfigError
from pixelgbm.report.document import Notes, Section

__all__ = ["html_of", "read_notes", "tokens_of"]

# A report stands alone: nothing in it leads or loads from elsewhere, and HTML is shown as it was typed.
_MARKDOWN = (
    MarkdownIt("commonmark", {"html": False}).enable("table").disable(["image", "link", "autolink", "reference"])
)


def read_notes(path: Path) -> tuple[Section, ...]:
    """One section per heading of the first or second order; what comes before the first is called Notes.

    Raises ConfigError, one line, for a file that cannot be read or is not text.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start})") from None
    lines = text.splitlines()
    tokens = _MARKDOWN.parse(text)
    starts: list[tuple[str, int, int]] = [("Notes", 0, 0)]
    for token, inside in pairwise(tokens):
        if token.type == "heading_open" and token.tag in ("h1", "h2") and token.level == 0 and token.map:
            starts.append((inside.content, token.map[0], token.map[1]))
    ends = [start for _, start, _ in starts[1:]] + [len(lines)]
    parts = [(title, "\n".join(lines[body:end]).strip()) for (title, _, body), end in zip(starts, ends, strict=True)]
    return tuple(Section(title, (Notes(body),)) for title, body in parts if body)


def html_of(notes: Notes) -> str:
    """As HTML without links, images or raw HTML."""
    return str(_MARKDOWN.render(notes.markdown))


def tokens_of(notes: Notes) -> list[Token]:
    """As markdown-it's tokens."""
    return _MARKDOWN.parse(notes.markdown)
