"""lleaves needs an older llvmlite than Numba has: it gets an environment and a process of its own."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from races.clock import Spent

__all__ = ["LLeaves", "Unavailable", "environment"]

NEEDS = ("lleaves>=1.3", "llvmlite<0.44", "numpy>=1.26")
INSTALL_TIMEOUT_S = 300


class Unavailable(Exception):
    """lleaves cannot be had; the message says why, in one line."""


def environment(folder: Path) -> Path:
    """The interpreter of an environment with lleaves, made in `folder` when it is not there. Raises Unavailable."""
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    made = folder / "installed"
    if made.exists():
        return python
    try:
        venv.create(folder, with_pip=True, clear=True)
        command = [str(python), "-m", "pip", "install", "--quiet", *NEEDS]
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S)
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
        raise Unavailable(f"its environment cannot be made: {said[-1] if said else error}") from error
    made.touch()
    return python


class LLeaves:
    """The child, as long as the `with` block lasts. answer: (n,) its probabilities; build_s: seconds to compile."""

    def __init__(self, python: Path, model: Path, rows: NDArray[np.float64], work: Path) -> None:
        self._python, self._model, self._work = python, model, work
        np.save(work / "rows.npy", rows)

    def __enter__(self) -> Self:
        script = Path(__file__).with_name("lleaves_child.py")
        arguments = [self._model, self._work / "rows.npy", self._work / "answer.npy"]
        self._child = subprocess.Popen(
            [str(self._python), str(script), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.build_s, _ = self._said()
        self.spend()  # once its answer is written
        self.answer: NDArray[np.float64] = np.load(self._work / "answer.npy")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.communicate()

    def spend(self) -> Spent:
        """One prediction, timed by the child itself."""
        assert self._child.stdin is not None
        self._child.stdin.write("\n")
        self._child.stdin.flush()
        return self._said()

    def _said(self) -> Spent:
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        if not line:
            raise Unavailable(f"its process ended with code {self._child.wait()}")
        clock, used = line.split()
        return float(clock), float(used)
