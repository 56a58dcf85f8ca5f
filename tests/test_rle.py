"""Runs of pixels: the same thing as masks, and everything that is refused with its place and value."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pixelgbm.errors import DatasetError
from pixelgbm.formats import decode_rle, encode_rle

masks = hnp.arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12)))


def test_runs_go_down_the_columns_from_one():
    mask = np.zeros((3, 4), bool)
    mask[0, 0] = mask[2, 0] = mask[0, 1] = mask[2, 3] = True
    assert encode_rle(mask) == "1 1 3 2 12 1"


@given(mask=masks)
def test_round_trip(mask):
    assert np.array_equal(decode_rle(encode_rle(mask), mask.shape, where="x"), mask)


@given(mask=masks, seed=st.integers(0, 9))
def test_any_order_of_the_runs_is_the_same_mask(mask, seed):
    words = encode_rle(mask).split()
    runs = list(zip(words[::2], words[1::2], strict=True))
    np.random.default_rng(seed).shuffle(runs)
    assert np.array_equal(decode_rle("\t".join(" ".join(run) for run in runs), mask.shape, where="x"), mask)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1 2 3", "3 numbers, '1 2 3'; runs are pairs START LENGTH"),
        ("1 x", "'x' in the runs; allowed are whole numbers, START LENGTH ..."),
        ("1 -2", "'-2' in the runs; allowed are whole numbers, START LENGTH ..."),
        ("1.0 2", "'1.0' in the runs; allowed are whole numbers, START LENGTH ..."),
        ("0 2", "run '0 2'; starts count from 1, lengths are at least 1"),
        ("2 0", "run '2 0'; starts count from 1, lengths are at least 1"),
        ("1 3 3 1", "run '3 1' overlaps the run '1 3'"),
        ("3 1 1 3", "run '3 1' overlaps the run '1 3'"),
        ("6 2", "run '6 2' ends at 7, an image of 2x3 has 6 pixels"),
        ("7 1", "run '7 1' ends at 7, an image of 2x3 has 6 pixels"),
    ],
)
def test_bad_runs_are_refused(text, said):
    with pytest.raises(DatasetError) as error:
        decode_rle(text, (2, 3), where="train.csv: row 7")
    assert str(error.value) == f"train.csv: row 7: {said}"
