"""The layouts besides the contest's and the manifest: what is read, what is written, what is refused in one line."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pixelgbm import datasets, images
from pixelgbm.__main__ import run
from pixelgbm.datasets import LAYOUTS, Labelled, check_folder, open_dataset, read_answer, read_pair, read_truth
from pixelgbm.errors import DatasetError, ImageError, SubmissionError
from pixelgbm.formats import encode_rle
from pixelgbm.formats.coco import Coco, CocoAnnotation, CocoImage, encode_coco, outlines_of
from pixelgbm.formats.via import ViaImage, ViaRegion, encode_via
from pixelgbm.predictions import PredictionWriter
from pixelgbm.records import Inspection, Pair, Verdict

SHAPE = (9, 7)
CLASSES = ("1", "2", "3", "4")
PLAIN = ("textured-surfaces", "good-bad", "mvtec", "mask-folders")


def patch(top: int = 2, left: int = 1) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[top : top + 3, left : left + 2] = True
    return mask


NOTHING = np.zeros(SHAPE, bool)


def picture(path: Path, shape=SHAPE) -> Path:
    images.write_png(path, np.full(shape, 90, np.uint8))
    return path


def item(id: str, split: str = "train", mask=None, *, sealed: bool = False, level: str | None = None, **heads):
    truth = {head: plane.astype(np.uint8) * 255 for head, plane in heads.items()}
    if mask is not None:
        truth["defect"] = mask.astype(np.uint8) * 255
    return Labelled(id, split, Pair(np.full(SHAPE, 90, np.uint8)), truth, sealed=sealed, level=level)


def truths(root, **options):
    """{id: {head: whether a pixel is a defect}} of a folder without problems."""
    dataset, problems = check_folder(root, **options)
    assert problems == []
    return {
        s.id: {h: p > 0 for h, p in read_truth(dataset, s, read_pair(dataset, s).test.shape).items()}
        for s in dataset.samples
    }


def same(found, expected):
    assert found.keys() == expected.keys()
    for id, planes in expected.items():
        assert found[id].keys() == planes.keys(), id
        assert all(np.array_equal(found[id][head], plane) for head, plane in planes.items()), id


def refused(root, match, **options):
    """Opening or reading raises one line that matches, and the check lists it."""
    _, problems = check_folder(root, **options)
    assert any(re.search(match, line) for line in problems), problems
    assert all("\n" not in line for line in problems)
    with pytest.raises((DatasetError, ImageError), match=match):
        dataset = open_dataset(root, **options)
        for sample in dataset.samples:
            read_truth(dataset, sample, read_pair(dataset, sample).test.shape)
    return problems


def draw(root: Path, name: str) -> Path:
    """A small folder of a layout, sealed truth of the test images in ROOT/truth where it has a place for that."""
    marked = [item("a", mask=patch()), item("b", mask=NOTHING), item("c", mask=patch(4, 3))]
    if name == "good-bad":
        items = marked
    elif name == "mvtec":
        items = [
            item("b", mask=NOTHING),
            *(item(i, "test", m, level="dent") for i, m in (("a", patch()), ("d", NOTHING))),
        ]
    elif name == "steel":
        planes = dict.fromkeys(CLASSES, NOTHING)
        items = [item("a.png", **{**planes, "1": patch(), "3": patch(4, 3)}), item("b.png", **planes)]
        items += [item(i, "test", sealed=True, **{**planes, "4": patch()}) for i in ("d.png", "c.png")]
    elif name in ("via", "coco"):
        items = [item("a", dent=patch(), dust=patch(4, 3)), item("b", dent=NOTHING, dust=NOTHING), item("c")]
        items += [item("d", "test", sealed=True, dent=NOTHING, dust=patch())]
    else:
        items = [*marked, item("d", "test", patch(), sealed=True), item("e", "test", NOTHING, sealed=True)]
    LAYOUTS[name].write(root, items, sealed=root / "truth")
    return root


@pytest.mark.parametrize("name", [*PLAIN, "steel", "via", "coco"])
def test_written_folder_is_recognised_and_read_back(tmp_path, name):
    root = draw(tmp_path / "data", name)
    dataset, problems = check_folder(root)
    assert problems == []
    assert dataset.layout == name
    found = truths(root, **({"truth": root / "truth"} if (root / "truth").exists() else {}))
    if name in ("via", "coco"):
        same(found, {
            "a": {"dent": patch(), "dust": patch(4, 3)}, "b": {"dent": NOTHING, "dust": NOTHING}, "c": {},
            "d": {"dent": NOTHING, "dust": patch()},
        })  # fmt: skip
    elif name == "steel":
        none = dict.fromkeys(CLASSES, NOTHING)
        same(found, {
            "a.png": {**none, "1": patch(), "3": patch(4, 3)}, "b.png": none,
            "d.png": {**none, "4": patch()}, "c.png": {**none, "4": patch()},
        })  # fmt: skip
        assert [s.id for s in dataset.samples] == ["a.png", "b.png", "d.png", "c.png"]
    elif name == "mvtec":
        same(found, {"b": {"defect": NOTHING}, "a": {"defect": patch()}, "d": {"defect": NOTHING}})
        assert {s.id: (s.split, s.level) for s in dataset.samples} == {
            "b": ("train", "good"), "a": ("test", "dent"), "d": ("test", "good"),
        }  # fmt: skip
    else:
        expected = {"a": {"defect": patch()}, "b": {"defect": NOTHING}, "c": {"defect": patch(4, 3)}}
        if name != "good-bad":
            end = ".png" if name == "textured-surfaces" else ""
            expected |= {f"d{end}": {"defect": patch()}, f"e{end}": {"defect": NOTHING}}
        same(found, expected)


@pytest.mark.parametrize("name", [*PLAIN, "steel", "via", "coco"])
def test_sealed_images_are_unknown_and_never_clean(tmp_path, name):
    dataset = open_dataset(draw(tmp_path / "data", name))
    assert all(not s.labelled_heads for s in dataset.samples if s.split == "test" and name != "mvtec")


@pytest.mark.parametrize("name", [*PLAIN, "steel", "via", "coco"])
def test_contest_exclusions_have_no_place(tmp_path, name):
    root = draw(tmp_path / "data", name)
    with pytest.raises(DatasetError, match=f"belong to the layout konica-minolta, this one is {name}$"):
        open_dataset(root, contest_exclusions=True)


@pytest.mark.parametrize("name", [*PLAIN, "steel", "via", "coco"])
def test_excluded_are_those_in_the_folders_own_file(tmp_path, name):
    root = draw(tmp_path / "data", name)
    first = open_dataset(root).samples[0].id
    (root / "excluded.txt").write_text(f"{first}\nnot-there\n")
    assert open_dataset(root).excluded == {first: "listed in excluded.txt"}


@pytest.mark.parametrize("name", [*PLAIN, "steel", "via", "coco"])
def test_what_a_layout_has_no_place_for_is_refused(tmp_path, name):
    plane = np.zeros(SHAPE, np.uint8)
    with pytest.raises(DatasetError, match=r"^a: .*no place for"):
        LAYOUTS[name].write(tmp_path, [Labelled("a", "train", Pair(plane, plane), dict.fromkeys(CLASSES, plane))])


@pytest.mark.parametrize("name", [*PLAIN, "steel", "via", "coco"])
def test_opening_lists_images_and_reads_none(tmp_path, name):
    root = draw(tmp_path / "data", name)
    folder = next(p for p in sorted(root.rglob("b.png")) if "mask" not in p.parent.name).parent
    before = len(open_dataset(root).samples)
    for number in range(100):
        (folder / f"n{number}.png").touch()  # reading an empty file raises
    assert len(open_dataset(root).samples) == before + 100


@pytest.mark.parametrize(
    ("one", "other"),
    [("good-bad", "mask-folders"), ("mvtec", "steel"), ("via", "good-bad"), ("coco", "textured-surfaces")],
)
def test_folder_that_fits_two_layouts_is_refused_unless_one_is_named(tmp_path, one, other):
    root = draw(tmp_path / "data", one)
    draw(tmp_path / "other", other)
    shutil.copytree(tmp_path / "other", root, dirs_exist_ok=True)
    with pytest.raises(DatasetError, match=r"data: fits the layouts .*; --layout names the one that is meant$") as e:
        open_dataset(root)
    assert f"{one} (" in str(e.value)
    assert f"{other} (" in str(e.value)
    assert open_dataset(root, layout=other).layout == other


def test_manifest_beside_another_layout_is_refused(tmp_path):
    root = draw(tmp_path / "data", "good-bad")
    (root / "manifest.csv").write_text("id,image\nx,good/b.png\n")
    with pytest.raises(DatasetError, match=r"fits the layouts manifest \(.*\) and good-bad \(.*\); --layout names"):
        open_dataset(root)
    assert len(open_dataset(root, layout="manifest").samples) == 1


@pytest.mark.parametrize("contents", [False, True])
def test_digest_reads_a_table_once_for_all_its_images(tmp_path, contents, monkeypatch):
    dataset = open_dataset(draw(tmp_path / "data", "steel"))
    seen: list[Path] = []
    facts = datasets._facts
    monkeypatch.setattr(datasets, "_facts", lambda path, **o: seen.append(path) or facts(path, **o))
    datasets.data_digest(dataset, contents=contents)
    assert sorted(path.name for path in seen) == ["a.png", "b.png", "c.png", "d.png", "train.csv"]


def predict_truth(root: Path, folder: Path) -> Path:
    """A PRED folder of the test images, in which everything is found as it is."""
    dataset = open_dataset(root, truth=root / "truth").select({"test"})
    about = {"model_digest": "m", "data_digest": "d", "layout": dataset.layout, "heads": dataset.heads}
    with PredictionWriter(folder, ids=[s.id for s in dataset.samples], **about) as out:
        for sample in dataset.samples:
            masks = {head: plane > 0 for head, plane in read_truth(dataset, sample, SHAPE).items()}
            verdict = Verdict(not any(mask.any() for mask in masks.values()))
            out.write(Inspection(sample.id, masks, {}, (), verdict))
    return folder


def test_what_submit_writes_is_what_score_reads(tmp_path, capsys):
    root = draw(tmp_path / "data", "steel")
    answer = tmp_path / "answer.csv"
    assert run(["submit", str(predict_truth(root, tmp_path / "pred")), "--out", str(answer)]) == 0
    assert answer.read_text().splitlines()[:2] == ["ImageId,ClassId,EncodedPixels", "d.png,1,"]
    assert (
        run(["score", str(answer), str(root), "--truth", str(root / "truth"), "--json", str(tmp_path / "s.json")]) == 0
    )
    assert json.loads((tmp_path / "s.json").read_text())["score"] == 1e6


def test_an_answer_of_verdicts_is_scored_as_verdicts_and_not_as_pixels(tmp_path, capsys):
    root = draw(tmp_path / "data", "textured-surfaces")
    answer = tmp_path / "answer.csv"
    assert run(["submit", str(predict_truth(root, tmp_path / "pred")), "--out", str(answer)]) == 0
    assert read_answer(answer, layout="textured-surfaces").verdicts == {"d.png": True, "e.png": False}
    score = ["score", str(answer), str(root), "--truth", str(root / "truth"), "--json", str(tmp_path / "s.json")]
    assert run(score) == 0
    answer.write_text("ImageId,answer\nd.png,1\ne.png,1\n")
    assert run(score) == 0
    card = json.loads((tmp_path / "s.json").read_text())
    assert card["score"] == pytest.approx(1e6 / 3)
    assert card["verdicts"]["confusion"] == {"OK": {"OK": 0, "NG": 1}, "NG": {"OK": 0, "NG": 1}}
    capsys.readouterr()
    assert run([*score, "--metric", "macro-f1"]) == 2
    assert "not which pixels; pixels are scored from a PRED folder" in " ".join(capsys.readouterr().err.split())


def test_check_lists_problems_and_exits_with_one(tmp_path, capsys):
    root = draw(tmp_path / "data", "steel")
    assert run(["check", str(root)]) == 0
    (root / "train.csv").write_text("ImageId,ClassId,EncodedPixels\na.png,7,1 1\nb.png,1,1\n")
    assert run(["check", str(root)]) == 1
    assert "2 problems" in capsys.readouterr().out


# --- textured surfaces


@pytest.mark.parametrize("mask", ["defect_0000", "mask_0000", "defect_0000_mask", "defect_mask_0000"])
@pytest.mark.parametrize("end", ["", ".png"])
def test_textured_surfaces_as_they_come(tmp_path, mask, end):
    train, test = tmp_path / "train", tmp_path / "test"
    for number in range(2):
        picture(train / "defect_images" / f"defect_{number:04}.png")
        images.write_png(train / "defect_masks" / f"{mask.replace('0000', f'{number:04}')}.png", patch() * np.uint8(1))
        picture(train / "normal_images" / f"normal_{number:04}.png")
        picture(test / "images" / f"test_{number:04}.png")
    (test / "sample_submission.csv").write_text(f"ImageId,answer\ntest_0001{end},0\ntest_0000{end},0\n")
    same(truths(tmp_path), {
        **{f"defect_000{n}": {"defect": patch()} for n in (0, 1)},
        **{f"normal_000{n}": {"defect": NOTHING} for n in (0, 1)},
        **{f"test_000{n}{end}": {} for n in (0, 1)},
    })  # fmt: skip
    dataset = open_dataset(tmp_path).select({"test"})
    out = tmp_path / "answer.csv"
    LAYOUTS["textured-surfaces"].write_answer(
        ((s.id, {"defect": patch() if "0001" in s.id else NOTHING}) for s in dataset.samples), out
    )
    assert out.read_text() == f"ImageId,answer\ntest_0001{end},1\ntest_0000{end},0\n"
    found = read_answer(out, layout="textured-surfaces")
    assert found.verdicts == {f"test_0001{end}": True, f"test_0000{end}": False}
    assert found.ids == found.verdicts.keys()
    with pytest.raises(SubmissionError, match=r"answer\.csv: says 0 or 1 of image x, not which pixels"):
        found.read("x", SHAPE)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda r: (r / "train/defect_masks/a.png").unlink(), r"defect_images/a\.png: no mask; train/defect_masks"),
        (lambda r: picture(r / "train/defect_masks/q.png"), r"defect_masks/q\.png: mask without image"),
        (
            lambda r: picture(r / "train/defect_masks/a_mask.png"),
            r"a_mask\.png: a second mask of a\.png, it has a\.png",
        ),
        (lambda r: picture(r / "train/defect_masks/a.png", (3, 4)), r"a\.png: 3x4, a mask must be as large as its im"),
        (lambda r: images.write_png(r / "train/defect_masks/a.png", NOTHING), r"a\.png: marks nothing, but its image"),
        (lambda r: picture(r / "test/images/q.png"), r"images/q\.png: not in sample_submission\.csv"),
        (
            lambda r: (r / "test/images/d.png").unlink(),
            r"sample_submission\.csv: ImageId 'd\.png'; test/images holds no",
        ),
        (
            lambda r: (r / "test/images/x.gif").touch(),
            r"x\.gif: not an image of a kind that is read; allowed are \.png",
        ),
        (lambda r: (r / "train/normal_images/b.png").write_bytes(b""), r"b\.png: the file is empty"),
    ],
)
def test_bad_textured_surfaces_are_refused(tmp_path, change, said):
    root = draw(tmp_path / "data", "textured-surfaces")
    change(root)
    refused(root, said)


def test_defect_and_normal_image_of_one_name_are_told_apart(tmp_path):
    root = draw(tmp_path / "data", "textured-surfaces")
    picture(root / "train" / "normal_images" / "a.png")
    found = {s.id for s in open_dataset(root).samples}
    assert found >= {"train-defect_images-a", "train-normal_images-a"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ImageId,label\na,0\n", r"columns ImageId, label; allowed are ImageId, answer$"),
        ("ImageId,answer\na,2\n", r"row 1: answer '2'; allowed are 0 \(normal\) and 1 \(defect\)$"),
        ("ImageId,answer\na,0\na,1\n", r"row 2: ImageId 'a' a second time; allowed is each once$"),
        ("ImageId,answer\n,1\n", r"row 1: ImageId '' is empty$"),
        ("", r"the table is empty$"),
    ],
)
def test_bad_answer_of_textured_surfaces_is_refused(tmp_path, text, said):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(SubmissionError, match=rf"a\.csv: {said}"):
        read_answer(tmp_path / "a.csv", layout="textured-surfaces")


def test_answers_for_nothing_or_twice_are_refused(tmp_path):
    for name in ("textured-surfaces", "steel"):
        with pytest.raises(SubmissionError, match="no images to answer"):
            LAYOUTS[name].write_answer([], tmp_path / "a.csv")
        with pytest.raises(SubmissionError, match="identifier 'x' a second time"):
            LAYOUTS[name].write_answer([("x", {"1": NOTHING})] * 2, tmp_path / "a.csv")
    assert list(tmp_path.iterdir()) == []


# --- folders of masks


def test_bad_image_without_mask_is_unknown_and_names_may_come_twice(tmp_path):
    root = draw(tmp_path / "data", "good-bad")
    picture(root / "bad" / "b.png")
    dataset = open_dataset(root)
    assert {s.id: s.labelled_heads for s in dataset.samples} == {
        "good-b": ("defect",), "a": ("defect",), "bad-b": (), "c": ("defect",),
    }  # fmt: skip


def test_jpeg_masks_count_from_the_middle_and_others_from_one(tmp_path):
    from PIL import Image

    root = draw(tmp_path / "data", "good-bad")
    (root / "masks" / "a.png").unlink()
    Image.fromarray(patch().astype(np.uint8) * 255).save(root / "masks" / "a.jpg", quality=60)
    images.write_png(root / "masks" / "c.png", patch() * np.uint8(1))
    found = truths(root)
    assert np.array_equal(found["a"]["defect"], patch())
    assert np.array_equal(found["c"]["defect"], patch())


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        (
            "good-bad",
            lambda r: images.write_png(r / "masks/a.png", NOTHING),
            r"a\.png: marks nothing, but its image lies",
        ),
        ("good-bad", lambda r: picture(r / "masks/b.png"), r"masks/b\.png: mask without image"),
        ("mvtec", lambda r: (r / "ground_truth/dent/a_mask.png").unlink(), r"dent/a\.png: no mask; ground_truth/dent"),
        ("mvtec", lambda r: picture(r / "train/dent/x.png"), r"train/dent: a folder of train/; allowed is good"),
        ("mvtec", lambda r: picture(r / "ground_truth/hole/x.png"), r"ground_truth/hole: masks without images; test/"),
        (
            "mvtec",
            lambda r: images.write_png(r / "ground_truth/dent/a_mask.png", NOTHING),
            r"a_mask\.png: marks nothing",
        ),
        ("mask-folders", lambda r: picture(r / "train_masks/x.png"), r"train_masks/x\.png: mask without image"),
        (
            "mask-folders",
            lambda r: picture(r / "dev_masks/x.png"),
            r"dev_masks: masks without images; there is no fold",
        ),
        (
            "mask-folders",
            lambda r: picture(r / "train/a.jpg.png") and shutil.copy(r / "train/a.png", r / "train/a.bmp"),
            r"identifier train-a a second time",
        ),
    ],
)
def test_bad_folders_are_refused(tmp_path, name, change, said):
    root = draw(tmp_path / "data", name)
    change(root)
    refused(root, said)


def test_empty_mask_of_mask_folders_is_clean_and_no_mask_is_unknown(tmp_path):
    root = draw(tmp_path / "data", "mask-folders")
    picture(root / "train" / "z.png")
    found = truths(root)
    assert not found["b"]["defect"].any()
    assert found["z"] == {}


def test_sealed_mask_without_image_is_refused(tmp_path):
    root = draw(tmp_path / "data", "mask-folders")
    picture(root / "truth" / "test_masks" / "q.png")
    refused(root, r"q\.png: mask without image; the data hold no q$", truth=root / "truth")
    shutil.move(root / "truth" / "test_masks" / "q.png", root / "truth" / "test_masks" / "a.png")
    refused(root, r"a\.png: a is labelled in the data folder too; allowed is one mask$", truth=root / "truth")
    with pytest.raises(DatasetError, match="no such folder of sealed masks"):
        open_dataset(root, truth=root / "none")


# --- steel


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


# --- annotation files


def test_via_on_top_of_good_and_bad(tmp_path):
    for name in ("good/g.png", "bad/a.png", "bad/b.png", "bad/c.png"):
        picture(tmp_path / name)
    shapes = [
        ViaRegion("polygon", {"all_points_x": (1, 2, 2, 1), "all_points_y": (2, 2, 4, 4)}),
        ViaRegion("circle", {"cx": 5, "cy": 7, "r": 0.5}, "dust"),
    ]
    entries = [ViaImage("a.png", 7, tuple(shapes)), ViaImage("bad/b.png")]
    (tmp_path / "annotations.json").write_text(encode_via(entries))
    dust = NOTHING.copy()
    dust[7, 5] = True
    none = {"defect": NOTHING, "dust": NOTHING}
    same(truths(tmp_path), {"a": {"defect": patch(), "dust": dust}, "b": none, "c": {}, "g": none})


@pytest.mark.parametrize("where", ["annotations/instances_test.json", "test/annotations.json", "annotations.json"])
def test_coco_files_are_found_where_they_usually_lie(tmp_path, where):
    picture(tmp_path / "test" / "a.png")
    picture(tmp_path / "train" / "b.png")
    note = CocoAnnotation(1, "dent", outlines=outlines_of(patch()))
    path = tmp_path / where
    path.parent.mkdir(exist_ok=True)
    path.write_text(encode_coco(Coco((CocoImage(1, "a.png", *SHAPE),), ("dent", "dust"), (note,))))
    dataset = open_dataset(tmp_path)
    assert (dataset.layout, dataset.heads) == ("coco", ("dent", "dust"))
    assert {s.id: s.split for s in dataset.samples} == {"b": "train", "a": "test"}
    same(truths(tmp_path), {"b": {}, "a": {"dent": patch(), "dust": NOTHING}})


@pytest.mark.parametrize("name", ["via", "coco"])
def test_bad_annotations_are_refused(tmp_path, name):
    root = draw(tmp_path / "data", name)
    path = root / "train" / "annotations.json"
    good = path.read_text()
    path.write_text(good.replace('"a.png', '"q.png'))
    refused(root, r"annotations\.json: q\.png: no such image in \S*train; allowed is one$")
    path.write_text(good[:-9])
    with pytest.raises(DatasetError, match=r"train/annotations\.json: not readable as JSON"):
        open_dataset(root)
    refused(root, r"train/annotations\.json: not readable as JSON", layout=name)
    path.write_text(good)
    with pytest.raises(DatasetError, match=r"b\.png is labelled for dust, a\.png for dent; a file of the layout"):
        LAYOUTS[name].write(tmp_path / "x", [item("a", dent=patch()), item("b", dust=patch())])


def test_region_that_marks_nothing_is_refused(tmp_path):
    root = draw(tmp_path / "data", "via")
    far = ViaRegion("rect", {"x": 100, "y": 1, "width": 2, "height": 2}, "dent")
    (root / "train" / "annotations.json").write_text(encode_via([ViaImage("a.png", 1, (far,))]))
    refused(root, r"annotations\.json: a\.png: region 1: marks no pixel of its image of 9x7$")


def test_image_of_another_size_than_its_annotation_says_is_refused(tmp_path):
    root = draw(tmp_path / "data", "coco")
    picture(root / "train" / "a.png", (7, 9))
    refused(root, r"train/a\.png: 7x9, \S*annotations\.json says 9x7$")


def test_every_bad_region_is_listed(tmp_path):
    root = draw(tmp_path / "data", "via")
    data = json.loads((root / "train" / "annotations.json").read_text())
    for entry in data["_via_img_metadata"].values():
        entry["regions"] += [{"shape_attributes": {"name": "point"}}, {}]
    (root / "train" / "annotations.json").write_text(json.dumps(data))
    _, problems = check_folder(root)
    assert len(problems) == 4
