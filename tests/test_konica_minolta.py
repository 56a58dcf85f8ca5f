"""The contest's layout: what is read, and everything that is refused in one line."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pytest
from small_contest import SHAPE, draw_contest, labelled, mask_of
from small_layouts import refused

from pixelgbm import formats, images
from pixelgbm.datasets import LAYOUTS, check_folder, has_truth, konica_minolta, open_dataset, read_pair, read_truth
from pixelgbm.errors import DatasetError


@pytest.fixture
def root(tmp_path):
    return draw_contest(tmp_path / "data")


def test_samples_come_in_the_order_of_the_data(tmp_path):
    items = [
        labelled("7", "test", "1"),
        labelled("10", "train", "2"),
        labelled("9", "train", "2"),
        labelled("12", "train", "1"),
        labelled("8", "dev", "3"),
    ]
    LAYOUTS["konica-minolta"].write(tmp_path, items)
    dataset = open_dataset(tmp_path)
    assert [s.id for s in dataset.samples] == ["12", "9", "10", "8", "7"]
    assert [s.level for s in dataset.samples] == ["1", "2", "2", "3", "1"]
    assert (dataset.layout, dataset.metric, dataset.heads) == ("konica-minolta", "macro-f1", ("dirt",))


def test_pixels_and_truth_are_what_was_written(root):
    dataset = open_dataset(root)
    for sample in dataset.select({"train"}).samples:
        pair = read_pair(dataset, sample)
        assert np.array_equal(pair.test, labelled(sample.id, "train").pair.test)
        assert pair.reference.shape == (12, 11, 3)
        truth = read_truth(dataset, sample, pair.test.shape)
        assert np.array_equal(truth["dirt"], mask_of(sample.id) * 255)
        assert truth["dirt"].dtype == np.uint8


def test_sealed_images_have_no_truth_until_it_is_named(root):
    dataset = open_dataset(root)
    assert {s.id: has_truth(dataset, s) for s in dataset.samples} == {
        **dict.fromkeys(("1", "3", "10"), True),
        **dict.fromkeys(("2", "4", "6"), False),
    }
    sample = dataset.samples[-1]
    assert read_truth(dataset, sample, SHAPE) == {}


@pytest.mark.parametrize("inner", ["", "test", "test/level-2"])
def test_sealed_truth_is_found_from_any_folder_above_it(root, inner):
    dataset = open_dataset(root, truth=root / "truth" / inner)
    for sample in dataset.samples:
        assert np.array_equal(read_truth(dataset, sample, SHAPE)["dirt"] > 0, mask_of(sample.id))


def test_truth_that_also_lies_beside_the_image_counts_once(root):
    dataset = open_dataset(root, truth=root)
    assert all(len(s.masks["dirt"]) == 1 for s in dataset.samples)


def test_contest_folder_is_recognised_though_a_manifest_lies_in_it(root):
    (root / "manifest.csv").write_text("id,split\n1,train\n")
    assert open_dataset(root).layout == "konica-minolta"


def test_truth_folder_is_never_data(root):
    (root / "truth" / "level-1").mkdir()
    shutil.copy(root / "test" / "level-2" / "2.tif", root / "truth" / "level-1" / "99.tif")
    assert "99" not in {s.id for s in open_dataset(root).samples}


@pytest.mark.parametrize("lines", ["one", "columns", "windows"])
def test_text_masks_are_read_on_one_line_or_one_a_column(root, lines):
    path = root / "train" / "level-1" / "1_mask.txt"
    text = formats.encode_mask_text(mask_of("1"))
    rows = SHAPE[0]
    ending = {"one": "", "columns": "\n", "windows": "\r\n"}[lines]
    parts = [text] if lines == "one" else [text[i : i + rows] for i in range(0, len(text), rows)]
    path.write_text("".join(part + ending for part in parts), newline="")
    dataset = open_dataset(root)
    assert len(dataset.samples[0].masks["dirt"]) == 2
    assert np.array_equal(read_truth(dataset, dataset.samples[0], SHAPE)["dirt"] > 0, mask_of("1"))


def test_any_positive_value_is_dirt(root):
    images.write_tiff(root / "train" / "level-1" / "1_mask.tif", mask_of("1").astype(np.uint16) * np.uint16(3))
    dataset = open_dataset(root)
    assert np.array_equal(read_truth(dataset, dataset.samples[0], SHAPE)["dirt"], mask_of("1") * 255)


def test_masks_that_disagree_name_the_file_and_the_first_pixel(root):
    other = mask_of("1")
    other[5, 6] = True
    (root / "train" / "level-1" / "1_mask.txt").write_text(formats.encode_mask_text(other))
    refused(
        root, r"1_mask\.txt: differs from 1_mask\.tif in 1 pixels, first at \(row, col\) = \(5, 6\): 1 here, 0 there$"
    )


def test_excluded_are_those_in_the_folders_own_file(root):
    (root / "excluded.txt").write_text("3\n4 # another sheet\n555\n")
    dataset = open_dataset(root)
    assert dataset.excluded == {"3": "listed in excluded.txt", "4": "listed in excluded.txt"}
    assert len(dataset.samples) == 6
    assert len(dataset.select(usable_only=True).samples) == 4


def test_contest_exclusions_count_only_where_asked_for(tmp_path):
    root = draw_contest(tmp_path, train=("340", "341"), test=("6877",))
    assert open_dataset(root).excluded == {}
    reason = "wrong reference in the contest's data"
    assert open_dataset(root, contest_exclusions=True).excluded == {"340": reason, "6877": reason}


def test_contest_exclusions_count_in_a_folder_with_the_contests_counts(root, monkeypatch):
    monkeypatch.setattr(konica_minolta, "CONTEST_EXCLUSIONS", frozenset({"3", "6"}))
    monkeypatch.setattr(konica_minolta, "_CONTEST_COUNTS", {"train": 3, "dev": 0, "test": 3})
    assert set(open_dataset(root).excluded) == {"3", "6"}
    monkeypatch.setattr(konica_minolta, "_CONTEST_COUNTS", {"train": 3, "dev": 1, "test": 3})
    assert open_dataset(root).excluded == {}


def test_contest_excludes_thirty_seven():
    assert len(konica_minolta.CONTEST_EXCLUSIONS) == 37
    assert {"340", "1016", "6877"} & konica_minolta.CONTEST_EXCLUSIONS == {"340", "6877"}


def test_mask_of_another_size_is_refused(root):
    images.write_tiff(root / "train" / "level-1" / "3_mask.tif", np.zeros((9, 8), np.uint8))
    refused(root, r"3_mask\.tif: 9x8, a mask must be as large as its image \(9x7\)$")


def test_reference_smaller_than_its_image_is_refused(root):
    images.write_tiff(root / "train" / "level-1" / "3_ref.tif", np.zeros((8, 11, 3), np.uint8))
    refused(root, r"3_ref\.tif: 8x11, a reference must be at least as large as its image \(9x7\)$")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text[:-1], r"1_mask\.txt: 62 characters, a mask of 9x7 has 63$"),
        (lambda text: text + "0", r"1_mask\.txt: 64 characters, a mask of 9x7 has 63$"),
        (lambda text: "2" + text[1:], r"1_mask\.txt: '2' in line 1, place 1; allowed are 0 and 1$"),
        (lambda text: "", r"1_mask\.txt: 0 characters"),
    ],
    ids=["short", "long", "foreign", "empty"],
)
def test_bad_text_mask_is_refused(root, change, said):
    (root / "train" / "level-1" / "1_mask.txt").write_text(change(formats.encode_mask_text(mask_of("1"))))
    refused(root, said)


def test_missing_reference_is_refused(root):
    (root / "train" / "level-1" / "3_ref.tif").unlink()
    refused(root, r"level-1/3\.tif: no reference; 3_ref\.tif must lie beside it$")


def test_mask_without_image_is_refused(root):
    (root / "train" / "level-1" / "3.tif").unlink()
    problems = refused(root, r"3_mask\.tif: mask without image; 3\.tif must lie beside it")
    assert any("3_ref.tif: reference without image" in line for line in problems)


def test_sealed_mask_without_image_is_refused(root):
    for path in (root / "test" / "level-2").glob("4*"):
        path.unlink()
    refused(
        root,
        r"truth/test/level-2/4_mask\.tif: mask without image; the data folder holds no 4\.tif",
        truth=root / "truth",
    )


@pytest.mark.parametrize("where", ["train/level-3", "dev/level-1"])
def test_identifier_that_comes_twice_is_refused(root, where):
    (root / where).mkdir(parents=True)
    for path in (root / "train" / "level-1").glob("3*"):
        shutil.copy(path, root / where / path.name)
    refused(root, r"3\.tif: identifier 3 a second time, it is also \S*3\.tif; every identifier is used once")


def test_foreign_name_is_refused_and_a_remark_is_not(root):
    (root / "train" / "level-1" / "README.txt").write_text("hello")
    (root / "train" / "level-1" / ".DS_Store").write_text("x")
    assert check_folder(root)[1] == []
    shutil.copy(root / "train" / "level-1" / "3.tif", root / "train" / "level-1" / "three.tif")
    refused(root, r"three\.tif: not a name of this layout; allowed are ID\.tif")


@pytest.mark.parametrize("name", ["1.tif", "1_ref.tif", "1_mask.tif"])
def test_truncated_and_empty_files_are_refused(root, name):
    path = root / "train" / "level-1" / name
    path.write_bytes(path.read_bytes()[:-7])
    refused(root, rf"/{name}: the file is cut off")
    path.write_bytes(b"")
    refused(root, rf"/{name}: the file is empty$")


def test_check_lists_everything_in_one_go(root):
    level = root / "train" / "level-1"
    (level / "1.tif").write_bytes(b"")
    (level / "1_ref.tif").write_bytes((level / "3_ref.tif").read_bytes()[:50])
    images.write_tiff(level / "3_mask.tif", np.zeros((1, 1), np.uint8))
    (level / "10_ref.tif").unlink()
    (root / "test" / "level-2" / "77_mask.txt").write_text("0")
    dataset, problems = check_folder(root)
    assert len(dataset.samples) == 6
    for said in (
        r"/1\.tif: the file is empty",
        r"1_ref\.tif: the file is cut off",
        r"3_mask\.tif: 1x1",
        r"10\.tif: no reference",
        r"77_mask\.txt: mask without",
    ):
        assert sum(bool(re.search(said, line)) for line in problems) == 1, (said, problems)
    assert len(problems) == 5


def test_structure_is_refused_with_the_first_and_the_number_of_the_others(root):
    for id in ("1", "3"):
        (root / "train" / "level-1" / f"{id}_ref.tif").unlink()
    with pytest.raises(DatasetError, match=r"no reference.* \(and 1 more; check lists them\)$"):
        open_dataset(root)


def test_folder_without_images_is_refused(tmp_path):
    (tmp_path / "train" / "level-1").mkdir(parents=True)
    refused(tmp_path, r"no images; allowed are ID\.tif")


def test_missing_truth_folder_is_refused(root):
    with pytest.raises(DatasetError, match=r"nowhere: no such folder of sealed masks$"):
        open_dataset(root, truth=root / "nowhere")
    (root / "empty").mkdir()
    with pytest.raises(DatasetError, match=r"empty: holds no masks; allowed are"):
        open_dataset(root, truth=root / "empty")


def test_grey_16_bit_reference_is_brought_to_the_form_of_its_image(root):
    images.write_tiff(root / "train" / "level-1" / "1_ref.tif", np.full((12, 11), 5 * 257, np.uint16))
    dataset = open_dataset(root)
    pair = read_pair(dataset, dataset.samples[0])
    assert pair.test.dtype == pair.reference.dtype == np.uint16
    assert np.array_equal(pair.test, labelled("1", "train").pair.test.astype(np.uint16) * 257)
    assert pair.reference.shape == (12, 11, 3)
    assert pair.notes == ("grey reference for RGB image", "8-bit image with 16-bit reference")


def test_one_pixel_image_is_read(root):
    level = root / "train" / "level-1"
    for name in ("1.tif", "1_ref.tif", "1_mask.tif"):
        images.write_tiff(level / name, np.zeros((1, 1), np.uint8))
    assert check_folder(root)[1] == []
