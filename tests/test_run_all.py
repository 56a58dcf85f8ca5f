import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "run_all.sh"

# Everything but the last lines, which choose what to do: the functions alone, on this interpreter's environment.
FUNCTIONS = SCRIPT.read_text(encoding="utf-8").partition('\ncase ${1:-} in\n  "")')[0]


def run_all(*arguments, cwd=ROOT, **environment):
    return subprocess.run(
        ["bash", str(SCRIPT), *arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def call(code, cwd):
    """Run `code` after the functions of run_all.sh."""
    script = cwd / "functions.sh"
    script.write_text(FUNCTIONS + "\n" + code + "\n")
    environment = {**os.environ, "PIXELGBM_VENV": sys.prefix}
    return subprocess.run(["bash", str(script)], cwd=cwd, env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["nowhere"], "nowhere: no such data folder"),
        (["train", "data"], "needs DATA and MODEL"),
        (["predict", "model", "data"], "needs MODEL, DATA and OUT"),
        (["bundle"], "needs OUT"),
        (["bundle", "out", "nowhere"], "nowhere: no model there"),
    ],
)
def test_a_wrong_call_is_one_line_and_exit_2(tmp_path, arguments, line):
    done = run_all(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert line in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_without_an_interpreter_it_says_which_it_needs(tmp_path):
    done = run_all("test", PYTHON="false", PIXELGBM_VENV=str(tmp_path / "env"))
    assert done.returncode == 2
    assert "no Python 3.11 or newer" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "env").exists()


def test_help_names_every_deliverable():
    text = run_all("help").stdout
    for name in ("train DATA MODEL", "predict MODEL DATA OUT", "bundle OUT", "test"):
        assert name in text


STEPS = """
here=$PWD/checkout; mkdir -p "$here/features" "$here/pixelgbm"; touch "$here/pyproject.toml"
begin_steps 2 "$PWD/a b/.stamps" inputs-1
write() { echo "made $1"; mkdir -p "$(dirname "$1")"; echo x >>"$1"; }
step first "$PWD/a b/out" write "$PWD/a b/out"
step second "" true
"""


def test_a_step_that_is_done_is_not_repeated(tmp_path):
    first, again = call(STEPS, tmp_path), call(STEPS, tmp_path)
    assert first.returncode == again.returncode == 0, first.stderr
    assert "made" in first.stdout
    assert "made" not in again.stdout
    assert again.stdout.count("done before") == 2


def test_a_step_with_other_inputs_starts_from_nothing(tmp_path):
    call(STEPS, tmp_path)
    again = call(STEPS.replace("inputs-1", "inputs-2"), tmp_path)
    assert again.stdout.count("done before") == 0
    assert (tmp_path / "a b" / "out").read_text() == "x\n"


def test_a_step_that_broke_off_finds_what_it_left(tmp_path):
    broken = STEPS.replace('echo x >>"$1"; }', 'echo x >>"$1"; [ -e go-on ]; }')
    done = call(broken, tmp_path)
    assert done.returncode == 1
    assert "first ended with exit code 1" in done.stderr
    (tmp_path / "go-on").touch()
    assert call(broken, tmp_path).returncode == 0
    assert (tmp_path / "a b" / "out").read_text() == "x\nx\n"


def test_a_missing_system_library_is_named(tmp_path):
    fake = tmp_path / "lightgbm.py"
    fake.write_text("raise OSError('libgomp.so.1: cannot open shared object file: No such file or directory')\n")
    done = call(f"export PYTHONPATH='{tmp_path}'; missing_library", tmp_path)
    assert done.returncode == 1
    assert "lightgbm needs the system library libgomp.so.1: install libgomp1 (Debian, Ubuntu)" in done.stderr


MAIN_JOB = """
here=$PWD/checkout; mkdir -p "$here/features" "$here/pixelgbm" "a b/data"; touch "$here/pyproject.toml"
workers=1
pixelgbm() {
  echo "pixelgbm $*"
  case $1 in
    check) printf '{"splits": SPLITS, "labelled": SPLITS}' >"$PWD/a b/out/check.json" ;;
    predict) printf '{"answer": false}' >"$PWD/a b/out/predict.json" ;;
  esac
}
begin_steps 7 "$PWD/a b/out/.stamps" inputs
main_job "$PWD/a b/data" "$PWD/a b/out"
"""


def test_the_main_job_ends_with_a_score_and_a_report(tmp_path):
    (tmp_path / "a b" / "data" / "truth").mkdir(parents=True)
    done = call(MAIN_JOB.replace("SPLITS", '["train", "test"]'), tmp_path)
    assert done.returncode == 0, done.stderr
    commands = [line.split() for line in done.stdout.splitlines() if line.startswith("pixelgbm ")]
    assert [words[1] for words in commands] == ["check", "train", "tune", "predict", "score", "report"]
    assert [words[1] for words in commands if "--truth" in words] == ["check", "score", "report"]
    assert f"{tmp_path}/a b/out/report/report.html" in done.stdout


def test_without_a_labelled_split_beside_train_nothing_is_scored_or_reported(tmp_path):
    done = call(MAIN_JOB.replace("SPLITS", '["train"]'), tmp_path)
    assert done.returncode == 0, done.stderr
    assert "nothing to score or report" in done.stdout
    assert "pixelgbm score" not in done.stdout and "pixelgbm report" not in done.stdout
