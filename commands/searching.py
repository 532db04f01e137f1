"""Options of every command that searches files of audio in the index: what is searched, and how."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

__all__ = ["search_options"]

_Function = TypeVar("_Function", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--layer", metavar="NAME", default="recording", show_default=True, help="Descriptors to search."),
    click.option("--thorough", is_flag=True, help="Search tempo and speed from half to one and two thirds; slower."),
    click.option(
        "--max-false-per-1000h", metavar="X", type=float, default=1.0, show_default=True,
        help="False matches to put up with in 1 000 hours of audio; more finds fainter and shorter reuse.",
    ),
    click.option(
        "--only", metavar="WHICH", multiple=True,
        help="Search only these recordings: id:ID, tag:TAG, or @FILE with one id per line; may be repeated.",
    ),
    click.option("--exclude", metavar="WHICH", multiple=True, help="Do not search these recordings; as --only."),
)  # fmt: skip


def search_options(function: _Function) -> _Function:
    """Give a command `--layer`, `--thorough`, `--max-false-per-1000h`, `--only` and `--exclude`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function
