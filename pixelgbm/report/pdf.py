"""A report as a PDF of A4 pages."""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import matplotlib
from markdown_it.token import Token
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import (
    CondPageBreak,
    Flowable,
    HRFlowable,
    Image,
    KeepTogether,
    Paragraph,
    Preformatted,
    SimpleDocTemplate,
    Spacer,
    Table,
    TableStyle,
)

from pixelgbm.report.document import (
    Block,
    Code,
    Facts,
    Gallery,
    GalleryRow,
    Headline,
    Notes,
    Picture,
    Report,
    Section,
    Text,
)
from pixelgbm.report.document import Table as TableBlock
from pixelgbm.report.notes import tokens_of

__all__ = ["render_pdf", "wrapped"]

_MARGIN = 16 * mm
_WIDTH = A4[0] - 2 * _MARGIN - 12  # a frame pads its content by 6 points on either side
_SOFT, _LINE, _CARD = colors.HexColor("#555d68"), colors.HexColor("#d5d9df"), colors.HexColor("#f4f5f7")
_WARNING, _WARNING_PAPER = colors.HexColor("#7a3e00"), colors.HexColor("#fff3e0")

_FONT, _BOLD, _ITALIC, _MONO = "DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSansMono"

_CODE_COLUMNS = 105
"""Characters of a line of code that fit."""


@cache
def _styles() -> Mapping[str, ParagraphStyle]:
    """Fonts are matplotlib's DejaVu, which knows far more letters than the fonts every PDF reader brings along."""
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    for name in (_FONT, _BOLD, _ITALIC, _MONO):
        pdfmetrics.registerFont(TTFont(name, str(folder / f"{name}.ttf")))
    pdfmetrics.registerFontFamily(_FONT, normal=_FONT, bold=_BOLD, italic=_ITALIC, boldItalic=_BOLD)
    body = ParagraphStyle("body", fontName=_FONT, fontSize=8.5, leading=12, spaceAfter=4)
    small = ParagraphStyle("small", body, fontSize=7, leading=9, textColor=_SOFT)
    heading = ParagraphStyle("heading", body, fontName=_BOLD, fontSize=12, leading=16, spaceBefore=8, spaceAfter=4)
    return {
        "body": body,
        "small": small,
        "title": ParagraphStyle("title", heading, fontSize=16, leading=20),
        "heading": heading,
        "minor": ParagraphStyle("minor", heading, fontSize=9.5, leading=13),
        "warning": ParagraphStyle("warning", body, textColor=_WARNING, backColor=_WARNING_PAPER, borderPadding=3),
        "cell": ParagraphStyle("cell", body, fontSize=7, leading=8.5, spaceAfter=0),
        "number": ParagraphStyle("number", body, fontSize=7, leading=8.5, spaceAfter=0, alignment=2),
        "value": ParagraphStyle("value", body, fontName=_BOLD, fontSize=10, leading=13, spaceAfter=0),
        "code": ParagraphStyle(
            "code", body, fontName=_MONO, fontSize=6.8, leading=8.6, backColor=_CARD, borderPadding=3
        ),
        "item": ParagraphStyle("item", body, leftIndent=10, bulletIndent=2, spaceAfter=2),
    }


def render_pdf(report: Report) -> bytes:
    """The PDF file: the same sections as the page, its pictures smaller."""
    styles = _styles()
    flow: list[Flowable] = [_paragraph(report.title, "title"), _paragraph(report.lead, "body")]
    for section in report.sections:
        flow += [CondPageBreak(_least_room(section)), _rule(), Paragraph(escape(section.title), styles["heading"])]
        for pictured, blocks in groupby(section.blocks, key=lambda block: isinstance(block, Picture)):
            if pictured:
                flow += _pictures([block for block in blocks if isinstance(block, Picture)])
            else:
                flow += [drawn for block in blocks for drawn in _flow(block)]
    file = io.BytesIO()
    margins = dict.fromkeys(("leftMargin", "rightMargin", "topMargin", "bottomMargin"), _MARGIN)
    document = SimpleDocTemplate(file, pagesize=A4, title=report.title, invariant=1, **margins)
    document.build(flow, onFirstPage=_numbered, onLaterPages=_numbered)
    return file.getvalue()


