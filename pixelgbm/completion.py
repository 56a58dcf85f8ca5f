"""Completion of command lines by a shell, with the scripts that click writes."""

from __future__ import annotations

import os

import click
from click.shell_completion import get_completion_class, shell_complete

__all__ = ["PROGRAM", "SHELLS", "VARIABLE", "answer", "script"]

PROGRAM = "pixelgbm"
SHELLS = ("bash", "zsh", "fish")

VARIABLE = "_PIXELGBM_COMPLETE"
"""Set by the script of a shell when it asks what may come next."""


def script(shell: str, group: click.Command) -> str:
    """What a shell of `SHELLS` has to evaluate."""
    found = get_completion_class(shell)
    assert found is not None
    return found(group, {}, PROGRAM, VARIABLE).source()


def answer(group: click.Command) -> int:
    """Print what may come next; `VARIABLE` and the shell's own variables hold the question. Returns the exit code."""
    return shell_complete(group, {}, PROGRAM, VARIABLE, os.environ[VARIABLE])
