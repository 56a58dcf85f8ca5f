"""A report as one HTML page that needs nothing but itself."""

from __future__ import annotations

import base64

from jinja2 import Environment, PackageLoader, StrictUndefined

from pixelgbm.report.document import Block, Report
from pixelgbm.report.notes import html_of

__all__ = ["render_page"]


def render_page(report: Report) -> str:
    """The page: styles, script, figures and pictures lie in it."""
    templates = Environment(
        loader=PackageLoader("pixelgbm.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {"kind": _kind, "data_url": _data_url, "markdown": html_of}
    return templates.get_template("report.html").render(report=report)


def _kind(block: Block) -> str:
    """What the template calls a block."""
    return type(block).__name__.lower()


def _data_url(webp: bytes) -> str:
    return f"data:image/webp;base64,{base64.b64encode(webp).decode()}"
