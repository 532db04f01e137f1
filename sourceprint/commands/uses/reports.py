"""The commands on usage reports: `usage enter`, `usage list`."""

from pathlib import Path

import click

from fingerprint.errors import printable
from sourceprint.commands.acting import acting_by
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

_SHOWN_UNMATCHED = 20
_PERIOD = "Such as 2026-Q3, 2026-07, 2026, or 2026-07-01--2026-07-14."


@click.group()
def usage() -> None:
    """Enter and list the usage reports of licensees.

    Example: sourceprint usage list --licensee P-TONE
    """


@usage.command("enter")
@click.argument("file", metavar="FILE", type=PATH)
@licensee_option
@click.option("--period", metavar="PERIOD", required=True, help=_PERIOD)
@click.option(
    "--restate", metavar="REASON", default="",
    help="Reason to report a stated period anew; required for one, and shown on the lines that change.",
)  # fmt: skip
@rights_option
@by_option
@backdate_option
@quiet_option
def enter(
    file: Path, licensee: str, period: str, restate: str, rights: str | None, by: str | None, backdate: str, quiet: bool
) -> None:
    """Enter a usage report for a period.

    The report becomes the next version for the period; the same rows again make no new version. `statement` takes the
    latest version. Once the period is stated, its statement does not change, and the next one carries the difference,
    up or down, as adjustments with the reason. Tracks that no scan on file is of so far are named.

    Example: sourceprint usage enter usage.csv --licensee P-TONE --period 2026-Q3
    """
    from sourceprint.royalties.periods import Period
    from sourceprint.royalties.statements.restatements import restate_usage
    from sourceprint.royalties.statements.usage_match import unmatched_tracks
    from sourceprint.royalties.uses.usage import read_usage

    database = acting_by(rights_place(rights), by, backdate=backdate)
    report, last_day = restate_usage(
        database, licensee=licensee, period=Period.parse(period), usage=read_usage(file), reason=restate, by=by
    )
    if not quiet:
        rows = f"{len(report.usage.rows)} row{'' if len(report.usage.rows) == 1 else 's'}"
        version = f"version {report.version}" if report.version else "the same as stated; nothing was entered"
        click.echo(f"{printable(licensee)}, {period}: {rows}, {version}", err=True)
        with database.reading() as connection:
            unmatched = unmatched_tracks(connection, licensee, report.usage)
        for one in unmatched[:_SHOWN_UNMATCHED]:
            near = f"; nearest: {', '.join(map(printable, one.nearest))}" if one.nearest else ""
            note(f"track {printable(one.track):.120}: {one.reason}{near}")
        if len(unmatched) > _SHOWN_UNMATCHED:
            note(f"and {len(unmatched) - _SHOWN_UNMATCHED} more such tracks")
        if last_day is not None:
            note(
                f"the statement of {period} closes after {last_day}: the next one carries this if it is issued by then"
            )


@usage.command("list")
@licensee_option
@click.option("--period", metavar="PERIOD", default="", help=f"List only this period. {_PERIOD}")
@rights_option
@json_option
@quiet_option
def list_(licensee: str, period: str, rights: str | None, as_json: bool, quiet: bool) -> None:
    """List the usage reports of a licensee, with their versions.

    In the order of period and version. --json prints the rows of each report too.

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
        note(f"{licensee} has no usage report on file" + (f" for {period}" if period else ""))
