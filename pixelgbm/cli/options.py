"""The options that several commands share, and how every command lists a data folder."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from pixelgbm import datasets
from pixelgbm.cli.console import Console
from pixelgbm.errors import DatasetError
from pixelgbm.machine import cores
from pixelgbm.metrics import METRICS
from pixelgbm.records import Dataset

__all__ = [
    "PATH",
    "data_options",
    "list_data",
    "metric_option",
    "min_size_options",
    "say_excluded",
    "workers_option",
]

_Command = TypeVar("_Command", bound=Callable[..., Any])

PATH = click.Path(path_type=Path)

workers_option = click.option(
    "--workers",
    type=click.IntRange(1, 256),
    default=cores,
    show_default="all cores",
    help="Worker threads; the result is the same with any number.",
)


metric_option = click.option(
    "--metric", type=click.Choice(list(METRICS)), help="What counts as good.  [default: the layout's, or the model's]"
)


def data_options(command: _Command) -> _Command:
    """`--layout` and `--contest-exclusions`, wherever a data folder is read."""
    command = click.option(
        "--contest-exclusions",
        is_flag=True,
        help="Leave out the contest's 37 wrong references even if the folder is not the contest's own.",
    )(command)
    return click.option(
        "--layout", metavar="NAME", help=f"Layout of the data: {', '.join(datasets.LAYOUTS)}.  [default: recognised]"
    )(command)


def min_size_options(command: _Command) -> _Command:
    """`--min-size` and `--px-per-mm`, wherever images are inspected."""
    command = click.option(
        "--px-per-mm", type=click.FloatRange(0, min_open=True), metavar="F", help="How many pixels a millimetre is."
    )(command)
    return click.option(
        "--min-size",
        metavar="SIZE",
        help="Smallest defect that matters: an area (40, 40px2, 0.2mm2) or a length (12px, 0.5mm).",
    )(command)


def list_data(
    data: Path,
    *,
    layout: str | None,
    contest_exclusions: bool,
    truth: Path | None = None,
    splits: Sequence[str] = (),
    metric: str | None = None,
) -> Dataset:
    """The samples of `splits`; none given, or "all": every one. metric: in place of the layout's own.

    Raises DatasetError for a split that is not there.
    """
    dataset = datasets.open_dataset(data, layout=layout, truth=truth, contest_exclusions=contest_exclusions)
    dataset = replace(dataset, metric=metric or dataset.metric)
    if not splits or "all" in splits:
        return dataset
    there = sorted({sample.split for sample in dataset.samples})
    for split in splits:
        if split not in there:
            raise DatasetError(f"{data}: no split {split!r}; it has: {', '.join(there)}")
    return dataset.select(set(splits))


def say_excluded(console: Console, dataset: Dataset) -> None:
    """One line for each reason, with every identifier: nothing is left out in silence."""
    reasons: dict[str, list[str]] = defaultdict(list)
    for sample in dataset.samples:
        if sample.id in dataset.excluded:
            reasons[dataset.excluded[sample.id]].append(sample.id)
    for reason, ids in reasons.items():
        console.say(f"excluded, {reason} ({len(ids)} of {len(dataset.samples)} images): {', '.join(ids)}")
