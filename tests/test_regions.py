"""Laws of pixelgbm.regions, against a slow twin by scipy.ndimage and plain loops."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import ndimage

from features import FeatureStack
from pixelgbm import regions
from pixelgbm.region_kernels import RING_REACH
from pixelgbm.regions import candidate_mask, measure, region_feature_names, truth_counts

COLUMNS = ("first", "second")
CROSS = ndimage.generate_binary_structure(2, 1)
SQUARE = np.ones((3, 3), dtype=bool)


def example(seed: int, rows: int = 24, cols: int = 31, share: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    probability = rng.integers(0, 256, (rows, cols)).astype(np.uint8)
    probability = np.where(rng.random((rows, cols)) < share, probability, probability // 8).astype(np.uint8)
    planes = rng.integers(0, 256, (2, rows, cols)).astype(np.uint8)
    planes[1, rng.random((rows, cols)) < 0.5] = 0
    return probability, planes


def table_of(
    probability: np.ndarray, planes: np.ndarray, low: int = 60, operation: str = "none"
) -> regions.RegionTable:
    mask = candidate_mask(probability, low=low, operation=operation)
    return measure(probability, mask, stack_of(planes))


def stack_of(planes: np.ndarray) -> FeatureStack:
    return FeatureStack(planes, COLUMNS, None, {"noise": 2.5, "edge": 0.5}, (1.0, 1.0))


def column(table: regions.RegionTable, name: str) -> np.ndarray:
    return table.features[:, table.names.index(name)]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), rows=st.integers(1, 20), cols=st.integers(1, 20))
@pytest.mark.parametrize(
    ("operation", "twin"),
    [
        ("none", lambda m: m),
        ("shrink", lambda m: ndimage.binary_erosion(m, CROSS, border_value=1)),
        ("grow", lambda m: ndimage.binary_dilation(m, CROSS)),
        ("open", lambda m: ndimage.binary_dilation(ndimage.binary_erosion(m, CROSS, border_value=1), CROSS)),
        ("close", lambda m: ndimage.binary_erosion(ndimage.binary_dilation(m, CROSS), CROSS, border_value=1)),
    ],
)
def test_operations_equal_scipy(operation, twin, seed, rows, cols) -> None:  # type: ignore[no-untyped-def]
    probability, _ = example(seed, rows, cols, 0.6)
    expected = twin(probability >= 90)
    np.testing.assert_array_equal(candidate_mask(probability, low=90, operation=operation), expected)


def test_the_grid_is_made_of_known_parts() -> None:
    assert len(set(regions.GRID)) == len(regions.GRID)
    assert {low for low, _ in regions.GRID} <= set(regions.LOW_GRID)
    assert {operation for _, operation in regions.GRID} == set(regions.OPERATIONS)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), share=st.floats(0.05, 0.9))
def test_regions_are_the_8_connected_components(seed: int, share: float) -> None:
    probability, planes = example(seed, share=share)
    table = table_of(probability, planes)
    expected, count = ndimage.label(probability >= 60, SQUARE)
    assume(count <= regions.max_regions(probability.shape))  # beyond that the weakest are dropped: a test of its own
    assert len(table) == count
    np.testing.assert_array_equal(table.labels, expected)
    np.testing.assert_array_equal(table.area, np.bincount(expected.ravel(), minlength=count + 1)[1:])
    np.testing.assert_allclose(
        table.centroid, np.array(ndimage.center_of_mass(expected > 0, expected, range(1, count + 1))).reshape(-1, 2)
    )
    for k, box in enumerate(ndimage.find_objects(expected)):
        assert tuple(table.bbox[k]) == (box[0].start, box[1].start, box[0].stop, box[1].stop)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), share=st.floats(0.3, 0.8))
def test_holes_belong_to_the_region_directly_around_them(seed: int, share: float) -> None:
    table = table_of(*example(seed, share=share))
    everything = ndimage.binary_fill_holes(table.labels > 0, CROSS)
    np.testing.assert_array_equal(table.filled_labels > 0, everything)
    np.testing.assert_array_equal(table.filled_labels[table.labels > 0], table.labels[table.labels > 0])
    for k in range(len(table)):
        alone = ndimage.binary_fill_holes(table.labels == k + 1, CROSS)
        assert not ((table.filled_labels == k + 1) & ~alone).any()
        assert table.filled_area[k] == np.count_nonzero(table.filled_labels == k + 1)


def test_a_region_inside_a_hole_keeps_its_own_hole() -> None:
    probability = np.zeros((11, 11), dtype=np.uint8)
    probability[0:11, 0:11] = 200
    probability[1:10, 1:10] = 0
    probability[3:8, 3:8] = 200
    probability[5, 5] = 0
    table = table_of(probability, np.zeros((2, 11, 11), dtype=np.uint8))
    assert table.area.tolist() == [40, 24]
    assert table.filled_area.tolist() == [40 + 81 - 25, 25]


def slow_features(table: regions.RegionTable, probability: np.ndarray, planes: np.ndarray) -> list[dict[str, float]]:
    """What the docstrings promise, region by region with whole-image masks."""
    p = probability / 255
    rows = []
    candidates = table.labels > 0
    for k in range(len(table)):
        inside = table.labels == k + 1
        near = ndimage.binary_dilation(inside, np.ones((3, 3)))
        ring = ndimage.binary_dilation(inside, np.ones((9, 9))) & ~near & ~candidates
        rim = inside & ~ndimage.binary_erosion(inside, CROSS)
        at = np.argwhere(inside)
        moments = np.atleast_2d(np.cov(at.T, bias=True)) + np.eye(2) / 12
        small, large = np.sqrt(np.linalg.eigvalsh(moments))
        padded = np.pad(inside, 1).astype(int)
        known: dict[str, float] = {
            "area": inside.sum(),
            "perimeter": np.abs(np.diff(padded, axis=0)).sum() + np.abs(np.diff(padded, axis=1)).sum(),
            "major_axis": large,
            "minor_axis": small,
            "elongation": large / small,
            "border_distance": min(*at.min(axis=0), *(np.array(inside.shape) - 1 - at.max(axis=0))),
            "probability_mean": p[inside].mean(),
            "probability_deviation": p[inside].std(),
            "probability_min": p[inside].min(),
            "probability_max": p[inside].max(),
            "probability_rim": p[rim].mean(),
            "probability_high_share": (probability[inside] >= 128).mean(),
            "probability_ring": p[ring].mean() if ring.any() else np.nan,
            "probability_ring_max": p[ring].max() if ring.any() else np.nan,
            "mass_share": p[inside].sum() / p[candidates].sum(),
            "image_mass": p[candidates].sum(),
            "image_regions": len(table),
            "no_evidence_share": (planes[:, inside] == 0).mean(),
            "image_edge": 0.5,
            "image_noise": 2.5,
        }
        for name, plane in zip(COLUMNS, planes.astype(float), strict=True):
            values, around = plane[inside & (plane > 0)], plane[ring & (plane > 0)]
            known[f"mean_{name}"] = values.mean() if values.size else np.nan
            known[f"deviation_{name}"] = values.std() if values.size else np.nan
            known[f"contrast_{name}"] = values.mean() - around.mean() if values.size and around.size else np.nan
        rows.append(known)
    return rows


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), share=st.floats(0.05, 0.7), operation=st.sampled_from(regions.OPERATIONS))
def test_features_equal_their_slow_twin(seed: int, share: float, operation: str) -> None:
    probability, planes = example(seed, 17, 22, share)
    table = table_of(probability, planes, operation=operation)
    for k, known in enumerate(slow_features(table, probability, planes)):
        for name, value in known.items():
            np.testing.assert_allclose(column(table, name)[k], value, rtol=1e-4, atol=1e-4, err_msg=name)


def test_names_and_columns_agree() -> None:
    table = table_of(*example(3))
    assert table.names == region_feature_names(COLUMNS, ("noise", "edge"))
    assert table.features.shape == (len(table), len(table.names))
    assert table.features.dtype == np.float32
    assert len(set(table.names)) == len(table.names)
    mass = column(table, "mass_share")
    np.testing.assert_array_equal(np.argsort(np.argsort(-mass, kind="stable")), column(table, "mass_rank"))


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (13, 7)])
def test_empty_full_and_tiny_maps(shape: tuple[int, int]) -> None:
    planes = np.zeros((2, *shape), dtype=np.uint8)
    empty = table_of(np.zeros(shape, dtype=np.uint8), planes)
    assert len(empty) == 0
    assert empty.features.shape == (0, len(empty.names))
    assert not empty.labels.any()
    full = table_of(np.full(shape, 255, dtype=np.uint8), planes)
    assert full.area.tolist() == [shape[0] * shape[1]]
    assert np.isnan(column(full, "mean_first")).all()
    assert np.isnan(column(full, "probability_ring")).all()
    assert column(full, "no_evidence_share").tolist() == [1.0]


def test_larger_images_may_have_more_regions() -> None:
    assert regions.max_regions((390, 390)) == 64
    assert regions.max_regions((4000, 5000)) == 8000


def test_only_the_heaviest_regions_are_kept() -> None:
    probability = np.zeros((50, 50), dtype=np.uint8)
    probability[::2, ::2] = 100
    probability[10:12, ::2] = 200
    table = table_of(probability, np.zeros((2, 50, 50), dtype=np.uint8))
    assert len(table) == regions.max_regions((50, 50)) == 64
    assert (table.labels[10, ::2] > 0).all()
    assert np.count_nonzero(table.labels) == table.area.sum()
    np.testing.assert_array_equal(table.labels, table_of(probability, np.zeros((2, 50, 50), dtype=np.uint8)).labels)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_truth_counts_are_pixel_counts(seed: int) -> None:
    table = table_of(*example(seed, share=0.5))
    truth = np.random.default_rng(seed).random(table.labels.shape) < 0.4
    inside, filled = truth_counts(table, truth)
    for k in range(len(table)):
        assert inside[k] == np.count_nonzero(truth & (table.labels == k + 1))
        assert filled[k] == np.count_nonzero(truth & (table.filled_labels == k + 1))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), operation=st.sampled_from(regions.OPERATIONS))
def test_candidates_and_their_rings_are_all_of_the_stack_that_is_looked_at(seed: int, operation: str) -> None:
    probability, planes = example(seed, share=0.05)
    mask = candidate_mask(probability, low=60, operation=operation)
    around = ndimage.binary_dilation(mask, np.ones((2 * RING_REACH + 1,) * 2))
    place = np.where(around, np.cumsum(around).reshape(around.shape) - 1, -1).astype(np.int32)
    some = replace(stack_of(np.ascontiguousarray(planes[:, np.newaxis, around])), place=place)
    whole = measure(probability, mask, stack_of(planes))
    np.testing.assert_array_equal(measure(probability, mask, some).features, whole.features)
