"""Beside a decision: a use is commented on, assigned, its stretch excluded, its recording allowed to a licensee.

Excluding a stretch changes the catalogue, and allowing a recording changes later decisions; both are part of a review,
so reviewers and admins may do them, with a reason and under their own names.
"""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse
from starlette.responses import RedirectResponse, Response

from fingerprint.errors import ParameterError
from index.storage.tags import ranges_text
from sourceprint.royalties.review.facts import current_use
from sourceprint.royalties.uses.states import change_state, expect_seen
from sourceprint.service.console.pages import page
from sourceprint.service.console.queue.decision import (
    Decider,
    Reader,
    deciders_of,
    field_of,
    may_decide,
    number_in,
    people_of,
    rights_of,
)
from sourceprint.service.console.queue.filters import Wanted, query_text
from sourceprint.service.console.queue.kept import waiting_in
from sourceprint.service.console.visitors import ConsoleRoute, Form
from sourceprint.service.desk.allowances import add_allowance, apply_allowances, end_allowance, list_allowances
from sourceprint.service.desk.notes import ASSIGNMENT, COMMENT, add_note
from sourceprint.service.store.outbox import note_event
from sourceprint.service.web.recordings import RecordingChange, change_own_recording, find_own_recording

__all__ = ["router"]

router = APIRouter(prefix="/console/review", include_in_schema=False, route_class=ConsoleRoute)


@router.get("/allowances")
def show_allowances(visitor: Reader, done: Annotated[str, Query(max_length=40)] = "") -> HTMLResponse:
    """Show the recordings that licensees may use without being asked."""
    with visitor.server.database.reading() as connection:
        found = list_allowances(connection, visitor.organisation)
    queue = waiting_in(rights_of(visitor))
    return page(
        "review_allowances.html", visitor.sign_in, here="review", found=found, people=people_of(visitor),
        names=queue.recordings, licensees=queue.licensees, may_decide=may_decide(visitor), done=done,
    )  # fmt: skip


@router.post("/allowances/{allowance_id}/end")
def end(visitor: Decider, allowance_id: str) -> Response:
    """End an allowance."""
    database = visitor.server.database
    with database.writing() as connection:
        end_allowance(connection, visitor.organisation, allowance_id, at=database.now(), by=visitor.actor)
    return RedirectResponse("/console/review/allowances", 303)


@router.post("/{use_id}/comment")
def comment(visitor: Decider, use_id: str, wanted: Wanted, sent: Form) -> Response:
    """Add a comment to a use."""
    return _noted(visitor, use_id, wanted, COMMENT, field_of(sent, "note"))


@router.post("/{use_id}/assignment")
def assign(visitor: Decider, use_id: str, wanted: Wanted, sent: Form) -> Response:
    """Assign a use to a person who may decide; "" is nobody."""
    to = field_of(sent, "to")
    if to and to not in deciders_of(visitor):
        raise ParameterError(f"person {to:.40}: is none of this organisation who may decide; load the page again")
    return _noted(visitor, use_id, wanted, ASSIGNMENT, to)


@router.post("/{use_id}/exclusion")
def exclude(visitor: Decider, use_id: str, wanted: Wanted, sent: Form) -> Response:
    """Exclude the stretch of a passage from the recording, so that it never counts, and reject the use."""
    rights, why = rights_of(visitor), field_of(sent, "reason").strip()
    if not why:
        raise ParameterError("reason: say why this stretch never counts; it stays in the history")
    seen = {use_id: number_in(sent, "seen")}
    with rights.reading() as connection:
        use = current_use(connection, use_id)
        expect_seen(connection, seen)
    at = number_in(sent, "passage")
    if at >= len(use.passages):
        raise ParameterError(f"passage {at + 1}: the use has {len(use.passages)}; load the page again")
    one = use.passages[at]
    found = find_own_recording(visitor.caller, use.index_id)
    stretch = ranges_text(((one.recording_start_ms, one.recording_end_ms),))
    ranges = [*filter(None, ranges_text(found.excluded).split("|")), stretch]
    change_own_recording(visitor.caller, found.id, RecordingChange.model_validate({"exclude": ranges}))
    reason = f"excluded {stretch} of {found.id}: {why}"
    change_state(rights, [use_id], "withdrawn", reason, visitor.actor, seen=seen)
    database = visitor.server.database
    with database.writing() as connection:
        note_event(
            connection, "use.decided", at=database.now(), organisation=visitor.organisation, actor=visitor.actor,
            subject=f"use:{use_id}", data={"state": "withdrawn", "recording": found.id, "excluded": stretch},
        )  # fmt: skip
    return RedirectResponse(f"/console/review/{use_id}{query_text(wanted)}", 303)


@router.post("/{use_id}/allowance")
def allow(visitor: Decider, use_id: str, sent: Form) -> Response:
    """Let the licensee of a use have its recording without being asked, and reject its uses that wait."""
    rights, database = rights_of(visitor), visitor.server.database
    with rights.reading() as connection:
        use = current_use(connection, use_id)
    with database.writing() as connection:
        add_allowance(
            connection, visitor.organisation, use.licensee, use.recording_id, field_of(sent, "reason"),
            at=database.now(), by=visitor.actor,
        )  # fmt: skip
        made = list_allowances(connection, visitor.organisation)[:1]
    rejected = apply_allowances(rights, made)
    with database.writing() as connection:
        for one in rejected:
            note_event(
                connection, "use.decided", at=database.now(), organisation=visitor.organisation, actor=visitor.actor,
                subject=f"use:{one}", data={"state": "withdrawn", "allowance": made[0].id},
            )  # fmt: skip
    return RedirectResponse(f"/console/review/allowances?done={len(rejected)}", 303)


def _noted(visitor: Decider, use_id: str, wanted: Wanted, kind: str, content: str) -> Response:
    with rights_of(visitor).reading() as connection:
        current_use(connection, use_id)
    database = visitor.server.database
    with database.writing() as connection:
        add_note(
            connection, visitor.organisation, use_id, kind, content, at=database.now(), by=visitor.actor
        )  # fmt: skip
    return RedirectResponse(f"/console/review/{use_id}{query_text(wanted)}#notes", 303)
