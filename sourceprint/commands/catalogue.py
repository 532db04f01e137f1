"""The catalogue: recordings into the index and out of it, their tags and excluded ranges, and audio in common."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sourceprint.commands.lists import ListOptions, list_options, reading_of
from sourceprint.commands.named_files import INPUT, name_option, piped_input
from sourceprint.commands.progress import COMPILING, progress
from sourceprint.commands.terminal import (
    PATH,
    exit_if_failed,
    final_report,
    index_option,
    index_place,
    jobs_option,
    json_option,
    jsonl_option,
    layers_option,
    note,
    one_format,
    print_json,
    quiet_option,
    use_one_thread,
)
from sourceprint.text.tables import counted

if TYPE_CHECKING:
    from sourceprint.inputs import NamedInputs
    from sourceprint.lists import ListReading

__all__ = ["add", "amend", "duplicates", "exclude", "info", "list_", "remove", "replace", "tag"]


_id_option = click.option("--id", "recording_id", metavar="ID", help="Id of the recording, where it is one file.")


@click.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=INPUT)
@_id_option
@name_option
@layers_option
@list_options()
@index_option
@jobs_option
@json_option
@quiet_option
def add(
    paths: tuple[str, ...],
    recording_id: str | None,
    name: str | None,
    layers: tuple[str, ...],
    lists: ListOptions,
    index: Path | None,
    jobs: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Add recordings: audio files, folders of them, or lists.

    In a folder, files are taken by their content, under any name; a file that may be audio and cannot be read, such as
    an archive with audio in it, counts as failed. - is a file from standard input.

    A list is a sheet (.csv, .tsv, .xlsx) with the columns path, id, title, artist, isrc, tags, exclude, under the names
    that labels and distributors give them; only path is needed. Without an id, the ISRC is the id, else the file's name
    less its ending. Recordings already in the index are skipped, so an interrupted run is continued by the same
    command.

    With --layers recording,composition the index gets a second layer, by which match finds new performances of a work,
    and has it for all that is added later. Recordings in the index that lack it get it when they are given again.

    Example: sourceprint add music
    """
    place = index_place(index)
    with reading_of(place, lists) as reading:
        _add(paths, recording_id, name, place, reading, jobs, layers, as_json=as_json, quiet=quiet, replacing=False)


