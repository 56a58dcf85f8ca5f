"""Freed memory is kept for the next image."""

from __future__ import annotations

import ctypes
from functools import cache

__all__ = ["keep_freed"]

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Numbers of `mallopt` in the GNU C library."""


@cache
def keep_freed() -> None:
    """Ask the C library not to give freed planes back to the system, where it can be asked.

    Extraction makes and drops hundreds of planes of an image; handed back each time, every one of their pages is
    zeroed and mapped anew, which took a quarter of the preparation of a 390x390 pair. Does nothing elsewhere.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # another C library
        return
    mallopt(_MMAP_THRESHOLD, 8 << 20)
    mallopt(_TRIM_THRESHOLD, 1 << 30)
