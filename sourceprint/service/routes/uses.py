"""Uses: attribute results, list uses by state, decide on them, enter usage reports."""

import tempfile
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from sqlalchemy import select

from sourceprint.places import today
from sourceprint.royalties.statements.effects import Announcement, effects_to_json
from sourceprint.royalties.uses.ledger import attribute_results, list_uses
from sourceprint.royalties.uses.policy import Policy, load_policy, shipped_policies
from sourceprint.royalties.uses.states import change_state, change_to_json, use_history
from sourceprint.royalties.uses.use import STATES
from sourceprint.royalties.uses.uses_text import judged_use_to_json, report_to_json
from sourceprint.service.access.api_keys import KeyScope
from sourceprint.service.line.jobs import DONE, SCAN
from sourceprint.service.store.schema import job
from sourceprint.service.web.acts.imports import MOST_UNMATCHED, enter_report
from sourceprint.service.web.bodies import Body, Truth
from sourceprint.service.web.caller import Caller, needs
from sourceprint.service.web.documents import DOCUMENT_BODY, FileName
from sourceprint.service.web.problems import Refused, responses
from sourceprint.service.web.shapes import Country, Day, PeriodText, PolicyName, Words, one_of

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["uses"])

_Decider = Annotated[Caller, needs(KeyScope.DECIDE)]
_Reporter = Annotated[Caller, needs(KeyScope.DECIDE, instead=KeyScope.STATEMENTS)]
_State: Any = one_of(STATES)

_Licensee = Annotated[str, Query(min_length=1, max_length=200, description="Party id of who made the tracks")]


class Attribution(Body):
    """An attribution that is wanted."""

    scans: list[str] = Field(min_length=1, max_length=10_000, description="Ids of scans that are done")
    policy: PolicyName = Field(description="A shipped policy, or one of the organisation")
    licensee: str = Field(min_length=1, max_length=200)
    generated: Day | None = Field(None, description="Day on which the tracks were made")
    territories: list[Country] = Field([], max_length=300)
    purpose: Literal["generate", "train", "reference-audio"] = "generate"
    supersede: str = Field("", max_length=2_000, description="Why earlier scans that searched more are superseded")
    dry_run: Truth = False
    accept_losses: Truth = Field(False, description="Accept that amounts of issued statements are taken back")


class DecisionRequest(Body):
    """A decision on uses: on all that are named, or none."""

    uses: list[str] = Field(min_length=1, max_length=1_000)
    state: Literal["claimed", "disputed", "resolved", "withdrawn"]
    reason: Words = Field(max_length=2_000)


class Resolution(DecisionRequest):
    """The decision which recording it is, where that was open."""

    state: Literal["resolved"]
    recording: str = Field(min_length=1, max_length=512)


class UnmatchedView(BaseModel):
    """A reported track that no scan on file is of."""

    track: str = Field(description="As it was reported; id: and your own id, where that alone was given")
    reason: str
    nearest: list[str] = Field(description="Names of scanned tracks that are near; of the first 20 tracks alone")


class UsageView(BaseModel):
    """A usage report that was entered."""

    version: int | None = Field(description="Of the report for the period; null where it is the one that was stated")
    rows: int
    statement_closes: str | None = Field(
        description="Last day on which a statement may be issued that carries it; null where none closes"
    )
    n_unmatched: int = Field(description="Tracks that no scan on file is of so far")
    unmatched: list[UnmatchedView] = Field(description=f"The first {MOST_UNMATCHED} of them")


@router.post("/attributions", responses=responses(404, 409, 413))
def attribute(caller: _Decider, wanted: Attribution) -> dict[str, Any]:
    """Turn the results of scans into uses; the report is that of `sourceprint attribute --json`."""
    own = caller.server.folder.organisation(caller.organisation)
    database, rows = own.rights(), _results(caller, wanted.scans)
    announced = Announcement(database, wanted.licensee, today(), wanted.dry_run, wanted.accept_losses)
    opened = caller.server.catalogue(caller.organisation)

    def holds(digest: str, recording_id: str) -> bool:
        return opened is not None and opened.digest == digest and recording_id in opened

    with tempfile.TemporaryDirectory(prefix="sourceprint-") as folder:
        results = Path(folder) / "results.jsonl"
        results.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
        report = attribute_results(
            database, results, _policy(caller, wanted.policy), licensee=wanted.licensee,
            generated_on=wanted.generated or "", territories=wanted.territories, purpose=wanted.purpose,
            by=caller.actor, holds=holds, supersede=wanted.supersede, dry_run=wanted.dry_run, before_keeping=announced,
        )  # fmt: skip
    changes = effects_to_json(announced) if wanted.dry_run else {}
    return {**report_to_json(report), "dry_run": wanted.dry_run, **changes}


