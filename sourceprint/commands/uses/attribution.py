"""The command `attribute`: enter the uses that scan results show, and announce losses of issued statements first."""

from collections.abc import Container
from pathlib import Path

import click
from click.core import ParameterSource

from fingerprint.errors import GrantError, IndexMissingError, ParameterError
from sourceprint.commands.acting import acting_by
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
    help="Usage report of the licensee: track, territory, usages, net_revenue, ... (docs/formats/usage.md).",
)  # fmt: skip
@click.option(
    "--generated",
    metavar="DATE",
    default="",
    help="Day of generation (YYYY-MM-DD) of tracks without one in the usage report.",
)
@click.option(
    "--territory",
    "territories",
    metavar="CODE",
    multiple=True,
    help="Territory of the uses; may be repeated  [default: Worldwide]",
)
@click.option(
    "--purpose", type=click.Choice(["generate", "train", "reference-audio"]), default="generate", show_default=True,
    help="Purpose of the tracks.",
)  # fmt: skip
@click.option(
    "--supersede", metavar="REASON", default="",
    help="Reason to supersede earlier scans of the same tracks that searched more.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Print the changes, in money too, without making them.")
@click.option("--yes", "accepted", is_flag=True, help="Accept losses of parties in issued statements.")
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
    """Turn matches into uses: owner, length, licence.

    RESULTS is the folder of a scan, or the output of `sourceprint match --jsonl`. The policy resolves overlaps,
    and licences apply as of the day of generation. Every use is kept with its state and the rule for it; entering the
    same results again changes nothing. Uses that a later scan of a track no longer finds are superseded, if that scan
    searched every recording that the earlier one found there: --index looks them up. Where a party would lose an amount
    of an issued statement, the changes are listed, and nothing is entered without --yes;
    the exit code is 2. It is 4 for tracks that could not be read, and 0 for those of too little music to be searched.

    Example: sourceprint attribute found.jsonl --policy equal --licensee P-TONE
    """
    from functools import partial

    from sourceprint.royalties.statements.effects import Announcement, effects_text, effects_to_json
    from sourceprint.royalties.uses.ledger import attribute_results
    from sourceprint.royalties.uses.policy import load_policy
    from sourceprint.royalties.uses.usage import read_usage
    from sourceprint.royalties.uses.uses_text import report_text, report_to_json
    from sourceprint.scans.run_folder import RESULTS

    expect_many_records()
    if index is not None:
        _expect_index(index)
    database = acting_by(rights_place(rights), by, backdate=backdate)
    announced = Announcement(database, licensee, today(), dry_run, accepted)
    report = attribute_results(
        database,
        results / RESULTS if (results / RESULTS).is_file() else results,
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
            note(f"effect on money not known: {text}")
    if dry_run:
        if not quiet:
            note("dry run: nothing was entered" + ("" if announced.effects else ", and no amount would change"))
        return
    undecided = sum(report.states.get(state, (0, 0))[0] for state in ("review", "unresolved"))
    if undecided and not quiet:
        wait = "use waits" if undecided == 1 else "uses wait"
        command = f"sourceprint uses list --licensee {licensee} --state review --state unresolved"
        note(f"{undecided} {wait} for a decision and will be held until then: {command}")
    if report.n_failed:
        complain(
            f"{counted(report.n_failed, 'track')} could not be searched; copy the files again and scan them with "
            "--retry-failed, or scan without them into a new run"
        )
        click.get_current_context().exit(EXIT_INCOMPLETE)


def _expect_index(index: Path) -> None:
    """Refuse a name of no index: an attribution does without one, so a wrong name is a wrong setting."""
    from index.folder.index import Index

    try:
        Index.open(index_place(index))
    except IndexMissingError as error:
        from_shell = click.get_current_context().get_parameter_source("index") is ParameterSource.ENVIRONMENT
        named = "unset SOURCEPRINT_INDEX" if from_shell else "leave --index out"
        raise ParameterError(f"{error}; or {named}: attribute does without an index") from error
    except GrantError:
        pass  # told when a recording is looked up in it


def _holds(index: Path | None, opened: dict[str, Container[str]], digest: str, recording_id: str) -> bool:
    """Return whether the index of the results is at hand and holds a recording; it is opened at the first call.

    A named index must exist; the user's default one may be missing, or differ from that of the results.
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
