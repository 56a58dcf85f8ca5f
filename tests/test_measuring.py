"""Laws of measuring column after column: the planes of a canvas that forgets nothing, and few of them held."""

from __future__ import annotations

import tracemalloc
from collections import deque

import numpy as np
import pytest

from features import EVIDENCE, FeatureSpec, Scene, prepare
from features.measuring import can_be_measured, measured
from features.prior import with_prior
from features.scene import Canvas


def some_scene(*, reference: bool, colour: bool = True) -> Scene:
    rng = np.random.default_rng(0)
    shape = (96, 128, 3) if colour else (96, 128)
    test = rng.integers(0, 256, shape).astype(np.uint8)
    scene = prepare(test, np.roll(test, 1, axis=0) if reference else None)
    return with_prior(scene, rng.integers(0, 256, shape[:2]).astype(np.uint8))


def those_of(scene: Scene, spec: FeatureSpec) -> list[int]:
    return [k for k, column in enumerate(spec.table) if can_be_measured(column, scene)]


@pytest.mark.parametrize("reference", [True, False])
@pytest.mark.parametrize("colour", [True, False])
@pytest.mark.parametrize("blue", ["match", "drop"])
def test_columns_are_those_of_a_canvas_that_forgets_nothing(reference, colour, blue):
    scene, spec = some_scene(reference=reference, colour=colour), FeatureSpec(EVIDENCE, blue=blue).with_context()
    canvas, numbers = Canvas(scene), those_of(scene, spec)
    for chosen in (numbers, numbers[::-3]):
        found = []
        for k, plane in measured(scene, spec, chosen):
            np.testing.assert_array_equal(plane, spec.table[k].make(canvas), strict=True)
            found.append(k)
        assert found == chosen


@pytest.mark.parametrize("reference", [True, False])
def test_few_planes_are_held_however_many_columns_there_are(reference):
    scene, spec = some_scene(reference=reference), FeatureSpec(EVIDENCE).with_context()
    numbers, plane = those_of(scene, spec), scene.planes["light"].nbytes
    deque(measured(scene, spec, numbers), maxlen=0)  # kernels are compiled, and it is known what is asked for when
    tracemalloc.start()
    try:
        deque((k for k, _ in measured(scene, spec, numbers)), maxlen=0)
        peak = tracemalloc.get_traced_memory()[1] / plane
    finally:
        tracemalloc.stop()
    assert len(numbers) > 90
    assert peak < 30


def test_what_families_made_of_the_whole_image_is_let_go_of():
    image = np.random.default_rng(1).integers(0, 256, (96, 128, 3)).astype(np.uint8)
    scene, spec = prepare(image, None), FeatureSpec(("rarity", "figure"))
    asked = []

    def note(planes):
        asked.append(len(asked))
        return planes["light"]

    scene.planes.of_whole("noted", note)
    for k, _ in measured(scene, spec, those_of(scene, spec)):
        if spec.table[k].name == "figure.depth":
            scene.planes.of_whole("noted", note)
            scene.planes.of_whole("noted", note)
    scene.planes.of_whole("noted", note)
    assert len(asked) == 3
    assert list(measured(scene, spec, [])) == []
