"""The extractor: the same bytes however it is asked, and byte 0 exactly where there is no evidence."""

import sys

import numpy as np
import pytest
from known_shots import SIDE, WIDE, photograph, shot

from features import (
    BLUE_TREATMENTS,
    FAMILIES,
    MEASURES,
    FeatureError,
    FeatureSpec,
    Quantizer,
    begin_pixels,
    extract,
    extract_scene,
    fit_quantizer,
    sample_columns,
    strips,
    write_columns,
)
from features.extract import STRIP
from features.scene import Canvas, prepare
from features.smoothing import ALIGNMENT


@pytest.fixture(scope="module")
def pair():
    scene = photograph(21)
    test, _ = shot(scene, side=SIDE, shift=(1.3, 0.4), gain=0.9, seed=1)
    reference, _ = shot(scene, side=WIDE, seed=2)
    test[100:112, 60:75] //= 2
    return test, reference


def some_pixels(count=2000):
    return np.random.default_rng(0).integers(0, SIDE, (count, 2))


def fitted(pair, spec):
    return fit_quantizer(sample_columns(*pair, spec, some_pixels()), spec)


def some_prior():
    """A map with a strong blob, a weak one and noise."""
    rng = np.random.default_rng(3)
    prior = rng.integers(0, 9, (SIDE, SIDE)).astype(np.uint8)
    prior[100:112, 60:75] = 200
    prior[40:43, 20:60] = 60
    return prior


@pytest.mark.parametrize("family", FAMILIES)
def test_strips_equal_whole_image(pair, family):
    spec = FeatureSpec((family,))
    quantizer = fitted(pair, spec)
    whole = extract(*pair, spec, quantizer, prior=some_prior())
    for rows, part in strips(*pair, spec, quantizer, prior=some_prior(), rows=37):
        np.testing.assert_array_equal(part.planes, whole.planes[:, rows])


@pytest.mark.parametrize("strip", [STRIP, 24])
@pytest.mark.parametrize("reference", [True, False])
def test_some_pixels_have_the_bytes_of_the_whole_image(pair, reference, strip, monkeypatch):
    monkeypatch.setattr(sys.modules["features.extract"], "STRIP", strip)
    lean, spec = FeatureSpec(lean=True), FeatureSpec().with_context()
    quantizer = fitted(pair, FeatureSpec()).for_spec(spec)
    scene = prepare(pair[0], pair[1] if reference else None)
    known = extract_scene(scene, lean, quantizer.for_spec(lean))
    pixels = np.flatnonzero(np.random.default_rng(1).random((SIDE, SIDE)) < 0.03)
    pixels = pixels[(pixels < 30 * SIDE) | (pixels > 80 * SIDE)]
    stack, lacking = begin_pixels(scene, spec, quantizer, pixels, known=known)
    assert len(lacking) <= len(spec.table) - len(lean.table)
    write_columns(stack, scene, spec, quantizer, lacking, prior=255 - some_prior())
    context = [k for k, column in enumerate(spec.table) if column.prior]
    write_columns(stack, scene, spec, quantizer, context, prior=some_prior())
    whole = extract_scene(scene, spec, quantizer, prior=some_prior())
    np.testing.assert_array_equal(stack.rows(pixels), whole.rows(pixels))
    with pytest.raises(FeatureError, match="1 of 2 pixels are not held"):
        stack.rows(np.array([pixels[0], 50 * SIDE]))
    with pytest.raises(FeatureError, match="some pixels only"):
        write_columns(whole, scene, spec, quantizer, context, prior=some_prior())


@pytest.mark.parametrize("family", FAMILIES)
def test_tiles_equal_whole_image_and_leave_the_rest_empty(pair, family):
    spec = FeatureSpec((family,))
    quantizer = fitted(pair, spec)
    whole = extract(*pair, spec, quantizer, prior=some_prior())
    tiles = [(0, 0, 20, 30), (90, 50, 130, 90), (SIDE - 1, SIDE - 1, SIDE, SIDE)]
    part = extract(*pair, spec, quantizer, prior=some_prior(), tiles=tiles)
    outside = np.ones((SIDE, SIDE), bool)
    for top, left, bottom, right in tiles:
        window = (slice(None), slice(top, bottom), slice(left, right))
        np.testing.assert_array_equal(part.planes[window], whole.planes[window])
        outside[top:bottom, left:right] = False
    assert not part.planes[:, outside].any()


def test_workers_do_not_change_a_byte(pair):
    spec = FeatureSpec()
    quantizer = fitted(pair, spec)
    one = extract(*pair, spec, quantizer)
    three = extract(*pair, spec, quantizer, workers=3)
    np.testing.assert_array_equal(one.planes, three.planes)


def test_without_a_reference_comparing_columns_are_no_evidence(pair):
    spec = FeatureSpec()
    stack = extract(pair[0], None, spec, fitted(pair, spec))
    for plane, column in zip(stack.planes, spec.table, strict=True):
        assert plane.any() != column.reference, column.name
        assert column.reference or plane.min() > 0, column.name
    assert stack.quality is None and stack.measures["reference"] == 0


def test_a_reference_of_another_scene_is_no_evidence(pair):
    spec = FeatureSpec()
    other, _ = shot(photograph(22), side=WIDE)
    quantizer = fitted(pair, spec)
    stack = extract(pair[0], other, spec, quantizer)
    assert stack.quality.status == "mismatch"
    np.testing.assert_array_equal(stack.planes, extract(pair[0], None, spec, quantizer).planes)


