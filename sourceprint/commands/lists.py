"""Lists of recordings and tracks: the options of all commands that read them; `columns` shows the kept mapping."""

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fingerprint.errors import ParameterError, printable
from sourceprint.commands.progress import progress
from sourceprint.commands.terminal import PATH, index_option, index_place, json_option, note, print_json, quiet_option

if TYPE_CHECKING:
    from sourceprint.inputs import NamedInputs
    from sourceprint.lists import ListReading
    from sourceprint.sheets.columns import ColumnMap

__all__ = ["ListOptions", "catalogue_audio", "columns", "list_options", "reading_of"]


@dataclass(frozen=True, slots=True)
class ListOptions:
    """Options for lists.

    Attributes
    ----------
    columns, ignored : tuple of str
        Pairs of heading and field, and headings that are not to be used.
    sheet : str or None
        Name of the sheet of a workbook.
    audio_root : Path or None
        Where relative paths start.
    """

    columns: tuple[str, ...]
    ignored: tuple[str, ...]
    sheet: str | None
    audio_root: Path | None

    def column_map(self) -> "ColumnMap":
        """Return the mapping of columns.

        Raises
        ------
        ParameterError
            If a text is no pair, or names no field.
        """
        from sourceprint.sheets.columns import ColumnMap, read_pairs

        return ColumnMap.of(read_pairs(self.columns), self.ignored)


_COLUMN_OPTIONS = (
    click.option(
        "--columns", "columns", metavar="HEADING=FIELD,...", multiple=True,
        help="Meaning of columns of a sheet, such as \"Song Title=title,ISRC code=isrc\", or @FILE with one such pair "
        "per line; may be repeated.",
    ),
    click.option(
        "--ignore-columns", "ignored", metavar="HEADING", multiple=True,
        help="A column of a sheet that is not to be used; may be repeated.",
    ),
    click.option("--sheet", metavar="NAME", help="Sheet of a workbook to read  [default: the first]"),
)  # fmt: skip
_AUDIO_ROOT = click.option(
    "--audio-root", metavar="DIR", type=PATH,
    help="Folder for relative paths in a list  [default: the folder of the list]",
)  # fmt: skip


def list_options(*, audio: bool = True) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command `--columns`, `--ignore-columns`, `--sheet` and, where lists name audio, `--audio-root`.

    The command gets all of them as one argument, `lists`.
    """

    def give(function: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(function)
        def command(
            *,
            columns: tuple[str, ...],
            ignored: tuple[str, ...],
            sheet: str | None,
            audio_root: Path | None = None,
            **others: Any,
        ) -> None:
            function(lists=ListOptions(columns, ignored, sheet, audio_root), **others)

        decorated: Callable[..., None] = command
        for option in reversed((*_COLUMN_OPTIONS, *([_AUDIO_ROOT] if audio else []))):
            decorated = option(decorated)
        return decorated

    return give


@contextmanager
def reading_of(index: Path | None, options: ListOptions, *, only_paths: bool = False) -> "Iterator[ListReading]":
    """Yield how lists are read: as the user says, and as was said of lists for this index before.

    The user's mapping is kept in the index at the end of the block, once there is one; of tracks (`only_paths`) it is
    not.

    Parameters
    ----------
    index : Path or None
        Folder of the index, where one is used.
    only_paths : bool
        Whether the lists are of tracks.
    """
    from sourceprint.catalogue.column_settings import remember_columns, remembered_columns
    from sourceprint.lists import ListReading

    given = options.column_map()
    known = given if index is None else given.over(remembered_columns(index))
    try:
        yield ListReading(known, options.audio_root, options.sheet, only_paths)
    finally:
        if index is not None and not only_paths and (given.fields or given.ignored):
            remember_columns(index, given)


def catalogue_audio(paths: Sequence[Path], options: ListOptions, *, quiet: bool) -> "NamedInputs":
    """Return the audio of recordings that `--catalogue` names; complain of each input that cannot be used.

    Raises
    ------
    ParameterError
        If there is nothing at one of the paths: pages without pictures would look as if that had been wanted.
    """
    from sourceprint.inputs import collect

    for path in paths:
        if not os.path.exists(path):
            raise ParameterError(
                f"--catalogue {printable(path)}: there is no such file or folder; name the audio of the recordings"
            )
    with reading_of(None, options) as reading:
        inputs = collect(paths, fingerprints=False, reading=reading)
    with progress(len(inputs), quiet) as tell:
        for refusal in inputs.refusals:
            tell.remark(f"--catalogue {refusal.name}", refusal.reason, failed=True)
    return inputs


@click.command()
@index_option
@click.option("--forget", is_flag=True, help="Forget all of them.")
@json_option
@quiet_option
def columns(index: Path | None, forget: bool, as_json: bool, quiet: bool) -> None:
    """Show which columns of lists were mapped for this index.

    The mapping that add and replace get by --columns and --ignore-columns is kept with the index, for every later list;
    the latest counts.

    Example: sourceprint columns
    """
    from sourceprint.catalogue.column_settings import forget_columns, remembered_columns

    place = index_place(index)
    if forget:
        was_there = forget_columns(place)
        if not quiet:
            note("forgotten" if was_there else "there was nothing to forget")
        return
    kept = remembered_columns(place)
    fields = dict(kept.fields)
    if as_json:
        print_json({"columns": fields, "ignored": list(kept.ignored)}, lines=False)
        return
    for heading, name in fields.items():
        click.echo(f"{printable(heading)}={name}")
    for heading in kept.ignored:
        click.echo(f"{printable(heading)} (ignored)")
    if not fields and not kept.ignored and not quiet:
        note("no columns are mapped for this index; add does that with --columns")
