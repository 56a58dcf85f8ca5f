"""Options of the commands that learn: what a training run may be told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from pixelgbm.cli.options import PATH
from pixelgbm.config import RunConfig, load_config, preset

__all__ = ["config_options", "read_config"]

_Command = TypeVar("_Command", bound=Callable[..., Any])


def config_options(command: _Command) -> _Command:
    """`--config` and `--profile`."""
    command = click.option(
        "--profile",
        metavar="NAME",
        help="'fast': one lean look; 'best': more; 'surface': one, for images without a reference that are their own"
        " norm.  [default: the config's, or best]",
    )(command)
    return click.option(
        "--config", type=PATH, metavar="FILE", help="run.toml; what it does not name keeps its default."
    )(command)


def read_config(config: Path | None, profile: str | None) -> RunConfig:
    """What they ask for together. Raises ConfigError for an unknown profile and for all that a file can have wrong."""
    return preset(profile or "best") if config is None else load_config(config, profile=profile)
