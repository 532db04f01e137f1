"""Inputs of a command: the types of its arguments, and sound from standard input."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fingerprint.errors import OutputError

if TYPE_CHECKING:
    from sourceprint.items import Item

__all__ = ["INPUT", "name_option", "piped_input"]

_NAME = "standard input"


class _Input(click.Path):
    """A file, folder or list, as it was spelled; whether it can be read is told when it is."""

    def __init__(self) -> None:
        super().__init__(readable=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the path; refuse an empty one."""
        if value == "":  # it would be taken for the folder that the shell is in
            name = "PATH" if param is None or param.metavar is None else param.metavar.strip(".")
            raise click.UsageError(f"{name}: is empty; a variable of the shell may not be set", ctx)
        return str(super().convert(value, param, ctx))


INPUT = _Input()
"""The type of arguments that name files to work on: one that cannot be read is told of, and the others are done."""


name_option = click.option(
    "--name", metavar="NAME",
    help=f"Name of sound from standard input (path -)  [default: {_NAME}]",
)  # fmt: skip


def piped_input(paths: Sequence[str], name: str | None) -> "Item | None":
    """Return the sound from standard input, in a temporary file; None where no path asks for it.

    Raises
    ------
    click.UsageError
        If standard input is a terminal, or a name is given and nothing comes.
    StorageFullError, OutputError
        If there is no room for it.
    """
    from fingerprint.disk import refusals
    from sourceprint.inputs import STANDARD_INPUT
    from sourceprint.items import Item

    if STANDARD_INPUT not in paths:
        if name is not None:
            raise click.UsageError("--name: names audio from standard input; give the path - too")
        return None
    called = name or _NAME
    context = click.get_current_context()
    folder = context.with_resource(tempfile.TemporaryDirectory(prefix="sourceprint-"))
    target = Path(folder) / f"sound{'.spf' if called.endswith('.spf') else ''}"
    remedy = "check its redirection, and the folder of temporary files (TMPDIR)"
    with click.open_file(STANDARD_INPUT, "rb") as stream:
        if stream.isatty():
            raise click.UsageError("-: standard input is a terminal; send audio to it: cat a.wav | sourceprint ...")
        with (
            refusals(_NAME, OutputError, "cannot be read, or not kept in a file", remedy=remedy),
            target.open("wb") as file,
        ):
            shutil.copyfileobj(stream, file, 1 << 20)
    return Item(target, called=called)
