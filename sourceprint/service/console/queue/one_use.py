"""One use of the review queue with all that a decision on it rests on; decided, then the next one; undone."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.responses import RedirectResponse, Response

from fingerprint.errors import ParameterError, RightsError, StaleDecisionError
from sourceprint.royalties.review.facts import UseFacts, use_facts
from sourceprint.royalties.review.undo import undo_change, undoable
from sourceprint.royalties.review.waiting import Place, QueueFilter, place_of
from sourceprint.royalties.uses.states import LONGEST_REASON, change_state
from sourceprint.royalties.uses.use import UsePassage
from sourceprint.service.access.api_keys import KeyScope
from sourceprint.service.api_words import in_console_words
from sourceprint.service.console.pages import page
from sourceprint.service.console.queue.audio_at_hand import KeptScan, kept_scan
from sourceprint.service.console.queue.decision import (
    Decider,
    QueueDecision,
    Reader,
    deciders_of,
    done_before,
    field_of,
    may_decide,
    money_of,
    number_in,
    people_of,
    rights_of,
    seconds_of,
    with_names,
)
from sourceprint.service.console.queue.filters import Done, Wanted, query_text
from sourceprint.service.console.queue.kept import waiting_in
from sourceprint.service.console.queue.match import match_of
from sourceprint.service.console.visitors import ConsoleRoute, Form, Visitor
from sourceprint.service.desk.deadlines import lapses_on
from sourceprint.service.desk.notes import ASSIGNMENT, notes_of
from sourceprint.service.store.outbox import note_event

__all__ = ["router"]

router = APIRouter(prefix="/console/review", include_in_schema=False, route_class=ConsoleRoute)


@router.get("/{use_id}")
def show_use(visitor: Reader, use_id: str, wanted: Wanted, done: Done = "") -> HTMLResponse:
    """Show one use with all that a decision on it rests on."""
    return _use_page(visitor, use_id, wanted, done=done)


@router.post("/{use_id}")
def decide(visitor: Decider, use_id: str, wanted: Wanted, sent: Form) -> Response:
    """Decide on a use, if nobody decided since its page was made; then show the next one."""
    rights = rights_of(visitor)
    with rights.reading() as connection:
        place = _place(use_facts(connection, use_id), wanted)
    try:
        decision = QueueDecision.of(sent)
        change_state(
            rights, [use_id], decision.state, decision.comment, visitor.actor, recording_id=decision.recording_id,
            seen={use_id: number_in(sent, "seen")},
        )  # fmt: skip
    except (ParameterError, RightsError) as error:
        return _use_page(visitor, use_id, wanted, refusal=error, comment=field_of(sent, "comment"))
    _note(visitor, use_id, decision.state)
    found = waiting_in(rights).find(wanted)
    following = next((one.id for one in found if one.place(wanted.currency) > place), "")
    address = f"/console/review/{following}" if following else "/console/review"
    return RedirectResponse(address + query_text(wanted, done=use_id), 303)


@router.post("/{use_id}/undo")
def undo(visitor: Decider, use_id: str, wanted: Wanted, sent: Form) -> Response:
    """Take one's own last decision on a use back, by a new one that restores the state before."""
    try:
        change = undo_change(rights_of(visitor), use_id, visitor.actor, seen=number_in(sent, "seen"))
    except RightsError as error:
        return _use_page(visitor, use_id, wanted, refusal=error)
    _note(visitor, use_id, change.state, undone=True)
    return RedirectResponse(f"/console/review/{use_id}{query_text(wanted)}", 303)


def _use_page(
    visitor: Visitor,
    use_id: str,
    wanted: QueueFilter,
    *,
    done: str = "",
    refusal: ParameterError | RightsError | None = None,
    comment: str = "",
) -> HTMLResponse:
    with rights_of(visitor).reading() as connection:
        facts = use_facts(connection, use_id)
    found = waiting_in(rights_of(visitor)).find(wanted)
    place = _place(facts, wanted)
    before = [one.id for one in found if one.place(wanted.currency) < place]
    after = [one.id for one in found if one.place(wanted.currency) > place]
    people = people_of(visitor)
    with visitor.server.database.reading() as connection:
        notes = notes_of(connection, visitor.organisation, use_id)
    days, disputed = visitor.server.settings.dispute_days, facts.use.state == "disputed"
    told = "" if refusal is None else with_names(in_console_words(str(refusal)), people)
    status = 200 if refusal is None else 409 if isinstance(refusal, StaleDecisionError) else 422
    may_listen = visitor.may(KeyScope.SCAN, reading=True)
    scan = kept_scan(visitor, facts.use) if may_listen else None
    return page(
        "review_use.html", visitor.sign_in, status=status, here="review", facts=facts, people=people,
        history=[(one, people.get(one.made_by, one.made_by)) for one in facts.history], told=told, comment=comment,
        previous=before[-1] if before else "", following=after[0] if after else "", n_found=len(found),
        at=len(before) + 1 if any(one.id == use_id for one in found) else 0, query=query_text(wanted),
        passages=[(one, _speed(one), _pitch(one, scan)) for one in facts.use.passages], scan=scan,
        evidence=match_of(visitor, facts.use, scan) if may_listen else None,
        may_decide=may_decide(visitor), may_undo=may_decide(visitor) and undoable(facts.history, visitor.actor),
        done=done_before(visitor, done), seconds=seconds_of, money=money_of(facts.estimate), longest=LONGEST_REASON,
        notes=notes, assigned=next((one.content for one in reversed(notes) if one.kind == ASSIGNMENT), ""),
        deciders=deciders_of(visitor), me=visitor.actor, lapsed=visitor.server.settings.lapsed_dispute,
        lapses=lapses_on(facts.history[-1].made_at, days) if days and disputed and len(facts.history) > 1 else "",
        why=with_names(facts.use.state_rule, people),
        confirms=next((one for one in facts.possible if one in ("claimed", "resolved")), ""),
    )  # fmt: skip


def _note(visitor: Visitor, use_id: str, state: str, *, undone: bool = False) -> None:
    with visitor.server.database.writing() as connection:
        note_event(
            connection, "use.undone" if undone else "use.decided", at=visitor.server.database.now(),
            organisation=visitor.organisation, actor=visitor.actor, subject=f"use:{use_id}", data={"state": state},
        )  # fmt: skip


def _pitch(passage: UsePassage, scan: KeptScan | None) -> str:
    """Return the pitch shift of a passage where its scan states it, in cents."""
    found = [] if scan is None else [one for match in scan.result.matches for one in match.passages]
    if passage.number >= len(found):
        return ""
    stated = found[passage.number]
    if not (stated.track_start_ms <= passage.start_ms and passage.end_ms <= stated.track_end_ms):
        return ""
    return f"{stated.pitch_cents:+.0f} cents".replace("-0 ", "0 ").replace("+0 ", "0 ")


def _speed(passage: UsePassage) -> str:
    """Return how fast a track plays a recording, by the lengths of both spans."""
    played = passage.recording_end_ms - passage.recording_start_ms
    return f"{100 * played / max(1, passage.end_ms - passage.start_ms):.1f} %"


def _place(facts: UseFacts, wanted: QueueFilter) -> Place:
    return place_of(facts.use.id, facts.estimate, facts.use.attributed_us, wanted.currency)
