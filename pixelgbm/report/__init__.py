"""Pictures and pages for people: the contact sheet of `score`, and the report of a model as a page and a PDF."""

from pixelgbm.report.sheet import SheetRow, contact_sheet, draw_sheet, telling_ids
from pixelgbm.report.writing import Request, Written, write_report

__all__ = ["Request", "SheetRow", "Written", "contact_sheet", "draw_sheet", "telling_ids", "write_report"]