@router.get("/uses", responses=responses(404))
def get_uses(
    caller: _Decider,
    licensee: _Licensee,
    state: Annotated[
        list[_State] | None, Query(max_length=10, description="Only in this state; may be repeated")
    ] = None,
    track: Annotated[list[str] | None, Query(max_length=100, description="Only of this track, SHA-256 or name")] = None,
) -> list[dict[str, Any]]:
    """List the uses of a licensee, as `uses list --jsonl` does."""
    database = caller.server.folder.organisation(caller.organisation).rights()
    found = list_uses(database, licensee, states=state or (), tracks=track or ())
    return [judged_use_to_json(use, outcomes) for use, outcomes in found]


@router.post("/uses/decisions", responses=responses(404, 409, 413))
def decide(caller: _Decider, wanted: DecisionRequest | Resolution) -> list[dict[str, Any]]:
    """Decide on uses: claimed, disputed, resolved or withdrawn; nothing is overwritten."""
    database = caller.server.folder.organisation(caller.organisation).rights()
    recording_id = wanted.recording if isinstance(wanted, Resolution) else ""
    changed = change_state(database, wanted.uses, wanted.state, wanted.reason, caller.actor, recording_id=recording_id)
    return [change_to_json(one) for one in changed]


@router.get("/uses/{use_id}/history", responses=responses(404))
def get_history(caller: _Decider, use_id: str) -> list[dict[str, Any]]:
    """Show every state that a use has had, by whom and why."""
    with caller.server.folder.organisation(caller.organisation).rights().reading() as connection:
        return [change_to_json(one) for one in use_history(connection, use_id)]


@router.post(
    "/usage",
    openapi_extra=DOCUMENT_BODY,
    responses=responses(404, 408, 413, 507),
)
async def enter_usage(
    request: Request,
    caller: _Reporter,
    licensee: _Licensee,
    period: Annotated[PeriodText, Query(description="As 2026-Q3, 2026-07, 2026, or 2026-07-01--2026-07-14")],
    restate: Annotated[str, Query(max_length=2_000, description="Why a stated period is reported anew")] = "",
    name: FileName = "usage.csv",
) -> UsageView:
    """Enter a usage report for a period: the body is the table that a licensee hands in.

    Tracks that no scan on file is of are in `unmatched`: a misspelt name, or a scan that was not attributed yet. The
    report is entered all the same; a statement stops at them, unless its policy holds such usage.
    """
    return UsageView(**await enter_report(request, caller, name, licensee=licensee, period=period, reason=restate))


def _results(caller: Caller, ids: list[str]) -> list[str]:
    """Return the results of scans, in the order of their ids; 404 or 409 if one has none."""
    found: dict[str, str] = {}
    with caller.server.database.reading() as connection:
        for start in range(0, len(ids), 500):
            own = (job.c.organisation_id == caller.organisation) & (job.c.kind == SCAN)
            query = select(job.c.id, job.c.state, job.c.result).where(own, job.c.id.in_(ids[start : start + 500]))
            for row in connection.execute(query):
                if row.state != DONE or row.result is None:
                    raise Refused(409, "no result", f"scan {row.id} has no result; only one that is done has")
                found[row.id] = row.result
    if missing := [one for one in ids if one not in found]:
        raise Refused(404, "not found", f"scan {missing[0][:64]}: is not there")
    return [found[one] for one in sorted(found)]


def _policy(caller: Caller, name: str) -> Policy:
    """Return a shipped policy, or one in the folder of the organisation; a path is no name."""
    if name in shipped_policies():
        return load_policy(name)
    path = caller.server.folder.organisation(caller.organisation).policies / f"{name}.toml"
    if not path.is_file():
        raise Refused(404, "not found", f"policy {name!r:.64}: is not there; there are {', '.join(shipped_policies())}")
    return load_policy(str(path))
