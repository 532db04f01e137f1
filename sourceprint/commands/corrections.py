"""Corrections of what recordings are called: `amend`."""

from pathlib import Path

import click

from sourceprint.commands.lists import ListOptions, list_options
from sourceprint.commands.terminal import PATH, index_option, index_place, note, quiet_option
from sourceprint.text.tables import counted

__all__ = ["amend"]


@click.command()
@click.argument("recording_id", metavar="[ID]", required=False)
@click.option("--title", metavar="TEXT", help='The right title; "" takes it away.')
@click.option(
    "--artist", "artists", metavar="NAME", multiple=True, help="The right artist; repeated, in order of billing."
)
@click.option("--isrc", metavar="CODE", help='The right ISRC; "" takes it away.')
@click.option("--id", "new_id", metavar="ID", help="Another id; the recording is found by the one before as well.")
@click.option("--list", "sheet_file", metavar="FILE", type=PATH, help="Corrections of many recordings, a row each.")
@list_options(audio=False)
@index_option
@quiet_option
def amend(
    recording_id: str | None,
    title: str | None,
    artists: tuple[str, ...],
    isrc: str | None,
    new_id: str | None,
    sheet_file: Path | None,
    lists: ListOptions,
    index: Path | None,
    quiet: bool,
) -> None:
    """Correct titles, artists, ISRCs and ids, without the audio.

    One recording, or with --list those of a sheet, by the column id, else by ISRC or file; its columns title, artist,
    isrc and new_id are what is right, and an empty cell leaves what is there. All of it or none. Results that were made
    before stand, with the words and ids that they were made with; the id before finds the recording ever after.

    Example: sourceprint amend "01 Intro" --title "Intro (Live)" --id INTRO-1
    """
    from index.folder.store import Store
    from sourceprint.catalogue.corrections import Correction, correct, read_corrections
    from sourceprint.identifiers.isrc import validate

    given = (title, isrc, new_id)
    if (recording_id is None) == (sheet_file is None):
        raise click.UsageError("give the ID of one recording, or a sheet with --list")
    if sheet_file is not None and (artists or any(value is not None for value in given)):
        raise click.UsageError("--list: has the corrections itself; leave the other options out")
    if recording_id is not None:
        if not artists and all(value is None for value in given):
            raise click.UsageError("nothing to correct; give --title, --artist, --isrc or --id")
        names = tuple(filter(None, (artist.strip() for artist in artists))) if artists else None
        code = validate(isrc) if isrc else isrc
        corrections = [Correction(recording_id, new_id, title, names, code)]
    else:
        from sourceprint.catalogue.column_settings import remembered_columns

        columns = lists.column_map().over(remembered_columns(index_place(index)))
        corrections, notes = read_corrections(sheet_file or Path(), columns, sheet=lists.sheet)
        for text in () if quiet else notes:
            note(text)
    n_changed = correct(Store.open(index_place(index)), corrections)
    if not quiet:
        click.echo(f"{counted(n_changed, 'recording')} changed", err=True)
