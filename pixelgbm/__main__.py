"""The command line's door: finds the command, imports only its module, and turns expected errors into one line."""

from __future__ import annotations

import errno
import importlib
import importlib.util
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click
from click.shell_completion import CompletionItem

from pixelgbm import completion
from pixelgbm.errors import PixelgbmError

__all__ = ["COMMANDS", "main", "run"]

COMMANDS: Mapping[str, str] = {
    "synth": "Draw a labelled data set out of nothing.",
    "check": "Read a data folder or a model and list everything that is wrong.",
    "augment": "Lay defects on clean images: many labelled images out of few.",
    "train": "Train a model on a data folder.",
    "tune": "Tune a model's decision on its out-of-fold maps.",
    "predict": "Find the defects in every image of a data folder.",
    "inspect": "Inspect one image now.",
    "explain": "Say why regions of one image were found or rejected.",
    "score": "Score predictions or an answer file against the truth.",
    "submit": "Write predictions as an answer file of their layout.",
    "crossval": "Train and score over folds of a data folder.",
    "report": "Report a model and its predictions as one page and a PDF.",
    "review": "Queue the images whose labels would teach most.",
    "agreement": "Compare annotators with each other, and with a model.",
    "bench": "Time every stage of a pair on this machine.",
    "warm-up": "Compile ahead what is otherwise compiled on first use.",
    "completion": "Print the script that lets a shell complete command lines.",
}
"""Every command and its one line of help; `pixelgbm.cli.NAME` holds it as `command`."""

OVERVIEW = """\
pixelgbm finds dirt, scratches and other defects pixel by pixel, and says how good it is.

From nothing to a score:
  pixelgbm synth data                                          draw a labelled data set
  pixelgbm train data --out model                              learn from its training images
  pixelgbm tune model data --also dev                          choose what counts as a defect
  pixelgbm predict model data --split test --out predictions   find the defects in every image
  pixelgbm score predictions data --truth data/truth           compare them with the truth

Read on:
  pixelgbm --help            every command
  pixelgbm COMMAND --help    its options, with an example
  README.md, docs/           your own data, the method, the evidence
"""

# What the user can mend about a file system. Any other OSError is a bug and keeps its traceback.
_MENDABLE = {
    errno.EACCES,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EIO,
    errno.EISDIR,
    errno.EMFILE,
    errno.ENAMETOOLONG,
    errno.ENOENT,
    errno.ENOSPC,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called, so that `--help` costs nothing."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        _refuse_foreign_features()
        module = importlib.import_module(f"pixelgbm.cli.{cmd_name.replace('-', '_')}")
        command = module.command
        assert isinstance(command, click.Command)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        names = [CompletionItem(name, help=said) for name, said in COMMANDS.items() if name.startswith(incomplete)]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(package_name="pixelgbm", message="%(package)s %(version)s")
@click.pass_context
def group(context: click.Context) -> None:
    """Find dirt, scratches and other defects pixel by pixel.

    \b
    Example, from nothing to a score:
      pixelgbm synth data
      pixelgbm train data --out model
      pixelgbm tune model data --also dev
      pixelgbm predict model data --split test --out predictions
      pixelgbm score predictions data --truth data/truth

    Exit codes: 0 done or accepted; 1 the answer is no (rejected, problems found);
    2 something you can mend, told in one line.
    """
    if context.invoked_subcommand is None:
        click.echo(OVERVIEW, nl=False)


def _refuse_foreign_features() -> None:
    """Say so when another package called `features` would be imported in place of pixelgbm's own."""
    spec = importlib.util.find_spec("features")
    own = Path(__file__).resolve().parent.parent / "features"
    if spec is None or spec.origin is None or Path(spec.origin).resolve().parent != own:
        found = "nothing" if spec is None else spec.origin or "a folder without __init__.py"
        raise PixelgbmError(
            f"'features' is {found}, not pixelgbm's own {own}: start pixelgbm elsewhere or rename the other one"
        )


def _interrupt(signum: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _expected(error: Exception) -> str | None:
    """The one line for an error that the user can mend; None for a bug."""
    if isinstance(error, click.UsageError):
        where = f"{error.ctx.command_path}: " if error.ctx is not None else ""
        return f"{where}{error.format_message()} (--help lists what is allowed)"
    if isinstance(error, click.ClickException):
        return error.format_message()
    # `features` is not imported here to keep `--help` fast: without it no FeatureError can have been raised.
    feature_error = getattr(sys.modules.get("features"), "FeatureError", None)
    if isinstance(error, PixelgbmError) or (feature_error is not None and isinstance(error, feature_error)):
        return str(error)
    if isinstance(error, OSError) and error.errno in _MENDABLE:
        where = f"{error.filename}: " if error.filename is not None else ""
        return f"{where}{os.strerror(error.errno)}"
    if isinstance(error, MemoryError):
        return "not enough memory: use fewer --workers"
    return None


def run(arguments: Sequence[str]) -> int:
    """Run one command line; returns the exit code. A bug is raised as it is."""
    try:
        if completion.VARIABLE in os.environ:
            return completion.answer(group)
        with group.make_context(completion.PROGRAM, list(arguments)) as context:
            group.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except (KeyboardInterrupt, click.Abort):
        line = "interrupted: nothing is half-written; the same command (predict: with --resume) goes on"
    except BrokenPipeError:
        # Whoever read our output has gone. Point the descriptor away, or the interpreter's own flush complains.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2
    except Exception as error:
        expected = _expected(error)
        if expected is None:
            raise
        line = expected
    else:
        return 0
    print(f"pixelgbm: {_one_line(line)}", file=sys.stderr)
    return 2


def main() -> NoReturn:
    """The entry point of the console script and of `python -m pixelgbm`."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job starts with it ignored
    signal.signal(signal.SIGTERM, _interrupt)
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
