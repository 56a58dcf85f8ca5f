"""Groups of images that share a defect pattern, and folds made of whole groups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pixelgbm.groups import fold_table, infer_groups

Mask = NDArray[np.bool_]


def _blob(seed: int, size: int = 256) -> NDArray[np.float32]:
    """An irregular shape, drawn large: smooth noise held together by a bump."""
    rng = np.random.default_rng(seed)
    noise = cv2.GaussianBlur(rng.normal(size=(size, size)).astype(np.float32), (0, 0), 16)
    rows, cols = np.mgrid[:size, :size] - size / 2
    bump = np.exp(-(rows**2 + cols**2) / (2 * 45.0**2)).astype(np.float32)
    shape = (noise / noise.std() + 2.5 * bump - 1.6 > 0).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(shape)
    return np.asarray(labels == 1 + np.argmax(stats[1:, 4]), dtype=np.float32)


def _fibre(seed: int, size: int = 256) -> NDArray[np.float32]:
    """A wandering line."""
    rng = np.random.default_rng(seed)
    heading = np.cumsum(rng.normal(0, 0.35, 30))
    points = np.cumsum(6 * np.stack([np.cos(heading), np.sin(heading)], axis=1), axis=0)
    points += size / 2 - points.mean(axis=0)
    canvas = np.zeros((size, size), np.uint8)
    cv2.polylines(canvas, [np.rint(points).astype(np.int32)], isClosed=False, color=1, thickness=12)
    return canvas.astype(np.float32)


def _placed(
    shape: NDArray[np.float32], *, turn: float, scale: float, at: tuple[float, float], flip: bool = False
) -> Mask:
    """The shape on a 200x200 image, turned (degrees), scaled, flipped and put at (row, col)."""
    source = np.ascontiguousarray(shape[:, ::-1] if flip else shape)
    middle = (shape.shape[0] - 1) / 2
    matrix = cv2.getRotationMatrix2D((middle, middle), turn, scale)
    matrix[:, 2] += np.array(at[::-1]) - middle
    soft = cv2.warpAffine(cv2.GaussianBlur(source, (0, 0), 0.4 / scale), matrix, (200, 200), flags=cv2.INTER_LINEAR)
    return soft > 0.5


@pytest.mark.parametrize("draw", [_blob, _fibre])
def test_a_pattern_is_found_again_after_shift_turn_and_flip(draw: Callable[[int], NDArray[np.float32]]) -> None:
    masks, pattern = [], {}
    rng = np.random.default_rng(5)
    for seed in range(8):
        for copy in range(3):
            name = f"{seed}-{copy}"
            place = (rng.uniform(60, 140), rng.uniform(60, 140))
            mask = _placed(draw(seed), turn=rng.uniform(0, 360), scale=0.25, at=place, flip=copy == 1)
            masks.append((name, mask))
            pattern[name] = seed
    groups = infer_groups(masks)
    together = [(a, b) for a in groups for b in groups if a < b and groups[a] == groups[b]]
    right = sum(pattern[a] == pattern[b] for a, b in together)
    assert right >= 0.9 * 8 * 3
    assert right >= 0.9 * len(together)


def test_a_distinct_shape_is_found_again_at_another_scale() -> None:
    masks = [
        ("large", _placed(_fibre(3), turn=20, scale=0.5, at=(100, 100))),
        ("small", _placed(_fibre(3), turn=200, scale=0.3, at=(90, 120))),
        ("other", _placed(_fibre(4), turn=20, scale=0.4, at=(100, 100))),
    ]
    groups = infer_groups(masks)
    assert groups["large"] == groups["small"] != groups["other"]


def test_companion_specks_do_not_hide_a_pattern() -> None:
    one = _placed(_blob(2), turn=10, scale=0.25, at=(100, 100))
    two = _placed(_blob(2), turn=100, scale=0.25, at=(80, 90))
    two[10:14, 10:14] = True
    two[180:183, 30:40] = True
    groups = infer_groups([("one", one), ("two", two)])
    assert groups == {"one": "one", "two": "one"}


def test_clean_images_and_specks_stand_alone() -> None:
    speck = np.zeros((50, 50), dtype=bool)
    speck[10:13, 10:13] = True
    clean = np.zeros((50, 50), dtype=bool)
    assert infer_groups([("a", speck), ("b", speck), ("c", clean), ("d", clean)]) == {k: k for k in "abcd"}
    assert infer_groups([]) == {}


def test_straight_scratches_are_not_one_pattern() -> None:
    rng = np.random.default_rng(4)
    masks = []
    for number in range(40):
        canvas = np.zeros((200, 200), np.uint8)
        ends = rng.integers(0, 200, (2, 2)).tolist()
        cv2.line(canvas, ends[0], ends[1], 1, int(rng.integers(1, 4)))
        masks.append((str(number), canvas.astype(bool)))
    assert len(set(infer_groups(masks).values())) == 40


def test_roundish_shapes_of_many_sizes_do_not_chain_into_one_group() -> None:
    masks = []
    for number in range(40):
        canvas = np.zeros((120, 120), np.uint8)
        cv2.ellipse(canvas, (60, 60), (8 + number, 8 + number), 0, 0, 360, 1, -1)
        masks.append((str(number), canvas > 0))
    assert max(Counter(infer_groups(masks).values()).values()) <= 4


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 6), min_size=3, max_size=30),
    folds=st.integers(2, 3),
    seed=st.integers(0, 100),
    striped=st.booleans(),
)
def test_split_never_parts_a_group(sizes: list[int], folds: int, seed: int, striped: bool) -> None:
    groups = {f"{g}.{k}": str(g) for g, size in enumerate(sizes) for k in range(size)}
    ids = list(groups)
    strata = {image: str(k % 2) for k, image in enumerate(ids)} if striped else None
    table = fold_table(ids, groups, folds=folds, seed=seed, strata=strata)
    assert list(table) == ids
    assert set(table.values()) == set(range(folds))
    for group in set(groups.values()):
        assert len({table[image] for image in ids if groups[image] == group}) == 1


def test_folds_are_of_similar_size_in_every_stratum() -> None:
    ids = [str(k) for k in range(90)]
    strata = {image: "dirty" if int(image) % 3 else "clean" for image in ids}
    table = fold_table(ids, {image: image for image in ids}, folds=3, seed=1, strata=strata)
    assert Counter((table[i], strata[i]) for i in ids) == {
        (f, kind): count for f in range(3) for kind, count in (("dirty", 20), ("clean", 10))
    }


def test_the_seed_decides_the_folds() -> None:
    ids = [str(k) for k in range(30)]
    groups = {image: image for image in ids}
    assert fold_table(ids, groups, folds=3, seed=1) == fold_table(ids, groups, folds=3, seed=1)
    assert fold_table(ids, groups, folds=3, seed=1) != fold_table(ids, groups, folds=3, seed=2)
