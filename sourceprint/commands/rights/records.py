"""The records on file: `rights import`, `export`, `show`."""

import sys
from functools import partial as bound
from pathlib import Path
from typing import Literal

import click

from fingerprint.errors import AmbiguousSharesError
from sourceprint.commands.acting import acting_by
from sourceprint.commands.lists import ListOptions, list_options
from sourceprint.commands.terminal import (
    PATH,
    backdate_option,
    by_option,
    complain,
    json_option,
    note,
    print_json,
    printable_lines,
    quiet_option,
    revision_option,
    rights_option,
    rights_place,
)

__all__ = ["rights"]

Unit = Literal["percent", "fraction"]


@click.group()
def rights() -> None:
    """Keep the owners of recordings and works, and licences.

    Example: sourceprint rights import catalogue
    """


@rights.command("import")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=PATH)
@rights_option
@click.option(
    "--shares", type=click.Choice(["percent", "fraction"]),
    help="Unit of shares without a % sign: 25 of 100, or 0.25 of 1. Never guessed; asked for on a terminal.",
)  # fmt: skip
@list_options(audio=False)
@click.option("--partial", is_flag=True, help="Import the good rows, and report the wrong ones.")
@click.option("--dry-run", is_flag=True, help="Check everything, and change nothing.")
@click.option("--report", metavar="FILE", type=PATH, help="Write every problem here: .tsv, .json or .jsonl.")
@click.option(
    "--correct", metavar="REASON", default="",
    help="Reason to correct licences that statements were issued under; the next statements adjust the difference.",
)  # fmt: skip
@by_option
@backdate_option
@json_option
@quiet_option
def import_(
    paths: tuple[Path, ...],
    rights: str | None,
    shares: Unit | None,
    lists: ListOptions,
    partial: bool,
    dry_run: bool,
    report: Path | None,
    correct: str,
    by: str | None,
    backdate: str,
    as_json: bool,
    quiet: bool,
) -> None:
    """Import recordings, works, parties, shares and licences.

    Reads folders of BWARM-shaped tables, single tables, a label's spreadsheet (.xlsx, .csv, .tsv), and licences as
    TOML; docs/formats/rights-tables.md describes the columns. Prints how each column is read, then imports all or
    nothing; --dry-run imports nothing. Importing the same files again changes nothing.

    Example: sourceprint rights import catalogue.xlsx --shares percent
    """
    from sourceprint.royalties.tables.imports import import_rights
    from sourceprint.royalties.tables.problems import import_report_text, import_report_to_json

    database = acting_by(rights_place(rights), by, backdate=backdate, create=True)
    run = bound(
        import_rights,
        database,
        paths,
        by=by,
        partial=partial,
        dry_run=dry_run,
        report_file=report,
        columns=lists.column_map(),
        sheet=lists.sheet,
        correct=correct.strip(),
        tell=None if quiet else note,
    )
    try:
        done = run(shares=shares)
    except AmbiguousSharesError as error:
        if not sys.stdin.isatty():
            raise
        complain(str(error), lines=True)
        done = run(shares=click.prompt("They are", type=click.Choice(["percent", "fraction"]), err=True))
    if as_json:
        print_json(import_report_to_json(done), lines=False)
    if done.exit_code or not quiet:
        click.echo(printable_lines(import_report_text(done)), err=True)
    if lists.columns and not quiet and not any(text.startswith("@") for text in lists.columns):
        note(
            "these columns are not kept; write the pairs into a file, one per line, and give --columns @FILE next time"
        )
    if done.revision is not None and not quiet:
        note("`sourceprint rights check` finds overclaims, gaps and duplicates in the rights on file")
    click.get_current_context().exit(done.exit_code)


@rights.command("export")
@click.argument("folder", metavar="DIR", type=PATH)
@rights_option
@revision_option
@quiet_option
def export_(folder: Path, rights: str | None, revision: int | None, quiet: bool) -> None:
    """Write the rights as BWARM-shaped tables and licences.

    The folder must be new or empty. The same revision gives the same files, and importing them changes nothing.

    Example: sourceprint rights export tables
    """
    from sourceprint.royalties.rights.database import Database
    from sourceprint.royalties.tables.exports import export_report_text, export_rights

    done = export_rights(Database.open(rights_place(rights)), folder, revision=revision)
    if not quiet:
        click.echo(export_report_text(done), err=True)


@rights.command()
@click.argument("key", metavar="KEY")
@rights_option
@revision_option
@json_option
def show(key: str, rights: str | None, revision: int | None, as_json: bool) -> None:
    """Show all records of an ISRC, ISWC or id.

    KEY may also be the id of a recording, a work, a party or a licence, or an id in the index.

    Example: sourceprint rights show QZ-AAA-26-00001
    """
    from sourceprint.royalties.rights.database import Database
    from sourceprint.royalties.rights.lookup import rights_to_json, rights_under_key
    from sourceprint.royalties.rights.rights_text import show_rights

    with Database.open(rights_place(rights)).reading() as connection:
        found, history = rights_under_key(connection, key, revision=revision)
    document = rights_to_json(found, key, history=history)
    if as_json:
        print_json(document, lines=False)
    else:
        click.echo(show_rights(document), nl=False)
