"""Light and focus of a reference are brought to those of its image."""

import cv2
import numpy as np
import pytest
from known_shots import photograph

from features.photometry import match_focus


@pytest.mark.parametrize("sigma", [0.0, 1.2, 2.6])
def test_focus_is_matched_from_either_side(sigma):
    plane = photograph(15)[..., 0].copy()
    noisy = [plane + np.random.default_rng(seed).normal(0, 1, plane.shape).astype(np.float32) for seed in (1, 2)]
    soft = cv2.GaussianBlur(noisy[0], (0, 0), sigma) if sigma else noisy[0]
    for_test, for_reference = match_focus(soft, noisy[1])
    assert for_test == 0 and for_reference == pytest.approx(sigma, abs=0.35)
    assert match_focus(noisy[1], soft) == (for_reference, for_test)
