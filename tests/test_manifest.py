"""The manifest layout: what a table says, and everything that is refused in one line."""

from __future__ import annotations

import re

import numpy as np
import polars
import pytest
from small_layouts import refused

from pixelgbm import images
from pixelgbm.datasets import LAYOUTS, Labelled, check_folder, has_truth, open_dataset, read_pair, read_truth
from pixelgbm.datasets.manifest import write_table
from pixelgbm.errors import DatasetError
from pixelgbm.records import Pair

SHAPE = (6, 5)
RNG = np.random.default_rng(2)
SOFT = RNG.integers(0, 256, SHAPE).astype(np.uint8)


@pytest.fixture
def root(tmp_path):
    for name in ("a", "b", "c"):
        images.write_png(tmp_path / "pictures" / f"{name}.png", RNG.integers(0, 256, (*SHAPE, 3)).astype(np.uint8))
    images.write_png(tmp_path / "reference.png", RNG.integers(0, 256, (3, 4, 3)).astype(np.uint8))
    images.write_png(tmp_path / "soft.png", SOFT)
    images.write_png(tmp_path / "ignore.png", np.eye(*SHAPE, dtype=np.uint8))
    return tmp_path


def table(root, text):
    (root / "manifest.csv").write_text(text)
    return root


def test_two_columns_are_enough(root):
    dataset = open_dataset(table(root, "id,image\nz,pictures/a.png\na,pictures/b.png\n"))
    assert [s.id for s in dataset.samples] == ["z", "a"]
    assert {s.split for s in dataset.samples} == {"train"}
    assert (dataset.layout, dataset.metric, dataset.heads) == ("manifest", "macro-f1", ("defect",))
    assert not any(has_truth(dataset, s) for s in dataset.samples)
    assert check_folder(root)[1] == []


def test_every_column_arrives(root):
    text = "id,image,reference,ignore,split,group,level,object_id,view,mask\n"
    text += "x,pictures/a.png,reference.png,ignore.png,dev,g1,easy,o1,left,soft.png\ny,pictures/b.png,,,,,,,,\n"
    dataset = open_dataset(table(root, text))
    x, y = dataset.samples
    assert (x.split, x.group, x.level, x.object_id, x.view) == ("dev", "g1", "easy", "o1", "left")
    assert (y.split, y.group, y.level, y.object_id, y.view) == ("train", None, None, None, None)
    pair = read_pair(dataset, x)
    assert pair.reference.shape == (3, 4, 3)
    assert np.array_equal(pair.ignore, np.eye(*SHAPE) > 0)
    assert read_pair(dataset, y).reference is None
    assert np.array_equal(read_truth(dataset, x, SHAPE)["defect"], SOFT)


def test_empty_cell_is_unknown_and_the_word_clean_is_clean(root):
    text = "id,image,mask,mask:rust\nx,pictures/a.png,soft.png,\n"
    text += "y,pictures/b.png,clean,clean\nz,pictures/c.png,,soft.png\n"
    dataset = open_dataset(table(root, text))
    assert dataset.heads == ("defect", "rust")
    assert [s.labelled_heads for s in dataset.samples] == [("defect",), ("defect", "rust"), ("rust",)]
    x, y, z = (read_truth(dataset, s, SHAPE) for s in dataset.samples)
    assert set(x) == {"defect"}
    assert set(z) == {"rust"}
    assert not y["defect"].any()
    assert not y["rust"].any()


def test_sets_that_label_one_kind_of_defect_each_become_one_table(root):
    images.write_png(root / "half.png", np.full(SHAPE, 128, np.uint8))
    text = "id,image,ignore,object_id,view,mask:dent,mask:rust\n"
    text += "d1,pictures/a.png,,o1,top,half.png,\nd2,pictures/b.png,,o1,side,clean,\n"
    text += "r1,pictures/c.png,ignore.png,o2,,,soft.png\n"
    dataset = open_dataset(table(root, text))
    assert dataset.heads == ("dent", "rust")
    assert [(s.object_id, s.view, s.labelled_heads) for s in dataset.samples] == [
        ("o1", "top", ("dent",)),
        ("o1", "side", ("dent",)),
        ("o2", None, ("rust",)),
    ]
    d1, d2, r1 = (read_truth(dataset, s, SHAPE) for s in dataset.samples)
    assert (d1["dent"] == 128).all()
    assert not d2["dent"].any()
    assert np.array_equal(r1["rust"], SOFT)
    assert read_pair(dataset, dataset.samples[2]).ignore.any()
    assert check_folder(root)[1] == []


