"""The commands on statements: `statement`, `statements`, `explain`, `audit`."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fingerprint.errors import printable
from sourceprint.commands.acting import acting_by
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
    help="One format beside json: csv, parquet, html, dsr or uses; may be repeated  [default: all]",
)  # fmt: skip


@click.command()
@licensee_option
@click.option(
    "--period", metavar="PERIOD", required=True, help="Such as 2026-Q3, 2026-07, 2026, or 2026-07-01--2026-07-14."
)
@click.option(
    "--usage", metavar="FILE", type=PATH,
    help="The licensee's usage report for the period (docs/formats/usage.md)  [default: the report on file, if any]",
)  # fmt: skip
@click.option("--fx", metavar="FILE", type=PATH, help="Rates of exchange: date, from, to, rate, publisher.")
@click.option("--policy", metavar="POLICY", help="Policy, as for attribute  [default: the policy of the uses]")
@click.option("--currency", metavar="CODE", help="Currency of the statement  [default: that of the licences]")
@click.option("--issued", metavar="DATE", help="Day of issue, YYYY-MM-DD  [default: today, UTC]")
@click.option(
    "--sign-with", "key", metavar="FILE", type=PATH,
    help="Your private key (.pem) from `keys create`  [default: the statement is not signed]",
)  # fmt: skip
@click.option(
    "--log", "log_folder", metavar="DIR", type=PATH,
    help="A transparency log, whose newest checkpoint goes into the statement: so its readers hold it.",
)  # fmt: skip
@click.option(
    "--adjust", metavar="FILE", type=PATH,
    help="Table of adjustments by hand to closed statements: statement, party_id, amount, reason.",
)  # fmt: skip
@click.option("--draft", is_flag=True, help="Compute the statement without keeping it.")
@click.option(
    "--provisional", is_flag=True,
    help="State a period that has not ended, so far: marked as provisional, not kept, not owed.",
)  # fmt: skip
@click.option("--out", "folder", metavar="DIR", type=PATH, required=True, help="New or empty folder for the files.")
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
    log_folder: Path | None,
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
    """Compute a licensee's statement for a period, line by line.

    Takes the uses of the tracks in the usage file, else of tracks generated in the period. An issued statement is never
    changed: the same inputs give the same bytes again, and the next statement adjusts later changes. DIR gets a page to
    read and print, a page per party, CSV, Parquet, JSON and DSR-shaped TSV. A period that has not ended needs
    --provisional.

    Example: sourceprint statement --period 2026-Q3 --licensee P-TONE --out Q3
    """
    from contextlib import nullcontext
    from functools import partial

    from sourceprint.outputs import once_kept
    from sourceprint.royalties.people import valid_reason
    from sourceprint.royalties.periods import Period
    from sourceprint.royalties.statements.amounts.exchange import read_rates
    from sourceprint.royalties.statements.earlier.corrections import read_corrections
    from sourceprint.royalties.statements.files.folder import FORMATS, check_place, write_statement
    from sourceprint.royalties.statements.issue import issue_statement
    from sourceprint.royalties.statements.register import issued_within, statement_text, unreported_tracks
    from sourceprint.royalties.uses.policy import load_policy
    from sourceprint.royalties.uses.usage import read_usage
    from sourceprint.signatures import load_private
    from sourceprint.text.tables import listed
    from sourceprint.transparency import LogReader

    if provisional and "dsr" in formats:
        raise click.UsageError(
            "--format dsr: this format has no mark for provisional reports; leave out --format dsr or --provisional"
        )
    if key is not None and (draft or provisional):
        raise click.UsageError(
            "--sign-with: a draft or provisional statement is not signed; leave out one of the options"
        )
    if log_folder is not None and (draft or provisional):
        raise click.UsageError(
            "--log: a draft or provisional statement holds no checkpoint; leave out one of the options"
        )
    signing = None if key is None else load_private(key)
    checkpoint = None if log_folder is None else LogReader(log_folder).view()[0]
    expect_many_records()
    database = acting_by(rights_place(rights), by, backdate=backdate)
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
        log_checkpoint=checkpoint,
        today=today(),
        before_keeping=partial(check_place, folder=folder, formats=formats or FORMATS),
    )
    place = database.name if rights else ""
    kept = _kept(issued_statement, place, signed=signing is not None)
    with nullcontext() if draft or provisional else once_kept(kept):
        paths = write_statement(issued_statement, folder, formats or FORMATS, key=signing)
    if issued_statement.signer and signing is None and not quiet:
        note("the statement was issued with a signature; these files have none: --sign-with adds the same one")
    if checkpoint is not None and issued_statement.log_checkpoint != checkpoint.to_bytes().decode() and not quiet:
        note("the statement was issued before, and never changes: the newest checkpoint of the log is not in it")
    if not quiet:
        click.echo(statement_text(issued_statement), err=True)
        for one in issued_within(database, licensee, days) if provisional else ():
            note(f"{printable(one.period)} was issued on {one.issued_on}, as {printable(one.id)}: "
                 "that statement is owed, and the next one adjusts any difference")  # fmt: skip
        if left_out := unreported_tracks(database, issued_statement):
            note(f"generated in {days}, with uses to pay, and in no row of the reported usage: {listed(left_out)}; "
                 "ask the licensee about them")  # fmt: skip
        if provisional and not formats:
            note("no DSR-shaped files were written: the format has no mark for provisional reports")
    for path in paths:
        click.echo(printable(path))


def _kept(issued: "Statement", place: str, *, signed: bool) -> str:
    """Return the message for an issued statement without files: its id, and the command that writes them."""
    options = [
        *(["--sign-with FILE"] if signed else []),
        *([f"--rights {shlex.quote(printable(place))}"] if place else []),
    ]
    again = " ".join(["sourceprint statements", printable(issued.id), "--out DIR", *options])
    return f"{printable(issued.id)} is issued and kept, but its files are not written; write them with `{again}`"


@click.command()
@click.argument("statement_id", metavar="[STATEMENT]", required=False)
@click.option("--licensee", metavar="ID", default="", help="List only the statements of this licensee.")
@click.option(
    "--out",
    "folder",
    metavar="DIR",
    type=PATH,
    help="Write the files of STATEMENT again, into this new or empty folder.",
)
@click.option(
    "--sign-with", "key", metavar="FILE", type=PATH,
    help="With --out: the private key (.pem) that signed STATEMENT, to sign it again.",
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

    Statements are listed in the order of issue. With the id of one, its summary is printed; with --out too, its files
    are written again, with the same bytes as when it was issued.

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
        raise click.UsageError("--out: writes one statement; give its id too")
    if key is not None and folder is None:
        raise click.UsageError("--sign-with: signs files that --out writes; give --out too")
    if statement_id and (as_json or licensee):
        raise click.UsageError(
            "--json, --licensee: are for the list; leave them out, or write statement.json of this statement with --out"
        )
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
            note("the statement was issued with a signature; these files have none: --sign-with adds the same one")
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
    """Trace a line of a statement to the audio, step by step.

    STATEMENT is a folder, a statement.json, or an id. The steps are the passages of audio, the uses, the rule of the
    policy, the shares, the exact amounts and their one rounding.

    Lines have the numbers of the page and of statement.csv.

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
    help="Public key (.pub) of the expected signer, or its fingerprint; may be repeated.",
)  # fmt: skip
@click.option("--any-key", is_flag=True, help="Accept a signature by any key.")
@click.option(
    "--rights",
    metavar="DATABASE",
    help="Database that the statement was issued from: compare with it, and verify its chain.",
)
@head_option
@click.option(
    "--log", "log_folder", metavar="DIR", type=PATH,
    help="The transparency log of whose checkpoint the statement holds a copy; both must agree.",
)  # fmt: skip
@click.option(
    "--log-key", "log_keys", metavar="FILE", multiple=True, type=PATH,
    help="Public key (.pub) of that log: its checkpoint must be signed by it; again for each key it has had.",
)  # fmt: skip
@json_option
def audit(
    path: Path,
    keys: tuple[Path, ...],
    any_key: bool,
    rights: str | None,
    heads: tuple[str, ...],
    log_folder: Path | None,
    log_keys: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Check the files, sums and signature of a statement.

    Checked are the checksums, the digest, the sum of the lines against the total of every territory and right, the
    contributions, the balances, the agreement of pages, CSV, Parquet and DSR, and the signature. Give --key with a key
    that you trust: anybody can make a key. The folder is enough. With --rights, the statement is compared with the one
    on file, and earlier records are checked for changes since; with --head, up to a later head that you hold.

    Example: sourceprint audit statement-2026-Q3 --key tone-records.pub
    """
    from fingerprint.digests import is_sha256
    from sourceprint.royalties.rights.chain.heads import held_head
    from sourceprint.royalties.rights.database import Database
    from sourceprint.royalties.statements.audit import audit_text, audit_to_json, full_audit
    from sourceprint.signatures import load_public
    from sourceprint.transparency import LogReader

    if keys and any_key:
        raise click.UsageError("--key, --any-key: --any-key accepts every key; give one of them")
    if heads and rights is None:
        raise click.UsageError("--head: belongs to the chain of a database; name the database with --rights")
    found = full_audit(
        path,
        keys=[str(key) if is_sha256(str(key)) else load_public(key) for key in keys],
        database=None if rights is None else Database.open(rights),
        held=[held_head(one) for one in heads],
        log=None if log_folder is None else LogReader(log_folder),
        log_keys=[load_public(key) for key in log_keys],
    )
    if as_json:
        print_json(audit_to_json(found), lines=False)
    else:
        click.echo(audit_text(path, found.problems, found.remarks), nl=False)
    if found.problems:
        click.get_current_context().exit(EXIT_VERIFICATION)
    if found.authorship is not None:
        found.authorship.insist(printable(path), any_key=any_key)
