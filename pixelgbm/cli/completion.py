"""`pixelgbm completion`: the script that lets a shell complete command lines."""

from __future__ import annotations

import click

from pixelgbm import completion

__all__ = ["command"]


@click.command("completion")
@click.argument("shell", type=click.Choice(completion.SHELLS))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the script that lets a shell complete commands, options and file names of pixelgbm.

    \b
    Example, for good with the line in ~/.bashrc, ~/.zshrc or ~/.config/fish/config.fish:
      eval "$(pixelgbm completion bash)"
      eval "$(pixelgbm completion zsh)"
      pixelgbm completion fish | source
    """
    click.echo(completion.script(shell, context.find_root().command))