def test_16_bit_soft_mask_is_scaled(root):
    images.write_png(root / "deep.png", SOFT.astype(np.uint16) * 257)
    dataset = open_dataset(table(root, "id,image,mask\nx,pictures/a.png,deep.png\n"))
    assert np.array_equal(read_truth(dataset, dataset.samples[0], SHAPE)["defect"], SOFT)


def test_parquet_and_csv_say_the_same(root):
    text = "id,image,mask,level\n007,pictures/a.png,clean,1\n8,pictures/b.png,,2\n"
    from_csv = open_dataset(table(root, text))
    (root / "manifest.csv").unlink()
    frame = {
        "id": ["007", "8"],
        "image": ["pictures/a.png", "pictures/b.png"],
        "mask": ["clean", None],
        "level": [1, 2],
    }
    polars.DataFrame(frame).write_parquet(root / "manifest.parquet")
    assert open_dataset(root).samples == from_csv.samples
    assert open_dataset(root / "manifest.parquet").samples == from_csv.samples


def test_table_can_be_named_itself_and_paths_are_relative_to_it(root, tmp_path_factory):
    inner = root / "tables" / "mine.csv"
    inner.parent.mkdir()
    inner.write_text(f"id,image\nx,../pictures/a.png\ny,{root / 'pictures' / 'b.png'}\n")
    dataset = open_dataset(inner)
    assert all(read_pair(dataset, s).test.shape == (*SHAPE, 3) for s in dataset.samples)


def test_excluded_are_those_in_the_folders_own_file(root):
    table(root, "id,image\nx,pictures/a.png\ny,pictures/b.png\n")
    (root / "excluded.txt").write_text("y\nnot-there\n")
    assert open_dataset(root).excluded == {"y": "listed in excluded.txt"}


def test_sealed_truth_is_a_table_of_its_own(root):
    table(root, "id,image,mask\nx,pictures/a.png,\ny,pictures/b.png,clean\n")
    sealed = root / "sealed"
    sealed.mkdir()
    (sealed / "manifest.csv").write_text("id,mask,mask:rust\nx,../soft.png,clean\n")
    dataset = open_dataset(root, truth=sealed)
    assert dataset.heads == ("defect", "rust")
    assert np.array_equal(read_truth(dataset, dataset.samples[0], SHAPE)["defect"], SOFT)
    assert dataset.samples[1].labelled_heads == ("defect",)
    (sealed / "manifest.csv").write_text("id,mask\nx,../soft.png\nq,clean\n")
    refused(root, r"sealed/manifest\.csv: row 2: mask without image; the data hold no 'q'$", truth=sealed)


