"""Laws of pixelgbm.forest: equal to LightGBM, and no text can lead a kernel astray."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelgbm.errors import ModelError
from pixelgbm.forest import parse_trees, predict_planes, predict_rows
from pixelgbm.forest.trees import Trees


def train_text(
    seed: int,
    *,
    columns: int = 4,
    leaves: int = 7,
    trees: int = 5,
    objective: str = "cross_entropy",
    nan: float = 0.0,
    samples: int = 400,
) -> str:
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, 256, (samples, columns)).astype(np.float64)
    labels = (rows[:, 0] + rng.normal(0, 40, samples) > rows[:, -1]).astype(np.float64)
    if objective == "cross_entropy":
        labels = labels * rng.random(samples)
    if nan:
        rows[rng.random(rows.shape) < nan] = np.nan
    names = [f"c{k}" for k in range(columns)]
    options: dict[str, Any] = {"objective": objective, "num_leaves": leaves, "verbose": -1, "num_threads": 1}
    options |= {"min_data_in_leaf": 1, "seed": seed}
    if objective == "binary":
        options["sigmoid"] = 0.5 + seed % 3
    booster = lightgbm.train(options, lightgbm.Dataset(rows, labels, feature_name=names), trees)
    text: str = booster.model_to_string()
    return text


def write_model(trees: list[dict[str, object]], *, columns: int = 2, head: str = "") -> str:
    """A text model by hand; `trees` hold the lines of each tree."""
    blocks = [
        "".join([f"Tree={k}\n", *(f"{key}={value}\n" for key, value in tree.items()), "\n\n"])
        for k, tree in enumerate(trees)
    ]
    names = " ".join(f"c{k}" for k in range(columns))
    return (
        "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\n"
        f"max_feature_idx={columns - 1}\nobjective=cross_entropy\n{head}feature_names={names}\n"
        f"feature_infos={' '.join(['[0:255]'] * columns)}\ntree_sizes={' '.join(str(len(b)) for b in blocks)}\n\n"
        f"{''.join(blocks)}end of trees\n\nparameters:\nend of parameters\n"
    )


def stump(**changed: object) -> dict[str, object]:
    lines: dict[str, object] = {"num_leaves": 3, "num_cat": 0, "split_feature": "0 1", "split_gain": "1 1"}
    lines |= {"threshold": "7.5 100", "decision_type": "2 2", "left_child": "1 -1", "right_child": "-3 -2"}
    lines |= {"leaf_value": "0.5 -0.25 2", "leaf_weight": "1 1 1", "leaf_count": "9 9 9", "internal_value": "0 0"}
    lines |= {"internal_weight": "1 1", "internal_count": "9 9", "is_linear": 0, "shrinkage": 1}
    return lines | changed


def bytes_of(rng: np.random.Generator, columns: int, rows: int, cols: int) -> np.ndarray:
    return rng.integers(0, 256, (columns, rows, cols)).astype(np.uint8)


def as_rows(planes: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(planes.reshape(len(planes), -1).T)


def booster_says(text: str, rows: np.ndarray) -> np.ndarray:
    return np.asarray(lightgbm.Booster(model_str=text).predict(rows.astype(np.float64), num_threads=1))


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    leaves=st.sampled_from([2, 3, 31, 64]),
    objective=st.sampled_from(["binary", "cross_entropy"]),
    nan=st.sampled_from([0.0, 0.2]),
)
def test_planes_and_rows_equal_lightgbm(seed: int, leaves: int, objective: str, nan: float) -> None:
    text = train_text(seed, leaves=leaves, objective=objective, nan=nan)
    trees = parse_trees(text, where="booster.txt")
    planes = bytes_of(np.random.default_rng(seed), 4, 7, 11)
    expected = booster_says(text, as_rows(planes))
    np.testing.assert_allclose(predict_planes(trees, planes).ravel(), expected, atol=1e-6, rtol=0)
    np.testing.assert_allclose(predict_rows(trees, as_rows(planes).astype(np.float32)), expected, atol=1e-6, rtol=0)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), nan=st.sampled_from([0.0, 0.3]))
def test_rows_with_nan_and_infinity_equal_lightgbm(seed: int, nan: float) -> None:
    text = train_text(seed, nan=nan)
    rng = np.random.default_rng(seed)
    rows = rng.normal(100, 200, (50, 4))
    odd = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-40, 255.0])
    rows[rng.random(rows.shape) < 0.4] = rng.choice(odd, (rows.shape))[0, 0]
    rows[:7, 0] = odd
    found = predict_rows(parse_trees(text, where="booster.txt"), rows)
    np.testing.assert_allclose(found, booster_says(text, rows), atol=1e-6, rtol=0)


@pytest.mark.parametrize("threshold", [-1.0, -1e-9, 0.0, 0.5, 1.0, 127.99999999, 254.5, 255.0, 256.0, 1e300, np.inf])
def test_thresholds_at_the_edges_of_the_byte_range(threshold: float) -> None:
    text = write_model([stump(threshold=f"{threshold!r} 100"), stump(threshold=f"100 {threshold!r}")])
    planes = np.stack([np.arange(256).reshape(16, 16), np.arange(256)[::-1].reshape(16, 16)]).astype(np.uint8)
    found = predict_planes(parse_trees(text, where="booster.txt"), planes)
    np.testing.assert_allclose(found.ravel(), booster_says(text, as_rows(planes)), atol=1e-6, rtol=0)


def test_trees_of_one_leaf_and_of_many() -> None:
    lines = dict.fromkeys(["split_feature", "threshold", "decision_type", "left_child", "right_child"], "")
    text = write_model([stump(num_leaves=1, leaf_value="-0.75", leaf_count="9", **lines), stump()])
    planes = bytes_of(np.random.default_rng(1), 2, 3, 5)
    found = predict_planes(parse_trees(text, where="booster.txt"), planes)
    np.testing.assert_allclose(found.ravel(), booster_says(text, as_rows(planes)), atol=1e-6, rtol=0)

    text = train_text(3, leaves=350, columns=3, trees=2, samples=900)
    trees = parse_trees(text, where="booster.txt")
    assert trees.programs.max_leaves > 256
    planes = bytes_of(np.random.default_rng(2), 3, 40, 40)
    np.testing.assert_allclose(
        predict_planes(trees, planes).ravel(), booster_says(text, as_rows(planes)), atol=1e-6, rtol=0
    )


def test_the_tile_never_changes_a_bit() -> None:
    trees = parse_trees(train_text(5), where="booster.txt")
    planes = bytes_of(np.random.default_rng(5), 4, 31, 41)
    whole = predict_planes(trees, planes)
    parts = np.concatenate([predict_planes(trees, planes[:, :13]), predict_planes(trees, planes[:, 13:])])
    np.testing.assert_array_equal(whole, parts)


@pytest.mark.parametrize("shape", [(4, 0, 5), (4, 1, 1), (4, 5, 0)])
def test_empty_and_single_pixels(shape: tuple[int, int, int]) -> None:
    found = predict_planes(parse_trees(train_text(0), where="booster.txt"), np.zeros(shape, dtype=np.uint8))
    assert found.shape == shape[1:]
    assert found.dtype == np.float32


def test_text_survives_unchanged() -> None:
    text = train_text(8)
    trees = parse_trees(text, where="booster.txt")
    assert trees.to_text() == text
    assert trees.columns == ("c0", "c1", "c2", "c3")
    assert trees.count == 5


def test_wrong_number_of_columns_is_refused() -> None:
    trees = parse_trees(train_text(0), where="booster.txt")
    with pytest.raises(ModelError, match=re.escape("the booster reads (4, rows, cols) uint8")):
        predict_planes(trees, np.zeros((3, 2, 2), dtype=np.uint8))
    with pytest.raises(ModelError, match="reads \\(4, rows, cols\\)"):
        predict_planes(trees, np.zeros((4, 2, 2), dtype=np.float32))
    with pytest.raises(ModelError, match="reads \\(n, 4\\)"):
        predict_rows(trees, np.zeros((2, 5)))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"left_child": "5 -1"}, "tree 0: a child lies outside its 2 nodes and 3 leaves"),
        ({"left_child": "1 -4"}, "a child lies outside"),
        ({"left_child": "1 0"}, "a child comes before its parent"),
        ({"left_child": "0 -1"}, "a child comes before its parent"),
        ({"left_child": "1 1"}, "a child comes before its parent"),
        ({"right_child": "-3 -1"}, "two parents"),
        ({"right_child": "1 -2"}, "two parents"),
        ({"split_feature": "0 2"}, "split_feature lies outside the 2 columns"),
        ({"split_feature": "-1 0"}, "split_feature lies outside"),
        ({"split_feature": "0"}, "split_feature has 1 numbers, 2 expected"),
        ({"split_feature": "0 99999999999999999999"}, "not a number"),
        ({"leaf_value": "1 2"}, "leaf_value has 2 numbers, 3 expected"),
        ({"leaf_value": "1 2 nan"}, "'nan', which is not a number"),
        ({"leaf_value": "1 2 1e999"}, "leaf_value holds a number that is not finite"),
        ({"threshold": "1 0x10"}, "not a number"),
        ({"num_leaves": 4}, "numbers, 3 expected"),
        ({"num_leaves": 0}, "num_leaves=0; allowed"),
        ({"num_leaves": 10**9}, "num_leaves=1000000000; allowed"),
        ({"num_leaves": ""}, "num_leaves has 0 numbers"),
        ({"num_cat": 1}, "categorical splits are not read"),
        ({"decision_type": "1 2"}, "categorical splits are not read"),
        ({"decision_type": "6 2"}, "zero_as_missing"),
        ({"decision_type": "2 77"}, "unknown decision_type"),
        ({"is_linear": 1}, "linear trees are not read"),
    ],
)
def test_crafted_trees_are_refused(changed: dict[str, object], message: str) -> None:
    with pytest.raises(ModelError, match=f"^look-0.txt: .*{re.escape(message)}") as caught:
        parse_trees(write_model([stump(**changed)]), where="look-0.txt")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("tree\nversion", "forest\nversion", "not a LightGBM text model"),
        ("num_class=1", "num_class=3", "only models with one output"),
        ("num_tree_per_iteration=1", "num_tree_per_iteration=2", "only models with one output"),
        ("objective=cross_entropy", "objective=regression", "objective 'regression'"),
        ("objective=cross_entropy", "objective=binary sigmoid:-1", "must be positive"),
        ("objective=cross_entropy", "objective=binary sigmoid", "sigmoid has 0 numbers"),
        ("objective=cross_entropy", "objective=binary lambda:1", "objective option"),
        ("objective=cross_entropy\n", "", "objective ''"),
        ("objective=", "average_output\nobjective=", "averaged forest"),
        ("max_feature_idx=1", "max_feature_idx=2", "2 feature_names, but max_feature_idx=2"),
        ("feature_names=c0 c1", "feature_names=c0 c0", "distinct"),
        ("feature_names=c0 c1", "feature_names=c0 c1\nfeature_names=c1 c0", "stands twice"),
        ("leaf_value=", "leaf_value=1 1 1\nleaf_value=", "is not the"),
        ("tree_sizes=", "tree_sizes=-", "is not the"),
        ("tree_sizes=", "tree_sizes=9", "is not the"),
        ("end of trees", "end of", "'end of trees' expected after 1 trees"),
    ],
)
def test_crafted_headers_are_refused(old: str, new: str, message: str) -> None:
    text = write_model([stump()])
    assert old in text
    with pytest.raises(ModelError, match=re.escape(message)):
        parse_trees(text.replace(old, new, 1), where="look-0.txt")


def test_every_truncation_is_refused() -> None:
    text = train_text(2, trees=2)
    end = text.index("end of trees") + len("end of trees")
    for length in range(0, end, 37):
        with pytest.raises(ModelError, match=r"^cut\.txt: "):
            parse_trees(text[:length], where="cut.txt")


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_altered_text_is_refused_or_safe(data: st.DataObject) -> None:
    text = write_model([stump(), stump()])
    at = data.draw(st.integers(0, len(text) - 1))
    piece = data.draw(st.sampled_from(["0", "9", "-", " ", "\n", "=", "e", "-1", "99999", "\udc80", "é"]))
    altered = text[:at] + piece + text[at + data.draw(st.integers(0, 2)) :]
    planes = bytes_of(np.random.default_rng(0), 2, 3, 3)
    try:
        trees = parse_trees(altered, where="altered.txt")
    except ModelError as error:
        assert str(error).startswith("altered.txt: ")
        assert "\n" not in str(error)
    else:
        assert isinstance(trees, Trees)
        if len(trees.columns) == 2:
            probability = predict_planes(trees, planes)
            assert ((probability >= 0) & (probability <= 1)).all()


def test_prediction_does_not_import_lightgbm() -> None:
    code = "import sys, pixelgbm.forest; print('lightgbm' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
