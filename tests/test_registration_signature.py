"""What is compared of a picture: not its light, not its screen."""

import numpy as np
import pytest
from known_shots import photograph

from features.levels import luminance
from features.registration.signature import signature_of, without_screen

ROWS, COLS = np.mgrid[0:240, 0:240].astype(np.float32)


def test_light_leaves_the_signature_as_it_is():
    plane = luminance(photograph(1, 240))
    lit = plane * np.float32(1.3) + np.float32(0.05) * ROWS
    one, two = signature_of(plane)[0], signature_of(lit)[0]
    assert np.corrcoef(one.ravel(), two.ravel())[0, 1] > 0.99


def test_noise_alone_has_no_texture():
    noise = np.random.default_rng(0).normal(140, 3, (240, 240)).astype(np.float32)
    assert signature_of(noise)[1] < 0.2 < signature_of(luminance(photograph(1, 240)))[1]


@pytest.mark.parametrize("strength", [0.5, 4.0])
def test_a_screen_is_cut_from_the_spectrum_and_the_picture_stays(strength):
    picture, _ = signature_of(luminance(photograph(1, 480)))
    screen = np.float32(strength) * np.cos(2 * np.pi * (0.94 * ROWS + 0.34 * COLS) / 8).astype(np.float32)
    left = without_screen(picture + screen) - picture
    assert left[40:-40, 40:-40].std() < 0.2 * screen.std()


def test_a_signature_without_lines_is_handed_back():
    noise, _ = signature_of(np.random.default_rng(0).normal(140, 3, (240, 240)).astype(np.float32))
    assert without_screen(noise) is noise
