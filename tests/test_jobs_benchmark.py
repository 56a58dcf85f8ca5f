"""The benchmark of the jobs: steps are run once, measures are read from the peers' table, rows replace their own."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from pixelgbm.datasets import LAYOUTS
from pixelgbm.metrics import METRICS
from pixelgbm.synth import TASKS

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import jobs


def figures(value, heads=("a", "b")):
    """A row of accuracy.py in which every figure is `value`."""
    whole = {"score_mean": value, "interval": (value - 0.1, value + 0.1)}
    verdicts = {name: {"f1": value, "recall": value} for name in ("OK", "NG")}
    return {
        "overall": whole,
        "heads": dict.fromkeys(heads, whole),
        "pooled": dict.fromkeys(heads, value),
        "verdicts": verdicts,
    }


def options_of(tmp_path, job, *arguments):
    return jobs.read_options([job, "--work", str(tmp_path), "--out", str(tmp_path / "out"), *map(str, arguments)])


@pytest.mark.parametrize("name", jobs.JOBS)
def test_every_job_is_a_task_with_metrics_there_are(name):
    job = jobs.JOBS[name]
    assert TASKS[name].layout in LAYOUTS
    assert job.dev == ("dev" in TASKS[name].counts)
    assert {job.metric, *(metric for metric, _ in job.measures.values())} <= set(METRICS)


@pytest.mark.parametrize("name", jobs.JOBS)
def test_every_measure_stands_beside_its_yardsticks(name, tmp_path, monkeypatch):
    def table(options, metric):
        titles = {"pixelgbm": 0.9, "all clean": 0.3, "local contrast": 0.5}
        return [figures(value) | {"method": title} for title, value in titles.items()]

    monkeypatch.setattr(jobs, "run_peers", table)
    rows = jobs.measured(options_of(tmp_path, name, "--peer", "contrast"), {"image": "9x9"})
    assert len({row["measure"] for row in rows}) == len(rows) >= len(jobs.JOBS[name].measures)
    assert not any("*" in row["measure"] for row in rows)
    for row in rows:
        assert [row[k] for k in ("pixelgbm", "all clean", "contrast", "forest")] == [0.9, 0.3, 0.5, None]
        assert row["image"] == "9x9"
    assert any(row["low"] == pytest.approx(0.8) for row in rows)


def test_a_step_is_run_once_and_says_what_it_took(tmp_path):
    steps = jobs.Steps(tmp_path)
    first = steps.run("help", "--help")
    assert first["seconds"] > 0
    assert first["peak_mib"] > 5
    assert steps.run("help", "--help") == first
    with pytest.raises(SystemExit, match=r"help\.json: was run as --help, not --version; choose another --work"):
        steps.run("help", "--version")
    with pytest.raises(SystemExit, match="bad: ended with code 2"):
        steps.run("bad", "--bogus")
    assert steps.run("worse", "--bogus", codes=(0, 2))["seconds"] > 0
    assert not (tmp_path / "steps" / "bad.json").exists()


def test_rows_replace_those_of_the_same_job_and_no_others(tmp_path):
    cost = {"config": "a.toml", "image": "9x9", "test_images": 4}
    cost |= {"training_s": 1, "tuning_s": 2, "predict_peak_mib": 90}
    cost |= {"images_a_second_1": 3.5, "images_a_second_2": None}

    def row(job, value):
        found = dict.fromkeys(("all clean", "contrast", "forest", "u-net"), 0.25)
        return {"job": job, "measure": "Dice", "pixelgbm": value, "low": None, "high": None, **found, **cost}

    jobs.write(tmp_path, [row("steel", 0.5)])
    jobs.write(tmp_path, [row("text", 0.625)])
    jobs.write(tmp_path, [row("steel", 0.75)])
    kept = json.loads((tmp_path / "jobs.json").read_text())["rows"]
    assert [(r["job"], r["pixelgbm"]) for r in kept] == [("steel", 0.75), ("text", 0.625)]
    page = (tmp_path / "jobs.md").read_text()
    assert "| steel | Dice | 0.7500 |" in page
    assert "| steel | a.toml | 9x9 | 4 | 1 | 2 | 3.5 | - | 90 |" in page
    assert "0.5000" not in page


def test_what_is_trained_on_more_images_has_a_place_and_a_name_of_its_own(tmp_path):
    plain, more = options_of(tmp_path, "texture"), options_of(tmp_path, "texture", "--augment", 50, "--procedural", 0.5)
    assert (plain.name, more.name) == ("texture", "texture, augmented 50 procedural 0.5")
    assert plain.place != more.place
    assert plain.work == more.work
