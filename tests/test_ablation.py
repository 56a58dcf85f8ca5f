import json

import pytest

from pixelgbm.ablation import Variation, read_ablation
from pixelgbm.errors import ConfigError
from pixelgbm.report.ablation import ablation_tables

OVERALL = {"score_mean": 0.5, "interval": [0.4, 0.6], "dirty_at_zero": None, "clean_marked": 0.25}
BASE = {"variation": "everything", "overall": OVERALL, "train_and_tune_seconds": 61.0}
GABOR = BASE | {"variation": "without the gabor family", "change": [-0.01, -0.02, 0.005]}


def test_an_ablation_file_is_read_and_shown(tmp_path):
    path = tmp_path / "ablation.json"
    path.write_text(json.dumps({"ablations": [BASE, GABOR], "curve": []}))
    found = read_ablation(path)
    changed = Variation("without the gabor family", 0.5, (0.4, 0.6), (-0.01, -0.02, 0.005), None, 0.25, 61.0)
    assert found.variations[1] == changed and found.curve == ()
    (table,) = ablation_tables(found)
    assert table.rows[1][3:] == ("-", "-", "-", "25.0%", "61 s")
    assert table.rows[2][:5] == (
        "without the gabor family",
        "0.5000",
        "0.4000 to 0.6000",
        "-0.0100",
        "-0.0200 to +0.0050",
    )


@pytest.mark.parametrize(
    "text", ["", "[]", '{"ablations": [1], "curve": []}', '{"ablations": [{"variation": 3}], "curve": []}']
)
def test_what_is_no_ablation_file_is_refused(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ConfigError, match=r"a\.json: not as benchmarks/ablation\.py writes it"):
        read_ablation(tmp_path / "a.json")
