"""What a shell needs to complete the words of the command."""

import click
from click.shell_completion import get_completion_class

__all__ = ["completion"]

_SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", metavar="SHELL", type=click.Choice(_SHELLS))
def completion(shell: str) -> None:
    """Print what makes a shell complete commands and options.

    Put the line `eval "$(sourceprint completion bash)"` into ~/.bashrc, the same with zsh into ~/.zshrc; for fish,
    write the output to ~/.config/fish/completions/sourceprint.fish.

    Example: sourceprint completion bash
    """
    maker = get_completion_class(shell)
    if maker is None:
        raise click.UsageError(f"{shell}: no completion for this shell; there is one for {', '.join(_SHELLS)}")
    click.echo(
        maker(click.get_current_context().find_root().command, {}, "sourceprint", "_SOURCEPRINT_COMPLETE").source()
    )
