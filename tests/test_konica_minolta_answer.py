"""The contest's answer file: the zip that is written, and the rules under which one is read."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from small_contest import SHAPE, mask_of

from pixelgbm.datasets.konica_minolta_answer import read_answer, write_answer
from pixelgbm.errors import OutputError, SubmissionError
from pixelgbm.formats import encode_mask_text

IDS = ("10", "2", "3")


def answer(path, ids=IDS):
    write_answer(((id, {"dirt": mask_of(id)}) for id in ids), path)
    return path


def zipped(path, members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members:
            archive.writestr(name, text)
    return path


def test_answer_round_trip(tmp_path):
    found = read_answer(answer(tmp_path / "a.zip"))
    assert found.ids == set(IDS)
    for id in IDS:
        assert np.array_equal(found.read(id, SHAPE)["dirt"], mask_of(id))


def test_zip_holds_one_line_a_file_in_the_order_given(tmp_path):
    with zipfile.ZipFile(answer(tmp_path / "a.zip")) as archive:
        assert archive.namelist() == ["10_mask.txt", "2_mask.txt", "3_mask.txt"]
        assert archive.read("2_mask.txt").decode() == encode_mask_text(mask_of("2"))


def test_same_masks_give_the_same_bytes(tmp_path):
    assert answer(tmp_path / "a.zip").read_bytes() == answer(tmp_path / "b.zip").read_bytes()


def test_files_count_anywhere_in_the_zip_and_others_do_not(tmp_path):
    text = encode_mask_text(mask_of("2"))
    path = zipped(
        tmp_path / "a.zip",
        [("a b/c/2_mask.txt", text), ("readme.txt", "x"), ("x3_mask.txt", "x"), ("__MACOSX/._4_mask.txt", "x")],
    )
    found = read_answer(path)
    assert found.ids == {"2"}
    assert np.array_equal(found.read("2", SHAPE)["dirt"], mask_of("2"))


def test_duplicate_is_an_error_that_names_both(tmp_path):
    path = zipped(tmp_path / "a.zip", [("2_mask.txt", "0"), ("b/2_mask.txt", "0")])
    with pytest.raises(SubmissionError, match=r"a\.zip: image 2 twice: 2_mask\.txt and b/2_mask\.txt; allowed is one$"):
        read_answer(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [("01", "2 characters, a mask of 9x7 has 63"), ("0" * 62 + "x", "'x' in line 1, place 63; allowed are 0 and 1")],
)
def test_bad_text_names_the_member(tmp_path, text, said):
    path = zipped(tmp_path / "a.zip", [("in/2_mask.txt", text)])
    with pytest.raises(SubmissionError, match=rf"a\.zip: in/2_mask\.txt: {said}$"):
        read_answer(path).read("2", SHAPE)


def test_member_that_would_fill_the_memory_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("2_mask.txt", bytes(10_000_000))
    with pytest.raises(SubmissionError, match=r"2_mask\.txt: 10000000 bytes, a mask of 9x7 needs at most \d+$"):
        read_answer(tmp_path / "a.zip").read("2", SHAPE)


@pytest.mark.parametrize("share", [0.0, 0.2, 0.6, 0.99])
def test_cut_zip_is_refused(tmp_path, share):
    data = answer(tmp_path / "a.zip").read_bytes()
    (tmp_path / "a.zip").write_bytes(data[: int(share * len(data))])
    with pytest.raises(SubmissionError, match=r"a\.zip: not a readable zip file \([^\n]*\)$"):
        read_answer(tmp_path / "a.zip")


def test_damaged_member_is_named(tmp_path):
    data = bytearray(answer(tmp_path / "a.zip").read_bytes())
    data[30 + len("10_mask.txt") + 2] ^= 0xFF
    (tmp_path / "a.zip").write_bytes(data)
    found = read_answer(tmp_path / "a.zip")
    with pytest.raises(SubmissionError, match=r"a\.zip: 10_mask\.txt: damaged \([^\n]*\)$"):
        found.read("10", SHAPE)
    assert np.array_equal(found.read("2", SHAPE)["dirt"], mask_of("2"))


def test_file_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(SubmissionError, match=r"none\.zip: No such file or directory$"):
        read_answer(tmp_path / "none.zip")
    with pytest.raises(SubmissionError, match=r"a\.zip: no 9_mask\.txt in it$"):
        read_answer(answer(tmp_path / "a.zip")).read("9", SHAPE)


@pytest.mark.parametrize(
    ("masks", "said"),
    [
        ([("a1", {"dirt": mask_of("1")})], "identifier 'a1'; allowed are numbers, each once"),
        ([("1", {"dirt": mask_of("1")})] * 2, "identifier '1'; allowed are numbers, each once"),
        ([("1", {"a": mask_of("1"), "b": mask_of("1")})], "image 1 has the heads a, b; this answer has room for one"),
        ([], "no images to answer"),
    ],
)
def test_masks_that_make_no_answer_are_refused(tmp_path, masks, said):
    with pytest.raises(SubmissionError, match=said):
        write_answer(masks, tmp_path / "a.zip")
    assert list(tmp_path.iterdir()) == []


def test_answer_that_finds_no_room_is_one_line():
    with pytest.raises(OutputError, match=r"^/dev/full: No space left on device$"):
        answer(Path("/dev/full"))