def test_outside_the_overlap_there_is_no_evidence(pair):
    spec = FeatureSpec(("difference",))
    test, reference = pair
    stack = extract(test, reference[40:200, 40:280], spec, fitted(pair, spec))
    assert not stack.planes[:, 200:].any()
    assert (stack.planes[:, 30:100, 30:200] > 0).all()


def test_dirt_stands_out_of_the_difference(pair):
    spec = FeatureSpec(("difference",))
    stack = extract(*pair, spec, fitted(pair, spec))
    plane = stack.planes[spec.columns.index("difference.edge-2")].astype(int)
    inside = plane[102:110, 63:72]
    elsewhere = np.delete(plane, np.s_[90:122], axis=0)[20:-20, 20:-20]
    assert inside.max() < np.quantile(elsewhere, 0.01)


@pytest.mark.parametrize("blue", BLUE_TREATMENTS)
def test_blue_treatments_differ_only_where_blue_is_compared(pair, blue):
    spec = FeatureSpec(blue=blue)
    quantizer = fitted(pair, spec)
    stack = extract(*pair, spec, quantizer)
    assert stack.planes.shape[0] == len(spec.columns)
    assert any("blue" in name for name in spec.columns) == (blue != "drop")
    if blue == "drop":
        other = pair[0].copy()
        other[..., 2] = 255 - other[..., 2]
        np.testing.assert_array_equal(extract(other, pair[1], spec, quantizer).planes, stack.planes)


def test_sixteen_bits_and_grey(pair):
    spec = FeatureSpec()
    quantizer = fitted(pair, spec)
    eight = extract(*pair, spec, quantizer)
    sixteen = extract(*(p.astype(np.uint16) * 257 for p in pair), spec, quantizer)
    assert np.mean(eight.planes != sixteen.planes) < 0.02
    grey = extract(pair[0][..., 1], pair[1][..., 1], spec, quantizer)
    for plane, column in zip(grey.planes, spec.table, strict=True):
        assert plane.any() != column.colour, column.name


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (3, 2, 3)])
def test_tiny_images_have_features(pair, shape):
    spec = FeatureSpec()
    image = np.full(shape, 77, np.uint8)
    stack = extract(image, image, spec, fitted(pair, spec))
    assert stack.planes.shape == (len(spec.columns), *shape[:2])
    assert tuple(stack.measures) == MEASURES
    assert np.isfinite(list(stack.measures.values())).all()


def test_sampled_values_are_the_planes(pair):
    spec = FeatureSpec()
    pixels = some_pixels(300)
    values = sample_columns(*pair, spec, pixels)
    quantizer = fit_quantizer(values, spec)
    stack = extract(*pair, spec, quantizer)
    np.testing.assert_array_equal(quantizer.apply(values), stack.planes[:, pixels[:, 0], pixels[:, 1]].T)


def test_a_quantizer_survives_json(pair):
    quantizer = fitted(pair, FeatureSpec())
    assert Quantizer.from_dict(quantizer.to_dict()) == quantizer


def test_a_specification_survives_json_and_knows_its_columns():
    spec = FeatureSpec(("colour", "contrast"), blue="use", scale=2)
    assert FeatureSpec.from_dict(spec.to_dict()) == spec
    assert len(set(spec.columns)) == len(spec.columns)
    assert spec.columns == FeatureSpec(("contrast", "colour"), blue="use", scale=2).columns
    assert spec.digest != FeatureSpec(("colour", "contrast"), blue="use").digest


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"families": ["diffrence"]}, "allowed: one or more of"),
        ({"families": []}, "allowed: one or more of"),
        ({"blue": "ignore"}, "allowed: match, use, drop"),
        ({"scale": 0}, "allowed: 0.25 to 8"),
        ({"sigma": 2}, "unknown key 'sigma'"),
    ],
)
def test_nonsense_specifications_are_refused(values, message):
    with pytest.raises(FeatureError, match=message):
        FeatureSpec.from_dict(values)


def test_a_foreign_quantizer_is_refused(pair):
    quantizer = fitted(pair, FeatureSpec(("contrast",)))
    with pytest.raises(FeatureError, match="quantizer"):
        extract(*pair, FeatureSpec(("gabor",)), quantizer)


@pytest.mark.parametrize("tile", [(0, 0, 0, 5), (-1, 0, 5, 5), (0, 0, SIDE + 1, 5)])
def test_tiles_outside_the_image_are_refused(pair, tile):
    spec = FeatureSpec(("contrast",))
    with pytest.raises(FeatureError, match="within the image"):
        extract(*pair, spec, fitted(pair, spec), tiles=[tile])


def test_every_column_looks_no_further_than_it_says(pair):
    scene = prepare(*pair)
    whole = Canvas(scene)
    row, col = 120, 117
    for column in FeatureSpec().table:
        reach = column.reach
        top, left = (max(start - reach, 0) // ALIGNMENT * ALIGNMENT for start in (row, col))
        window = Canvas(scene.crop(top, left, row + reach + 1, col + reach + 1))
        got, want = column.make(window)[row - top, col - left], column.make(whole)[row, col]
        assert got == want, column.name
