import json

from pixelgbm.cli import console as module
from pixelgbm.cli.console import Console


def test_quiet_prints_nothing_and_still_writes_json(tmp_path, capsys):
    console = Console(quiet=True, json_path=tmp_path / "a.json")
    console.say("line")
    console.table("title", ["a"], [["1"]])
    with console.progress() as progress:
        assert progress is None
    console.result({"score": 0.5, "of none": (float("nan"), 1)})
    assert capsys.readouterr() == ("", "")
    assert json.loads((tmp_path / "a.json").read_text()) == {"score": 0.5, "of none": [None, 1]}


def test_json_to_standard_output_stands_there_alone(capsys):
    from pathlib import Path

    console = Console(json_path=Path("-"))
    console.say("a line")
    console.table("title", ["a"], [["1"]])
    console.result({"score": 0.5})
    out, err = capsys.readouterr()
    assert json.loads(out) == {"score": 0.5}
    assert "a line" in err
    assert "title" in err


def test_a_table_shows_every_cell_in_a_log(capsys):
    Console().table("Scores", ["level", "macro-F1"], [["overall", "0.7012"], ["[level-1]", "0.8123"]])
    out = capsys.readouterr().out
    for cell in ("Scores", "macro-F1", "overall", "0.7012", "[level-1]", "0.8123"):
        assert cell in out


def test_a_log_gets_a_line_now_and_then_and_not_one_per_image(monkeypatch, capsys):
    clock = iter(range(0, 10_000, 5))
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    with Console().progress() as progress:
        assert progress is not None
        for done in range(13):
            progress(done, 12, "inspecting")
    lines = capsys.readouterr().err.splitlines()
    assert 1 <= len(lines) <= 4
    assert lines[0].startswith("inspecting: ")
    assert lines[0].endswith(" s left")