def _least_room(section: Section) -> float:
    """Height below which a section begins on the next page: no heading without what it is of."""
    return float(mm) * (100 if any(isinstance(block, Gallery) for block in section.blocks) else 50)


def _numbered(canvas: Any, document: Any) -> None:
    canvas.setFont(_FONT, 7)
    canvas.setFillColor(_SOFT)
    canvas.drawRightString(A4[0] - _MARGIN, _MARGIN / 2, str(document.page))
    canvas.drawString(_MARGIN, _MARGIN / 2, document.title)


def _paragraph(text: str, style: str) -> Paragraph:
    return Paragraph(escape(text), _styles()[style])


def _rule() -> Flowable:
    return HRFlowable(width="100%", color=_LINE, thickness=0.6, spaceBefore=6, spaceAfter=0)


def _flow(block: Block) -> list[Flowable]:
    draw: Callable[[Any], list[Flowable]] = _DRAW[type(block)]
    return draw(block)


def _text(block: Text) -> list[Flowable]:
    return [_paragraph(block.text, "warning" if block.warning else "body"), Spacer(0, 4 if block.warning else 0)]


def _headline(block: Headline) -> list[Flowable]:
    cells = [
        [_paragraph(label, "small"), _paragraph(value, "value"), _paragraph(remark, "small")]
        for label, value, remark in block.figures
    ]
    style = TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("BACKGROUND", (0, 0), (-1, -1), _CARD)])
    return [Table([cells], colWidths=[_WIDTH / len(cells)] * len(cells), style=style), Spacer(0, 8)]


def _facts(block: Facts) -> list[Flowable]:
    rows = [[_paragraph(name, "small"), _paragraph(value, "cell")] for name, value in block.rows]
    style = TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), *_tight()])
    return [Table(rows, colWidths=[48 * mm, _WIDTH - 48 * mm], style=style, hAlign="LEFT"), Spacer(0, 6)]


def _tight() -> list[tuple[Any, ...]]:
    sides = [("TOPPADDING", 1.2), ("BOTTOMPADDING", 1.2), ("LEFTPADDING", 0), ("RIGHTPADDING", 6)]
    return [(name, (0, 0), (-1, -1), value) for name, value in sides]


def _table(block: TableBlock) -> list[Flowable]:
    rows = [[_paragraph(cell, "cell" if k == 0 else "number") for k, cell in enumerate(row)] for row in block.rows]
    style = TableStyle(
        [
            ("VALIGN", (0, 0), (-1, 0), "BOTTOM"),
            ("LINEBELOW", (0, 0), (-1, 0), 0.8, _SOFT),
            ("LINEBELOW", (0, 1), (-1, -1), 0.3, _LINE),
            *_tight(),
        ]
    )
    table = Table(rows, colWidths=_column_widths(block), repeatRows=1, style=style, hAlign="LEFT")
    return [_paragraph(block.caption, "small"), table, Spacer(0, 8)]


def _column_widths(block: TableBlock) -> list[float]:
    """By the longest word of a heading and the longest cell; together at most the width of the page."""
    wanted = []
    for heading, *cells in zip(*block.rows, strict=True):
        texts = [*heading.split(), *cells, " "]
        wanted.append(10 + max(pdfmetrics.stringWidth(text, _FONT, 7) for text in texts))
    scale = min(1.0, _WIDTH / sum(wanted))
    return [width * scale for width in wanted]


def _pictures(blocks: Sequence[Picture]) -> list[Flowable]:
    """Two beside each other."""
    width, gap = _WIDTH / 2, 6
    cells = [[_image(block.png, width - gap), _paragraph(block.caption, "small")] for block in blocks]
    cells += [[]] * (len(cells) % 2)
    style = TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("RIGHTPADDING", (0, 0), (-1, -1), gap), *_flush()])
    return [Table(list(zip(cells[::2], cells[1::2], strict=True)), colWidths=[width] * 2, style=style, hAlign="LEFT")]


def _flush() -> list[tuple[Any, ...]]:
    return [("LEFTPADDING", (0, 0), (-1, -1), 0), ("TOPPADDING", (0, 0), (-1, -1), 2)]


