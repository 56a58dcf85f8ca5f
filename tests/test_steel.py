"""The layout of steel: both forms of its tables, answers, and file, row and value of what is wrong."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from small_layouts import CLASSES, NOTHING, SHAPE, draw, patch, refused, same, truths

from pixelgbm.datasets import LAYOUTS, check_folder, open_dataset, read_answer, read_truth
from pixelgbm.errors import DatasetError, SubmissionError
from pixelgbm.formats import encode_rle


@pytest.fixture
def steel(tmp_path):
    return draw(tmp_path / "data", "steel")


def test_older_form_says_the_same(steel):
    before = truths(steel)
    rows = [f"{name}_{head}," for name in ("a.png", "b.png") for head in CLASSES]
    rows[0] += encode_rle(patch())
    rows[2] += encode_rle(patch(4, 3))
    (steel / "train.csv").write_text("\n".join(["ImageId_ClassId,EncodedPixels", *rows, ""]))
    (steel / "sample_submission.csv").write_text(
        "ImageId_ClassId,EncodedPixels\n" + "".join(f"{i}.png_{c},1 1\n" for i in "dc" for c in CLASSES)
    )
    same(truths(steel), before)


def test_table_that_changes_is_read_again(steel):
    dataset = open_dataset(steel)
    assert read_truth(dataset, dataset.samples[0], SHAPE)["1"].any()
    (steel / "train.csv").write_text("ImageId,ClassId,EncodedPixels\na.png,1,63 1\na.png,3,1 1\n")
    assert np.argwhere(read_truth(dataset, dataset.samples[0], SHAPE)["1"]).tolist() == [[8, 6]]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("a.png,1,1 2 3", r"3 numbers, '1 2 3'; runs are pairs START LENGTH$"),
        ("a.png,1,1 3 2 1", r"run '2 1' overlaps the run '1 3'$"),
        ("a.png,1,63 2", r"run '63 2' ends at 64, an image of 9x7 has 63 pixels$"),
        ("a.png,1,x 2", r"'x' in the runs; allowed are whole numbers, START LENGTH \.\.\.$"),
        ("a.png,5,1 2", r"ClassId '5'; allowed are 1, 2, 3, 4$"),
        ("a.png,,1 2", r"ClassId ''; allowed are 1, 2, 3, 4$"),
        ("q.png,1,1 2", r"ImageId 'q\.png'; there is no such image$"),
        (",1,1 2", r"no ImageId; allowed is the name of an image$"),
    ],
)
def test_bad_rows_name_file_row_and_value(steel, row, said):
    (steel / "train.csv").write_text(f"ImageId,ClassId,EncodedPixels\nb.png,2,1 1\n{row}\n")
    problems = refused(steel, rf"train\.csv: row 2: {said}")
    assert len(problems) == 1


def test_every_bad_row_is_listed_once(steel):
    rows = ["a.png,1,1", "a.png,2,0 1", "a.png,2,1 1", "b.png,9,1 1", "b.png,3,60 9"]
    (steel / "train.csv").write_text("\n".join(["ImageId,ClassId,EncodedPixels", *rows, ""]))
    (steel / "test_images" / "x.png").write_bytes(b"")
    _, problems = check_folder(steel)
    assert [re.sub(r".*/", "", line)[:18] for line in problems[:4]] == [f"train.csv: row {n}: " for n in (1, 2, 3, 4)]
    assert any("row 5: run '60 9' ends at 68" in line for line in problems)
    assert any("x.png: not in sample_submission.csv" in line for line in problems)
    assert len(problems) == 6


def test_other_columns_are_refused(steel):
    (steel / "train.csv").write_text("ImageId,Class,EncodedPixels\n")
    with pytest.raises(DatasetError, match=r"columns ImageId, Class, EncodedPixels; allowed are ImageId, ClassId, Enc"):
        open_dataset(steel)


@given(planes=st.dictionaries(st.sampled_from(CLASSES), hnp.arrays(np.bool_, SHAPE), max_size=4))
def test_steel_answer_round_trip(tmp_path_factory, planes):
    path = tmp_path_factory.getbasetemp() / "answer.csv"
    LAYOUTS["steel"].write_answer([("x.jpg", planes), ("y.jpg", {})], path)
    found = read_answer(path, layout="steel")
    assert found.ids == {"x.jpg", "y.jpg"}
    none = dict.fromkeys(CLASSES, NOTHING)
    same({id: found.read(id, SHAPE) for id in ("x.jpg", "y.jpg")}, {"x.jpg": {**none, **planes}, "y.jpg": none})


def test_bad_answer_of_steel_is_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("ImageId_ClassId,EncodedPixels\nx.jpg_1,1 2 3\n")
    with pytest.raises(SubmissionError, match=r"a\.csv: row 1: 3 numbers"):
        read_answer(path, layout="steel")
    path.write_text("ImageId_ClassId,EncodedPixels\nx.jpg_1,60 9\n")
    found = read_answer(path, layout="steel")
    with pytest.raises(SubmissionError, match=r"a\.csv: row 1: run '60 9' ends at 68"):
        found.read("x.jpg", SHAPE)
    with pytest.raises(SubmissionError, match=r"a\.csv: no row for image y$"):
        found.read("y", SHAPE)
    with pytest.raises(SubmissionError, match="image x: head 'dirt'; the classes are 1, 2, 3, 4"):
        LAYOUTS["steel"].write_answer([("x", {"dirt": NOTHING})], path)
