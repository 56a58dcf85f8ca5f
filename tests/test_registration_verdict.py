"""Registration says when a reference shows another scene, and does not say so of the same one."""

import cv2
import numpy as np
import pytest
from known_shots import SIDE, WIDE, photograph, shot

from features import register


def test_another_scene_is_reported():
    test, _ = shot(photograph(5), side=SIDE)
    reference, _ = shot(photograph(6), side=WIDE)
    assert register(test, reference).quality.status == "mismatch"


@pytest.mark.parametrize("faint", [0.05, 0.1])
def test_another_faint_scene_is_reported(faint):
    scenes = [128 + (photograph(seed) - 128) * np.float32(faint) for seed in (13, 14)]
    test, _ = shot(scenes[0], side=SIDE)
    same, other = (shot(scene, side=WIDE, seed=1)[0] for scene in scenes)
    assert register(test, same).quality.status == "aligned"
    assert register(test, other).quality.status == "mismatch"


def test_another_text_is_not_bent_into_place():
    """With scales and turns to choose from, letters can be laid on other letters."""
    sheets = []
    for seed in (1, 2):
        rng, sheet = np.random.default_rng(seed), np.full((520, 520, 3), 200, np.uint8)
        for row in range(30, 520, 44):
            word = "".join(chr(c) for c in rng.integers(65, 91, 24))
            cv2.putText(sheet, word, (4, row), cv2.FONT_HERSHEY_SIMPLEX, 1.1, (60, 60, 60), 3, cv2.LINE_AA)
        sheets.append(sheet.astype(np.float32))
    test, _ = shot(sheets[0], side=SIDE)
    assert register(test, shot(sheets[0], side=400, seed=1)[0]).quality.status == "aligned"
    assert register(test, shot(sheets[1], side=400, seed=1)[0]).quality.status == "mismatch"


def test_another_solid_colour_is_reported():
    rng = np.random.default_rng(0)
    blue = np.array([40, 60, 160]) + rng.normal(0, 3, (SIDE, SIDE, 3))
    red = np.array([170, 50, 40]) + rng.normal(0, 3, (WIDE, WIDE, 3))
    assert register(blue.astype(np.uint8), red.astype(np.uint8)).quality.status == "mismatch"