@click.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=INPUT)
@_id_option
@name_option
@list_options()
@index_option
@jobs_option
@json_option
@quiet_option
def replace(
    paths: tuple[str, ...],
    recording_id: str | None,
    name: str | None,
    lists: ListOptions,
    index: Path | None,
    jobs: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Replace recordings; files, folders or lists as for add.

    Example: sourceprint replace remastered.csv
    """
    place = index_place(index)
    with reading_of(place, lists) as reading:
        _add(paths, recording_id, name, place, reading, jobs, (), as_json=as_json, quiet=quiet, replacing=True)


@click.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@index_option
@quiet_option
def remove(ids: tuple[str, ...], index: Path | None, quiet: bool) -> None:
    """Remove recordings by id: all that are named, or none.

    Example: sourceprint remove "01 Intro" "02 Song"
    """
    from index.folder.index import Index
    from sourceprint.catalogue.annotations import remove_recordings

    n_removed = remove_recordings(Index.open(index_place(index)), ids)
    if not quiet:
        click.echo(f"{counted(n_removed, 'recording')} removed", err=True)


@click.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@click.option("--add", "added", metavar="TAG", multiple=True, help="Give this tag; may be repeated.")
@click.option("--remove", "removed", metavar="TAG", multiple=True, help="Take this tag away; may be repeated.")
@index_option
@quiet_option
def tag(
    ids: tuple[str, ...], added: tuple[str, ...], removed: tuple[str, ...], index: Path | None, quiet: bool
) -> None:
    """Give recordings tags, take tags away, or show them.

    A tag is a short text that means nothing to Sourceprint, such as a licence, a territory or a label; match searches
    by tag. All recordings that are named are changed, or none.

    Example: sourceprint tag "01 Intro" "02 Song" --add sync
    """
    from index.folder.index import Index
    from sourceprint.catalogue.annotations import change_tags
    from sourceprint.text.index_text import recordings_table

    opened = Index.open(index_place(index))
    if added or removed:
        n_changed = change_tags(opened, ids, added=added, removed=removed)
        if not quiet:
            click.echo(f"{counted(n_changed, 'recording')} changed", err=True)
    else:
        snapshot = opened.snapshot()
        click.echo(recordings_table([snapshot.by_id(recording_id) for recording_id in dict.fromkeys(ids)]))


@click.command()
@click.argument("recording_id", metavar="ID")
@click.argument("ranges", metavar="[RANGE]...", nargs=-1)
@click.option("--clear", is_flag=True, help="Let everything count again that was excluded before.")
@index_option
@quiet_option
def exclude(recording_id: str, ranges: tuple[str, ...], clear: bool, index: Path | None, quiet: bool) -> None:
    """Exclude parts of a recording, or show those excluded.

    For samples and other parts that are not the owner's: they are not matched, nor ever reported. A range is START-END,
    each in seconds, m:ss or h:mm:ss. Ranges are added to those that are excluded already; without any, these are
    printed.

    Example: sourceprint exclude "01 Intro" 0:00-0:12.5 75-80.25
    """
    from fingerprint.errors import printable
    from index.folder.index import Index
    from index.storage.tags import ranges_text
    from sourceprint.catalogue.annotations import change_exclusions
    from sourceprint.catalogue.brevity import brevity_remarks

    opened = Index.open(index_place(index))
    if ranges or clear:
        excluded = change_exclusions(opened, recording_id, ranges, clear=clear)
        if not quiet:
            click.echo(f"excluded now: {ranges_text(excluded) or 'nothing'}", err=True)
            duration_ms = opened.snapshot().by_id(recording_id).duration_ms
            for remark in brevity_remarks(duration_ms, excluded=excluded):
                click.echo(f"Note: {printable(recording_id)}: {remark}", err=True)
    else:
        for pair in opened.snapshot().by_id(recording_id).excluded:
            click.echo(ranges_text((pair,)))


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
    isrc and new_id have the corrected values, and an empty cell changes nothing. All of it or none. Results that were
    made before stand, with the words and ids that they were made with; the id before finds the recording ever after.

    Example: sourceprint amend "01 Intro" --title "Intro (Live)" --id INTRO-1
    """
    from index.folder.index import Index
    from sourceprint.catalogue.corrections import correct, correction_of, read_corrections

    given = (title, isrc, new_id)
    if (recording_id is None) == (sheet_file is None):
        raise click.UsageError("give the ID of one recording, or a sheet with --list")
    if sheet_file is not None and (artists or any(value is not None for value in given)):
        raise click.UsageError("--list: has the corrections itself; leave the other options out")
    if recording_id is not None:
        if not artists and all(value is None for value in given):
            raise click.UsageError("nothing to correct; give --title, --artist, --isrc or --id")
        corrections = [correction_of(recording_id, title=title, artists=artists or None, isrc=isrc, new_id=new_id)]
    else:
        from sourceprint.catalogue.column_settings import remembered_columns

        columns = lists.column_map().over(remembered_columns(index_place(index)))
        corrections, notes = read_corrections(sheet_file or Path(), columns, sheet=lists.sheet)
        for text in () if quiet else notes:
            note(text)
    n_changed = correct(Index.open(index_place(index)), corrections)
    if not quiet:
        click.echo(f"{counted(n_changed, 'recording')} changed", err=True)


@click.command("list")
@index_option
@json_option
@jsonl_option
def list_(index: Path | None, as_json: bool, as_jsonl: bool) -> None:
    """List the recordings in the index, by id.

    Example: sourceprint list
    """
    from index.folder.index import Index
    from index.storage.recordings import recording_to_json
    from sourceprint.text.index_text import recordings_table

    one_format(as_json, as_jsonl)
    recordings = sorted(Index.open(index_place(index)).snapshot().recordings, key=lambda recording: recording.id)
    if as_json or as_jsonl:
        print_json([recording_to_json(recording) for recording in recordings], lines=as_jsonl)
    else:
        click.echo(recordings_table(recordings))


@click.command()
@index_option
@json_option
def info(index: Path | None, as_json: bool) -> None:
    """Show the contents, size and parameters of the index.

    Example: sourceprint info
    """
    from index.folder.index import Index
    from sourceprint.blind.blind_import import index_facts
    from sourceprint.text.index_text import info_text

    facts = index_facts(Index.open(index_place(index)))
    if as_json:
        print_json(facts, lines=False)
    else:
        click.echo(info_text(facts))


@click.command()
@click.argument("ids", metavar="[ID]...", nargs=-1)
@index_option
@click.option(
    "--min-seconds", metavar="S", type=click.FloatRange(min=3.0), default=10.0, show_default=True,
    help="Leave out pairs with less audio in common.",
)  # fmt: skip
@json_option
@jsonl_option
@quiet_option
def duplicates(
    ids: tuple[str, ...], index: Path | None, min_seconds: float, as_json: bool, as_jsonl: bool, quiet: bool
) -> None:
    """Show recordings that have audio in common.

    Duplicates, remasters, edits, compilations, samples: each pair once, the longest first, with times in both. With
    ids, only pairs with those recordings.

    Example: sourceprint duplicates --min-seconds 30
    """
    one_format(as_json, as_jsonl)
    use_one_thread()
    from index.folder.index import Index
    from index.search.overlaps import find_overlaps, longest_first, overlap_to_json
    from sourceprint.text.index_text import overlaps_table

    snapshot = Index.open(index_place(index)).snapshot()
    wanted = list(dict.fromkeys(ids)) or None
    found = []
    with progress(len(wanted or snapshot.recordings), quiet, unit="recording") as tell:
        for overlaps in find_overlaps(snapshot, wanted, min_seconds=min_seconds):
            tell.step()
            found += overlaps
    found = longest_first(found)
    if as_json or as_jsonl:
        print_json([overlap_to_json(overlap) for overlap in found], lines=as_jsonl)
    elif found:
        click.echo(overlaps_table(found))
    elif not quiet:
        note(f"no two recordings have {min_seconds:g} s of audio in common")


def _add(
    paths: tuple[str, ...],
    recording_id: str | None,
    name: str | None,
    place: Path,
    reading: "ListReading",
    jobs: int | None,
    layers: Sequence[str],
    *,
    as_json: bool,
    quiet: bool,
    replacing: bool,
) -> None:
    use_one_thread()
    from fingerprint.extract import is_compiled
    from sourceprint.catalogue.additions import Addition
    from sourceprint.inputs import collect, other_files_text
    from sourceprint.text.index_text import addition_text, overlap_text

    piped = piped_input(paths, name)
    if piped is not None and name is None and recording_id is None:
        raise click.UsageError("-: audio from standard input needs an id or a name; give --id or --name")
    inputs = collect(paths, reading=reading, piped=piped)
    if recording_id is not None:
        inputs = _with_id(inputs, recording_id, paths)
    addition = Addition(place, jobs=jobs, replacing=replacing, layers=layers)
    with (
        final_report(addition, addition_text, as_json=as_json, quiet=quiet),
        progress(len(inputs), quiet) as tell,
        closing(addition.run(inputs)) as outcomes,
    ):
        if not is_compiled():
            tell.note(COMPILING)
        for text in inputs.notes:
            tell.note(text)
        if inputs.others:
            tell.note(other_files_text(inputs.others))
        for outcome in outcomes:
            tell.outcome(outcome)
        for overlap in addition.overlaps:
            tell.note(overlap_text(overlap))
        if addition.n_overlaps > len(addition.overlaps):
            tell.note(f"{addition.n_overlaps} pairs have audio in common; see sourceprint duplicates")
    exit_if_failed(len(addition.failures), of=len(inputs))


def _with_id(inputs: "NamedInputs", recording_id: str, paths: tuple[str, ...]) -> "NamedInputs":
    """Return the one file that was named, with an id."""
    import dataclasses
    import unicodedata

    if len(paths) != 1 or len(inputs) != 1 or Path(paths[0]).is_dir() or any(item.source for item in inputs.items):
        raise click.UsageError("--id: is the id of one recording; name one audio file, or a list with a column id")
    composed = unicodedata.normalize("NFC", recording_id)
    return dataclasses.replace(inputs, items=tuple(dataclasses.replace(item, id=composed) for item in inputs.items))