def test_written_folder_is_read_back(tmp_path):
    pair = Pair(SOFT, SOFT[::-1].copy(), SOFT > 128)
    items = [
        Labelled("a", "train", pair, {"defect": SOFT}, group="g"),
        Labelled("b", "test", Pair(SOFT), {"defect": np.zeros_like(SOFT), "rust": SOFT}, sealed=True, view="top"),
        Labelled("c", "test", Pair(SOFT)),
    ]
    LAYOUTS["manifest"].write(tmp_path / "data", items, sealed=tmp_path / "truth")
    assert check_folder(tmp_path / "data")[1] == []
    dataset = open_dataset(tmp_path / "data", truth=tmp_path / "truth")
    a, b, c = dataset.samples
    assert (a.group, b.view, c.split) == ("g", "top", "test")
    assert np.array_equal(read_pair(dataset, a).ignore, SOFT > 128)
    assert np.array_equal(read_pair(dataset, a).reference, SOFT[::-1])
    assert np.array_equal(read_truth(dataset, a, SHAPE)["defect"], SOFT)
    assert not read_truth(dataset, b, SHAPE)["defect"].any()
    assert np.array_equal(read_truth(dataset, b, SHAPE)["rust"], SOFT)
    assert c.labelled_heads == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,picture\nx,a\n", r"manifest\.csv: no column 'image'; it has id, picture$"),
        (
            "id,image,refrence\nx,pictures/a.png,r\n",
            r"unknown column 'refrence'; known are id, image, reference, .*mask:HEAD$",
        ),
        ("id,image,mask:a/b\nx,pictures/a.png,\n", r"column 'mask:a/b': the name of the head holds a slash"),
        (
            "id,image,mask,mask:defect\nx,pictures/a.png,,\n",
            r"column 'mask:defect': the head defect has a column already$",
        ),
        ("id,image\nx,pictures/none.png\n", r"row 1: image \S*pictures/none\.png: no such file$"),
        ("id,image,reference\nx,pictures/a.png,none.png\n", r"row 1: reference \S*none\.png: no such file$"),
        ("id,image,mask\nx,pictures/a.png,none.png\n", r"row 1: mask \S*none\.png: no such file$"),
        ("id,image\nx,pictures/a.png\nx,pictures/b.png\n", r"row 2: identifier x a second time; every identifier is"),
        ("id,image\nx,\n", r"row 1: no image for identifier x$"),
        ("id,image\n,pictures/a.png\n", r"row 1: identifier '' is empty$"),
        ("id,image\n../x,pictures/a.png\n", r"row 1: identifier '\.\./x' starts with a dot$"),
        ("id,image\na/x,pictures/a.png\n", r"row 1: identifier 'a/x' holds a slash"),
        ("id,image,split\nx,pictures/a.png,all\n", r"row 1: split 'all'; allowed is a plain word other than all$"),
        ("id,image,mask\nx,pictures/a.png,reference.png\n", r"reference\.png: holds colours, a mask has one channel"),
        (
            "id,image,ignore\nx,pictures/a.png,small.png\n",
            r"small\.png: 2x2, an ignore mask must be as large as its image \(6x5\)$",
        ),
        (
            "id,image,mask\nx,pictures/a.png,small.png\n",
            r"small\.png: 2x2, a mask must be as large as its image \(6x5\)$",
        ),
        ("id,image,mask\nx,pictures/a.png,ignore.png\n", r"ignore\.png: its largest value is 1; a mask says 255"),
        ("id,image\nx,empty.png\n", r"empty\.png: the file is empty$"),
        ("id,image\n", r"manifest\.csv: no rows; every image needs one$"),
        ("", r"manifest\.csv: the table is empty$"),
        ('id,image\n"x,y\n', r"manifest\.csv: not a readable table \(unexpected end of data\)$"),
        ("id,image\nx,pictures/a.png,y\n", r"manifest\.csv: row 1: 3 cells; there are 2 columns$"),
        ("id,image, image\nx,a.png,b.png\n", r"manifest\.csv: the column 'image' stands twice; allowed is each once$"),
    ],
)
def test_bad_table_is_refused(root, text, said):
    images.write_png(root / "small.png", np.zeros((2, 2), np.uint8))
    (root / "empty.png").write_bytes(b"")
    refused(table(root, text), said)


def test_mark_at_the_start_blank_lines_and_long_cells_are_read(root):
    dataset = open_dataset(table(root, "\ufeffid,image,group\r\n\r\nx,pictures/a.png," + "g" * 200_000 + "\n\n"))
    assert [(s.id, len(s.group)) for s in dataset.samples] == [("x", 200_000)]


def test_table_that_is_no_text_is_refused(root):
    (root / "manifest.csv").write_bytes("id,image\nx,pictures/\u00e9.png\n".encode("latin-1"))
    with pytest.raises(DatasetError, match=r"manifest\.csv: not a readable table \('utf-8' codec can't decode"):
        open_dataset(root)


def test_check_names_a_missing_file_once_and_lists_everything(root):
    text = "id,image,mask\nx,pictures/none.png,clean\ny,pictures/b.png,gone.png\nz,empty.png,soft.png\n"
    (root / "empty.png").write_bytes(b"")
    _, problems = check_folder(table(root, text))
    assert len(problems) == 3
    assert [bool(re.search(said, " | ".join(problems))) for said in ("none.png", "gone.png", "empty.png")] == [True] * 3


def test_both_tables_or_none_is_refused(root):
    with pytest.raises(DatasetError, match="no layout recognised; allowed are folders SPLIT/level-N"):
        open_dataset(root)
    with pytest.raises(DatasetError, match=r"no table; allowed is one of manifest\.csv, manifest\.parquet$"):
        open_dataset(root, layout="manifest")
    table(root, "id,image\nx,pictures/a.png\n")
    (root / "manifest.parquet").write_bytes(b"x")
    with pytest.raises(DatasetError, match="both tables; allowed is one of"):
        open_dataset(root)
    (root / "manifest.csv").unlink()
    with pytest.raises(DatasetError, match=r"manifest\.parquet: not a readable table"):
        open_dataset(root)


def test_contest_exclusions_have_no_place_here(root):
    with pytest.raises(DatasetError, match="the contest's exclusions belong to the layout konica-minolta"):
        open_dataset(table(root, "id,image\nx,pictures/a.png\n"), contest_exclusions=True)


def test_table_has_known_columns_first_and_empty_cells(tmp_path):
    write_table(
        tmp_path / "manifest.csv", [{"mask:b": "x", "id": "1", "image": "i"}, {"id": "2", "image": "j", "mask": "m"}]
    )
    assert (tmp_path / "manifest.csv").read_text() == "id,image,mask,mask:b\n1,i,,x\n2,j,m,\n"
