"""From predictions to an answer and its score, by way of the commands."""

import json

from command_line import error_of
from damages import truncated

from pixelgbm import images
from pixelgbm.__main__ import run


def test_predict_skips_a_bad_file_and_finishes_the_rest(tiny_model, five_pairs, tmp_path, capsys):
    bad = truncated(five_pairs)
    out = tmp_path / "p"
    assert run(["predict", str(tiny_model), str(five_pairs), "--out", str(out), "--quiet", "--workers", "2"]) == 2
    assert bad.name in error_of(capsys)
    found = json.loads((out / "run.json").read_text())
    assert [row["id"] for row in found["failures"]] == [bad.stem]
    assert len(list((out / "masks").rglob("*.png"))) == 4
    assert run(["submit", str(out), "--out", str(tmp_path / "a.zip")]) == 2
    assert bad.stem in error_of(capsys)
    assert not (tmp_path / "a.zip").exists()


def test_the_road_from_predictions_to_an_answer_and_its_score(tiny_model, tiny_data, tmp_path, capsys):
    out, answer = tmp_path / "p", tmp_path / "answer.zip"
    truth = ["--truth", str(tiny_data / "truth")]
    arguments = [
        "predict",
        str(tiny_model),
        str(tiny_data),
        "--split",
        "test",
        "--out",
        str(out),
        "--without-references",
    ]
    assert run(arguments) == 0
    assert run(["score", str(out), str(tiny_data), *truth, "--json", str(tmp_path / "s.json")]) == 0
    shown = capsys.readouterr().out
    for figure in ("macro-f1", "all clean", "without references", "level 1", "level 3"):
        assert figure in shown
    assert run(["submit", str(out), "--out", str(answer)]) == 0
    assert (
        run(["score", str(answer), str(tiny_data), "--split", "test", *truth, "--json", str(tmp_path / "z.json")]) == 0
    )
    scored, again = (json.loads((tmp_path / name).read_text()) for name in ("s.json", "z.json"))
    assert scored["score"] == again["score"]


def test_score_without_truth_says_so(tiny_model, tiny_data, tmp_path, capsys):
    out = tmp_path / "p"
    assert run(["predict", str(tiny_model), str(tiny_data), "--split", "test", "--out", str(out), "--quiet"]) == 0
    assert run(["score", str(out), str(tiny_data), "--quiet"]) == 2
    assert "truth" in error_of(capsys)


def test_score_draws_a_contact_sheet(tiny_model, five_pairs, tmp_path):
    out, sheet = tmp_path / "p", tmp_path / "sheet.png"
    assert run(["predict", str(tiny_model), str(five_pairs), "--out", str(out), "--quiet"]) == 0
    assert run(["score", str(out), str(five_pairs), "--quiet", "--sheet", str(sheet)]) == 0
    drawn, _ = images.read_image(sheet)
    assert drawn.shape[1] > 1000
    assert drawn.shape[0] > 5 * 300
