"""The layout of textured surfaces: masks and samples as they come, answers of verdicts, one line for what is wrong."""

from __future__ import annotations

import numpy as np
import pytest
from small_layouts import NOTHING, SHAPE, draw, patch, picture, refused, same, truths

from pixelgbm import images
from pixelgbm.datasets import LAYOUTS, open_dataset, read_answer
from pixelgbm.errors import SubmissionError


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
            r"sample_submission\.csv: row 1: ImageId 'd\.png'; there is no such image",
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
