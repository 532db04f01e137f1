"""Checks of the rights on file: `rights check`, `verify`, `head`, `optin`."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fingerprint.errors import IndexMissingError
from sourceprint.commands.rights.records import rights as rights_group
from sourceprint.commands.terminal import (
    EXIT_FINDINGS,
    head_option,
    index_option,
    index_place,
    json_option,
    jsonl_option,
    note,
    print_json,
    revision_option,
    rights_option,
    rights_place,
    today,
)

if TYPE_CHECKING:
    from sourceprint.royalties.rights.findings import Finding

__all__ = ["check", "head", "optin", "verify"]


@rights_group.command()
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


@rights_group.command()
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


@rights_group.command()
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


@rights_group.command()
@click.argument("recordings", metavar="[RECORDING...]", nargs=-1)
@click.option(
    "--purpose", type=click.Choice(["train", "generate", "reference-audio"]), default="train", show_default=True,
    help="Purpose of the use.",
)  # fmt: skip
@click.option("--territory", metavar="CODE", default="Worldwide", show_default=True, help="Territory of the use.")
@click.option("--on", "day", metavar="DATE", help="Day, YYYY-MM-DD  [default: today, UTC]")
@rights_option
@revision_option
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
