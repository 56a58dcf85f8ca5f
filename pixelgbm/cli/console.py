"""What a command shows: lines, tables, progress with time left, and its result as JSON."""

from __future__ import annotations

import io
import json
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import click

from pixelgbm import files

__all__ = ["Console", "Progress", "json_option", "quiet_option"]

Progress = Callable[[int, int, str], None]
"""Called as progress(done, total, label); a new label is a new stage."""

quiet_option = click.option("--quiet", is_flag=True, help="Print nothing but errors.")
json_option = click.option(
    "--json",
    "json_path",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="Also write the result as JSON ('-': to standard output).",
)

_PLAIN_INTERVAL_S = 20.0


class Console:
    """The two streams of one command: results on standard output, progress on standard error.

    With `--json -` standard output carries the JSON alone and the lines move to standard error.
    """

    def __init__(self, *, quiet: bool = False, json_path: Path | None = None) -> None:
        self._quiet = quiet
        self._json_path = json_path
        self._to_stdout = json_path is not None and str(json_path) == "-"

    @property
    def _lines(self) -> TextIO:
        return sys.stderr if self._to_stdout else sys.stdout

    def say(self, line: str) -> None:
        """One line about the result."""
        if not self._quiet:
            print(line, file=self._lines)

    def error(self, line: str) -> None:
        """One line about something that failed although the command went on; not even `--quiet` hides it."""
        print(f"pixelgbm: {' '.join(line.split())}", file=sys.stderr)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table; the first column is text, the others are aligned to the right."""
        if self._quiet:
            return
        from rich import box
        from rich.console import Console as RichConsole
        from rich.table import Table

        table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
        for index, column in enumerate(columns):
            table.add_column(column, justify="left" if index == 0 else "right", no_wrap=True)
        for row in rows:
            table.add_row(*row)
        drawn = io.StringIO()
        RichConsole(file=drawn, width=200, markup=False).print(table)
        lines = (line.rstrip() for line in drawn.getvalue().splitlines())
        print("\n".join(line for line in lines if line), file=self._lines)

    def result(self, document: Mapping[str, Any]) -> None:
        """Write the command's result where `--json` asks for it."""
        if self._json_path is None:
            return
        text = json.dumps(_without_nan(document), indent=2, ensure_ascii=False) + "\n"
        if self._to_stdout:
            sys.stdout.write(text)
        else:
            files.write_text(self._json_path, text)

    @contextmanager
    def progress(self) -> Iterator[Progress | None]:
        """Bars with the time left on a terminal, now and then a line in a log, nothing when quiet."""
        if self._quiet:
            yield None
        elif sys.stderr.isatty():
            with _bars() as report:
                yield report
        else:
            yield _plain_lines()


def _without_nan(value: Any) -> Any:
    """JSON knows no NaN: a figure that nothing speaks for is null."""
    if isinstance(value, Mapping):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value


@contextmanager
def _bars() -> Iterator[Progress]:
    from rich.console import Console as RichConsole
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=RichConsole(file=sys.stderr)) as bars:
        tasks: dict[str, Any] = {}

        def report(done: int, total: int, label: str) -> None:
            if label not in tasks:
                tasks[label] = bars.add_task(label, total=total)
            bars.update(tasks[label], completed=done, total=total)

        yield report


def _plain_lines() -> Progress:
    started: dict[str, tuple[float, int]] = {}
    last = [time.monotonic()]

    def report(done: int, total: int, label: str) -> None:
        now = time.monotonic()
        begun, before = started.setdefault(label, (now, done))
        if now - last[0] < _PLAIN_INTERVAL_S or not before < done < total:
            return
        last[0] = now
        left = (now - begun) / (done - before) * (total - done)
        print(f"{label}: {done} of {total}, about {left:.0f} s left", file=sys.stderr, flush=True)

    return report
