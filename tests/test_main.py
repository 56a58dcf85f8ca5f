import errno
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from features import FeatureError
from pixelgbm import __main__ as door
from pixelgbm.errors import DatasetError


@pytest.fixture
def raising(monkeypatch):
    """Make the command `check` raise what a test wants to see handled."""

    def install(error: BaseException) -> None:
        @click.command()
        def command() -> None:
            raise error

        monkeypatch.setattr(door.LazyGroup, "get_command", lambda self, ctx, name: command)

    return install


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (DatasetError("a.tif: mask\nof another size"), "pixelgbm: a.tif: mask of another size"),
        (FeatureError("unknown family 'x'"), "pixelgbm: unknown family 'x'"),
        (OSError(errno.ENOSPC, "No space left on device", "out/x.png"), "out/x.png: No space left on device"),
        (OSError(errno.EFBIG, "File too large"), "pixelgbm: File too large"),
        (PermissionError(errno.EACCES, "Permission denied", "data"), "data: Permission denied"),
        (MemoryError(), "not enough memory"),
        (KeyboardInterrupt(), "interrupted"),
        (click.UsageError("no such thing"), "no such thing"),
    ],
)
def test_what_the_user_can_mend_is_one_line_and_exit_2(raising, capsys, error, line):
    raising(error)
    assert door.run(["check"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert line in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("error", [ValueError("a bug"), OSError(errno.EBADF, "Bad file descriptor"), KeyError("k")])
def test_a_bug_keeps_its_traceback(raising, error):
    raising(error)
    with pytest.raises(type(error)):
        door.run(["check"])


@pytest.mark.parametrize("arguments", [["bogus"], ["--bogus"], ["synth"], ["synth", "out", "--train", "x"]])
def test_wrong_usage_is_one_line_and_exit_2(capsys, arguments):
    assert door.run(arguments) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_help_lists_every_command(capsys):
    assert door.run(["--help"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith("Usage: pixelgbm")
    assert all(name in out for name in door.COMMANDS)


def test_without_arguments_there_is_an_overview(capsys):
    assert door.run([]) == 0
    out, err = capsys.readouterr()
    assert (out, err) == (door.OVERVIEW, "")
    assert out.count("\n") < 20


def test_commands_of_the_overview_are_understood():
    lines = [line.strip().partition("   ")[0] for line in door.OVERVIEW.splitlines() if line.startswith("  pixelgbm ")]
    examples = [shlex.split(line)[1:] for line in lines if "--help" not in line]
    assert len(examples) == 5
    top = click.Context(door.group, info_name="pixelgbm")
    for name, *arguments in examples:
        command = door.group.get_command(top, name)
        command.make_context(name, arguments, parent=top)


@pytest.mark.parametrize("name", door.COMMANDS)
def test_every_command_has_help_with_an_example(capsys, name):
    assert door.run([name, "--help"]) == 0
    text = capsys.readouterr().out
    assert "Example" in text
    assert f"pixelgbm {name} " in text


@pytest.mark.parametrize("name", [name for name in door.COMMANDS if name != "completion"])
def test_every_command_with_a_result_can_be_quiet_and_write_json(capsys, name):
    assert door.run([name, "--help"]) == 0
    text = capsys.readouterr().out
    assert "--quiet" in text
    assert "--json" in text


def test_help_imports_no_command_and_none_of_the_heavy_packages():
    code = (
        "import sys; from pixelgbm import __main__ as door; door.run(['--help']);"
        "heavy = {'numpy', 'numba', 'cv2', 'lightgbm', 'optuna', 'rich', 'features', 'polars'} & set(sys.modules);"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_another_package_called_features_is_named_in_one_line(tmp_path):
    (tmp_path / "features.py").write_text("")
    environment = {**os.environ, "PYTHONPATH": str(Path(door.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-m", "pixelgbm", "check", "x"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert str(tmp_path / "features.py") in done.stderr


def test_a_reader_that_goes_away_is_met_in_silence():
    # The shell's `true` closes the pipe at once; --help is far smaller than a pipe's buffer, so repeat it.
    code = "import sys; from pixelgbm import __main__ as d; sys.exit(max(d.run(['--help']) for _ in range(200)))"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_behind_standard_output_is_one_line():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "pixelgbm", "--help"], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 2
    assert "No space left on device" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_one_line_and_exit_2(number):
    code = (
        "import sys, time, click\n"
        "from pixelgbm import __main__ as door\n"
        "@click.command()\n"
        "def command():\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(60)\n"
        "door.LazyGroup.get_command = lambda self, ctx, name: command\n"
        "sys.argv = ['pixelgbm', 'check']\n"
        "door.main()\n"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code], stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert err.startswith("pixelgbm: interrupted")
    assert err.count("\n") == 1
