"""The speed benchmark: what it compares is alike, what is missing is said, and sections are kept side by side."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import speed
from races import clock, evidence, filters, growth, inputs, lleaves_peer, obvious, opencv_columns, page, trees, whole

from features import FeatureSpec, extract_scene, prepare
from pixelgbm.forest import codegen, parse_trees, predict_planes
from tests.small_print import labelled
from tests.test_forest import train_text


def contestant(name, seconds, order=None):
    def spend():
        if order is not None:
            order.append(name)
        return next(seconds), 0.001

    return clock.Contestant(name, spend, {"of": name})


def test_a_race_is_interleaved_and_its_first_run_is_not_counted():
    order = []
    slow, quick = iter([9.0, 0.2, 0.4, 0.3]), iter([9.0, 0.1, 0.1, 0.1])
    rows = clock.race([contestant("slow", slow, order), contestant("quick", quick, order)], rounds=3)
    assert order == ["slow", "quick", "slow", "quick", "quick", "slow", "slow", "quick"]
    assert [row["median_ms"] for row in rows] == [300, 100]
    assert [row["times"] for row in rows] == [1, 0.333]
    assert rows[0]["low_ms"] == 250 and rows[0]["high_ms"] == 350 and rows[0]["cpu_ms"] == 1
    assert rows[0]["rounds"] == 3 and rows[1]["facts"] == {"of": "quick"}


def test_a_section_replaces_its_own_rows_only(tmp_path):
    def section(name):
        rows = [*clock.race([contestant(name, iter([1.0] * 9))], rounds=1), clock.absent("peer", "not installed")]
        machine = {"processor": "p", "cores": 1}
        return {"title": f"T {name}", "about": "about", "machine": machine, "rows": rows, "notes": ["n"]}

    document = page.read(tmp_path / "speed.json")
    for name in ("trees", "filters", "trees"):
        document = page.merged(document, name, section(name), speed.SECTIONS)
        page.write(tmp_path, document)
        document = page.read(tmp_path / "speed.json")
    assert list(document["sections"]) == ["filters", "trees"]
    text = (tmp_path / "speed.md").read_text()
    assert text.count("## T") == 2 and text.index("T filters") < text.index("T trees")
    assert "| peer | absent | | | | not installed |" in text and "processor p, cores 1" in text


def test_opencv_makes_the_same_columns():
    pair = labelled(1).pair
    drawn = inputs.Drawn(pair.test, pair.reference, np.zeros(pair.test.shape[:2], bool))
    spec = evidence.Chosen()
    assert set(spec.columns) == set(opencv_columns.COLUMNS) < set(FeatureSpec().columns)
    quantizer = inputs.fitted(drawn, spec)
    scene = prepare(pair.test, pair.reference)
    ours, theirs = extract_scene(scene, spec, quantizer).planes, opencv_columns.OpenCV(scene).bytes(quantizer)
    inside = (slice(16, -16), slice(16, -16))
    for name, one, two in zip(spec.columns, ours, theirs, strict=True):
        assert np.corrcoef(one.ravel(), two.ravel())[0, 1] > 0.75, name
        assert np.median(np.abs(one[inside].astype(int) - two[inside])) <= 25, name
    alike = evidence.gap_in_bytes(ours, theirs)
    assert alike["within 2 bytes, %"] > 75 and alike["median correlation"] > 0.99
    assert evidence.gap_in_bytes(ours, ours)["within 2 bytes, %"] == 100


def test_filters_are_those_of_scikit_image():
    plane = cv2.resize(labelled(1).pair.reference[..., 1], (230, 220)).astype(np.float32) / 255
    ours, theirs = filters.ours(plane), filters.theirs_truncated(plane)
    assert ours.shape == (16, *plane.shape) and theirs.shape == (*plane.shape, 16)
    inside = (slice(24, -24), slice(24, -24))
    for k in range(16):
        other = (0, 1, 3, 2)[k % 4] + k // 4 * 4  # it has the larger eigenvalue first
        assert np.corrcoef(ours[k][inside].ravel(), theirs[..., other][inside].ravel())[0, 1] > 0.95, k
    exact = filters.gap_to_gaussian(plane, [filters.theirs(plane)[..., 4 * k] for k in range(4)])
    assert exact["largest gap"] < 1e-4 < filters.gap_to_gaussian(plane, list(ours[::4]))["largest gap"]


def test_forbidding_avx512_changes_no_bit():
    host = codegen.this_host()
    narrow = trees.without_avx512(replace(host, features="+avx2,+avx512f,-avx512bw,+avx512vl,+fma"))
    assert narrow.features == "+avx2,-avx512f,-avx512bw,-avx512vl,+fma" and not narrow.permutes
    text = train_text(1)
    booster = parse_trees(text, where="t")
    planes = np.random.default_rng(0).integers(0, 256, (4, 9, 30)).astype(np.uint8)
    predict, build = trees.compiled_for(trees.Task(text, booster, planes, None), trees.without_avx512(host))
    np.testing.assert_array_equal(predict(), predict_planes(booster, planes, engine="numba").ravel())
    assert build > 0


def test_obvious_build_registers_and_answers(tmp_path):
    rng = np.random.default_rng(0)
    wide = np.kron(rng.integers(0, 256, (40, 40, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    image = np.ascontiguousarray(wide[33:233, 41:241])
    aligned = obvious.register(image, wide)
    assert np.abs(aligned[20:-20, 20:-20].astype(int) - image[20:-20, 20:-20]).mean() < 8
    blank = np.zeros((40, 40, 3), np.uint8)
    assert obvious.register(blank, np.zeros((60, 60, 3), np.uint8)).shape == blank.shape
    planes = obvious.columns(image, aligned)
    assert planes.shape == (obvious.COLUMNS, 200, 200) and np.isfinite(planes).all()


def test_enlarged_images_mirror_the_drawn_one():
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    large = growth.enlarged(image, 5)
    assert large.shape == (5, 5, 3)
    np.testing.assert_array_equal(large[:2, :2], image)
    np.testing.assert_array_equal(large[2:4, :2], image[::-1])
    np.testing.assert_array_equal(growth.enlarged(image, 1), image[:1, :1])


def test_growth_is_told_per_unit_against_the_smallest():
    rows = [{"kind": "pair", "unit": "Mpixel", "size": size, "median_ms": ms} for size, ms in ((1, 10), (4, 60))]
    told = growth.against_smallest(rows)
    assert [row["times"] for row in told] == [1, 1.5]
    assert growth.exponents([*told, {**told[0], "kind": "alone"}]) == {"pair": pytest.approx(np.log(6) / np.log(4))}
    assert growth.figure(told).startswith(b"\x89PNG")


def test_an_engine_is_asked_for_in_the_body_only(monkeypatch):
    monkeypatch.delenv("PIXELGBM_ENGINE", raising=False)
    with whole.engine("numba"), whole.engine("llvm"):
        assert os.environ["PIXELGBM_ENGINE"] == "llvm"
    assert "PIXELGBM_ENGINE" not in os.environ


def test_lleaves_that_cannot_be_had_is_told_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(lleaves_peer, "NEEDS", ("--no-index", "lleaves"))
    with pytest.raises(lleaves_peer.Unavailable, match=r"its environment cannot be made: .*lleaves") as told:
        lleaves_peer.environment(tmp_path / "env")
    assert "\n" not in str(told.value) and not (tmp_path / "env" / "installed").exists()
    (tmp_path / "env" / "installed").touch()
    assert lleaves_peer.environment(tmp_path / "env").parent.parent == tmp_path / "env"


def test_a_section_alone_writes_its_table(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(speed, "pin", lambda core: 0)
    speed.measure(speed.read_options([f"--work={tmp_path}", f"--out={tmp_path}", "--only=filters", "--rounds=1"]))
    kept = json.loads((tmp_path / "speed.json").read_text())["sections"]["filters"]
    assert [row["rounds"] for row in kept["rows"]] == [1, 1, 1] and kept["machine"]["cores used"] == 1
    assert kept["title"] in capsys.readouterr().out
    with pytest.raises(SystemExit):
        speed.read_options(["--work=w", "--rounds=0"])
