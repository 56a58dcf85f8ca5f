"""Every kernel equals its slow float64 twin."""

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from features.families.gabor import ORIENTATIONS, _energy, wavelength
from features.families.measured import line_steps
from features.kernels import alignment, contrast, difference, edges, lines, pyramid, quantise
from features.kernels import smooth as passes
from features.planes import Planes
from features.scene import Canvas, Scene
from features.smoothing import half_gaussian, halvings, reach_of, smooth

SHAPES = [(1, 1), (1, 9), (7, 1), (23, 31)]


@pytest.fixture(params=SHAPES, ids=lambda s: f"{s[0]}x{s[1]}")
def planes(request):
    rng = np.random.default_rng(7)
    return [rng.uniform(-20, 20, request.param).astype(np.float32) for _ in range(4)]


def filled(kernel, *arguments, like):
    out = np.full_like(like, np.nan)
    kernel(*arguments, out)
    return out


@pytest.mark.parametrize("name", ["even_rows", "even_columns", "odd_rows", "odd_columns"])
@pytest.mark.parametrize("sigma", [0.7, 4.0])
def test_separable_pass_equals_its_twin(planes, name, sigma):
    taps = half_gaussian(sigma)
    got = filled(getattr(passes, name), planes[0], taps, like=planes[0])
    np.testing.assert_allclose(got, getattr(naive, name)(planes[0], taps), atol=2e-5)


