"""The model: looks and heads, and the folder they are kept in.

The folder holds `manifest.json` and LightGBM text files, nothing executable. The manifest carries the sha256 of every
file and of itself, and nothing that depends on when, where or with how many workers the model was made.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features import MEASURES, FeatureError, FeatureSpec, Quantizer
from pixelgbm import files
from pixelgbm.calibration import Calibration
from pixelgbm.decision import DEFAULT_RULE, Rule
from pixelgbm.errors import ModelError
from pixelgbm.forest import EarlyExit, Trees, parse_trees, predict_rows
from pixelgbm.regions import region_feature_names

__all__ = ["FORMAT", "Head", "Look", "Model", "check_model", "read_model", "write_model"]

FORMAT = 1
"""The number of the folder format; raised when an older pixelgbm could misread a folder."""

_KIND = "pixelgbm model"
_MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Look:
    """What every head sees in one pass over an image."""

    spec: FeatureSpec
    quantizer: Quantizer


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """One kind of defect.

    boosters: one per look. survivor_cut: probability below which a pixel is not looked at again; None with one
    look. region_booster: None means that a region's mean probability is its raw score. map_calibration: what the map
    of the last look promises; no decision is made on it. None in models trained before there was any: maps as they are.
    early_exit: which pixels the first look's booster settles after its first trees; None where it asks all of them.
    """

    name: str
    boosters: tuple[Trees, ...]
    survivor_cut: float | None
    region_booster: Trees | None
    calibration: Calibration
    rule: Rule
    map_calibration: Calibration | None = None
    early_exit: EarlyExit | None = None


@dataclass(frozen=True, eq=False)
class Model:
    """All that prediction needs.

    layout, metric: names of the data set's layout and metric. profile: "fast" (one look) or "best" (more).
    training: JSON-ready provenance (seed, configuration, data digest, counts). Raises ModelError when the parts do
    not fit together: boosters of other columns, a booster missing for a look, a head named twice.
    """

    looks: tuple[Look, ...]
    heads: tuple[Head, ...]
    layout: str
    metric: str
    profile: str
    training: Mapping[str, Any]

    def __post_init__(self) -> None:
        if not self.looks or not self.heads:
            raise ModelError(f"a model needs a look and a head, got {len(self.looks)} and {len(self.heads)}")
        names = [head.name for head in self.heads]
        if len(set(names)) != len(names):
            raise ModelError(f"heads must have distinct names, got {', '.join(names)}")
        for number, look in enumerate(self.looks, 1):
            _check_columns(look.quantizer.names, look.spec.columns, where=f"look {number}: the quantizer")
        if len({look.spec.blue for look in self.looks}) > 1:
            raise ModelError("the looks of a model must treat blue alike: they share one registered pair")
        if self.looks[0].spec.needs_prior:
            raise ModelError("the first look reads the map of an earlier one, and there is none")
        for head in self.heads:
            if len(head.boosters) != len(self.looks):
                raise ModelError(f"head {head.name}: {len(head.boosters)} boosters for {len(self.looks)} looks")
            for number, (booster, look) in enumerate(zip(head.boosters, self.looks, strict=True), 1):
                where = f"head {head.name}: the booster of look {number}"
                _check_columns(booster.columns, look.spec.columns, where=where)
            if head.early_exit is not None and head.early_exit.trees >= head.boosters[0].count:
                trees = f"{head.early_exit.trees} trees of {head.boosters[0].count}"
                raise ModelError(f"head {head.name}: early exit after {trees}; fewer than all are needed")
            if head.region_booster is not None:
                names_here = region_feature_names(self.looks[-1].spec.columns, MEASURES)
                where = f"head {head.name}: the region booster"
                _check_columns(head.region_booster.columns, names_here, where=where)

    @cached_property
    def digest(self) -> str:
        """sha256 over the whole content; the same whenever `write_model` writes the same bytes."""
        return str(_manifest(self)["digest"])

    @cached_property
    def boosters_digest(self) -> str:
        """sha256 over everything but the rules: what out-of-fold maps belong to, before and after tuning."""
        return replace(self, heads=tuple(replace(head, rule=DEFAULT_RULE) for head in self.heads)).digest


def _check_columns(got: tuple[str, ...], expected: tuple[str, ...], *, where: str) -> None:
    """LightGBM takes permuted columns in silence, so names and their order are compared."""
    if got == expected:
        return
    if len(got) != len(expected):
        raise ModelError(f"{where} reads {len(got)} columns, {len(expected)} are computed")
    at = next(k for k in range(len(got)) if got[k] != expected[k])
    raise ModelError(f"{where} reads {got[at]!r} as column {at}, where {expected[at]!r} is computed")


def write_model(model: Model, folder: Path | str) -> None:
    """Write the model folder aside and rename it; equal models give equal bytes.

    Raises OutputError when the folder cannot be written.
    """
    with files.replace_folder(folder) as aside:
        for name, booster in _boosters(model).items():
            files.write_bytes(aside / name, booster.to_text().encode())
        files.write_bytes(aside / _MANIFEST, _json(_manifest(model)))


def _boosters(model: Model) -> dict[str, Trees]:
    """All boosters of a model by the names of their files."""
    found: dict[str, Trees] = {}
    for place, head in enumerate(model.heads, 1):
        found |= {_look_file(place, number): booster for number, booster in enumerate(head.boosters, 1)}
        if head.region_booster is not None:
            found[_regions_file(place)] = head.region_booster
    return found


def _look_file(head: int, look: int) -> str:
    return f"head-{head}-look-{look}.txt"


def _regions_file(head: int) -> str:
    return f"head-{head}-regions.txt"


def _manifest(model: Model) -> dict[str, Any]:
    heads = []
    for place, head in enumerate(model.heads, 1):
        entry: dict[str, Any] = {
            "name": head.name,
            "boosters": [_look_file(place, number) for number in range(1, len(head.boosters) + 1)],
            "survivor_cut": head.survivor_cut,
            "region_booster": None if head.region_booster is None else _regions_file(place),
            "calibration": head.calibration.to_dict(),
            "rule": head.rule.to_dict(),
        }
        if head.map_calibration is not None:  # left out where there is none: older models keep their digest
            entry["map_calibration"] = head.map_calibration.to_dict()
        if head.early_exit is not None:
            entry["early_exit"] = head.early_exit.to_dict()
        heads.append(entry)
    looks = [
        {"spec": look.spec.to_dict(), "spec_digest": look.spec.digest, "quantizer": look.quantizer.to_dict()}
        for look in model.looks
    ]
    manifest = {
        "kind": _KIND,
        "format": FORMAT,
        "layout": model.layout,
        "metric": model.metric,
        "profile": model.profile,
        "training": dict(model.training),
        "looks": looks,
        "heads": heads,
        "files": {name: booster.digest for name, booster in _boosters(model).items()},
    }
    return manifest | {"digest": _manifest_digest(manifest)}


def _json(manifest: Mapping[str, Any]) -> bytes:
    return (json.dumps(manifest, sort_keys=True, indent=1, allow_nan=False, ensure_ascii=False) + "\n").encode()


def _manifest_digest(manifest: Mapping[str, Any]) -> str:
    """sha256 of the manifest without its own digest."""
    return hashlib.sha256(_json({k: v for k, v in manifest.items() if k != "digest"})).hexdigest()


def read_model(folder: Path | str, *, keep_texts: bool = True) -> Model:
    """Read and verify a model folder.

    keep_texts: what is only predicted with needs no text of its boosters; it then cannot be written or explained.
    Raises ModelError, in one line that names the file, for a folder that is missing, foreign, damaged, truncated or of
    a newer format, and for boosters that do not fit this version's features.
    """
    folder = Path(folder)
    manifest = _read_manifest(folder)
    try:
        texts = _read_texts(folder, manifest["files"])
        looks = tuple(
            _look(entry, where=f"{folder / _MANIFEST}: look {k}") for k, entry in enumerate(manifest["looks"])
        )
        heads = tuple(_head(entry, texts, folder, keep_texts=keep_texts) for entry in manifest["heads"])
        return Model(
            looks=looks,
            heads=heads,
            layout=str(manifest["layout"]),
            metric=str(manifest["metric"]),
            profile=str(manifest["profile"]),
            training=dict(manifest["training"]),
        )
    except ModelError as error:
        raise error if str(error).startswith(str(folder)) else ModelError(f"{folder}: {error}") from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"{folder / _MANIFEST}: not as a pixelgbm model is written: {error!r}") from None


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / _MANIFEST
    if not folder.is_dir():
        raise ModelError(f"{folder}: no such model folder")
    if not path.is_file():
        raise ModelError(f"{folder}: no {_MANIFEST} in it, so it is not a pixelgbm model")
    try:
        manifest = json.loads(_read(path).decode("utf-8"))
    except (ValueError, RecursionError):
        raise ModelError(f"{path}: not JSON; damaged or truncated") from None
    if not isinstance(manifest, dict) or manifest.get("kind") != _KIND:
        raise ModelError(f"{path}: not the manifest of a pixelgbm model")
    number = manifest.get("format")
    if not isinstance(number, int) or number < 1:
        raise ModelError(f"{path}: format {number!r}; a whole number from 1 expected")
    if number > FORMAT:
        raise ModelError(f"{path}: format {number} is newer than this pixelgbm reads ({FORMAT}); upgrade pixelgbm")
    try:
        digest = _manifest_digest(manifest)
    except ValueError:  # NaN or Infinity, which Python's json reads but a model never holds
        digest = ""
    if manifest.get("digest") != digest:
        raise ModelError(f"{path}: its digest does not match its content; damaged or altered")
    return manifest


def _read_texts(folder: Path, digests: Mapping[str, str]) -> dict[str, str]:
    texts = {}
    for name, digest in digests.items():
        path = folder / name
        if Path(name).name != name or not name.endswith(".txt"):
            raise ModelError(f"{folder / _MANIFEST}: {name!r} is not the name of a model file")
        if not path.is_file():
            raise ModelError(f"{path}: missing")
        data = _read(path)
        if hashlib.sha256(data).hexdigest() != digest:
            raise ModelError(f"{path}: sha256 differs from the manifest's; damaged or truncated")
        texts[name] = data.decode("utf-8")
    return texts


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror or error}") from None


def _look(entry: Mapping[str, Any], *, where: str) -> Look:
    try:
        spec = FeatureSpec.from_dict(entry["spec"])
        quantizer = Quantizer.from_dict(entry["quantizer"])
    except FeatureError as error:
        raise ModelError(f"{where}: {error}") from None
    if spec.digest != entry["spec_digest"]:
        raise ModelError(f"{where}: made for features that this version computes differently; train again")
    return Look(spec, quantizer)


def _head(entry: Mapping[str, Any], texts: Mapping[str, str], folder: Path, *, keep_texts: bool) -> Head:
    def booster(name: str) -> Trees:
        return parse_trees(texts[name], where=str(folder / name), keep_text=keep_texts)

    name, left = str(entry["name"]), entry.get("early_exit")
    region_file = entry["region_booster"]
    cut = entry["survivor_cut"]
    return Head(
        name=name,
        boosters=tuple(booster(name) for name in entry["boosters"]),
        survivor_cut=None if cut is None else float(cut),
        region_booster=None if region_file is None else booster(region_file),
        calibration=_calibration(entry["calibration"], where=f"head {name}: region"),
        rule=Rule.from_dict(entry["rule"]),
        map_calibration=_calibration(entry["map_calibration"], where=f"head {name}: map")
        if "map_calibration" in entry
        else None,
        early_exit=None if left is None else EarlyExit.from_dict(left),
    )


def _calibration(values: Mapping[str, Any], *, where: str) -> Calibration:
    try:
        return Calibration.from_dict(values)
    except ModelError as error:
        raise ModelError(f"{where} {error}") from None


def check_model(folder: Path | str) -> list[str]:
    """Every problem of a model folder, one line each; empty when it is sound.

    Beside what `read_model` verifies: files that do not belong there, and whether LightGBM itself gives the same
    probabilities on random rows.
    """
    folder = Path(folder)
    try:
        model = read_model(folder)
    except ModelError as error:
        return [str(error)]
    known = {_MANIFEST, *_boosters(model)}
    extra = sorted(path.name for path in folder.iterdir() if path.name not in known)
    problems = [f"{folder / name}: does not belong to the model" for name in extra]
    rng = np.random.default_rng(0)
    for head in model.heads:
        for number, booster in enumerate(head.boosters, 1):
            rows = rng.integers(0, 256, (512, len(booster.columns))).astype(np.float64)
            problems += _compare(booster, rows, where=f"{folder}: head {head.name}: the booster of look {number}")
        if head.region_booster is not None:
            rows = rng.normal(50, 100, (512, len(head.region_booster.columns)))
            rows[rng.random(rows.shape) < 0.1] = np.nan
            problems += _compare(head.region_booster, rows, where=f"{folder}: head {head.name}: the region booster")
    return problems


def _compare(booster: Trees, rows: NDArray[np.float64], *, where: str) -> list[str]:
    """Our probabilities against LightGBM's, which may say no to the text altogether."""
    import lightgbm  # 0.8 s, and prediction must not pay for it

    try:
        expected = lightgbm.Booster(model_str=booster.to_text()).predict(rows, num_threads=1)
    except lightgbm.basic.LightGBMError as error:
        return [f"{where}: LightGBM refuses it: {str(error).splitlines()[0]}"]
    worst = float(np.abs(predict_rows(booster, rows) - expected).max())
    return [f"{where}: differs from LightGBM by {worst:.1e}; at most 1e-6 is allowed"] if worst > 1e-6 else []
