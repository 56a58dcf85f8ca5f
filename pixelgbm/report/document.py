"""What a report says, as blocks that both the page and the PDF are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Block", "Code", "Facts", "Gallery", "GalleryRow", "Headline", "Notes", "Picture", "Report", "Section"]
__all__ += ["Table", "Text"]


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph. warning: something that a reader must not overlook."""

    text: str
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Headline:
    """The few figures to read first: (label, value, remark) each."""

    figures: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and what they stand for."""

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text, the heading first; the first column is text, the others are numbers."""

    rows: tuple[tuple[str, ...], ...]
    caption: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure. svg: of a page, its ink in the colour of the text. png: of the PDF, dark on white."""

    svg: str
    png: bytes
    caption: str


@dataclass(frozen=True, slots=True)
class Code:
    """Lines to copy as they are."""

    text: str


@dataclass(frozen=True, slots=True)
class Notes:
    """What a person wrote, in Markdown."""

    markdown: str


@dataclass(frozen=True, slots=True)
class GalleryRow:
    """One image of the gallery.

    kinds: why it is shown. score: 0..1. truth_area, found_area: px. size: (rows, cols) of the encoded planes, which
    are WebP; None where there is no reference or no map. truth, hit, false, missed: SVG paths in these pixels: around
    the truth, regions found that touch it, regions found that do not, and defects that nothing found touches.
    strip: the panels of the gallery side by side, JPEG.
    """

    id: str
    level: str
    kinds: tuple[str, ...]
    score: float
    truth_area: int
    found_area: int
    flags: tuple[str, ...]
    size: tuple[int, int]
    image: bytes
    reference: bytes | None
    probability: bytes | None
    truth: str
    hit: str
    false: str
    missed: str
    strip: bytes


@dataclass(frozen=True, slots=True)
class Gallery:
    """Images to look at. kinds: all that occur, in the order to show."""

    kinds: tuple[str, ...]
    levels: tuple[str, ...]
    rows: tuple[GalleryRow, ...]

    @property
    def panels(self) -> tuple[str, ...]:
        """Of "image", "reference", "truth", "found" and "probability" those that some image fills, in this order."""
        reference = ("reference",) * any(row.reference is not None for row in self.rows)
        probability = ("probability",) * any(row.probability is not None for row in self.rows)
        return ("image", *reference, "truth", "found", *probability)


Block = Text | Headline | Facts | Table | Picture | Code | Notes | Gallery


@dataclass(frozen=True, slots=True)
class Section:
    """A titled part of a report."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """All of it. card: the score card as `score --json` writes it, kept in the page."""

    title: str
    lead: str
    sections: tuple[Section, ...]
    card: Mapping[str, Any]
