"""The commands on single uses: `uses list`, `uses set`, `uses history`."""

import click

from fingerprint.errors import printable
from sourceprint.commands.acting import acting_by
from sourceprint.commands.terminal import (
    backdate_option,
    by_option,
    json_option,
    jsonl_option,
    licensee_option,
    note,
    print_json,
    quiet_option,
    rights_option,
    rights_place,
    today,
)
from sourceprint.text.tables import counted

__all__ = ["uses"]


@click.group()
def uses() -> None:
    """List uses, decide on them, and see their history.

    Example: sourceprint uses list --licensee P-TONE --state review
    """


@uses.command("list")
@licensee_option
@click.option(
    "--state", "states", metavar="STATE", multiple=True, help="List only uses in this state; may be repeated."
)
@click.option(
    "--track",
    "tracks",
    metavar="TRACK",
    multiple=True,
    help="List only uses of this track (SHA-256 or name); may be repeated.",
)
@rights_option
@jsonl_option
@quiet_option
def list_(
    licensee: str,
    states: tuple[str, ...],
    tracks: tuple[str, ...],
    rights: str | None,
    as_jsonl: bool,
    quiet: bool,
) -> None:
    """List the uses of a licensee in their present states.

    In the order of track and time. Claimed and resolved uses are paid; review, disputed and unresolved ones are held;
    withdrawn ones count for nothing.

    Example: sourceprint uses list --licensee P-TONE --state review
    """
    from sourceprint.royalties.rights.database import Database
    from sourceprint.royalties.uses.ledger import list_uses
    from sourceprint.royalties.uses.uses_text import judged_use_to_json, uses_text

    found = list_uses(Database.open(rights_place(rights)), licensee, states=states, tracks=tracks)
    if as_jsonl:
        print_json((judged_use_to_json(use, outcomes) for use, outcomes in found), lines=True)
    elif found:
        click.echo(uses_text(found))
    elif not quiet:
        note(f"{licensee} has no such uses on file")


@uses.command("set")
@click.argument("state", metavar="STATE", type=click.Choice(["claimed", "disputed", "resolved", "withdrawn"]))
@click.argument("ids", metavar="USE...", nargs=-1, required=True)
@click.option("--reason", metavar="TEXT", required=True, help="Reason, in a sentence; the history keeps it.")
@click.option("--recording", metavar="ID", default="", help="With resolved: the recording, where several are possible.")
@rights_option
@by_option
@backdate_option
@quiet_option
def set_(
    state: str,
    ids: tuple[str, ...],
    reason: str,
    recording: str,
    rights: str | None,
    by: str | None,
    backdate: str,
    quiet: bool,
) -> None:
    """Decide on uses: claimed, disputed, resolved or withdrawn.

    All named uses change, or none. Nothing is overwritten. The next statement adjusts amounts that were stated, unless
    their statement is closed. A use of one of several recordings is resolved by naming one of them with --recording.

    Example: sourceprint uses set claimed U0123456789abcdef01234567 --reason ok
    """
    from sourceprint.royalties.statements.restatements import closed_with
    from sourceprint.royalties.uses.states import change_state

    database = acting_by(rights_place(rights), by, backdate=backdate)
    changed = change_state(database, ids, state, reason, by, recording_id=recording)
    if not quiet:
        click.echo(f"{counted(len(changed), 'use')} now {state}", err=True)
        for statement_id, last_day in closed_with(database, ids, today=today()):
            closed = f"{printable(statement_id)} is closed since {last_day}, and does not change"
            note(f"{closed}; only `sourceprint statement --adjust` corrects it")


@uses.command("history")
@click.argument("use_id", metavar="USE")
@rights_option
@json_option
def history(use_id: str, rights: str | None, as_json: bool) -> None:
    """Show all states of a use: when, by whom and why.

    Example: sourceprint uses history U0123456789abcdef01234567
    """
    from sourceprint.royalties.rights.database import Database
    from sourceprint.royalties.uses.states import change_to_json, history_text, use_history

    with Database.open(rights_place(rights)).reading() as connection:
        changes = use_history(connection, use_id)
    if as_json:
        print_json([change_to_json(change) for change in changes], lines=False)
    else:
        click.echo(history_text(changes))
