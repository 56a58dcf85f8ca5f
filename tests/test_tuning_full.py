"""Laws of the full search: it rehearses what training does, never sees what it reports on, and loses no trial."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pixelgbm import datasets, training
from pixelgbm.__main__ import run
from pixelgbm.config import BoosterConfig, RunConfig, load_config
from pixelgbm.errors import ConfigError, ModelError, OutputError
from pixelgbm.mapping import Chain, first_stack, map_head, prepare_pair
from pixelgbm.mapstore import maps_folder
from pixelgbm.metrics import METRICS
from pixelgbm.model import read_model
from pixelgbm.records import Dataset
from pixelgbm.training.plan import make_plan
from pixelgbm.tuning import full, parts
from pixelgbm.tuning import shots as shots_module
from pixelgbm.tuning.costs import PairCost, expected_forest
from pixelgbm.tuning.frontier import Tried, open_frontier, pareto
from pixelgbm.tuning.full import FullResult, search_settings
from pixelgbm.tuning.rehearsal import Forest, rehearse
from pixelgbm.tuning.settings import config_from, config_text, space_around
from pixelgbm.tuning.shots import Album
from pixelgbm.tuning.trying import Trying
from pixelgbm.tuning.worth import interval, nested_tallies
from tests.small_print import TINY, draw_manifest

SMALL = replace(
    TINY,
    profile="best",
    context_rounds=1,
    sampling=replace(TINY.sampling, pasted_share=0.0, reference_dropout=0.1),
    first_booster=BoosterConfig(trees=6, num_leaves=6, learning_rate=0.3, min_data_in_leaf=10),
    booster=BoosterConfig(trees=8, num_leaves=6, learning_rate=0.3, min_data_in_leaf=10),
)


F1 = METRICS["macro-f1"]


class FixedCost:
    """A millisecond per column, per look and per hundred nodes: the same on every machine."""

    known: Mapping[str, float] = {}

    def ms(self, config: RunConfig, forest: Forest) -> float:
        return len(config.features.columns) + 10 * len(forest.trees) + sum(forest.nodes) / 100


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return draw_manifest(tmp_path_factory.mktemp("print"), images=18)


@pytest.fixture(scope="module")
def trained(data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained") / "model"
    training.train(data, SMALL, out=out)
    return out


def search(model: Path, data: Dataset, tmp_path: Path, **given: Any) -> FullResult:
    options: dict[str, Any] = {"trials": 4, "images": 12, "cost": FixedCost(), "out_config": tmp_path / "run.toml"}
    options["storage"] = f"sqlite:///{tmp_path / 'full.db'}"
    return search_settings(model, data, **(options | given))


@pytest.fixture(scope="module")
def found(trained: Path, data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> FullResult:
    return search(trained, data, tmp_path_factory.mktemp("found"))


@pytest.fixture(scope="module")
def album(data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Album]:
    plan = make_plan(data, SMALL, workers=1, progress=None)
    with Album(data, plan, SMALL, folder=tmp_path_factory.mktemp("album")) as album:
        yield album


def test_a_rehearsal_sees_what_prediction_sees(data: Dataset, album: Album) -> None:
    """The model grown on shots gives the same bytes on the shot, from disk, as prediction gives on the files."""
    plan, shots = make_plan(data, SMALL, workers=1, progress=None), album.at(1.0)
    config = replace(SMALL, features=replace(SMALL.features, families=("difference", "contrast")))
    model = rehearse(data, shots, plan, config, final=True).model
    assert model is not None
    assert len(model.looks) == 2
    head = model.heads[0]
    for shot in (shots.shots[1], shots.shots[-1]):  # the last one has its reference hidden
        chain = Chain(head.boosters, head.survivor_cut)
        seen = shots.show(shot.view, model.looks[0])
        mine = map_head(model.looks, chain, seen.scene, seen.ignore, first=seen.first, known=seen.known)
        pair = datasets.read_pair(data, shot.view.sample)
        scene = prepare_pair(model.looks[0], pair, references="drop" if shot.view.hide_reference else "use")
        theirs = map_head(model.looks, head, scene, None, first=first_stack(model.looks[0], scene))
        np.testing.assert_array_equal(mine.levels, theirs.levels)
        np.testing.assert_array_equal(mine.stack.planes, theirs.stack.planes)
        assert mine.levels.any()
    assert shots.shots[-1].view.hide_reference


def test_a_rehearsal_grows_what_training_grows(data: Dataset, trained: Path, album: Album) -> None:
    """With all images and nothing changed, the boosters of the first look are those of `train`, to the byte."""
    model = rehearse(data, album.at(1.0), make_plan(data, SMALL, workers=1, progress=None), SMALL, final=True).model
    assert model is not None
    assert model.looks[0] == read_model(trained).looks[0]
    assert model.heads[0].boosters[0].to_text() == read_model(trained).heads[0].boosters[0].to_text()


def test_workers_change_nothing(data: Dataset, album: Album) -> None:
    plan, shots = make_plan(data, SMALL, workers=1, progress=None), album.at(1.0)
    fast = replace(SMALL, profile="fast")
    one, two = (rehearse(data, shots, plan, fast, workers=n).tables["dirt"] for n in (1, 2))
    assert one.ids == two.ids
    for name in ("image", "grid", "area", "tp", "score"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


def test_large_images_are_seen_through_a_window_on_a_defect(
    data: Dataset, album: Album, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(shots_module, "WINDOW", 40)
    dirty = replace(data, samples=data.samples[1:3])
    plan = make_plan(data, SMALL, workers=1, progress=None)
    few = replace(plan, views=tuple(view for view in plan.views if view.sample in dirty.samples))
    whole = {shot.view.name: shot for shot in album.at(1.0).shots}
    with Album(data, few, SMALL, folder=tmp_path) as small:
        for shot in small.at(1.0).shots:
            assert shot.stack.planes.shape[1:] == (40, 40)
            assert shot.truth["dirt"].any()
            other = whole[shot.view.name].truth["dirt"]
            places = [
                (r, c)
                for r in range(25)
                for c in range(25)
                if np.array_equal(other[r : r + 40, c : c + 40], shot.truth["dirt"])
            ]
            assert places


def nested_values(values: np.ndarray, groups: list[str]) -> np.ndarray:
    """values: (rules, images), of a metric that is a mean over images."""
    return nested_tallies(values[..., None], groups, F1, seed=0)[..., 0]


def test_the_score_of_an_image_does_not_choose_its_rule() -> None:
    """Each rule is right for one image and wrong for all others: chosen elsewhere, none is right anywhere."""
    groups = [f"g{k}" for k in range(12)]
    assert nested_values(np.eye(12), groups).max() < 1e-3
    assert nested_values(np.full((3, 12), 0.7), groups) == pytest.approx(0.7)
    twins = np.repeat(np.eye(6), 2, axis=1)
    assert nested_values(twins, [f"g{k // 2}" for k in range(12)]).max() < 1e-3


def test_a_hair_moves_the_score_by_a_hair() -> None:
    """Two rules that are equally good on average, and right on different images: a staircase would jump here."""
    values = np.zeros((2, 30))
    values[0, ::2] = values[1, 1::2] = 0.8
    groups = [str(k) for k in range(30)]
    before = nested_values(values, groups).mean()
    for step in (1e-6, 1e-4):
        changed = values.copy()
        changed[1] += step
        assert 0 < abs(nested_values(changed, groups).mean() - before) < 100 * step


def test_the_interval_follows_groups_not_images() -> None:
    values = np.repeat(np.linspace(0, 1, 10), 8)
    alone, grouped = (
        interval(values[:, None], names, F1, seed=0)
        for names in ([str(k) for k in range(80)], [str(k // 8) for k in range(80)])
    )
    assert alone.mean == grouped.mean == pytest.approx(0.5)
    assert grouped.high - grouped.low > 2 * (alone.high - alone.low)


def test_a_configuration_survives_its_text(tmp_path: Path) -> None:
    config = replace(SMALL, features=replace(SMALL.features, families=("gabor",), scale=0.667), survivor_cut=1e-05)
    (tmp_path / "run.toml").write_text(config_text(config, comment="two\nlines"))
    assert load_config(tmp_path / "run.toml") == config
    assert config_from(config.to_dict()) == config
    with pytest.raises(ConfigError, match="another version"):
        config_from({**config.to_dict(), "speed": 3})


@pytest.mark.parametrize("base", [SMALL, RunConfig(), replace(TINY, profile="fast")])
def test_the_space_holds_the_present_setting(base: RunConfig) -> None:
    space = space_around(base, scales=[0.5, 2.0])
    assert space.config(space.of(base)) == base
    for values in (*space.starts(), *space.cheapest()):
        assert set(values) == set(space.axes)
        space.config(values)


def test_the_front_holds_what_nothing_beats() -> None:
    tried = [Tried(k, {}, score, ms, {}) for k, (score, ms) in enumerate([(0.5, 9), (0.4, 5), (0.4, 4), (0.6, 20)])]
    assert [(trial.score, trial.ms) for trial in pareto(tried)] == [(0.4, 4), (0.5, 9), (0.6, 20)]


def test_the_figures_come_from_groups_the_search_never_opened(
    trained: Path, data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    read = datasets.read_pair

    def spy(dataset: Dataset, sample: Any) -> Any:
        opened.append(sample.id)
        return read(dataset, sample)

    kept = []

    def forget(*given: Any, **named: Any) -> Any:
        kept.append(parts.parted(*given, **named))
        monkeypatch.setattr(datasets, "read_pair", spy)
        return kept[0]

    def stop(*given: Any, **named: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(full, "parted", forget)
    monkeypatch.setattr(Trying, "held_out", stop)
    with pytest.raises(KeyboardInterrupt):
        search(trained, data, tmp_path, trials=1, cost=None)
    searched, held_out = ({sample.id for sample in part.samples} for part in (kept[0].search, kept[0].held_out))
    assert set(opened) == searched
    assert len(held_out) == 6
    group = {sample.id: sample.group for sample in data.samples}
    assert not {group[id] for id in searched} & {group[id] for id in held_out}


def test_the_result_says_what_was_found(found: FullResult) -> None:
    assert (found.trials, found.images, found.groups, found.held_out.groups) == (4, 12, 6, 3)
    assert found.present.config == SMALL
    assert not set(found.searched) & set(found.kept_from_search)
    assert [row.ms for row in found.curve] == sorted(row.ms for row in found.curve)
    assert [row.score.mean for row in found.curve] == sorted(row.score.mean for row in found.curve)
    assert found.pick in found.curve
    assert found.pick.ms <= found.curve[-1].ms
    assert found.held_out.gain.mean == pytest.approx(found.held_out.pick.mean - found.held_out.present.mean)


def test_a_stopped_search_ends_like_one_that_ran_through(
    trained: Path, data: Dataset, tmp_path: Path, found: FullResult
) -> None:
    class Stop(Exception):
        pass

    def progress(done: int, total: int, label: str) -> None:
        if label == "trying settings" and done == 2:
            raise Stop

    with pytest.raises(Stop):
        search(trained, data, tmp_path, progress=progress)
    counted: list[int] = []
    resumed = search(
        trained,
        data,
        tmp_path,
        progress=lambda done, total, label: counted.append(done) if label == "trying settings" else None,
    )
    assert counted == [3, 4]
    assert replace(resumed, config_path=found.config_path) == found
    assert list(maps_folder(trained).glob(".full-*")) == []


def test_the_budget_is_kept_and_needs_no_new_trials(
    trained: Path, data: Dataset, tmp_path: Path, found: FullResult
) -> None:
    storage = f"sqlite:///{found.config_path.with_name('full.db')}"
    cheapest = found.curve[0]
    result = search(trained, data, tmp_path, storage=storage, budget_ms=cheapest.ms)
    assert result.pick == cheapest
    assert result.curve == found.curve
    config = load_config(result.config_path)
    assert config == result.pick.config
    model = training.train(data, config, out=tmp_path / "model")
    assert model.training["config"] == config.to_dict()


def test_a_budget_that_nothing_meets_names_the_cheapest(
    trained: Path, data: Dataset, tmp_path: Path, found: FullResult
) -> None:
    with pytest.raises(ConfigError, match=r"no setting costs at most 2 ms a pair on this machine; the cheapest, \d"):
        search(trained, data, tmp_path, budget_ms=2.0)
    storage = f"sqlite:///{found.config_path.with_name('full.db')}"
    below = found.curve[0].ms - 0.01
    with pytest.raises(ConfigError, match=r"none of 4 settings tried costs at most .* raise --budget-ms or --trials"):
        search(trained, data, tmp_path, storage=storage, budget_ms=below)


def test_draws_over_the_budget_are_drawn_again() -> None:
    space = space_around(SMALL)
    with open_frontier(None, "x", space, seed=1) as frontier:
        tried = [
            frontier.try_next(lambda v: float(v["trees"]), lambda v: (0.5, float(v["trees"]), {}), budget_ms=6)
            for _ in range(12)
        ]
    assert tried[0].values["trees"] == SMALL.booster.trees
    assert all(trial.ms <= 6 for trial in tried[1:])
    assert len({tuple(trial.values.items()) for trial in tried}) > 6


def test_a_part_is_timed_once_and_more_costs_more(data: Dataset) -> None:
    cost = PairCost(data, SMALL)
    lean = replace(SMALL, profile="fast", features=replace(SMALL.features, families=("colour",)))
    everything = replace(SMALL, profile="fast")
    low, high, two = (cost.ms(config, expected_forest(config, 1)) for config in (lean, everything, SMALL))
    assert 0 < low < high
    assert two > 0
    again = PairCost(data, SMALL, known=cost.known)
    assert again.ms(lean, expected_forest(lean, 1)) == low
    assert again._known == cost.known
    doubled = expected_forest(replace(lean, booster=replace(lean.booster, trees=16)), 1)
    assert cost.ms(lean, doubled) > low


@pytest.fixture
def copied(trained: Path, tmp_path: Path) -> Path:
    shutil.copytree(trained, tmp_path / "model")
    shutil.copytree(maps_folder(trained), tmp_path / "model.maps")
    return tmp_path / "model"


def test_other_data_and_other_models_are_refused(copied: Path, data: Dataset, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"not the data that .* was trained on"):
        search(copied, replace(data, samples=data.samples[:-1]), tmp_path)
    with pytest.raises(ConfigError, match="never tuned on"):
        search(copied, data, tmp_path, also=["test"])
    with pytest.raises(OutputError, match="the study cannot be kept there"):
        search(copied, data, tmp_path, storage="sqlite:////no/such/folder/full.db")
    shutil.rmtree(maps_folder(copied))
    with pytest.raises(ModelError, match="no out-of-fold maps"):
        search(copied, data, tmp_path)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--budget-ms", "5"], "--budget-ms belongs to the search of settings: add --full"),
        (["--full", "--also", "test"], "split 'test': a test split is never tuned on"),
        (["--full", "--clean-share", "0.5"], "--clean-share belongs to the choice of the rule: leave out --full"),
        (["--full", "--budget-ms", "0.001", "--images", "12"], "no setting costs at most 0.001 ms a pair"),
    ],
)
def test_what_can_be_mended_is_one_line(
    copied: Path, data: Dataset, options: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["tune", str(copied), str(data.root), "--quiet", "--workers", "1", *options]) == 2
    err = capsys.readouterr().err
    assert line in err
    assert err.count("\n") == 1


def test_the_command_shows_the_curve_and_writes_the_setting(
    copied: Path, data: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--full", "--trials", "2", "--images", "12", "--workers", "1", "--json", str(tmp_path / "full.json")]
    digest = read_model(copied).digest
    assert run(["tune", str(copied), str(data.root), *options]) == 0
    out = capsys.readouterr().out
    assert "2 settings on 12 images of 6 groups, out-of-fold" in out
    assert "6 images of 3 groups that no trial saw: pick " in out
    config = maps_folder(copied) / "full.toml"
    assert f"pixelgbm train {data.root} --config {config} --out" in out
    assert load_config(config).folds == SMALL.folds
    assert read_model(copied).digest == digest
    assert (tmp_path / "full.json").read_text().count('"whole_ms"') == 1
