"""The review queue page by page, and decisions on the whole filtered list after its sums were shown."""

import hashlib
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.responses import RedirectResponse, Response

from fingerprint.errors import ParameterError, StaleDecisionError
from sourceprint.royalties.review.estimates import shown_sums
from sourceprint.royalties.review.waiting import WAITING, WaitingUse, page_of
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
    money_of,
    people_of,
    rights_of,
    seconds_of,
)
from sourceprint.service.console.queue.filters import After, Done, Wanted, query_text
from sourceprint.service.console.queue.kept import waiting_in
from sourceprint.service.console.visitors import ConsoleRoute, Form
from sourceprint.service.desk.notes import assignments
from sourceprint.service.store.outbox import note_event

__all__ = ["router"]

router = APIRouter(prefix="/console/review", include_in_schema=False, route_class=ConsoleRoute)

_MOST_AT_ONCE = 10_000


@router.get("")
def show_queue(visitor: Reader, wanted: Wanted, after: After = "", done: Done = "") -> HTMLResponse:
    """Show a page of the queue, with the number, the seconds and the money of all of it."""
    queue = waiting_in(rights_of(visitor))
    found = queue.find(wanted)
    shown = page_of(found, after=after, currency=wanted.currency)
    with visitor.server.database.reading() as connection:
        held_by = assignments(connection, visitor.organisation)
    people = people_of(visitor)
    return page(
        "review.html", visitor.sign_in, here="review", shown=shown, sums=_sums(found), wanted=wanted, states=WAITING,
        names=queue.recordings, licensees=queue.licensees, currencies=queue.currencies(wanted.state),
        query=query_text(wanted), more=query_text(wanted, after=shown.next), may_decide=may_decide(visitor),
        seconds=seconds_of, money=money_of, done=done_before(visitor, done), longest=LONGEST_REASON,
        assigned={one.id: people.get(held_by[one.id], "") for one in shown.items if one.id in held_by},
    )  # fmt: skip


@router.post("/bulk")
def show_bulk(visitor: Decider, wanted: Wanted, sent: Form) -> HTMLResponse:
    """Show how many uses and how much money a decision on the whole filtered list would move; nothing is changed."""
    decision = QueueDecision.of(sent)
    queue = waiting_in(rights_of(visitor))
    found = queue.find(wanted)
    fit = _fit_for(found, decision.state)
    return page(
        "review_bulk.html", visitor.sign_in, here="review", decision=decision, word=WORDS[decision.state],
        names=queue.recordings, sums=_sums(fit), n_left=len(found) - len(fit), first=fit[:10], digest=_digest(fit),
        query=query_text(wanted), seconds=seconds_of, money=money_of,
    )  # fmt: skip


@router.post("/bulk/decision")
def decide_bulk(visitor: Decider, wanted: Wanted, sent: Form) -> Response:
    """Decide on the whole filtered list, if it is the one whose sums were shown."""
    decision = QueueDecision.of(sent)
    fit = _fit_for(waiting_in(rights_of(visitor)).find(wanted), decision.state)
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
        "money": shown_sums(one.estimate for one in found),
        "without": sum(not one.estimate.amounts for one in found),
        "seconds": seconds_of(sum(one.attributed_us for one in found)),
        "licensees": len({one.licensee for one in found}),
        "recordings": len({name for one in found for name in one.recordings}),
    }


def _digest(found: Sequence[WaitingUse]) -> str:
    """Return a digest of uses, their last changes and their money: the same list is what was shown."""
    lines = "".join(f"{one.id} {one.last_change} {one.estimate}\n" for one in found)
    return hashlib.sha256(lines.encode()).hexdigest()
