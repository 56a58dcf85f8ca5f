"""The ablation benchmark: whole tables from tiny runs, and paired differences to the base."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path

import small_print

from pixelgbm import datasets
from pixelgbm.tuning import tune_model

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import ablation


def test_every_variation_is_compared_with_the_base(tmp_path, monkeypatch):
    items = [small_print.labelled(k, split="train" if k < 12 else "dev") for k in range(18)]
    datasets.LAYOUTS["manifest"].write(tmp_path / "data", items)
    config = tmp_path / "run.toml"
    config.write_text('profile = "fast"\nfolds = 2\n[booster]\ntrees = 6\n[region_booster]\ntrees = 6\n')
    options = ["--pairs", "8", "--only", "no-ring", "--curve", "6", "--config", str(config), "--workers", "1"]
    monkeypatch.setattr(ablation, "tune_model", partial(tune_model, trials=40))
    monkeypatch.setattr(sys, "argv", ["ablation.py", str(tmp_path / "data"), "--out", str(tmp_path / "out"), *options])
    ablation.main()
    found = json.loads((tmp_path / "out" / "ablation.json").read_text())
    base, other = found["ablations"]
    assert (base["variation"], other["variation"]) == ("everything", "no negatives near the border")
    change, low, high = other["change"]
    assert low <= change <= high
    assert abs(change - (other["overall"]["score_mean"] - base["overall"]["score_mean"])) < 1e-12
    assert [row["variation"] for row in found["curve"]] == ["6 training pairs"]
    assert base["overall"]["images"] == 6
