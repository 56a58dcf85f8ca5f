"""run.toml: what is read, what is refused, and in which words."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from features import SURFACE
from pixelgbm.config import BoosterConfig, RunConfig, SamplingConfig, load_config, preset
from pixelgbm.errors import ConfigError


def _written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "run.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_empty_file_is_the_default(tmp_path: Path) -> None:
    assert load_config(_written(tmp_path, "")) == RunConfig()


def test_named_keys_replace_only_themselves(tmp_path: Path) -> None:
    text = 'seed = 7\nfolds = 5\n[features]\nblue = "drop"\n[sampling]\nhard_share = 0\n[region_booster]\ntrees = 9\n'
    config = load_config(_written(tmp_path, text))
    assert (config.seed, config.folds, config.features.blue) == (7, 5, "drop")
    assert config.sampling == SamplingConfig(hard_share=0.0)
    assert config.region_booster.trees == 9
    assert config.region_booster.num_leaves == RunConfig().region_booster.num_leaves
    assert config.booster == BoosterConfig()


def test_a_profile_brings_its_own_defaults(tmp_path: Path) -> None:
    lean = load_config(_written(tmp_path, 'profile = "fast"\n[booster]\nlearning_rate = 0.2\n'))
    assert lean.features.lean and lean.booster.trees == RunConfig().first_booster.trees
    assert lean.booster.learning_rate == 0.2
    assert load_config(_written(tmp_path, ""), profile="fast") == preset("fast")
    everything = load_config(_written(tmp_path, "[features]\nlean = false\n"), profile="fast")
    assert everything.profile == "fast" and not everything.features.lean
    assert preset("best") == RunConfig()
    with pytest.raises(ConfigError, match=r"^unknown profile 'slow'"):
        load_config(_written(tmp_path, ""), profile="slow")


def test_the_profile_surface_is_one_look_at_what_needs_no_reference(tmp_path: Path) -> None:
    surface = preset("surface")
    assert surface.profile == "fast" and surface.features.families == SURFACE and not surface.features.lean
    assert "difference" not in SURFACE and {"rarity", "whitened"} < set(SURFACE)
    assert load_config(_written(tmp_path, 'profile = "surface"\n[sampling]\nnegatives = 300\n')) == replace(
        surface, sampling=replace(surface.sampling, negatives=300)
    )
    assert load_config(_written(tmp_path, 'profile = "best"\n'), profile="surface") == surface


def test_families_may_be_chosen(tmp_path: Path) -> None:
    family = RunConfig().features.families[0]
    config = load_config(_written(tmp_path, f'[features]\nfamilies = ["{family}"]\n'))
    assert config.features.families == (family,)
    assert 0 < len(config.features.columns) < len(RunConfig().features.columns)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[sampling]\nperpair = 3\n", r"run\.toml: \[sampling\]: unknown key 'perpair'; known: positives, negatives"),
        ("sede = 3\n", r"run\.toml: unknown key 'sede'; known: seed, folds"),
        ('seed = "3"\n', r"run\.toml: seed must be a whole number, got '3'"),
        ("folds = true\n", r"run\.toml: folds must be a whole number, got True"),
        ("folds = 2.5\n", r"run\.toml: folds must be a whole number, got 2\.5"),
        ("folds = 1\n", r"run\.toml: folds must lie in 2\.\.100, got 1"),
        ("booster = 3\n", r"run\.toml: booster must be a table, got 3"),
        ("[booster]\ntrees = 0\n", r"run\.toml: \[booster\]: trees must lie in 1\.\.10000, got 0"),
        ("[booster]\nlearning_rate = nan\n", r"\[booster\]: learning_rate must lie in 0\.0001\.\.1, got nan"),
        (
            "[sampling]\nhard_share = 0.8\nring_share = 0.3\n",
            r"\[sampling\]: hard_share \+ ring_share must be at most 1",
        ),
        ("[sampling]\nring_inner = 9\n", r"\[sampling\]: ring_outer must lie in 9\.\.200, got 6"),
        ('[features]\nfamilies = "colour"\n', r"\[features\]: families must be a list, got 'colour'"),
        ("[features]\nfamilies = [3]\n", r"\[features\]: families\[0\] must be a text, got 3"),
        ('[features]\nblue = "maybe"\n', r"run\.toml: \[features\]: .*maybe"),
        ('[features]\nfamilies = ["context"]\n', r"run\.toml: \[features\]: the first look has no context"),
        ("context_rounds = 9\n", r"context_rounds must lie in 1\.\.4, got 9"),
        ("profile = 3\n", r"run\.toml: profile must be a text, got 3"),
        ('profile = "slow"\n', r"run\.toml: unknown profile 'slow'; known: 'fast', 'best', 'surface'"),
        ("seed = \n", r"run\.toml: not TOML: "),
    ],
)
def test_a_wrong_file_is_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load_config(_written(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: No such file"):
        load_config(tmp_path / "none.toml")


def test_bytes_that_are_not_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_bytes(b"seed = 1\n\xff")
    with pytest.raises(ConfigError, match=r"run\.toml: not UTF-8"):
        load_config(path)


def test_the_provenance_is_plain_json() -> None:
    config = RunConfig(seed=3)
    assert json.loads(json.dumps(config.to_dict()))["sampling"]["positives"] == config.sampling.positives


def test_only_one_look_is_left_early(tmp_path: Path) -> None:
    assert load_config(_written(tmp_path, 'profile = "fast"\nearly_exit_trees = 20\n')).early_exit_trees == 20
    with pytest.raises(ConfigError, match="early_exit_trees is for profile 'fast'"):
        load_config(_written(tmp_path, "early_exit_trees = 20\n"))
    with pytest.raises(ConfigError, match="early_exit_trees"):
        load_config(_written(tmp_path, 'profile = "fast"\nearly_exit_trees = 9\n[booster]\ntrees = 9\n'))
