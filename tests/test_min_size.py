"""Laws of pixelgbm.min_size: what is parsed, and that fragments of one scratch are judged as one."""

from __future__ import annotations

import numpy as np
import pytest

from pixelgbm.errors import ConfigError
from pixelgbm.min_size import MinSize, large_enough, parse_min_size, sizes


@pytest.mark.parametrize(
    ("text", "least", "measure"),
    [
        ("40", 40, "area"),
        ("40px2", 40, "area"),
        ("12 px", 12, "length"),
        (".5px", 0.5, "length"),
        ("0.2mm2", 0.2 * 1600, "area"),
        ("0.5mm", 20, "length"),
    ],
)
def test_units_say_what_is_measured(text, least, measure):
    found = parse_min_size(text, px_per_mm=40)
    assert (found.least, found.measure) == (pytest.approx(least), measure)


@pytest.mark.parametrize("text", ["", "0", "-3", "x", "3cm", "1e3", "nan", "9" * 400, "3px3"])
def test_anything_else_is_refused_in_one_line(text):
    with pytest.raises(ConfigError, match=r"^--min-size '.*'; allowed are areas such as 40 or 40px2 \(pixels\)"):
        parse_min_size(text)


def test_millimetres_need_a_scale():
    with pytest.raises(ConfigError, match="'2mm' is in millimetres: --px-per-mm says how many pixels one is"):
        parse_min_size("2mm")


def test_a_minimum_size_prints_as_it_is_read():
    for text in ("40 px2", "12.5 px"):
        assert str(parse_min_size(text)) == text


def test_fragments_of_one_scratch_share_their_area_and_reach_over_the_gap():
    scratch = [np.array([[10, col] for col in range(start, start + 9)]) for start in (0, 14)]
    dot = np.array([[row, col] for row in (30, 31) for col in (5, 6)])
    fragments = [scratch[0], dot, scratch[1]]
    assert sizes(fragments, "area").tolist() == [18, 4, 18]
    assert sizes(fragments, "length").tolist() == [23, pytest.approx(1 + np.sqrt(2)), 23]
    assert large_enough(fragments, MinSize(23, "length")).tolist() == [True, False, True]
    assert large_enough(fragments[:2], MinSize(10, "length")).tolist() == [False, False]
    assert sizes([], "length").tolist() == []
    assert large_enough([], MinSize(3, "area")).tolist() == []
