"""Commands run beside the tests, and what they say and leave."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def error_of(capsys):
    """The one line on standard error."""
    err = capsys.readouterr().err
    assert err.count("\n") == 1, err
    return err


def files_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def background(*arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "pixelgbm", *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )
