"""The commands on the database of rights: `rights import`, `export`, `check`, `show`, `verify`, and others."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import partial as bound
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from fingerprint.errors import AmbiguousSharesError, IndexMissingError
from sourceprint.commands.lists import ListOptions, list_options
from sourceprint.commands.terminal import (
    EXIT_FINDINGS,
    PATH,
    backdate_option,
    by_option,
    complain,
    head_option,
    index_option,
    index_place,
    json_option,
    jsonl_option,
    note,
    print_json,
    printable_lines,
    quiet_option,
    rights_option,
    rights_place,
    today,
)
from sourceprint.text.tables import counted

if TYPE_CHECKING:
    from sourceprint.royalties.rights.findings import Finding

__all__ = ["rights"]

Unit = Literal["percent", "fraction"]
_POLICIES = ("coverage-weighted", "equal", "fixed-fee", "matched-seconds", "pro-rata-pool")


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
    from sourceprint.royalties.people import acting
    from sourceprint.royalties.rights.database import Database
    from sourceprint.royalties.tables.imports import import_rights
    from sourceprint.royalties.tables.problems import import_report_text, import_report_to_json

    database = acting(Database.open(rights_place(rights), create=True), by, backdate=backdate)
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
    if done.revision is not None and not quiet:
        note("`sourceprint rights check` finds overclaims, gaps and duplicates in the rights on file")
    click.get_current_context().exit(done.exit_code)


@rights.command("export")
@click.argument("folder", metavar="DIR", type=PATH)
@rights_option
@click.option(
    "--revision", metavar="N", type=click.IntRange(min=0), help="State of the rights at this revision  [default: now]"
)
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
@rights_option
@index_option
@click.option("--no-index", is_flag=True, help="Do not compare with the index.")
@click.option(
    "--fail-on", type=click.Choice(["error", "warning", "never"]), default="error", show_default=True,
    help="Least severity that gives exit code 1.",
)  # fmt: skip
@jsonl_option
def check(rights: str | None, index: Path | None, no_index: bool, fail_on: str, as_jsonl: bool) -> None:
    """Find overclaims, unclaimed shares, dead links, duplicates.

    Shares are summed for every right, territory and day. With an index, also finds recordings without rights, and
    rights whose recording is missing from the index.

    Example: sourceprint rights check --fail-on warning
    """
    from sourceprint.royalties.rights.checks import Records, check_rights
    from sourceprint.royalties.rights.database import Database
    from sourceprint.royalties.rights.findings import finding_to_json, findings_text

    database = Database.open(rights_place(rights))
    in_index = None if no_index else _index_ids(index)
    severities: set[str] = set()
    with (
        database.reading() as connection,
        closing(check_rights(Records.read(connection), index_ids=in_index)) as found,
    ):
        findings = _with_severities(found, severities)
        if as_jsonl:
            print_json(map(finding_to_json, findings), lines=True)
        else:
            for line in findings_text(findings):
                click.echo(line)
    if severities & {"error": {"error"}, "warning": {"error", "warning"}, "never": set()}[fail_on]:
        click.get_current_context().exit(EXIT_FINDINGS)


@rights.command()
@click.argument("key", metavar="KEY")
@rights_option
@click.option(
    "--revision", metavar="N", type=click.IntRange(min=0), help="State of the rights at this revision  [default: now]"
)
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


@rights.command()
@rights_option
@head_option
@json_option
def verify(rights: str | None, heads: tuple[str, ...], as_json: bool) -> None:
    """Verify the hash chain of the database and all it covers.

    Reads rights with their history, uses, decisions and statements, and names each row that was changed, deleted or
    added outside of the program, by table, id and entry. A chain that was built anew agrees with itself; only a head
    that is held elsewhere reveals that. Every issued statement has one: give the heads that you hold with --head.
    docs/proof.md describes what this proves and what it does not.

    Example: sourceprint rights verify --head statement-2026-Q3
    """
    from sourceprint.royalties.rights.chain.heads import held_head
    from sourceprint.royalties.rights.chain.verdict_text import chain_text, chain_to_json
    from sourceprint.royalties.rights.chain.verification import verify_chain
    from sourceprint.royalties.rights.database import Database

    held = [held_head(one) for one in heads]
    database = Database.open(rights_place(rights))
    with database.reading() as connection:
        verdict = verify_chain(connection, held)
    if as_json:
        print_json(chain_to_json(verdict, database.name), lines=False)
    else:
        click.echo(chain_text(verdict, database.name))
    verdict.insist(database.name)


@rights.command()
@rights_option
def head(rights: str | None) -> None:
    """Print the head of the hash chain, to be kept elsewhere.

    One line, which stands for everything on file. With it, `rights verify --head` reveals any later change.

    Example: sourceprint rights head
    """
    from sourceprint.royalties.rights.chain import chain_head
    from sourceprint.royalties.rights.database import Database

    with Database.open(rights_place(rights)).reading() as connection:
        click.echo(chain_head(connection).text)


@rights.group()
def people() -> None:
    """List, add and remove the names that --by accepts.

    The user who runs a command needs no entry: $SOURCEPRINT_ACTOR, else the login name. Any other name needs an entry
    here, or --backdate with a reason.

    Example: sourceprint rights people list
    """


@people.command("list")
@rights_option
@json_option
def list_people(rights: str | None, as_json: bool) -> None:
    """List the names, since when, and by whom they were added.

    Example: sourceprint rights people list
    """
    from dataclasses import asdict

    from sourceprint.royalties import people as on_file
    from sourceprint.royalties.rights.database import Database

    with Database.open(rights_place(rights)).reading() as connection:
        found = on_file.list_people(connection)
    if as_json:
        print_json([asdict(one) for one in found], lines=False)
    elif found:
        click.echo(on_file.people_text(found))
    else:
        note("the list is empty; --by accepts only the name of the user who runs a command")


@people.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@rights_option
def add(names: tuple[str, ...], rights: str | None) -> None:
    """Add people to the list.

    Example: sourceprint rights people add "Ann Meyer"
    """
    from sourceprint.royalties.people import add_people
    from sourceprint.royalties.rights.database import Database

    new = add_people(Database.open(rights_place(rights), create=True), names)
    note(f"{counted(len(new), 'name')} added")


@people.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@rights_option
def remove(names: tuple[str, ...], rights: str | None) -> None:
    """Remove people from the list; the history keeps their names.

    Example: sourceprint rights people remove "Ann Meyer"
    """
    from sourceprint.royalties.people import remove_people
    from sourceprint.royalties.rights.database import Database

    gone = remove_people(Database.open(rights_place(rights)), names)
    note(f"{counted(len(gone), 'name')} removed")


@rights.command()
@click.argument("recordings", metavar="[RECORDING...]", nargs=-1)
@click.option(
    "--purpose", type=click.Choice(["train", "generate", "reference-audio"]), default="train", show_default=True,
    help="Purpose of the use.",
)  # fmt: skip
@click.option("--territory", metavar="CODE", default="Worldwide", show_default=True, help="Territory of the use.")
@click.option("--on", "day", metavar="DATE", help="Day, YYYY-MM-DD  [default: today, UTC]")
@rights_option
@click.option(
    "--revision", metavar="N", type=click.IntRange(min=0), help="State of the rights at this revision  [default: now]"
)
@json_option
def optin(
    recordings: tuple[str, ...],
    purpose: str,
    territory: str,
    day: str | None,
    rights: str | None,
    revision: int | None,
    as_json: bool,
) -> None:
    """Show opted-in and opted-out recordings, with reason and day.

    Shows all recordings with a choice on file, or those with the RECORDING ids. `rights import` reads choices from
    optchoices.tsv or a list with a column `choice` (docs/formats/rights-tables.md). An opt-out prevails.

    Example: sourceprint rights optin --purpose train --territory DE
    """
    from sourceprint.royalties.deals.optin import opt_report, opt_report_text, opt_report_to_json
    from sourceprint.royalties.periods import parse_date
    from sourceprint.royalties.rights.database import Database
    from sourceprint.royalties.territories import validate_territory

    on = today() if day is None else parse_date(day, what="--on")
    with Database.open(rights_place(rights)).reading() as connection:
        report = opt_report(
            connection,
            purpose=purpose,
            territory=validate_territory(territory),
            day=on,
            recording_ids=recordings,
            revision=revision,
        )
    if as_json:
        print_json(opt_report_to_json(report), lines=False)
    else:
        click.echo(opt_report_text(report))


@rights.command("new-licence")
@click.argument("file", metavar="[FILE]", required=False, type=PATH)
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
def new_licence(file: Path | None, force: bool) -> None:
    """Write a licence to fill in, as TOML with comments.

    To FILE, or to standard output. docs/formats/licence.md describes every key. Fill it in, then `rights import` it:
    missing or wrong keys are named.

    Example: sourceprint rights new-licence licence.toml
    """
    from sourceprint.royalties.rights import licence_toml

    _write(licence_toml.new_licence(), file, replace=force)


@rights.command("new-policy")
@click.argument("file", metavar="[FILE]", required=False, type=PATH)
@click.option(
    "--like", "name", type=click.Choice(_POLICIES), default="matched-seconds", show_default=True,
    help="Shipped policy to start from.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
def new_policy(file: Path | None, name: str, force: bool) -> None:
    """Write a policy to change, as TOML with comments.

    To FILE, or to standard output: a shipped policy to edit, for attribute and statement --policy.
    docs/formats/policy.md describes every key. Give your policy its own name.

    Example: sourceprint rights new-policy policy.toml --like equal
    """
    from sourceprint.royalties.uses.policy import shipped_policy

    _write(shipped_policy(name), file, replace=force)


def _write(text: str, file: Path | None, *, replace: bool) -> None:
    """Write a text to a new file, or print it."""
    if file is None:
        click.echo(text, nl=False)
        return
    from index.storage.durable import publish
    from sourceprint.outputs import expect_free, writing

    expect_free(file, replace=replace)
    with writing(file):
        publish(file, text.encode("utf-8"))


def _with_severities(findings: "Iterable[Finding]", severities: set[str]) -> "Iterator[Finding]":
    """Yield findings as they come, and note their severities."""
    for finding in findings:
        severities.add(finding.severity)
        yield finding


def _index_ids(index: Path | None) -> dict[str, str] | None:
    """Return the ISRCs of the recordings in the index by their ids; None if the default index is missing."""
    from index.folder.index import Index

    try:
        recordings = Index.open(index_place(index)).snapshot().recordings
    except IndexMissingError:
        if index is not None:
            raise
        note("there is no index to compare with; --index names one")
        return None
    return {recording.id: recording.isrc for recording in recordings}
