import os
import shutil
import subprocess
import sys

import pytest

from pixelgbm import __main__ as door
from pixelgbm import completion
from tests.command_line import ROOT, error_of


@pytest.fixture
def asked(monkeypatch, capsys):
    """Ask, as bash does, what may follow a line; its last word is the one to complete."""

    def ask(line):
        monkeypatch.setenv(completion.VARIABLE, "bash_complete")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
        assert door.run([]) == 0
        return [found.partition(",")[2] for found in capsys.readouterr().out.splitlines()]

    return ask


def test_commands_and_options_are_completed(asked):
    assert asked("pixelgbm ") == list(door.COMMANDS)
    assert asked("pixelgbm s") == ["synth", "score", "submit"]
    assert asked("pixelgbm synth out --ta") == ["--task"]
    assert "straws" in asked("pixelgbm synth out --task s")


def test_completing_a_command_imports_none():
    code = "import sys; from pixelgbm import __main__ as d; d.run([]); sys.exit('numpy' in sys.modules)"
    asking = {completion.VARIABLE: "bash_complete", "COMP_WORDS": "pixelgbm t", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | asking, cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == ["plain,train", "plain,tune"]


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_the_script_is_one_that_its_shell_understands(shell, capsys, tmp_path):
    assert door.run(["completion", shell]) == 0
    text = capsys.readouterr().out
    assert completion.VARIABLE in text and f"{shell}_complete" in text
    if shutil.which(shell):
        (tmp_path / "script").write_text(text)
        subprocess.run([shell, "-n", str(tmp_path / "script")], check=True)


def test_another_shell_is_refused_in_one_line(capsys):
    assert door.run(["completion", "csh"]) == 2
    assert "bash" in error_of(capsys)
