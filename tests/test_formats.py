"""Laws of pixelgbm.formats: texts and masks are the same thing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pixelgbm.errors import DatasetError
from pixelgbm.formats import decode_mask_text, encode_mask_text

masks = hnp.arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12)))


def test_text_runs_down_the_columns():
    mask = np.array([[1, 0, 0], [1, 1, 0]], bool)
    assert encode_mask_text(mask) == "110100"


@given(mask=masks, newline=st.sampled_from(["", "\n", "\r\n"]))
def test_text_round_trip_on_one_line_or_one_a_column(mask, newline):
    rows, cols = mask.shape
    text = encode_mask_text(mask)
    broken = newline.join(text[i * rows : (i + 1) * rows] for i in range(cols)) + newline
    assert np.array_equal(decode_mask_text(broken, mask.shape, where="x"), mask)
    assert np.array_equal(decode_mask_text(broken.encode(), mask.shape, where="x"), mask)


@pytest.mark.parametrize("text", ["01010", "0101010", ""])
def test_wrong_length_is_refused(text):
    with pytest.raises(DatasetError, match=rf"^m\.txt: {len(text)} characters, a mask of 2x3 has 6$"):
        decode_mask_text(text, (2, 3), where="m.txt")


@pytest.mark.parametrize(
    ("text", "said"), [("01x101", "'x' in line 1, place 3"), ("01\n02\n01", "'2' in line 2, place 2")]
)
def test_foreign_character_is_refused_with_its_place(text, said):
    with pytest.raises(DatasetError, match=rf"^m\.txt: {said}; allowed are 0 and 1$"):
        decode_mask_text(text, (2, 3), where="m.txt")


def test_bytes_that_are_no_text_are_refused():
    with pytest.raises(DatasetError, match=r"m\.txt: .* in line 1, place 1; allowed are 0 and 1"):
        decode_mask_text(b"\xff\xfe0101", (2, 3), where="m.txt")
