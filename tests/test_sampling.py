"""Drawing training pixels: what may be drawn, how often, and that only the seed decides."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pixelgbm.config import SamplingConfig
from pixelgbm.sampling import DEFECT, draw, generator


def _truth(shape: tuple[int, int] = (60, 80)) -> NDArray[np.uint8]:
    truth = np.zeros(shape, dtype=np.uint8)
    truth[20:30, 30:45] = 255
    return truth


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), share=st.floats(0, 1), hard=st.booleans())
def test_ignored_pixels_are_never_drawn_and_no_pixel_twice(seed: int, share: float, hard: bool) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 256, (23, 31)).astype(np.uint8)
    ignore = rng.random((23, 31)) < share
    hardness = rng.integers(0, 256, (23, 31)).astype(np.uint8) if hard else None
    pixels, labels, weights = draw(truth, ignore, rng=rng, config=SamplingConfig(), hardness=hardness)
    assert not ignore[pixels[:, 0], pixels[:, 1]].any()
    assert len(np.unique(pixels, axis=0)) == len(pixels) == np.count_nonzero(~ignore)
    assert labels.dtype == weights.dtype == np.float32
    assert np.array_equal(labels, truth[pixels[:, 0], pixels[:, 1]] / np.float32(255))


def test_caps_hold_and_all_of_a_small_defect_is_drawn() -> None:
    config = SamplingConfig(positives=200, negatives=300)
    pixels, labels, _ = draw(_truth(), None, rng=generator(0, "a"), config=config)
    assert (labels > 0.5).sum() == 150
    assert (labels == 0).sum() == 300
    config = SamplingConfig(positives=40, negatives=300)
    _, labels, _ = draw(_truth(), None, rng=generator(0, "a"), config=config)
    assert (labels > 0.5).sum() == 40
    assert np.array_equal(pixels, pixels[np.lexsort((pixels[:, 1], pixels[:, 0]))])


def test_a_small_defect_weighs_more_per_pixel() -> None:
    small, large = np.zeros((50, 50), np.uint8), np.zeros((50, 50), np.uint8)
    small[10:20, 10:20] = 255
    large[10:50, 10:50] = 255
    weight = {}
    for name, truth in (("small", small), ("large", large)):
        _, labels, weights = draw(truth, None, rng=generator(0), config=SamplingConfig(positives=100_000))
        weight[name] = weights[labels > 0].max()
        assert (weights[labels == 0] == 1).all()
    assert weight["small"] == pytest.approx(2.0)
    assert weight["large"] == pytest.approx(0.5)


def test_hard_negatives_follow_the_map() -> None:
    hardness = np.zeros((60, 80), dtype=np.uint8)
    hardness[40:50, 10:30] = 200
    hardness[_truth() > 0] = 255
    config = SamplingConfig(negatives=200, hard_share=0.5, ring_share=0)
    pixels, labels, _ = draw(_truth(), None, rng=generator(0), config=config, hardness=hardness)
    negative = pixels[labels == 0]
    inside = (negative[:, 0] >= 40) & (negative[:, 0] < 50) & (negative[:, 1] >= 10) & (negative[:, 1] < 30)
    assert inside.sum() >= 100
    assert len(negative) == 200


def test_ring_negatives_keep_their_distance() -> None:
    config = SamplingConfig(negatives=100, ring_share=1.0, hard_share=0.0, ring_inner=2, ring_outer=4)
    pixels, labels, _ = draw(_truth(), None, rng=generator(0), config=config)
    for row, col in pixels[labels == 0]:
        down, across = max(20 - row, row - 29, 0), max(30 - col, col - 44, 0)
        assert 2 <= np.hypot(down, across) <= 4


def test_soft_truth_keeps_its_value_as_label() -> None:
    truth = np.full((4, 4), DEFECT, dtype=np.uint8)
    truth[0] = DEFECT - 1
    _, labels, _ = draw(truth, None, rng=generator(0), config=SamplingConfig(ring_share=0))
    assert sorted(set(labels.tolist())) == pytest.approx([127 / 255, 128 / 255])


@pytest.mark.parametrize("value", [0, 255])
def test_clean_and_wholly_dirty_images_can_be_drawn_from(value: int) -> None:
    truth = np.full((1, 1), value, dtype=np.uint8)
    pixels, labels, weights = draw(truth, None, rng=generator(0), config=SamplingConfig())
    assert pixels.tolist() == [[0, 0]]
    assert labels.tolist() == [value / 255]
    assert weights.shape == (1,)


def test_an_ignored_image_gives_nothing() -> None:
    pixels, labels, weights = draw(_truth(), np.ones((60, 80), bool), rng=generator(0), config=SamplingConfig())
    assert pixels.shape == (0, 2)
    assert labels.size == weights.size == 0


def test_the_generator_depends_on_seed_and_names_alone() -> None:
    def first(seed: int, *parts: str) -> int:
        return int(generator(seed, *parts).integers(2**62))

    assert first(1, "round-1", "17") == first(1, "round-1", "17")
    others = {
        first(1, "round-1", "17"),
        first(2, "round-1", "17"),
        first(1, "round-2", "17"),
        first(1, "round-1", "18"),
    }
    assert len(others | {first(1, "round-11", "7")}) == 5
