"""The index folder as a whole: compared with its checksums, rewritten, carried elsewhere as one file."""

from pathlib import Path
from typing import Any

import click

from commands.terminal import (
    EXIT_INDEX,
    PATH,
    complain,
    count_text,
    index_option,
    index_place,
    json_option,
    print_json,
    progress,
    quiet_option,
    use_one_thread,
)
from fingerprint.errors import printable

__all__ = ["compact", "export", "import_", "verify"]


@click.command()
@index_option
@click.option("--repair", is_flag=True, help="Take what is damaged out of the index, so that the rest can be used.")
def verify(index: Path | None, repair: bool) -> None:
    """Compare every file of the index with its checksum.

    Example: sourceprint verify
    """
    from index.verification import repair_index, verify_index

    if repair:
        problems = repair_index(index_place(index))
    else:
        with progress(None, False, unit="B", unit_scale=True) as tell:
            problems = verify_index(index_place(index), progress=tell.step)
    for problem in problems:
        ids = ", ".join(printable(recording_id) for recording_id in problem.recordings)
        what = f"it concerns {count_text(problem.n_recordings, 'recording')}: {ids or 'their names cannot be read'}"
        if not problem.n_recordings:
            what = "it concerns no recording, and is computed again by the next add or remove once it is taken out"
        click.echo(f"{printable(problem.path)}: {problem.what}; {what}")
    if not problems:
        click.echo("all files are as they were written", err=True)
    elif repair:
        click.echo("taken out of the index; add these recordings again", err=True)
    else:
        complain("the index is damaged; verify --repair takes out what is, then add those recordings again")
        click.get_current_context().exit(EXIT_INDEX)


@click.command()
@index_option
@quiet_option
def compact(index: Path | None, quiet: bool) -> None:
    """Rewrite the index without what was removed.

    It becomes one segment, with lists that suit its size, and needs as much room again meanwhile. Readers may go on;
    what they have open is deleted with the next change after they have finished.

    Example: sourceprint compact
    """
    use_one_thread()
    from index.store import Store
    from index.tables import compaction_text

    store = Store.open(index_place(index))
    with store.writer() as writer:
        before = store.info()
        writer.compact()
    if not quiet:
        click.echo(compaction_text(before, store.info()), err=True)


@click.command()
@click.argument("file", metavar="FILE", type=PATH)
@index_option
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
@json_option
@quiet_option
def export(file: Path, index: Path | None, force: bool, as_json: bool, quiet: bool) -> None:
    """Write the whole index as one file.

    Every checksum is compared on the way. The same state gives the same file, byte for byte. Prints the SHA-256 of the
    file and the digest of the index.

    Example: sourceprint export catalogue.tar
    """
    from index.transport import archive_to_json, export_index

    with progress(None, quiet, unit="B", unit_scale=True) as tell:
        archive = export_index(index_place(index), file, force=force, progress=tell.step)
    _print_archive(archive_to_json(archive), as_json=as_json)


@click.command("import")
@click.argument("file", metavar="FILE", type=PATH)
@index_option
@json_option
@quiet_option
def import_(file: Path, index: Path | None, as_json: bool, quiet: bool) -> None:
    """Make an index from a file that export wrote.

    The folder must be new or empty. Everything is verified before the index appears; an interrupted run leaves no
    index. Prints the same as export.

    Example: sourceprint import catalogue.tar --index copy
    """
    from index.transport import archive_to_json, import_index

    with progress(None, quiet, unit="B", unit_scale=True) as tell:
        archive = import_index(file, index_place(index), progress=tell.step)
    _print_archive(archive_to_json(archive), as_json=as_json)


def _print_archive(facts: dict[str, Any], *, as_json: bool) -> None:
    from index.tables import archive_text

    if as_json:
        print_json(facts, lines=False)
    else:
        click.echo(archive_text(facts))
