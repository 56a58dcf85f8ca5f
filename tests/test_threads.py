"""The bounded pool: order, bound, errors."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from pixelgbm.threads import ordered_map


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_keep_the_order_of_the_items(workers: int) -> None:
    def slow_first(item: int) -> int:
        time.sleep(0.01 if item % 3 == 0 else 0)
        return item * item

    assert list(ordered_map(slow_first, range(20), workers=workers)) == [k * k for k in range(20)]


def test_items_in_flight_follow_the_workers() -> None:
    taken = []

    def items() -> Iterator[int]:
        for k in range(100):
            taken.append(k)
            yield k

    results = ordered_map(lambda item: item, items(), workers=3)
    assert next(results) == 0
    assert len(taken) <= 6
    results.close()  # type: ignore[attr-defined]


def test_the_first_error_is_raised_at_its_turn_and_ends_the_rest() -> None:
    started = []

    def fails(item: int) -> int:
        started.append(item)
        if item == 2:
            raise ValueError("item two")
        return item

    results = ordered_map(fails, range(1000), workers=2)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match="item two"):
        next(results)
    assert len(started) < 20


def test_work_happens_in_threads_only_when_asked() -> None:
    caller = threading.get_ident()
    assert set(ordered_map(lambda _: threading.get_ident(), range(4), workers=1)) == {caller}
    assert caller not in set(ordered_map(lambda _: threading.get_ident(), range(4), workers=2))
