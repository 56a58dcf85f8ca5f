"""The layout of steel: both forms of its tables, answers, and file, row and value of what is wrong."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from small_layouts import CLASSES, NOTHING, SHAPE, draw, patch, refused, same, truths

from pixelgbm.__main__ import run
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


BAD_RUNS = [
    ("1,1 2 3", r"3 numbers, '1 2 3'; runs are pairs START LENGTH$"),
    ("1,1 3 2 1", r"run '2 1' overlaps the run '1 3'$"),
    ("1,4 2 1 9", r"run '4 2' overlaps the run '1 9'$"),
    ("1,5 1 5 1", r"run '5 1' overlaps the run '5 1'$"),
    ("1,0 2", r"run '0 2'; starts count from 1, lengths are at least 1$"),
    ("1,2 0", r"run '2 0'; starts count from 1, lengths are at least 1$"),
    ("1,x 2", r"'x' in the runs; allowed are whole numbers, START LENGTH \.\.\.$"),
    ("5,1 2", r"ClassId '5'; allowed are 1, 2, 3, 4$"),
    ("0,1 2", r"ClassId '0'; allowed are 1, 2, 3, 4$"),
    (",1 2", r"ClassId ''; allowed are 1, 2, 3, 4$"),
    ("2,1 1", r"image a\.png, class 2 a second time; allowed is one row$"),
]
"""(class and runs, what is said of them) whatever the size of the image."""

PAST_THE_END = [
    ("1,63 2", r"run '63 2' ends at 64, an image of 9x7 has 63 pixels$"),
    ("1,64 1", r"run '64 1' ends at 64, an image of 9x7 has 63 pixels$"),
    ("1,1 1 60 999999999999999", r"run '60 999999999999999' ends at 1000000000000058, an image of 9x7"),
]

FORMS = {"newer": ("ImageId,ClassId,EncodedPixels", ","), "older": ("ImageId_ClassId,EncodedPixels", "_")}


def write_rows(path: Path, form: str, row: str) -> None:
    """A table whose first row is sound and whose second is `a.png` with the class and the runs of `row`."""
    header, between = FORMS[form]
    path.write_text(f"{header}\na.png{between}2,1 1\na.png{between}{row}\n")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("row", "said"), BAD_RUNS + PAST_THE_END)
def test_bad_rows_name_file_row_and_value(steel, form, row, said):
    write_rows(steel / "train.csv", form, row)
    assert len(refused(steel, rf"train\.csv: row 2: {said}")) == 1


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("row", "said"), BAD_RUNS + PAST_THE_END)
def test_bad_rows_of_an_answer_name_file_row_and_value(tmp_path, form, row, said):
    path = tmp_path / "answer.csv"
    write_rows(path, form, row)
    with pytest.raises(SubmissionError, match=rf"answer\.csv: row 2: {said}"):
        read_answer(path, layout="steel").read("a.png", SHAPE)


def test_bad_rows_of_sealed_truth_are_refused(steel):
    table = steel / "truth" / "test.csv"
    rows = table.read_text().splitlines()
    for row, said in [("d.png,1,1 2 3", "3 numbers, '1 2 3'"), ("d.png,1,63 2", "run '63 2' ends at 64")]:
        table.write_text("\n".join([*rows, row, ""]))
        refused(steel, rf"truth/test\.csv: row {len(rows)}: {said}", truth=steel / "truth")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ImageId,ClassId,EncodedPixels\nq.png,1,1 2\n", r"ImageId 'q\.png'; there is no such image$"),
        ("ImageId,ClassId,EncodedPixels\n,1,1 2\n", r"no ImageId; allowed is the name of an image$"),
        ("ImageId_ClassId,EncodedPixels\nq.png_1,1 2\n", r"ImageId 'q\.png'; there is no such image$"),
        (
            "ImageId_ClassId,EncodedPixels\na.png,1 2\n",
            r"ImageId_ClassId 'a\.png'; allowed is the name of an image, _ and its class$",
        ),
    ],
)
def test_rows_of_no_image_are_refused(steel, text, said):
    (steel / "train.csv").write_text(text)
    assert len(refused(steel, rf"train\.csv: row 1: {said}")) == 1


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


def test_answer_lacks_no_image_and_knows_its_classes(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("ImageId_ClassId,EncodedPixels\nx.jpg_1,\n")
    with pytest.raises(SubmissionError, match=r"a\.csv: no row for image y$"):
        read_answer(path, layout="steel").read("y", SHAPE)
    with pytest.raises(SubmissionError, match="image x: head 'dirt'; the classes are 1, 2, 3, 4"):
        LAYOUTS["steel"].write_answer([("x", {"dirt": NOTHING})], path)


def test_the_empty_answer_stands_beside_ours(tmp_path, capsys):
    """An answer without a run calls every class of every image clean; its score is what `score` shows beside any."""
    root = draw(tmp_path / "data", "steel")
    ids = [s.id for s in open_dataset(root).samples if s.split == "test"]
    shown = {}
    for name, marked in (("empty", NOTHING), ("ours", patch(4, 3))):
        answer, found = tmp_path / f"{name}.csv", tmp_path / f"{name}.json"
        LAYOUTS["steel"].write_answer(((id, dict.fromkeys(CLASSES, marked)) for id in ids), answer)
        options = ["--split", "test", "--truth", root / "truth", "--metric", "dice", "--json", found]
        assert run(["score", *map(str, [answer, root, *options])]) == 0
        shown[name] = json.loads(found.read_text())["overall"], capsys.readouterr().out
    (empty, _), (ours, said) = shown["empty"], shown["ours"]
    clean = 1 - 2 / (len(ids) * len(CLASSES))  # of both images one class has a defect
    assert empty["score_mean"] == empty["all_clean"] == ours["all_clean"] == pytest.approx(clean)
    assert ours["score_mean"] < clean
    assert "all clean" in said
    assert f"{clean:.4f}" in said
