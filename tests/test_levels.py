"""Grey levels mean the same whatever the depth of an image."""

import numpy as np
import pytest

from features import FeatureError
from features.levels import luminance, median, to_float


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3)])
def test_both_depths_are_brought_to_one_scale(shape):
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    np.testing.assert_array_equal(to_float(image), image)
    np.testing.assert_allclose(to_float(image.astype(np.uint16) * 257), image, rtol=1e-6)


def test_luminance_leaves_blue_out():
    image = to_float(np.random.default_rng(1).integers(0, 256, (5, 7, 3), np.uint8))
    light = luminance(image)
    image[..., 2] = 0
    np.testing.assert_array_equal(luminance(image), light)
    np.testing.assert_allclose(light, 0.35 * image[..., 0] + 0.65 * image[..., 1], rtol=1e-6)
    assert luminance(light) is light


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 4), np.float64), "float64; allowed: uint8, uint16"),
        (np.zeros((4, 4, 2), np.uint8), r"shape \(4, 4, 2\)"),
        (np.zeros((0, 4), np.uint8), r"shape \(0, 4\)"),
    ],
)
def test_other_arrays_are_refused(image, message):
    with pytest.raises(FeatureError, match=message):
        to_float(image)


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (3, 5), (4, 6), (129, 127)])
def test_the_median_is_that_of_numpy(shape):
    values = np.random.default_rng(2).normal(0, 5, shape).astype(np.float32)
    assert median(values) == float(np.median(values))
    assert median(values[:0]) == 0.0
