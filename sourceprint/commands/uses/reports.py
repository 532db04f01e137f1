"""What a licensee reports: usage for a period, version by version."""

from pathlib import Path

import click

from fingerprint.errors import printable
from sourceprint.commands.terminal import (
    PATH,
    backdate_option,
    by_option,
    json_option,
    licensee_option,
    note,
    print_json,
    quiet_option,
    rights_option,
    rights_place,
)

__all__ = ["usage"]

_PERIOD = "As 2026-Q3, 2026-07, 2026, or 2026-07-01--2026-07-14."


@click.group()
def usage() -> None:
    """Enter what a licensee reports, and list what it reported.

    Example: sourceprint usage list --licensee P-TONE
    """


@usage.command("enter")
@click.argument("file", metavar="FILE", type=PATH)
@licensee_option
@click.option("--period", metavar="PERIOD", required=True, help=_PERIOD)
@click.option(
    "--restate", metavar="REASON", default="",
    help="Why a period that was stated is reported anew; needed there, and shown on the lines that change.",
)  # fmt: skip
@rights_option
@by_option
@backdate_option
@quiet_option
def enter(
    file: Path, licensee: str, period: str, restate: str, rights: str | None, by: str | None, backdate: str, quiet: bool
) -> None:
    """Enter a usage report for a period.

    It is the next version of what is reported for the period; the same rows again are no new version. Until the period
    is stated, the latest version is what `statement` takes. Once it is stated, the statement stays as it was issued,
    and the next one carries the difference, up or down, as adjustments with the reason.

    Example: sourceprint usage enter usage.csv --licensee P-TONE --period 2026-Q3
    """
    from sourceprint.royalties.people import acting
    from sourceprint.royalties.periods import Period
    from sourceprint.royalties.rights.database import Database
    from sourceprint.royalties.statements.restatements import restate_usage
    from sourceprint.royalties.uses.usage import read_usage

    database = acting(Database.open(rights_place(rights)), by, backdate=backdate)
    report, last_day = restate_usage(
        database, licensee=licensee, period=Period.parse(period), usage=read_usage(file), reason=restate, by=by
    )
    if not quiet:
        rows = f"{len(report.usage.rows)} row{'' if len(report.usage.rows) == 1 else 's'}"
        version = f"version {report.version}" if report.version else "as it was stated; nothing was entered"
        click.echo(f"{printable(licensee)}, {period}: {rows}, {version}", err=True)
        if last_day is not None:
            note(f"the statement of {period} closes: the next one carries this if it is issued until {last_day}")


@usage.command("list")
@licensee_option
@click.option("--period", metavar="PERIOD", default="", help=f"Only of this one. {_PERIOD}")
@rights_option
@json_option
@quiet_option
def list_(licensee: str, period: str, rights: str | None, as_json: bool, quiet: bool) -> None:
    """List the usage reports of a licensee, with their versions.

    By period and version. With --json, the rows of each are printed too.

    Example: sourceprint usage list --licensee P-TONE --period 2026-Q3
    """
    from sourceprint.royalties.periods import Period
    from sourceprint.royalties.rights.database import Database
    from sourceprint.royalties.statements.usage_reports import report_to_json, reports_of, reports_text
    from sourceprint.royalties.uses.ledger import require_licensee

    database = Database.open(rights_place(rights))
    with database.reading() as connection:
        require_licensee(connection, licensee, database.name)
        found = reports_of(connection, licensee, Period.parse(period) if period else None)
    if as_json:
        print_json([report_to_json(report) for report in found], lines=False)
    elif found:
        click.echo(reports_text(found))
    elif not quiet:
        note(f"no usage is on file that {licensee} reported" + (f" for {period}" if period else ""))
