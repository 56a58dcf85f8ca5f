"""Laws of tuning a model folder: its rules change, its boosters do not, and foreign maps are refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pixelgbm.errors import ConfigError, ModelError
from pixelgbm.mapstore import maps_folder, write_store
from pixelgbm.model import read_model, write_model
from pixelgbm.tuning import tune_model
from pixelgbm.tuning.objective import judge, split_points
from tests.small_tables import VERDICT, drawn_tables
from tests.test_model import make_model


def make_store(folder: Path, digest: str, heads: tuple[str, ...]) -> None:
    with write_store(maps_folder(folder)) as writer:
        for head in heads:
            writer.tables(head, drawn_tables())
        writer.finish(digest=digest, folds={})


def test_tune_model_writes_the_rules_and_nothing_else(tmp_path: Path) -> None:
    folder, model = tmp_path / "model", make_model()
    write_model(model, folder)
    make_store(folder, model.boosters_digest, ("dirt", "rust"))
    texts = {path.name: path.read_bytes() for path in folder.glob("*.txt")}
    labels = []
    results = tune_model(folder, trials=22, progress=lambda done, total, label: labels.append(label))
    assert set(labels) == {"tuning dirt", "tuning rust"}
    tuned = read_model(folder)
    assert {head.name: head.rule for head in tuned.heads} == {name: found.rule for name, found in results.items()}
    assert {path.name: path.read_bytes() for path in folder.glob("*.txt")} == texts
    assert tuned.boosters_digest == model.boosters_digest
    again = tune_model(folder, trials=22)
    assert read_model(folder).digest == tuned.digest
    assert {name: found.rule for name, found in again.items()} == {name: found.rule for name, found in results.items()}


def test_tune_model_takes_another_metric(tmp_path: Path) -> None:
    folder, model = tmp_path / "model", make_model()
    write_model(model, folder)
    make_store(folder, model.boosters_digest, ("dirt", "rust"))
    found = tune_model(folder, trials=20, metric="verdict-f1")
    assert found["dirt"].after.score == 1.0 == found["dirt"].after.dirty_score
    assert read_model(folder).metric == "macro-f1"
    tables, rule = drawn_tables(), found["dirt"].rule
    assert found["dirt"].after == judge(split_points(tables)[rule.low, rule.operation], tables, rule, VERDICT)
    with pytest.raises(ModelError, match=r"model: metric 'speed'; known: macro-f1, dice, verdict-f1$"):
        tune_model(folder, trials=2, metric="speed")


def test_tune_model_takes_further_images(tmp_path: Path) -> None:
    folder, model = tmp_path / "model", make_model()
    write_model(model, folder)
    make_store(folder, model.boosters_digest, ("dirt", "rust"))
    dev = replace(drawn_tables(3), split=("dev",) * 3)
    results = tune_model(folder, trials=2, also={"dirt": dev})
    assert {name: found.after.clean + found.after.dirty for name, found in results.items()} == {"dirt": 9, "rust": 6}
    with pytest.raises(ConfigError, match="never tuned on"):
        tune_model(folder, trials=2, also={"dirt": replace(dev, split=("test",) * 3)})


def test_missing_or_foreign_maps_are_refused_and_the_model_stays(tmp_path: Path) -> None:
    folder, model = tmp_path / "model", make_model()
    write_model(model, folder)
    with pytest.raises(ModelError, match=r"model\.maps: no out-of-fold maps"):
        tune_model(folder, trials=2)
    make_store(folder, "0" * 64, ("dirt", "rust"))
    with pytest.raises(ModelError, match=r"model\.maps: these maps are of another training"):
        tune_model(folder, trials=2)
    make_store(folder, model.boosters_digest, ("dirt",))
    with pytest.raises(ModelError, match="no head 'rust'"):
        tune_model(folder, trials=2)
    assert read_model(folder).digest == model.digest
