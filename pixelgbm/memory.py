"""Freed memory is kept for the next image."""

from __future__ import annotations

import ctypes
from functools import cache

__all__ = ["keep_freed"]

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Numbers of `mallopt` in the GNU C library."""
_LARGE = 8 << 20  # bytes


@cache
def keep_freed() -> None:
    """Ask the C library not to give freed planes back to the system, where it can be asked.

    Extraction makes and drops hundreds of planes of an image; handed back each time, every one of their pages is
    zeroed and mapped anew, which took a quarter of the preparation of a 390x390 pair. Stacks of planes of 8 MB and more
    do go back: their size differs from image to image, so kept ones were broken up and 20 MB of 370 lay between them,
    and arrays so large are mapped in few large pages. Does nothing elsewhere.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # another C library
        return
    mallopt(_MMAP_THRESHOLD, _LARGE)
    mallopt(_TRIM_THRESHOLD, 1 << 30)
