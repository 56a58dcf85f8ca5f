"""Jobs with a metric of their own from drawn data to the score card: verdicts on surfaces, Dice of steel classes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pixelgbm import training
from pixelgbm.__main__ import run
from pixelgbm.datasets import LAYOUTS, Labelled
from pixelgbm.datasets.steel import HEADS
from pixelgbm.errors import ConfigError
from pixelgbm.mapstore import maps_folder, open_store
from pixelgbm.model import read_model
from pixelgbm.records import Pair

CONFIG = """
seed = 1
folds = 2
profile = "fast"
[sampling]
positives = 100
negatives = 150
rounds = 1
[booster]
trees = 12
num_leaves = 6
learning_rate = 0.3
min_data_in_leaf = 10
[region_booster]
trees = 8
num_leaves = 4
learning_rate = 0.3
min_data_in_leaf = 3
"""

SIZE = 48


def draw_image(number: int, heads: tuple[str, ...], *, split: str) -> Labelled:
    """A noisy sheet; every other one has an ellipse: dark or bright, lying or standing, a kind for each head."""
    rng = np.random.default_rng([3, number])
    image = rng.normal(120, 6, (SIZE, SIZE))
    truth = {head: np.zeros((SIZE, SIZE), np.uint8) for head in heads}
    if number % 2:
        kind = number // 2 % len(heads)
        middle = tuple(int(v) for v in rng.integers(12, SIZE - 12, 2))
        axes = (int(rng.integers(5, 10)), int(rng.integers(2, 5)))
        cv2.ellipse(truth[heads[kind]], middle, axes, float(rng.uniform(-30, 30)) + 90 * (kind % 2), 0, 360, 255, -1)
        image += (-70, 70)[kind // 2] * (truth[heads[kind]] > 0)
    pixels = np.clip(image, 0, 255).astype(np.uint8)
    return Labelled(f"{number:03}", split, Pair(pixels), truth, sealed=split == "test")


def work(root: Path, layout: str, heads: tuple[str, ...], *, train: int, test: int) -> dict[str, Any]:
    """Trained, tuned, predicted and scored by the commands; what each wrote as JSON."""

    def drawn() -> Iterator[Labelled]:
        for k in range(train + test):
            yield draw_image(k, heads, split="train" if k < train or layout == "good-bad" else "test")

    data, found = root / "data", {}
    LAYOUTS[layout].write(data, drawn(), sealed=root / "truth")
    (root / "run.toml").write_text(CONFIG)
    sealed = [] if layout == "good-bad" else ["--truth", root / "truth"]
    commands: dict[str, list[Any]] = {
        "train": [data, "--out", root / "model", "--config", root / "run.toml"],
        "tune": [root / "model", data, "--trials", 40],
        "predict": [root / "model", data, "--out", root / "pred", "--split", "train" if not sealed else "test"],
        "score": [root / "pred", data, *sealed],
    }
    for name, options in commands.items():
        assert run([name, *map(str, options), "--quiet", "--json", str(root / f"{name}.json")]) == 0
        found[name] = json.loads((root / f"{name}.json").read_text())
    return found


@pytest.mark.parametrize("layout", ["good-bad", "textured-surfaces"])
def test_surfaces_are_tuned_and_scored_by_verdict(tmp_path: Path, layout: str) -> None:
    found = work(tmp_path, layout, ("defect",), train=16, test=8)
    assert read_model(tmp_path / "model").metric == "verdict-f1"
    assert found["tune"]["heads"]["defect"]["after"]["score"] == 1.0
    card = found["score"]
    assert (card["metric"], card["score"]) == ("verdict-f1", 1e6)
    images = 24 if layout == "good-bad" else 8
    assert card["verdicts"]["confusion"] == {"OK": {"OK": images // 2, "NG": 0}, "NG": {"OK": 0, "NG": images // 2}}
    assert card["overall"]["all_clean"] == pytest.approx(1 / 3)


def test_objects_of_a_manifest_are_judged_by_all_their_views(tmp_path: Path) -> None:
    """Two views of each object, of which a bad one shows its defect in one."""
    bad = [
        replace(draw_image(k, ("defect",), split="train"), object_id=str(k // 2), view=str(k % 2)) for k in range(24)
    ]
    good = [
        replace(draw_image(2 * k, ("defect",), split="train"), id=f"g{k}", object_id=f"g{k // 2}", view=str(k % 2))
        for k in range(24)
    ]
    items = [replace(item, group=item.object_id) for item in (*bad, *good)]
    LAYOUTS["manifest"].write(tmp_path / "data", iter(items))
    (tmp_path / "run.toml").write_text(CONFIG)
    data, model, pred, found = (str(tmp_path / name) for name in ("data", "model", "pred", "score.json"))
    train = ["train", data, "--out", model, "--config", str(tmp_path / "run.toml"), "--metric", "verdict-f1"]
    assert run([*train, "--quiet"]) == 0
    tables = open_store(maps_folder(model)).tables("defect")
    assert len(set(tables.object.tolist())) == len({item.object_id for item in items}) == len(tables.ids) / 2
    assert run(["tune", model, data, "--trials", "40", "--quiet"]) == 0
    assert run(["predict", model, data, "--out", pred, "--quiet"]) == 0
    assert run(["score", pred, data, "--metric", "verdict-f1", "--quiet", "--json", found]) == 0
    card = json.loads(Path(found).read_text())
    assert card["overall"]["images"] == 24
    assert card["verdicts"]["confusion"] == {"OK": {"OK": 12, "NG": 0}, "NG": {"OK": 0, "NG": 12}}


def test_steel_is_tuned_and_scored_by_dice_of_image_and_class(tmp_path: Path) -> None:
    found = work(tmp_path, "steel", HEADS, train=32, test=16)
    card = found["score"]
    assert card["metric"] == "dice"
    assert card["overall"]["all_clean"] == pytest.approx(1 - 8 / (16 * len(HEADS)))
    assert card["overall"]["score_mean"] == pytest.approx(np.mean([row["score"] for row in card["per_image"]]))
    assert card["overall"]["score_mean"] > 0.93
    assert list(card["per_head"]) == list(HEADS)
    rules = [head.rule for head in read_model(tmp_path / "model").heads]
    assert [found["tune"]["heads"][head]["rule"] for head in HEADS] == [rule.to_dict() for rule in rules]


def test_train_names_the_profile_for_surfaces_where_no_image_has_a_reference(tmp_path, tiny_data, capsys, monkeypatch):
    def stopped(*_: object, **__: object) -> None:
        raise ConfigError("that is enough")

    monkeypatch.setattr(training, "train", stopped)
    LAYOUTS["steel"].write(tmp_path / "steel", [draw_image(k, HEADS, split="train") for k in range(4)])

    def said(data: Path, *arguments: str) -> str:
        assert run(["train", str(data), "--out", str(tmp_path / "model"), *arguments]) == 2
        return capsys.readouterr().out

    assert "--profile surface" in said(tmp_path / "steel")
    assert "--profile" not in said(tmp_path / "steel", "--profile", "surface")
    assert "--profile" not in said(tiny_data)
