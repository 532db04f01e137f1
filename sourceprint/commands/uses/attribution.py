"""From matches to uses: what the results of a scan say is owed, announced before anything is taken back."""

from collections.abc import Container
from pathlib import Path

import click

from fingerprint.errors import GrantError, IndexMissingError
from sourceprint.commands.terminal import (
    EXIT_INCOMPLETE,
    PATH,
    backdate_option,
    by_option,
    complain,
    expect_many_records,
    index_option,
    index_place,
    json_option,
    licensee_option,
    note,
    print_json,
    quiet_option,
    rights_option,
    rights_place,
    today,
)
from sourceprint.text.tables import counted

__all__ = ["attribute"]


@click.command()
@click.argument("results", metavar="RESULTS", type=PATH)
@click.option(
    "--policy", metavar="POLICY", required=True,
    help="A policy file, or one of: matched-seconds, coverage-weighted, equal, pro-rata-pool, fixed-fee.",
)  # fmt: skip
@licensee_option
@click.option(
    "--usage", metavar="FILE", type=PATH,
    help="What is reported, as CSV: track, territory, usages, net_revenue, ...; docs/formats/usage.md.",
)  # fmt: skip
@click.option(
    "--generated",
    metavar="DATE",
    default="",
    help="Day (YYYY-MM-DD) on which tracks were made that the usage does not name.",
)
@click.option(
    "--territory", "territories", metavar="CODE", multiple=True, help="Where; may be repeated  [default: Worldwide]"
)
@click.option(
    "--purpose", type=click.Choice(["generate", "train", "reference-audio"]), default="generate", show_default=True,
    help="What tracks were made for.",
)  # fmt: skip
@click.option(
    "--supersede", metavar="REASON", default="",
    help="Supersede earlier scans of the same tracks, even if they searched more; why, in a sentence.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Say what would change, in money too, and keep nothing.")
@click.option(
    "--yes", "accepted", is_flag=True, help="Take back what issued statements owe, if that is what comes out."
)
@index_option
@rights_option
@by_option
@backdate_option
@json_option
@quiet_option
def attribute(
    results: Path,
    policy: str,
    licensee: str,
    usage: Path | None,
    generated: str,
    territories: tuple[str, ...],
    purpose: str,
    supersede: str,
    dry_run: bool,
    accepted: bool,
    index: Path | None,
    rights: str | None,
    by: str | None,
    backdate: str,
    as_json: bool,
    quiet: bool,
) -> None:
    """Turn matches into uses: whose, how long, licensed or not.

    RESULTS is what `sourceprint match --jsonl` printed, or the results.jsonl of a scan. Overlaps are resolved once, by
    the policy; the licences on file are applied on the day of generation; every use is kept with its state and the rule
    that gave it. The same again changes nothing. What a later scan of a track does not find any more is superseded, but
    only if that scan searched all that the earlier one found there: what its index holds is looked up in the index.
    Where a party would lose what an issued statement owes it, the changes are listed, and nothing is entered without
    --yes.

    Example: sourceprint attribute found.jsonl --policy equal --licensee P-TONE
    """
    from functools import partial

    from sourceprint.royalties.people import acting
    from sourceprint.royalties.rights.database import Database
    from sourceprint.royalties.statements.effects import Announcement, effects_text, effects_to_json
    from sourceprint.royalties.uses.ledger import attribute_results
    from sourceprint.royalties.uses.policy import load_policy
    from sourceprint.royalties.uses.usage import read_usage
    from sourceprint.royalties.uses.uses_text import report_text, report_to_json

    expect_many_records()
    database = acting(Database.open(rights_place(rights)), by, backdate=backdate)
    announced = Announcement(database, licensee, today(), dry_run, accepted)
    report = attribute_results(
        database,
        results,
        load_policy(policy),
        licensee=licensee,
        usage=None if usage is None else read_usage(usage),
        generated_on=generated,
        territories=territories,
        purpose=purpose,
        by=by,
        holds=partial(_holds, index, {}),
        supersede=supersede,
        dry_run=dry_run,
        before_keeping=announced,
    )
    if as_json:
        changes = effects_to_json(announced) if dry_run else {}
        print_json({**report_to_json(report), "dry_run": dry_run, **changes}, lines=False)
    if not quiet:
        click.echo(report_text(report), err=True)
        if announced.effects:
            click.echo(effects_text(announced.effects), err=True)
        for text in announced.unknown:
            note(f"not known in money: {text}")
    if dry_run:
        if not quiet:
            note("a dry run: nothing was entered" + ("" if announced.effects else ", and no amount would change"))
        return
    undecided = sum(report.states.get(state, (0, 0))[0] for state in ("review", "unresolved"))
    if undecided and not quiet:
        wait = "use waits" if undecided == 1 else "uses wait"
        command = f"sourceprint uses list --licensee {licensee} --state review --state unresolved"
        note(f"{undecided} {wait} for a decision and will be held until then: {command}")
    if report.n_failed:
        complain(f"{counted(report.n_failed, 'track')} could not be searched; scan again what failed")
        click.get_current_context().exit(EXIT_INCOMPLETE)


def _holds(index: Path | None, opened: dict[str, Container[str]], digest: str, recording_id: str) -> bool:
    """Return whether the index that results are from is at hand and holds a recording; it is opened when first asked.

    One that was named must be there; the user's own may be missing, or another than that of the results.
    """
    if not opened:
        from index.folder.index import Index

        opened[""] = ()
        try:
            snapshot = Index.open(index_place(index)).snapshot()
            opened[snapshot.digest] = snapshot
        except (IndexMissingError, GrantError):
            if index is not None:
                raise
    return recording_id in opened.get(digest, ())
