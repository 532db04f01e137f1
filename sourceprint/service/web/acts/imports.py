"""Rights and usage reports brought in from a file, for the API and for the console alike."""

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from anyio import to_thread
from fastapi import Request

from fingerprint.digests import hash_file
from sourceprint.royalties.periods import Period
from sourceprint.royalties.statements.restatements import restate_usage
from sourceprint.royalties.statements.usage_match import unmatched_tracks
from sourceprint.royalties.tables.cells import Unit
from sourceprint.royalties.tables.imports import import_rights
from sourceprint.royalties.tables.problems import import_report_to_json
from sourceprint.royalties.uses.usage import read_usage
from sourceprint.service.api_words import report_in_api_words
from sourceprint.service.web.caller import Caller
from sourceprint.service.web.documents import document
from sourceprint.service.web.problems import Refused
from sourceprint.service.web.second_person import second_person
from sourceprint.sheets.columns import ColumnMap

__all__ = ["MOST_UNMATCHED", "enter_report", "import_file"]

MOST_UNMATCHED = 100
"""Most tracks of a usage report that are named, as no scan is of them."""


async def enter_report(
    request: Request, caller: Caller, name: str, *, licensee: str, period: str, reason: str
) -> dict[str, Any]:
    """Enter the usage report in the body of a request; nothing of it is kept if a row is wrong.

    Parameters
    ----------
    request : Request
    caller : Caller
    name : str
        Of the file; its ending gives the format.
    licensee, period : str
    reason : str
        Why a stated period is reported anew; "" where it is not.

    Raises
    ------
    Refused
        As `document`.
    RightsError
        As `read_usage` and `restate_usage`.
    """
    days = Period.parse(period)
    async with document(request, caller, name) as path:

        def enter() -> dict[str, Any]:
            report, last_day = restate_usage(
                caller.rights, licensee=licensee, period=days, usage=read_usage(path), reason=reason, by=caller.actor
            )
            with caller.rights.reading() as connection:
                unmatched = unmatched_tracks(connection, licensee, report.usage)
            return {
                "version": report.version or None,
                "rows": len(report.usage.rows),
                "statement_closes": None if last_day is None else last_day.isoformat(),
                "n_unmatched": len(unmatched),
                "unmatched": [one._asdict() for one in unmatched[:MOST_UNMATCHED]],
            }

        return await to_thread.run_sync(enter)


def import_file(
    caller: Caller,
    path: Path,
    name: str,
    *,
    shares: Unit | None = None,
    partial: bool = False,
    dry_run: bool = False,
    correct: str = "",
    approval_id: str = "",
    shown: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Import one file of rights, and return the report; one with licences waits for two people, where they are wanted.

    Parameters
    ----------
    caller : Caller
    path : Path
    name : str
        Of the file, as it is kept with the revision.
    shares, partial, dry_run, correct
        As `import_rights`.
    approval_id, shown
        As `second_person`.

    Raises
    ------
    Refused
        422 with the report, where rows are wrong and `partial` is False, and as `second_person`.
    RightsError
        As `import_rights`.
    """
    asked = {"file": name, "sha256": hash_file(path).sha256, "partial": str(partial), "shares": shares or ""}
    asked |= {"correct": correct.strip()}
    waits = name.endswith(".toml") and not dry_run
    with (
        second_person(caller, "licence", asked, approval_id, shown=shown) if waits else nullcontext(caller.actor) as by
    ):
        done = import_rights(
            caller.rights, [path], by=by, partial=partial, shares=shares, dry_run=dry_run, correct=correct.strip(),
            called=name, columns=ColumnMap(by_options=False),
        )  # fmt: skip
        report: dict[str, Any] = report_in_api_words(import_report_to_json(done))
        if done.errors and not partial:
            remedy = "correct the rows that `report` lists, or import the others with partial=true"
            told = f"{name}: nothing was imported, errors: {done.errors}; {remedy}"
            raise Refused(422, "import refused", told, report=report)
    return report
