"""The command that teaches a shell to complete ours."""

from __future__ import annotations

import click

NAME, VARIABLE = "recomart", "_RECOMART_COMPLETE"
"""How the program is called, and how click is asked from within a shell."""


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what makes SHELL complete commands and options after TAB.

    \b
    Examples:
      recomart completion bash >> ~/.bashrc
      recomart completion zsh >> ~/.zshrc
      recomart completion fish > ~/.config/fish/completions/recomart.fish
    """
    from click.shell_completion import get_completion_class

    root = context.find_root().command
    kind = get_completion_class(shell)
    if kind is not None:
        click.echo(kind(root, {}, NAME, VARIABLE).source())
