"""Statements: what is owed, where each amount comes from, and whether it adds up."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fingerprint.errors import printable
from sourceprint.commands.terminal import (
    EXIT_VERIFICATION,
    PATH,
    backdate_option,
    by_option,
    expect_many_records,
    head_option,
    json_option,
    licensee_option,
    note,
    print_json,
    quiet_option,
    rights_option,
    rights_place,
    today,
)

if TYPE_CHECKING:
    from sourceprint.royalties.statements.statement import Statement

__all__ = ["audit", "explain", "statement", "statements"]

_format_option = click.option(
    "--format", "formats", metavar="NAME", multiple=True,
    help="Only this: csv, parquet, html, dsr or uses, beside json; may be repeated  [default: all]",
)  # fmt: skip


@click.command()
@licensee_option
@click.option("--period", metavar="PERIOD", required=True, help="As 2026-Q3, 2026-07, 2026, or 2026-07-01--2026-07-14.")
@click.option(
    "--usage", metavar="FILE", type=PATH,
    help="What the licensee reports for the period, as for attribute  [default: the report on file, if any]",
)  # fmt: skip
@click.option("--fx", metavar="FILE", type=PATH, help="Rates of exchange: date, from, to, rate, publisher.")
@click.option("--policy", metavar="POLICY", help="As for attribute  [default: the one the uses were made with]")
@click.option("--currency", metavar="CODE", help="Of the statement  [default: that of the licences]")
@click.option("--issued", metavar="DATE", help="Day of issue, YYYY-MM-DD  [default: today, UTC]")
@click.option(
    "--sign-with", "key", metavar="FILE", type=PATH,
    help="Your private key (.pem), as `keys create` makes it  [default: the statement is unsigned]",
)  # fmt: skip
@click.option(
    "--adjust", metavar="FILE", type=PATH,
    help="Adjustments by hand to closed statements: statement, party_id, amount, reason; others are refused.",
)  # fmt: skip
@click.option("--draft", is_flag=True, help="Compute it, and keep nothing.")
@click.option(
    "--provisional", is_flag=True,
    help="For a period that has not ended: what it comes to so far; marked as such, not kept, and owed by nobody.",
)  # fmt: skip
@click.option("--out", "folder", metavar="DIR", type=PATH, required=True, help="Folder of its files, new or empty.")
@_format_option
@rights_option
@by_option
@backdate_option
@quiet_option
def statement(
    licensee: str,
    period: str,
    usage: Path | None,
    fx: Path | None,
    policy: str | None,
    currency: str | None,
    issued: str | None,
    key: Path | None,
    adjust: Path | None,
    draft: bool,
    provisional: bool,
    folder: Path,
    formats: tuple[str, ...],
    rights: str | None,
    by: str | None,
    backdate: str,
    quiet: bool,
) -> None:
    """State what a licensee owes for a period, line by line.

    Takes the uses of the tracks in the usage file, else those generated in the period. A statement that was issued is
    never changed: the same inputs give it again, to the byte; what has changed since is adjusted in the next one. DIR
    gets a page to read and print, a page per party, CSV, Parquet, JSON and DSR-shaped TSV. A period that has not ended
    is refused without --provisional.

    Example: sourceprint statement --period 2026-Q3 --licensee P-TONE --out Q3
    """
    from contextlib import nullcontext
    from functools import partial

    from sourceprint.outputs import once_kept
    from sourceprint.royalties.people import acting, valid_reason
    from sourceprint.royalties.periods import Period
    from sourceprint.royalties.rights.database import Database
    from sourceprint.royalties.statements.amounts.exchange import read_rates
    from sourceprint.royalties.statements.earlier.corrections import read_corrections
    from sourceprint.royalties.statements.files.folder import FORMATS, check_place, write_statement
    from sourceprint.royalties.statements.issue import issue_statement
    from sourceprint.royalties.statements.register import issued_within, statement_text
    from sourceprint.royalties.uses.policy import load_policy
    from sourceprint.royalties.uses.usage import read_usage
    from sourceprint.signatures import load_private

    if provisional and "dsr" in formats:
        raise click.UsageError("--format dsr: a report in this format cannot say that it is provisional; leave it out")
    if key is not None and (draft or provisional):
        raise click.UsageError("--sign-with: signs what is issued; leave it out, or --draft and --provisional")
    signing = None if key is None else load_private(key)
    expect_many_records()
    database = acting(Database.open(rights_place(rights)), by, backdate=backdate)
    days = Period.parse(period)
    issued_statement = issue_statement(
        database,
        licensee=licensee,
        period=days,
        issued_on=issued or today().isoformat(),
        usage=None if usage is None else read_usage(usage),
        rates=None if fx is None else read_rates(fx),
        policy=None if policy is None else load_policy(policy),
        currency=currency,
        by=by,
        corrections=() if adjust is None else read_corrections(adjust),
        draft=draft,
        provisional=provisional,
        signer="" if signing is None else signing.public.text,
        backdate=valid_reason(backdate),
        today=today(),
        before_keeping=partial(check_place, folder=folder, formats=formats or FORMATS),
    )
    place = database.name if rights else ""
    kept = _kept(issued_statement, place, signed=signing is not None)
    with nullcontext() if draft or provisional else once_kept(kept):
        paths = write_statement(issued_statement, folder, formats or FORMATS, key=signing)
    if issued_statement.signer and signing is None and not quiet:
        note("it was issued signed, and is written without its signature here; --sign-with signs it again, to the byte")
    if not quiet:
        click.echo(statement_text(issued_statement), err=True)
        for one in issued_within(database, licensee, days) if provisional else ():
            note(f"{printable(one.period)} was issued on {one.issued_on} already, as {printable(one.id)}: that is what "
                 "is owed, and what differs here is adjusted in the next statement")  # fmt: skip
        if provisional and not formats:
            note("no DSR-shaped files were written: a report cannot say that it is provisional")
    for path in paths:
        click.echo(printable(path))


def _kept(issued: "Statement", place: str, *, signed: bool) -> str:
    """Return that a statement is issued, and the command that writes its files, should they not be written now."""
    options = [
        *(["--sign-with FILE"] if signed else []),
        *([f"--rights {shlex.quote(printable(place))}"] if place else []),
    ]
    again = " ".join(["sourceprint statements", printable(issued.id), "--out DIR", *options])
    return f"{printable(issued.id)} is issued and kept, its files are not written; write them with `{again}`"


@click.command()
@click.argument("statement_id", metavar="[STATEMENT]", required=False)
@click.option("--licensee", metavar="ID", default="", help="List only those of this party.")
@click.option("--out", "folder", metavar="DIR", type=PATH, help="Write STATEMENT again, into this new or empty folder.")
@click.option(
    "--sign-with", "key", metavar="FILE", type=PATH,
    help="With --out: the private key (.pem) that STATEMENT was issued with, to sign it again.",
)  # fmt: skip
@_format_option
@rights_option
@json_option
@quiet_option
def statements(
    statement_id: str | None,
    licensee: str,
    folder: Path | None,
    key: Path | None,
    formats: tuple[str, ...],
    rights: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """List the statements that were issued, or write one again.

    In the order of issue. With the id of a statement, its summary is printed; with --out too, its files are written as
    they were issued, to the byte, whatever has changed since.

    Example: sourceprint statements --licensee P-TONE
    """
    from dataclasses import asdict

    from sourceprint.royalties.rights.database import Database
    from sourceprint.royalties.statements.files.folder import FORMATS, write_statement
    from sourceprint.royalties.statements.register import (
        list_statements,
        load_statement,
        statement_text,
        statements_text,
    )
    from sourceprint.signatures import load_private

    if folder is not None and not statement_id:
        raise click.UsageError("--out: name the statement to write, by its id")
    if key is not None and folder is None:
        raise click.UsageError("--sign-with: goes with --out")
    if statement_id and (as_json or licensee):
        raise click.UsageError("--json and --licensee are for the list; statement.json of --out has all of a statement")
    database = Database.open(rights_place(rights))
    if statement_id:
        found = load_statement(database, statement_id)
        if folder is None:
            click.echo(statement_text(found))
            return
        signing = None if key is None else load_private(key)
        for path in write_statement(found, folder, formats or FORMATS, key=signing):
            click.echo(printable(path))
        if found.signer and signing is None and not quiet:
            note("it was issued signed, and is written without its signature; --sign-with signs it again, to the byte")
        return
    entries = list_statements(database, licensee)
    if as_json:
        print_json([asdict(entry) for entry in entries], lines=False)
    elif entries:
        click.echo(statements_text(entries))
    elif not quiet:
        note("no statements were issued" + (f" to {licensee}" if licensee else ""))


@click.command()
@click.argument("place", metavar="STATEMENT")
@click.argument("line", metavar="LINE", type=click.IntRange(min=1))
@rights_option
@json_option
def explain(place: str, line: int, rights: str | None, as_json: bool) -> None:
    """Show how a line of a statement came about, step by step.

    STATEMENT is its folder, its statement.json, or its id. Printed are the passages of audio, the uses, the rule of the
    policy, the shares, the exact amounts and their one rounding.

    Lines are numbered as in the page and in statement.csv.

    Example: sourceprint explain statement-2026-Q3 1
    """
    from sourceprint.royalties.rights.database import Database
    from sourceprint.royalties.statements.files.folder import read_statement
    from sourceprint.royalties.statements.line_explanation import explain_line, explanation_to_json
    from sourceprint.royalties.statements.register import load_statement

    if Path(place).exists():
        found = read_statement(Path(place))
    else:
        found = load_statement(Database.open(rights_place(rights)), place)
    if as_json:
        print_json(explanation_to_json(found, line), lines=False)
    else:
        click.echo(explain_line(found, line), nl=False)


@click.command()
@click.argument("path", metavar="STATEMENT", type=PATH)
@click.option(
    "--key", "keys", metavar="FILE", multiple=True, type=PATH,
    help="The public key (.pub) of whom it must be signed by, or its fingerprint; may be repeated.",
)  # fmt: skip
@click.option("--any-key", is_flag=True, help="Let it be signed by anybody.")
@click.option(
    "--rights", metavar="DATABASE", help="Compare it with the database that it was issued from, and verify its chain."
)
@head_option
@json_option
def audit(
    path: Path, keys: tuple[Path, ...], any_key: bool, rights: str | None, heads: tuple[str, ...], as_json: bool
) -> None:
    """Re-read a statement, and say what in it does not add up.

    Checksums, the digest, the sum of the lines against the total of every territory and right, contributions, balances,
    and whether pages, CSV, Parquet and DSR say the same; the signature, against a key that you vouch for: anybody can
    make a key. Needs the folder alone. With --rights also whether the statement is on file as it is here, and whether
    anything on file before it was changed since; with --head up to a later head that you hold.

    Example: sourceprint audit statement-2026-Q3 --key tone-records.pub
    """
    from fingerprint.digests import is_sha256
    from sourceprint.royalties.rights.chain.heads import held_head
    from sourceprint.royalties.rights.database import Database
    from sourceprint.royalties.statements.audit import audit_text, audit_to_json, full_audit
    from sourceprint.signatures import load_public

    if keys and any_key:
        raise click.UsageError("--any-key says that no key matters, --key says which does; give one of them")
    if heads and rights is None:
        raise click.UsageError("--head: is a head of a database's chain; name the database with --rights")
    found = full_audit(
        path,
        keys=[str(key) if is_sha256(str(key)) else load_public(key) for key in keys],
        database=None if rights is None else Database.open(rights),
        held=[held_head(one) for one in heads],
    )
    if as_json:
        print_json(audit_to_json(found), lines=False)
    else:
        click.echo(audit_text(path, found.problems, found.remarks), nl=False)
    if found.problems:
        click.get_current_context().exit(EXIT_VERIFICATION)
    if found.authorship is not None:
        found.authorship.insist(printable(path), any_key=any_key)
