"""The review queue page by page, and decisions on the whole filtered list after its sums were shown."""

import hashlib
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.responses import RedirectResponse, Response

from fingerprint.errors import ParameterError, StaleDecisionError
from sourceprint.royalties.review.waiting import (
    WAITING,
    WaitingUse,
    find_waiting,
    licensees_of,
    names_of,
    page_of,
)
from sourceprint.royalties.uses.states import LONGEST_REASON, change_state
from sourceprint.service.console.pages import page
from sourceprint.service.console.queue.decision import (
    WORDS,
    Decider,
    QueueDecision,
    Reader,
    done_before,
    field_of,
    may_decide,
    rights_of,
    seconds_of,
)
from sourceprint.service.console.queue.filters import After, Done, Wanted, query_text
from sourceprint.service.console.visitors import ConsoleRoute, Form
from sourceprint.service.store.outbox import note_event

__all__ = ["router"]

router = APIRouter(prefix="/console/review", include_in_schema=False, route_class=ConsoleRoute)

_MOST_AT_ONCE = 10_000


@router.get("")
def show_queue(visitor: Reader, wanted: Wanted, after: After = "", done: Done = "") -> HTMLResponse:
    """Show a page of the queue, with the number and the seconds of all of it."""
    with rights_of(visitor).reading() as connection:
        found = find_waiting(connection, wanted)
        shown = page_of(found, after=after)
        names = names_of(connection, {one for each in shown.items for one in each.recordings})
        licensees = licensees_of(connection)
    return page(
        "review.html", visitor.sign_in, here="review", shown=shown, sums=_sums(found), wanted=wanted, states=WAITING,
        names=names, licensees=licensees, query=query_text(wanted), more=query_text(wanted, after=shown.next),
        may_decide=may_decide(visitor), seconds=seconds_of, done=done_before(visitor, done), longest=LONGEST_REASON,
    )  # fmt: skip


@router.post("/bulk")
def show_bulk(visitor: Decider, wanted: Wanted, sent: Form) -> HTMLResponse:
    """Show how many uses and seconds a decision on the whole filtered list would change; nothing is changed yet."""
    decision = QueueDecision.of(sent)
    with rights_of(visitor).reading() as connection:
        found = find_waiting(connection, wanted)
        names = names_of(connection, {one for each in found[:10] for one in each.recordings})
    fit = _fit_for(found, decision.state)
    return page(
        "review_bulk.html", visitor.sign_in, here="review", decision=decision, word=WORDS[decision.state], names=names,
        sums=_sums(fit), n_left=len(found) - len(fit), first=fit[:10], digest=_digest(fit), query=query_text(wanted),
        seconds=seconds_of,
    )  # fmt: skip


@router.post("/bulk/decision")
def decide_bulk(visitor: Decider, wanted: Wanted, sent: Form) -> Response:
    """Decide on the whole filtered list, if it is the one whose number and seconds were shown."""
    decision = QueueDecision.of(sent)
    with rights_of(visitor).reading() as connection:
        fit = _fit_for(find_waiting(connection, wanted), decision.state)
    if _digest(fit) != field_of(sent, "digest"):
        raise StaleDecisionError(
            "the list was changed meanwhile; nothing was decided: look at the new sums, then decide"
        )
    seen = {one.id: one.last_change for one in fit}
    change_state(rights_of(visitor), seen, decision.state, decision.comment, visitor.actor, seen=seen)
    with visitor.server.database.writing() as connection:
        note_event(
            connection, "uses.decided", at=visitor.server.database.now(), organisation=visitor.organisation,
            actor=visitor.actor, data={"state": decision.state, "uses": len(fit), "digest": _digest(fit)},
        )  # fmt: skip
    return RedirectResponse(f"/console/review{query_text(wanted)}", 303)


def _fit_for(found: Sequence[WaitingUse], state: str) -> list[WaitingUse]:
    """Return the uses of a list that can be given a state; confirmed ones without those whose recording is open."""
    fit = [one for one in found if not one.is_open or WORDS[state] != "confirmed"]
    if len(fit) > _MOST_AT_ONCE:
        raise ParameterError(f"list of {len(fit)} uses: {_MOST_AT_ONCE} can be decided at once; narrow the filters")
    if not fit:
        raise ParameterError("list: has no use that can be decided so; change the filters")
    return fit


def _sums(found: Sequence[WaitingUse]) -> dict[str, Any]:
    return {
        "uses": len(found),
        "seconds": seconds_of(sum(one.attributed_us for one in found)),
        "licensees": len({one.licensee for one in found}),
        "recordings": len({name for one in found for name in one.recordings}),
    }


def _digest(found: Sequence[WaitingUse]) -> str:
    """Return a digest of uses and their last changes: the same list is what was shown."""
    lines = "".join(f"{one.id} {one.last_change}\n" for one in found)
    return hashlib.sha256(lines.encode()).hexdigest()
