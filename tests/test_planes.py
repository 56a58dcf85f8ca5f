"""Planes: made when they are asked for, once, and the same through a window."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from features import Planes


def counted(calls, name, make):
    def recipe(planes):
        calls.append(name)
        return make(planes)

    return recipe


@pytest.fixture
def made():
    calls = []
    plane = np.arange(12, dtype=np.float32).reshape(3, 4)
    recipes = {
        "twice": counted(calls, "twice", lambda planes: planes["plane"] * 2),
        "more": counted(calls, "more", lambda planes: planes["twice"] + 1),
    }
    return Planes({"plane": plane}, recipes), calls


def test_a_plane_is_made_once_and_only_when_asked_for(made):
    planes, calls = made
    assert sorted(planes) == ["more", "plane", "twice"] and len(planes) == 3
    assert "more" in planes and "less" not in planes
    assert planes["plane"][0, 1] == 1 and not calls
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: planes["more"], range(8)))
    assert all(plane is found[0] for plane in found) and calls == ["more", "twice"]
    np.testing.assert_array_equal(found[0], planes["plane"] * 2 + 1)
    with pytest.raises(KeyError, match="less"):
        planes["less"]


def test_a_window_cuts_what_is_asked_for(made):
    planes, calls = made
    window = planes.window(slice(1, 3), slice(0, 2))
    assert not calls
    assert window["twice"].flags.c_contiguous and calls == ["twice"]
    np.testing.assert_array_equal(window["twice"], planes["twice"][1:3, 0:2])


def test_others_win_and_the_rest_is_shared(made):
    planes, calls = made
    both = planes | {"plane": np.zeros((3, 4), np.float32), "new": np.ones((3, 4), np.float32)}
    assert set(both) == {"plane", "twice", "more", "new"}
    assert not both["plane"].any() and both["twice"] is planes["twice"] and calls == ["twice"]


def test_what_is_made_of_the_whole_is_made_once_and_cut(made):
    planes, calls = made

    def summed(whole):
        calls.append("sum")
        return whole["plane"] + whole["plane"].sum()

    window = (planes | {"new": np.ones((3, 4), np.float32)}).window(slice(0, 2), slice(1, 3))
    inner = window.window(slice(1, 2), slice(0, 2))
    found = inner.of_whole("summed", summed)
    assert calls == ["sum"] and found.flags.c_contiguous
    np.testing.assert_array_equal(found, planes["plane"][1:2, 1:3] + 66)
    np.testing.assert_array_equal(window.of_whole("summed", summed), planes["plane"][0:2, 1:3] + 66)
    assert calls == ["sum"] and "summed" not in planes


def test_what_nobody_else_asks_for_is_kept_for_windows_only(made):
    planes, calls = made

    def summed(whole):
        calls.append("sum")
        return whole["plane"] + whole["plane"].sum()

    for number in (1, 2):
        np.testing.assert_array_equal(planes.of_whole("summed", summed, keep=False), planes["plane"] + 66)
        assert calls == ["sum"] * number
    for rows in (slice(0, 1), slice(1, 3)):
        found = planes.window(rows, slice(0, 4)).of_whole("summed", summed, keep=False)
        np.testing.assert_array_equal(found, planes["plane"][rows] + 66)
    assert calls == ["sum"] * 3


def test_what_was_made_of_the_whole_may_be_forgotten_here_and_is_kept_by_the_whole(made):
    planes, calls = made

    def summed(whole):
        calls.append("sum")
        return whole["plane"] + whole["plane"].sum()

    window = planes.window(slice(0, 2), slice(0, 4))
    first = window.of_whole("summed", summed)
    window.forget()
    np.testing.assert_array_equal(window.of_whole("summed", summed), first)
    assert calls == ["sum"]
    planes.forget()
    planes.of_whole("summed", summed)
    assert calls == ["sum"] * 2
