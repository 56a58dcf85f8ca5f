"""Laws of pixelgbm.agreement: counted by hand, alike from both sides, and what cannot be compared is one line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pixelgbm import images
from pixelgbm.__main__ import run
from pixelgbm.agreement import agreement_table, compare, region_agreement
from pixelgbm.errors import DatasetError
from pixelgbm.linking import fragments_of
from pixelgbm.raters import Marks, Rater, open_rater
from tests.test_evaluation import by_hand, predict

masks = hnp.arrays(np.bool_, (6, 7), elements=st.sampled_from([False, False, True]))


def slow_agreement(one: np.ndarray, two: np.ndarray, least_iou: float) -> tuple[list[bool], list[bool]]:
    """Every region of one mask against every region of the other, as sets of pixels."""
    regions = [[{tuple(pixel) for pixel in pixels.tolist()} for pixels in fragments_of(mask)] for mask in (one, two)]
    agree = [[bool(a & b) and len(a & b) >= least_iou * len(a | b) for b in regions[1]] for a in regions[0]]
    return [any(row) for row in agree], [any(row[k] for row in agree) for k in range(len(regions[1]))]


@given(one=masks, two=masks, least_iou=st.sampled_from([0.0, 0.2, 0.5, 1.0]))
@settings(max_examples=80, deadline=None)
def test_regions_agree_as_counted_by_sets(one, two, least_iou):
    found = region_agreement(one, two, least_iou=least_iou)
    slow = slow_agreement(one, two, least_iou)
    assert [sorted(kind.tolist()) for kind in found] == [sorted(kind) for kind in slow]
    swapped = region_agreement(two, one, least_iou=least_iou)
    for kind, other in zip(found, reversed(swapped), strict=True):
        np.testing.assert_array_equal(kind, other)
    assert all(kind.all() for kind in region_agreement(one, one, least_iou=1.0))


def rater(name: str, marks: dict[str, np.ndarray], head: str = "defect", *, is_model: bool = False) -> Rater:
    return Rater(name, (head,), tuple(marks), lambda id: Marks({head: marks[id]}), is_model)


def blot(*places: tuple[int, int]) -> np.ndarray:
    mask = np.zeros((12, 20), bool)
    for row, col in places:
        mask[row : row + 3, col : col + 3] = True
    return mask


def test_figures_are_those_counted_by_hand():
    one = {"a": blot((0, 0), (6, 6)), "b": blot(), "c": blot((3, 3))}
    two = {"c": blot((3, 4)), "a": blot((0, 0)), "b": blot(), "d": blot((1, 1))}
    model = {"a": blot((0, 0), (6, 15)), "c": blot(), "d": blot((1, 1))}
    found = compare([rater("one", one), rater("two", two), rater("net", model, "dirt", is_model=True)])
    assert [(pair.first, pair.second, pair.images) for pair in found] == [
        ("one", "two", 3),
        ("one", "net", 2),
        ("two", "net", 3),
    ]
    pair = found[0]
    assert pair.pixel_f1 == pytest.approx(np.mean([by_hand(two[id], one[id]) for id in "abc"]))
    assert pair.pooled_f1 == pytest.approx(2 * (9 + 6) / (27 + 18))
    assert (pair.regions, pair.agreed, pair.shares) == ((3, 2), (2, 2), (2 / 3, 1.0))
    assert pair.interval[0] <= pair.pixel_f1 <= pair.interval[1]
    assert found[2].shares == (2 / 3, 2 / 3)
    strict = compare([rater("one", one), rater("two", two)], least_iou=0.6)
    assert strict[0].agreed == (1, 1)  # of two squares one column apart half is common
    table = agreement_table(found)
    assert {len(row) for row in table} == {8}
    assert table[-1][0] == "with the model, mean"


def test_nobody_marked_anything_is_full_agreement_without_shares():
    clean = {"a": blot(), "b": blot()}
    (pair,) = compare([rater("one", clean), rater("two", clean)])
    assert (pair.pixel_f1, pair.pooled_f1, pair.shares) == (1.0, 1.0, (None, None))
    assert agreement_table([pair])[1][-1] == "0 of 0"


def test_what_cannot_be_compared_is_one_line():
    one = rater("one", {"a": blot()})
    with pytest.raises(DatasetError, match=r"one and two have no labelled image in common; .* begin 'a' and 'x'$"):
        compare([one, rater("two", {"x": blot()})])
    with pytest.raises(DatasetError, match=r"image a: masks of 12x20 and 3x3; they must be of one size$"):
        compare([one, rater("two", {"a": np.zeros((3, 3), bool)})])
    several = Rater("two", ("dent", "rust"), ("a",), lambda id: Marks({}))
    with pytest.raises(DatasetError, match="one marks defect, two marks dent, rust: nothing to compare"):
        compare([one, several])


def draw_masks(folder: Path, marks: dict[str, np.ndarray]) -> Path:
    for id, mask in marks.items():
        images.write_png(folder / f"{id}_mask.png", mask.astype(np.uint8) * 255)
    return folder


@pytest.fixture
def annotators(tmp_path: Path) -> tuple[Path, Path]:
    """A data set with an ignore mask, and a folder of masks of its images by another annotator."""
    folder = tmp_path / "first"
    rows = ["id,image,ignore,mask"]
    for id, mask in {"a": blot((0, 0), (6, 6)), "b": blot(), "c": blot((3, 3))}.items():
        images.write_png(folder / f"{id}.png", np.zeros((12, 20), np.uint8))
        images.write_png(folder / f"{id}_truth.png", mask.astype(np.uint8) * 255)
        rows.append(f"{id},{id}.png,{'ignore.png' if id == 'a' else ''},{id}_truth.png")
    images.write_png(folder / "ignore.png", blot((6, 6)).astype(np.uint8) * 255)
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    return folder, draw_masks(tmp_path / "second", {"a": blot((0, 0), (7, 7)), "c": blot((3, 3))})


def test_a_data_set_and_a_folder_of_masks_are_compared_without_what_is_ignored(annotators, tmp_path, capsys):
    first, second = annotators
    pred = predict(tmp_path / "pred", ("a", "b", "c"), lambda id: blot((0, 0)), ("dirt",), ("b",))
    arguments = ["agreement", str(first), str(second), "--pred", str(pred), "--json", str(tmp_path / "found.json")]
    assert run(arguments) == 0
    out = capsys.readouterr().out
    assert "regions agree with any pixel in common" in out
    assert "first - second" in out
    pairs = json.loads((tmp_path / "found.json").read_text())["pairs"]
    assert [(pair["first"], pair["second"], pair["images"]) for pair in pairs] == [
        ("first", "second", 2),
        ("first", "pred", 2),
        ("second", "pred", 2),
    ]
    left = blot((7, 7)) & ~blot((6, 6))
    assert pairs[0]["pixel_f1"] == pytest.approx((18 / (18 + left.sum()) + 1) / 2)
    assert pairs[0]["regions"] == [2, 3]
    assert run([*arguments, "--iou", "0.3"]) == 0
    assert "intersection over union of at least 0.3" in capsys.readouterr().out


def test_folders_by_head_are_heads(tmp_path):
    for name in ("dent", "rust"):
        draw_masks(tmp_path / "one" / name, {"a": blot((1, 1))})
    draw_masks(tmp_path / "two" / "rust", {"a": blot((1, 2))})
    draw_masks(tmp_path / "two" / "dent", {"b": blot((1, 2))})
    (pair,) = compare([open_rater(tmp_path / name, name=name) for name in ("one", "two")])
    assert (pair.head, pair.images, pair.agreed) == ("rust", 1, (1, 1))


def test_what_is_no_annotator_is_one_line(annotators, tmp_path, capsys):
    first, second = annotators
    assert run(["agreement", str(first)]) == 2
    assert "one annotator has nobody to agree with" in capsys.readouterr().err
    assert run(["agreement", str(first), str(tmp_path / "none")]) == 2
    assert "no such folder; allowed are data folders and folders of masks" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert run(["agreement", str(first), str(tmp_path / "empty")]) == 2
    assert "neither a data folder nor a folder of masks" in capsys.readouterr().err
    (second / "b_mask.png").write_bytes(b"no image")
    assert run(["agreement", str(first), str(second)]) == 2
    assert "b_mask.png" in capsys.readouterr().err