def _image(data: bytes, width: float) -> Image:
    image = Image(io.BytesIO(data))
    image.drawHeight *= width / image.drawWidth
    image.drawWidth, image.hAlign = width, "LEFT"
    return image


def _code(block: Code) -> list[Flowable]:
    text = "\n".join(map(wrapped, block.text.rstrip("\n").split("\n")))
    return [Preformatted(text, _styles()["code"], maxLineLength=_CODE_COLUMNS), Spacer(0, 8)]


def wrapped(line: str) -> str:
    """A line of code in lines that fit, broken between words; a command goes on behind a backslash, to be copied."""
    if len(line) <= _CODE_COLUMNS:
        return line
    held = re.sub(r"'[^']*'", lambda quoted: quoted[0].replace(" ", "\0"), line)
    parts = textwrap.wrap(
        held, _CODE_COLUMNS - 2, subsequent_indent="    ", break_on_hyphens=False, break_long_words=False
    )
    return (" \\\n" if line.startswith("pixelgbm ") else "\n").join(parts).replace("\0", " ")


def _gallery(block: Gallery) -> list[Flowable]:
    first, *rest = [_gallery_row(row) for row in block.rows] or [[]]
    return [KeepTogether([_paragraph(" | ".join(block.panels), "small"), *first]), *map(KeepTogether, rest)]


def _gallery_row(row: GalleryRow) -> list[Flowable]:
    told = [", ".join(row.kinds), f"level {row.level}" if row.level else "", f"score {row.score:.2f}", *row.flags]
    told += [f"truth {row.truth_area:,} px", f"found {row.found_area:,} px"]
    text = f"<b>{escape(row.id)}</b> {escape(', '.join(filter(None, told)))}"
    return [Paragraph(text, _styles()["cell"]), Spacer(0, 2), _image(row.strip, _WIDTH), Spacer(0, 6)]


def _notes(block: Notes) -> list[Flowable]:
    """Paragraphs, headings, lists, tables and code; anything else by its text alone."""
    return list(_notes_flow(tokens_of(block)))


def _notes_flow(tokens: list[Token]) -> Iterator[Flowable]:
    styles = _styles()
    lists: list[int | None] = []
    bullet: str | None = None
    style = "body"
    cells: list[list[str]] = []
    for token in tokens:
        if token.type in ("bullet_list_open", "ordered_list_open"):
            lists.append(int(token.attrs.get("start", 1)) if token.tag == "ol" else None)
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            lists.pop()
        elif token.type == "list_item_open":
            number = lists[-1]
            bullet = "\u2022" if number is None else f"{number}."
            lists[-1] = None if number is None else number + 1
        elif token.type == "heading_open":
            style = "minor"
        elif token.type == "heading_close":
            style = "body"
        elif token.type in ("fence", "code_block"):
            yield from _code(Code(token.content))
        elif token.type == "tr_open":
            cells.append([])
        elif token.type == "table_close":
            yield from _table(TableBlock(tuple(map(tuple, cells)), ""))
            cells = []
        elif token.type == "inline" and cells:
            cells[-1].append("".join(child.content for child in token.children or []))
        elif token.type == "inline":
            indented = ParagraphStyle("nested", styles["item"], leftIndent=10 * len(lists)) if lists else styles[style]
            yield Paragraph(_inline(token), indented, bulletText=bullet)
            bullet = None


def _inline(token: Token) -> str:
    """reportlab's markup of one paragraph."""
    marks = {"strong_open": "<b>", "strong_close": "</b>", "em_open": "<i>", "em_close": "</i>", "hardbreak": "<br/>"}
    parts = []
    for child in token.children or []:
        if child.type == "code_inline":
            parts.append(f'<font face="{_MONO}">{escape(child.content)}</font>')
        else:
            parts.append(marks.get(child.type, " " if child.type == "softbreak" else escape(child.content)))
    return "".join(parts)


_DRAW: Mapping[type, Callable[[Any], list[Flowable]]] = {
    Text: _text,
    Headline: _headline,
    Facts: _facts,
    TableBlock: _table,
    Code: _code,
    Notes: _notes,
    Gallery: _gallery,
}
