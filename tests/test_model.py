"""Laws of pixelgbm.model: equal content is equal bytes, and no folder is trusted."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest

from features import FeatureSpec, Quantizer
from pixelgbm.calibration import Calibration
from pixelgbm.decision import DEFAULT_RULE
from pixelgbm.errors import ModelError
from pixelgbm.forest import Trees, parse_trees
from pixelgbm.model import Head, Look, Model, check_model, read_model, write_model
from pixelgbm.regions import region_feature_names

SPEC = FeatureSpec(families=("colour",))


@cache
def booster(names: tuple[str, ...]) -> Trees:
    rng = np.random.default_rng(len(names))
    rows = rng.integers(0, 256, (200, len(names))).astype(np.float64)
    labels = (rows[:, 0] > 100).astype(np.float64)
    data = lightgbm.Dataset(rows, labels, feature_name=list(names))
    options: dict[str, Any] = {"objective": "cross_entropy", "num_leaves": 4, "verbose": -1, "num_threads": 1}
    return parse_trees(lightgbm.train(options, data, 3).model_to_string(), where="just grown")


def make_model(**changed: Any) -> Model:
    look = Look(SPEC, Quantizer(SPEC.columns, (1.0,) * len(SPEC.columns), tuple(c.signed for c in SPEC.table)))
    head = Head(
        name="dirt",
        boosters=(booster(SPEC.columns),),
        survivor_cut=None,
        region_booster=booster(region_feature_names(SPEC.columns)),
        calibration=Calibration((0.1, 0.7), (0.0, 0.9)),
        rule=replace(DEFAULT_RULE, region_cut=1 / 3, gate=0.1 + 0.2),
        map_calibration=Calibration((0.0, 1.0), (0.001, 0.8)),
    )
    plain = replace(head, name="rust", region_booster=None, map_calibration=None)
    values: dict[str, Any] = {"looks": (look,), "heads": (head, plain), "layout": "manifest", "metric": "macro-f1"}
    return Model(**(values | {"profile": "fast", "training": {"seed": 3, "images": 7}} | changed))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_model(make_model(), tmp_path / "model")
    return tmp_path / "model"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_written_and_read_model_is_the_same(folder: Path) -> None:
    model, again = make_model(), read_model(folder)
    assert again.digest == model.digest
    assert again.looks == model.looks
    assert [head.rule for head in again.heads] == [head.rule for head in model.heads]
    assert [head.calibration for head in again.heads] == [head.calibration for head in model.heads]
    assert [head.map_calibration for head in again.heads] == [head.map_calibration for head in model.heads]
    assert again.heads[1].region_booster is None
    assert (again.layout, again.metric, again.profile) == ("manifest", "macro-f1", "fast")
    assert again.training == {"seed": 3, "images": 7}
    assert check_model(folder) == []


def test_equal_content_is_equal_bytes(folder: Path, tmp_path: Path) -> None:
    write_model(make_model(training={"images": 7, "seed": 3}), tmp_path / "other" / "place")
    write_model(read_model(folder), tmp_path / "again")
    assert contents(folder) == contents(tmp_path / "other" / "place") == contents(tmp_path / "again")
    manifest = json.loads((folder / "manifest.json").read_text())
    assert set(contents(folder)) == {"manifest.json", *manifest["files"]}
    assert str(tmp_path).encode() not in b"".join(contents(folder).values())


def test_other_content_has_another_digest() -> None:
    model = make_model()
    other = replace(model.heads[0], rule=replace(model.heads[0].rule, min_area=9))
    tuned = make_model(heads=(other, model.heads[1]))
    assert tuned.digest != model.digest
    assert tuned.boosters_digest == model.boosters_digest
    assert make_model(training={"seed": 4}).boosters_digest != model.boosters_digest


def test_a_model_without_map_calibration_keeps_its_digest(folder: Path) -> None:
    """Folders written before maps were calibrated are read, and fit the out-of-fold maps that lie beside them."""
    alter_manifest(folder, lambda m: m["heads"][0].pop("map_calibration"))
    older = read_model(folder)
    assert older.heads[0].map_calibration is None
    assert older.digest == json.loads((folder / "manifest.json").read_text())["digest"]


def test_the_format_holds_two_looks(tmp_path: Path) -> None:
    model = make_model()
    head = replace(model.heads[0], boosters=model.heads[0].boosters * 2, survivor_cut=0.02)
    write_model(make_model(looks=model.looks * 2, heads=(head,), profile="best"), tmp_path / "two")
    again = read_model(tmp_path / "two")
    assert (len(again.looks), again.heads[0].survivor_cut, again.profile) == (2, 0.02, "best")
    assert [booster.to_text() for booster in again.heads[0].boosters] == [b.to_text() for b in head.boosters]
    with pytest.raises(ModelError, match="head dirt: 2 boosters for 1 looks"):
        make_model(heads=(head,))


def alter_manifest(folder: Path, change: Callable[[dict[str, Any]], object], *, sign: bool = True) -> None:
    """Change the manifest and, with `sign`, put the digest right again, as someone with intent would."""
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest)
    if sign:
        del manifest["digest"]
        text = json.dumps(manifest, sort_keys=True, indent=1, ensure_ascii=False) + "\n"
        manifest["digest"] = hashlib.sha256(text.encode()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest, sort_keys=True, indent=1, ensure_ascii=False) + "\n")


def refused(folder: Path, message: str) -> None:
    with pytest.raises(ModelError, match=re.escape(message)) as caught:
        read_model(folder)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)
    assert check_model(folder) == [str(caught.value)]


def test_missing_and_foreign_folders_are_refused(folder: Path, tmp_path: Path) -> None:
    refused(tmp_path / "nowhere", "no such model folder")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "no manifest.json in it")
    (folder / "manifest.json").write_text('{"kind": "something else", "format": 1}')
    refused(folder, "not the manifest of a pixelgbm model")
    (folder / "manifest.json").write_text("[1, 2]")
    refused(folder, "not the manifest of a pixelgbm model")
    (folder / "manifest.json").unlink()
    (folder / "manifest.json").mkdir()
    refused(folder, "no manifest.json in it")


def test_damaged_files_are_refused(folder: Path, tmp_path: Path) -> None:
    for name, data in contents(folder).items():
        for number, bad in enumerate((data[: len(data) // 2], b"", data[:100] + b"7" + data[101:], b"\xff" + data)):
            broken = tmp_path / f"broken-{name}-{number}"
            shutil.copytree(folder, broken)
            (broken / name).write_bytes(bad)
            refused(broken, f"{broken / name}: ")
        broken = tmp_path / f"without-{name}"
        shutil.copytree(folder, broken)
        (broken / name).unlink()
        refused(broken, "manifest.json in it" if name == "manifest.json" else f"{broken / name}: missing")


def test_a_newer_format_is_refused(folder: Path) -> None:
    alter_manifest(folder, lambda m: m.update(format=2))
    refused(folder, "format 2 is newer than this pixelgbm reads (1)")
    alter_manifest(folder, lambda m: m.update(format="one"))
    refused(folder, "format 'one'; a whole number from 1 expected")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m["files"].update({"../outside.txt": "0"}), "'../outside.txt' is not the name of a model file"),
        (lambda m: m["files"].update({"model.pkl": "0"}), "'model.pkl' is not the name of a model file"),
        (lambda m: m.pop("heads"), "not as a pixelgbm model is written: KeyError('heads')"),
        (lambda m: m.update(heads=[]), "a model needs a look and a head"),
        (lambda m: m.update(heads=7), "not as a pixelgbm model is written"),
        (lambda m: m["heads"][1].update(name="dirt"), "distinct names"),
        (lambda m: m["heads"][0].update(boosters=[]), "head dirt: 0 boosters for 1 looks"),
        (lambda m: m["heads"][0].update(boosters=["no.txt"]), "KeyError('no.txt')"),
        (lambda m: m["heads"][0].update(region_booster="head-1-look-1.txt"), "the region booster reads"),
        (lambda m: m["heads"][0]["rule"].update(low=0), "rule: low must be"),
        (lambda m: m["heads"][0]["calibration"].update(scores=[1, 0]), "strictly increasing"),
        (lambda m: m["heads"][0]["map_calibration"].update(scores=[1, 0]), "head dirt: map calibration: the scores"),
        (lambda m: m["heads"][0]["map_calibration"].pop("scores"), "head dirt: map calibration: scores and"),
        (lambda m: m["heads"][1].update(map_calibration=None), "head rust: map calibration: scores and"),
        (lambda m: m["looks"][0].update(spec={"families": ["astrology"]}), "astrology"),
        (lambda m: m["looks"][0].update(spec_digest="0"), "computes differently"),
        (lambda m: m["looks"][0]["quantizer"]["names"].reverse(), "the quantizer reads"),
        (lambda m: m["looks"][0]["quantizer"].update(scales=[-1.0] * len(SPEC.columns)), "scales"),
    ],
)
def test_altered_manifests_are_refused(folder: Path, change: Callable[[dict[str, Any]], object], message: str) -> None:
    alter_manifest(folder, change)
    refused(folder, message)


def test_a_changed_rule_without_its_digest_is_noticed(folder: Path) -> None:
    alter_manifest(folder, lambda m: m["heads"][0]["rule"].update(region_cut=0.9), sign=False)
    refused(folder, "its digest does not match its content")
    alter_manifest(folder, lambda m: m.update(training={"seed": float("nan")}), sign=False)
    refused(folder, "its digest does not match its content")


def test_permuted_columns_are_refused() -> None:
    names = (SPEC.columns[1], SPEC.columns[0], *SPEC.columns[2:])
    head = replace(make_model().heads[0], boosters=(booster(names),))
    message = f"the booster of look 1 reads {names[0]!r} as column 0, where {names[1]!r} is computed"
    with pytest.raises(ModelError, match=re.escape(message)):
        make_model(heads=(head,))


def test_check_lists_what_does_not_belong(folder: Path) -> None:
    (folder / "notes.pkl").write_bytes(b"x")
    assert check_model(folder) == [f"{folder / 'notes.pkl'}: does not belong to the model"]
