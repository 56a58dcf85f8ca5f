"""The one way pixelgbm uses threads: a bounded pool whose results come back in the order of the items."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import cv2

from pixelgbm.memory import keep_freed

__all__ = ["ordered_map"]

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def ordered_map(
    function: Callable[[_Item], _Result],
    items: Iterable[_Item],
    *,
    workers: int = 1,
    stop: threading.Event | None = None,
) -> Iterator[_Result]:
    """Yield `function(item)` for each item, in the order of the items, computed by `workers` threads.

    At most `2 * workers` results are in flight, so memory follows the workers and never the items. An
    exception of `function` is raised here at its item's turn; what was queued behind it is cancelled.
    The kernels release the interpreter lock, so threads suffice and nothing is ever forked. OpenCV is
    held to one thread for the same reason: one parallel idea at one place.
    `stop` is set when the pool is given up before its end (an error, Ctrl-C), for functions that run for minutes
    to look at.
    """
    cv2.setNumThreads(1)
    keep_freed()
    if workers <= 1:
        yield from map(function, items)
        return
    pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="pixelgbm")
    pending: deque[Future[_Result]] = deque()
    try:
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) >= 2 * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    except BaseException:
        if stop is not None:
            stop.set()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