@pytest.mark.parametrize("offsets", [[(0, 0)], [(-3, 2), (0, 0), (3, -2)]])
def test_the_stronger_sum_is_kept(planes, offsets):
    best = planes[0].copy()
    wide = np.random.default_rng(8).uniform(-20, 20, (best.shape[0] + 6, best.shape[1] + 8)).astype(np.float32)
    weights = np.array([0.4, 1.0, 0.7][: len(offsets)], np.float32)
    want = naive.keep_stronger(wide, 3, offsets, weights, 1.7, best)
    lines.keep_stronger(wide, 3, np.array(offsets, np.int64), weights, np.float32(1.7), best)
    np.testing.assert_allclose(best, want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("sigma", [0.7, 1.6, 2.9])
def test_narrow_blur_is_scipys_gaussian(planes, sigma):
    got = Canvas(scene_of(planes[0])).blur("light", sigma)
    np.testing.assert_allclose(got, naive.gaussian(planes[0], sigma), atol=5e-5)


@pytest.mark.parametrize("sigma", [3.0, 4.0, 6.0, 9.6, 16.0, 48.0])
def test_wide_blur_is_nearly_scipys_gaussian(sigma):
    """Within the stated gaps: 0.002 on a step, 1.5 % on white noise, away from the edges that both repeat."""
    assert halvings(sigma) > 0
    for start in (200, 203):
        step = np.zeros((40, 401), np.float32)
        step[:, start:] = 1
        assert np.abs(smooth(step, sigma) - gaussian_filter(step, sigma, mode="nearest", truncate=5)).max() < 0.0023
    noise = np.random.default_rng(3).standard_normal((700, 700)).astype(np.float32)
    want = gaussian_filter(noise, sigma, mode="nearest", truncate=5)[250:-250, 250:-250]
    gap = smooth(noise, sigma)[250:-250, 250:-250] - want
    assert gap.std() < 0.016 * want.std()


@pytest.mark.parametrize("sigma", [0.7, 2.9, 3.0, 7.0, 12.0, 48.0])
def test_no_blur_looks_farther_than_it_says(sigma):
    reach = reach_of(sigma)
    for place in (reach, reach + 1, reach + 7):
        plane = np.zeros((8, 2 * reach + 40), np.float32)
        plane[:, place] = 1
        seen = np.flatnonzero(smooth(plane, sigma)[0])
        assert place - reach <= seen.min() and seen.max() <= place + reach


@pytest.mark.parametrize("shape", SHAPES)
def test_halving_and_doubling_equal_their_twins(shape):
    plane = np.random.default_rng(5).uniform(-20, 20, shape).astype(np.float32)
    half = np.full(((shape[0] + 1) // 2, (shape[1] + 1) // 2), np.nan, np.float32)
    pyramid.halve(plane, half)
    np.testing.assert_allclose(half, naive.halve(plane), atol=1e-5)
    np.testing.assert_allclose(filled(pyramid.double, half, like=plane), naive.double(half, shape), atol=1e-5)


def test_gradient_votes_equal_their_twin(planes):
    got = filled(
        alignment.gradient_votes,
        planes[0],
        planes[1],
        np.float32(0.7),
        like=np.empty((5, *planes[0].shape), np.float32),
    )
    np.testing.assert_allclose(got, naive.gradient_votes(planes[0], planes[1], 0.7), rtol=2e-4, atol=1e-3)


def test_a_reference_is_relit_where_it_is_covered(planes):
    reference, gain, offset, image = planes
    covered = image > 0
    got = filled(alignment.relight, reference, gain, offset, image, covered, like=reference)
    np.testing.assert_allclose(got, np.where(covered, np.clip(reference * gain + offset, 0, 255), image), atol=1e-4)


def test_masked_correlation_is_pearsons(planes):
    a, b = planes[0] + 1e4, planes[0] + planes[1]
    covered = planes[2] > -15
    got = alignment.masked_correlation(a, b, covered)
    if covered.sum() < 64:
        assert got == 0
    else:
        assert got == pytest.approx(np.corrcoef(a[covered].astype(float), b[covered].astype(float))[0, 1], abs=1e-9)


@pytest.mark.parametrize("radius", [1, 3])
def test_window_extremes_equal_their_twins(planes, radius):
    canvas = Canvas(scene_of(planes[0]))
    high, low = canvas.highest(planes[0], radius), canvas.lowest(planes[0], radius)
    np.testing.assert_array_equal(high, naive.window_maximum(planes[0], radius).astype(np.float32))
    np.testing.assert_array_equal(low, naive.window_minimum(planes[0], radius).astype(np.float32))


def test_a_row_is_continued_by_its_ends():
    line = np.empty(7, np.float32)
    edges.repeat_ends(np.array([3, 1, 2], np.float32), 2, line)
    assert line.tolist() == [3, 3, 3, 1, 2, 2, 2]


def test_outside_envelope_equals_its_twin(planes):
    low, high = np.minimum(planes[1], planes[2]), np.maximum(planes[1], planes[2])
    got = filled(difference.outside_envelope, planes[0], low, high, like=planes[0])
    np.testing.assert_allclose(got, naive.outside_envelope(planes[0], low, high), atol=1e-5)


@pytest.mark.parametrize("radius", [1, 2])
def test_tolerant_minimum_equals_its_twin(planes, radius):
    got = filled(difference.tolerant_minimum, *planes, radius, like=planes[0])
    np.testing.assert_allclose(got, naive.tolerant_minimum(*planes, radius), atol=1e-5)


def test_tolerant_minimum_forgives_a_shift():
    rng = np.random.default_rng(0)
    reference = rng.uniform(0, 255, (20, 20)).astype(np.float32)
    moved = np.roll(reference, (1, -1), (0, 1))
    got = filled(difference.tolerant_minimum, moved, moved, reference, reference, 1, like=reference)
    assert (got[2:-2, 2:-2] == 0).all()


def test_ratio_equals_its_twin(planes):
    denominator = np.abs(planes[1])
    got = filled(difference.ratio, planes[0], denominator, np.float32(0.3), np.float32(0.5), like=planes[0])
    np.testing.assert_allclose(got, naive.ratio(planes[0], denominator, 0.3, 0.5), rtol=1e-5)


def moments(a, b, sigma):
    canvas = Canvas(scene_of(a))
    return [canvas.smooth(p, sigma) for p in (a, b, a * a, b * b, a * b)]


def test_correlation_equals_its_twin(planes):
    a, b, aa, bb, ab = moments(planes[0], planes[1], 2.0)
    got = filled(difference.correlation, a, b, aa, bb, ab, np.float32(4), like=a)
    np.testing.assert_allclose(got, naive.correlation(planes[0], planes[1], 2.0, 4.0), atol=1e-4)


def test_variance_contrast_equals_its_twin(planes):
    a, b, aa, bb, _ = moments(planes[0], planes[1], 2.0)
    got = filled(difference.variance_contrast, a, b, aa, bb, np.float32(4), like=a)
    np.testing.assert_allclose(got, naive.variance_contrast(planes[0], planes[1], 2.0, 4.0), atol=1e-4)


@pytest.mark.parametrize("half", [2, 5])
def test_line_extremes_equal_their_twin(planes, half):
    steps = line_steps(half)
    low, high = np.empty_like(planes[0]), np.empty_like(planes[0])
    difference.line_extremes(planes[0], *steps, low, high)
    for got, want in zip((low, high), naive.line_extremes(planes[0], *steps), strict=True):
        np.testing.assert_allclose(got, want, atol=1e-5)


def test_lines_have_no_gap_and_pass_the_centre():
    rows, cols = line_steps(5)
    assert (rows[:, 5] == 0).all() and (cols[:, 5] == 0).all()
    assert (np.maximum(np.abs(np.diff(rows)), np.abs(np.diff(cols))) == 1).all()


def test_gradient_equals_its_twin(planes):
    got = filled(contrast.gradient_magnitude, planes[0], like=planes[0])
    np.testing.assert_allclose(got, naive.gradient_magnitude(planes[0]), atol=1e-5)


def test_hessian_eigenvalues_equal_their_twin(planes):
    smaller, larger = np.empty_like(planes[0]), np.empty_like(planes[0])
    contrast.hessian_eigenvalues(planes[0], np.float32(4), smaller, larger)
    for got, want in zip((smaller, larger), naive.hessian_eigenvalues(planes[0], 4.0), strict=True):
        np.testing.assert_allclose(got, want, atol=1e-3)


def test_deviation_equals_its_twin(planes):
    mean, _, squares, _, _ = moments(planes[0], planes[0], 2.0)
    got = filled(contrast.deviation, mean, squares, like=mean)
    np.testing.assert_allclose(got, naive.deviation(planes[0], 2.0), atol=5e-3)


def test_deviation_of_a_flat_plane_is_zero_not_nan():
    flat = np.full((5, 5), 3e4, np.float32)
    got = filled(contrast.deviation, flat, flat * flat * np.float32(0.999), like=flat)
    assert (got == 0).all()


@pytest.mark.parametrize("radius", [1, 3])
def test_local_rank_equals_its_twin(planes, radius):
    coarse = np.round(planes[0] / 8).astype(np.float32)
    got = filled(contrast.local_rank, coarse, radius, like=coarse)
    np.testing.assert_allclose(got, naive.local_rank(coarse, radius), atol=1e-6)


@pytest.mark.parametrize("sigma", [2.0, 3.0, 4.0])
@pytest.mark.parametrize("orientation", range(ORIENTATIONS))
def test_gabor_equals_the_full_two_dimensional_filter(planes, sigma, orientation):
    """From a sigma of 4 px on it is the filter of half the size on half the resolution."""
    got = _energy(Canvas(scene_of(planes[0])), name="light", sigma=sigma, orientation=orientation)
    angle = np.pi * orientation / ORIENTATIONS
    if sigma < 4:
        want = naive.gabor_energy(planes[0], sigma, angle, 2 * np.pi / wavelength(sigma))
    else:
        want = naive.gabor_energy(naive.halve(planes[0]), sigma / 2, angle, 4 * np.pi / wavelength(sigma))
        want = naive.double(want, planes[0].shape)
    np.testing.assert_allclose(got, want, atol=1e-4)


def test_gabor_prefers_its_own_orientation():
    columns = np.arange(64, dtype=np.float32)
    stripes = np.tile(np.cos(2 * np.pi * columns / wavelength(4.0)).astype(np.float32), (64, 1))
    canvas = Canvas(scene_of(stripes))
    energies = [_energy(canvas, name="light", sigma=4.0, orientation=o)[32, 32] for o in range(ORIENTATIONS)]
    assert np.argmax(energies) == 0
    assert energies[0] > 5 * energies[2]


@given(
    st.lists(st.floats(-1e6, 1e6, width=32) | st.just(float("nan")), min_size=1, max_size=40),
    st.floats(2**-10, 2**10, width=32),
)
@settings(max_examples=60, deadline=None)
def test_bytes_equal_their_twin_within_a_rounding(values, scale):
    plane = np.array([values], np.float32)
    for name in ("signed_bytes", "positive_bytes"):
        out = np.empty(plane.shape, np.uint8)
        getattr(quantise, name)(plane, np.float32(scale), out)
        want = getattr(naive, name)(plane, scale)
        assert np.abs(out.astype(int) - want).max() <= 1
        assert ((out == 0) == np.isnan(plane)).all()


def test_bytes_keep_the_order():
    values = np.linspace(-50, 50, 999, dtype=np.float32)[None]
    out = np.empty(values.shape, np.uint8)
    quantise.signed_bytes(values, np.float32(3), out)
    assert (np.diff(out.astype(int)) >= 0).all()
    assert out[0, 499] == 128


def scene_of(plane):
    return Scene(Planes({"light": np.ascontiguousarray(plane)}), None, False, None, {})


@pytest.mark.parametrize("sigma", [0.6, 1.2, 2.3])
def test_a_blur_at_places_is_that_of_the_whole_plane(sigma):
    plane = np.random.default_rng(4).normal(100, 20, (23, 31)).astype(np.float32)
    found = np.empty(plane.size, np.float32)
    passes.blur_at(plane, half_gaussian(sigma), np.arange(plane.size), found)
    assert found.tobytes() == smooth(plane, sigma).tobytes()
