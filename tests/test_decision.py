"""Laws of pixelgbm.decision."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelgbm.decision import DEFAULT_RULE, Layer, Rule, accepted, decide, decide_parts, trimmed
from pixelgbm.errors import ModelError
from pixelgbm.regions import LOW_GRID, OPERATIONS, RegionTable, candidate_mask, measure
from tests.small_tables import without_columns

RULES = st.builds(
    Rule,
    low=st.integers(1, 255),
    operation=st.sampled_from(OPERATIONS),
    min_area=st.integers(0, 8),
    region_cut=st.floats(0, 1),
    fill_holes=st.booleans(),
    gate=st.none() | st.floats(0, 1),
)


def table_for(seed: int, rule: Rule) -> tuple[RegionTable, np.ndarray]:
    rng = np.random.default_rng(seed)
    probability = np.where(rng.random((20, 26)) < 0.4, rng.integers(0, 256, (20, 26)), 0).astype(np.uint8)
    mask = candidate_mask(probability, low=rule.low, operation=rule.operation)
    table = measure(probability, mask, without_columns((20, 26)))
    return table, rng.random(len(table))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), rule=RULES)
def test_mask_is_the_union_of_kept_regions(seed: int, rule: Rule) -> None:
    table, scores = table_for(seed, rule)
    mask, kept = decide(table, scores, rule)
    assert mask.dtype == np.bool_
    labels = table.filled_labels if rule.fill_holes else table.labels
    np.testing.assert_array_equal(mask, np.isin(labels, kept + 1))
    area = table.filled_area if rule.fill_holes else table.area
    assert mask.sum() == area[kept].sum()
    assert (table.area[kept] >= rule.min_area).all()
    assert (scores[kept] >= rule.region_cut).all()
    if rule.gate is not None and kept.size:
        assert scores[kept].max() >= rule.gate


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), rule=RULES)
def test_many_images_at_once_equal_one_by_one(seed: int, rule: Rule) -> None:
    tables = [table_for(seed + k, rule) for k in range(4)]
    image = np.repeat(np.arange(4), [len(table) for table, _ in tables])
    together = accepted(
        np.concatenate([table.area for table, _ in tables]),
        np.concatenate([scores for _, scores in tables]),
        image,
        rule,
        images=4,
    )
    alone = [np.isin(np.arange(len(table)), decide(table, scores, rule)[1]) for table, scores in tables]
    np.testing.assert_array_equal(together, np.concatenate(alone))


def test_nothing_found_is_a_clean_mask() -> None:
    table = measure(np.zeros((5, 6), np.uint8), np.zeros((5, 6), bool), without_columns((5, 6)))
    mask, kept = decide(table, np.zeros(0), replace(DEFAULT_RULE, gate=0.5))
    assert mask.shape == (5, 6)
    assert not mask.any()
    assert kept.size == 0


@settings(max_examples=20)
@given(rule=RULES)
def test_rule_survives_json(rule: Rule) -> None:
    assert Rule.from_dict(json.loads(json.dumps(rule.to_dict()))) == rule


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"low": 0}, "low must be a whole number in 1..255, got 0"),
        ({"low": 1.5}, "low must be"),
        ({"operation": "blur"}, "operation 'blur'; known: none"),
        ({"min_area": -1}, "min_area must be"),
        ({"min_area": True}, "min_area must be"),
        ({"region_cut": float("nan")}, "region_cut must be"),
        ({"region_cut": "high"}, "region_cut must be"),
        ({"fill_holes": 1}, "fill_holes must be"),
        ({"gate": float("inf")}, "gate must be"),
        ({"trim": "some"}, "trim must be"),
        ({"trim": 0.5, "operation": "open"}, "without an operation"),
        ({"trim": 0.5, "low": 99}, "at a low of the grid"),
        ({"speed": 1}, "exactly the keys"),
    ],
)
def test_nonsense_is_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        Rule.from_dict(DEFAULT_RULE.to_dict() | changed)


def test_a_region_is_trimmed_to_the_parts_that_promise_most() -> None:
    """One wide region, a third of it true, with two parts: one right, with a smaller core, and one wrong."""
    layers = [
        Layer(np.array([100]), np.array([0.35]), np.array([-1])),
        Layer(np.array([30, 20]), np.array([0.9, 0.2]), np.array([0, 0])),
        Layer(np.array([10]), np.array([1.0]), np.array([0])),
    ]
    kept = np.array([True])
    assert [rows.tolist() for rows in trimmed(layers, kept, 0.5)] == [[False], [True, False], [False]]
    assert [rows.tolist() for rows in trimmed(layers, kept, 0.1)] == [[False], [True, True], [False]]
    assert [rows.tolist() for rows in trimmed(layers, kept, 0.01)] == [[True], [False, False], [False]]
    assert [rows.tolist() for rows in trimmed(layers, kept, 0.87)] == [[False], [False, False], [True]]
    assert not any(rows.any() for rows in trimmed(layers, kept, 1.0))
    assert not any(rows.any() for rows in trimmed(layers, ~kept, 0.1))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), trim=st.floats(0, 1), fill=st.booleans())
def test_trimmed_parts_do_not_overlap_and_lie_within_what_was_kept(seed: int, trim: float, fill: bool) -> None:
    rule = Rule(low=26, operation="none", min_area=2, region_cut=0.3, fill_holes=fill, trim=trim)
    cuts = [table_for(seed, replace(rule, low=low)) for low in LOW_GRID]
    whole, kept = decide(*cuts[0], rule)
    mask, rows = decide_parts(cuts, kept, rule)
    assert not (mask & ~whole).any()
    if not fill:  # A part may lie in the filled hole of another.
        assert mask.sum() == sum(table.area[k].sum() for (table, _), k in zip(cuts, rows, strict=True))
