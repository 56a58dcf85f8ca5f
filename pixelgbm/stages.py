"""The stages of an inspection: named where they happen, timed for whoever listens."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["Listener", "heard", "stage"]

Listener = Callable[[str, float], None]
"""Called with the name of a stage that has ended, and its seconds."""

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """The body, or the function that it decorates, is the stage `name`; stages do not nest."""
    start = time.perf_counter()
    yield
    listener = _listener.get()
    if listener is not None:
        listener(name, time.perf_counter() - start)


@contextmanager
def heard(listener: Listener) -> Iterator[None]:
    """Report to `listener` the stages that this thread goes through in the body."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
