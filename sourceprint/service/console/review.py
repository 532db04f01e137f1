"""The review queue: uses that wait for a person, one after the other or many at once; every decision names its person.

Reviewers and admins decide; accountants and auditors read. The filters of the queue stand in the query of every page,
so the next use is the next of the filtered list.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse
from sqlalchemy import select
from starlette.responses import RedirectResponse, Response

from fingerprint.errors import ParameterError, RightsError, StaleDecisionError, UnknownRightsError
from sourceprint.royalties.decimals import decimal_text
from sourceprint.royalties.review.facts import use_facts
from sourceprint.royalties.review.undo import undo_change, undoable
from sourceprint.royalties.review.waiting import (
    WAITING,
    QueueFilter,
    WaitingUse,
    find_waiting,
    licensees_of,
    names_of,
    page_of,
)
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.uses.states import LONGEST_REASON, change_state, last_changes, use_history
from sourceprint.royalties.uses.use import Use, UsePassage
from sourceprint.service.access.api_keys import KeyScope
from sourceprint.service.console.pages import page
from sourceprint.service.console.visitors import ConsoleRoute, Form, Visitor, as_role
from sourceprint.service.line.evidence import EVIDENCE_PAGE
from sourceprint.service.line.jobs import SCAN
from sourceprint.service.people.persons import list_persons
from sourceprint.service.people.roles import Role, scopes_of
from sourceprint.service.store.outbox import note_event
from sourceprint.service.store.schema import evidence, job

__all__ = ["router"]

router = APIRouter(prefix="/console/review", include_in_schema=False, route_class=ConsoleRoute)

_DECIDERS = (Role.ADMIN, Role.REVIEWER)
_Decider = Annotated[Visitor, as_role(*_DECIDERS)]
_Reader = Annotated[Visitor, as_role(*_DECIDERS, Role.ACCOUNTANT, Role.AUDITOR)]
_MOST_AT_ONCE = 10_000
_LONGEST_FILTER = 512
_WORDS = {"claimed": "confirmed", "resolved": "confirmed", "disputed": "disputed", "withdrawn": "rejected"}
_CONFIRMED = "confirmed in the review queue"


@dataclass(frozen=True, slots=True)
class _Decision:
    """What a form of ours decides: the new state, the recording that it names, the comment."""

    state: str
    recording_id: str
    comment: str

    @classmethod
    def of(cls, sent: Mapping[str, list[str]]) -> "_Decision":
        state, recording_id, comment = (_field(sent, name).strip() for name in ("state", "recording", "comment"))
        if state not in _WORDS:
            raise ParameterError(f"state {state!r:.40}: is no decision; choose from {', '.join(_WORDS)}")
        if not comment and _WORDS[state] != "confirmed":
            raise ParameterError(f"comment: say why this is {_WORDS[state]}; it stays in the history")
        return cls(state, recording_id if state == "resolved" else "", comment or _CONFIRMED)


def queue_filter(
    state: Annotated[str, Query(max_length=20)] = WAITING[0],
    licensee: Annotated[str, Query(max_length=_LONGEST_FILTER)] = "",
    recording: Annotated[str, Query(max_length=_LONGEST_FILTER)] = "",
    q: Annotated[str, Query(max_length=_LONGEST_FILTER)] = "",
) -> QueueFilter:
    """Return the filter in the query of a page."""
    return QueueFilter(state, licensee, recording.strip(), q)


_Wanted = Annotated[QueueFilter, Depends(queue_filter)]
_After = Annotated[str, Query(max_length=100)]
_Done = Annotated[str, Query(max_length=40)]


@router.get("")
def show_queue(visitor: _Reader, wanted: _Wanted, after: _After = "", done: _Done = "") -> HTMLResponse:
    """Show a page of the queue, with the number and the seconds of all of it."""
    with _rights(visitor).reading() as connection:
        found = find_waiting(connection, wanted)
        shown = page_of(found, after=after)
        names = names_of(connection, {one for each in shown.items for one in each.recordings})
        licensees = licensees_of(connection)
    return page(
        "review.html", visitor.sign_in, here="review", shown=shown, sums=_sums(found), wanted=wanted, states=WAITING,
        names=names, licensees=licensees, query=_query(wanted), more=_query(wanted, after=shown.next),
        may_decide=_may_decide(visitor), seconds=_seconds, done=_done(visitor, done), longest=LONGEST_REASON,
    )  # fmt: skip


@router.post("/bulk")
def show_bulk(visitor: _Decider, wanted: _Wanted, sent: Form) -> HTMLResponse:
    """Show how many uses and seconds a decision on the whole filtered list would change; nothing is changed yet."""
    decision = _Decision.of(sent)
    with _rights(visitor).reading() as connection:
        found = find_waiting(connection, wanted)
        names = names_of(connection, {one for each in found[:10] for one in each.recordings})
    fit = _fit_for(found, decision.state)
    return page(
        "review_bulk.html", visitor.sign_in, here="review", decision=decision, word=_WORDS[decision.state], names=names,
        sums=_sums(fit), n_left=len(found) - len(fit), first=fit[:10], digest=_digest(fit), query=_query(wanted),
        seconds=_seconds,
    )  # fmt: skip


@router.post("/bulk/decision")
def decide_bulk(visitor: _Decider, wanted: _Wanted, sent: Form) -> Response:
    """Decide on the whole filtered list, if it is the one whose number and seconds were shown."""
    decision = _Decision.of(sent)
    with _rights(visitor).reading() as connection:
        fit = _fit_for(find_waiting(connection, wanted), decision.state)
    if _digest(fit) != _field(sent, "digest"):
        raise StaleDecisionError(
            "the list was changed meanwhile; nothing was decided: look at the new sums, then decide"
        )
    seen = {one.id: one.last_change for one in fit}
    change_state(_rights(visitor), seen, decision.state, decision.comment, visitor.actor, seen=seen)
    with visitor.server.database.writing() as connection:
        note_event(
            connection, "uses.decided", at=visitor.server.database.now(), organisation=visitor.organisation,
            actor=visitor.actor, data={"state": decision.state, "uses": len(fit), "digest": _digest(fit)},
        )  # fmt: skip
    return RedirectResponse(f"/console/review{_query(wanted)}", 303)


@router.get("/{use_id}")
def show_use(visitor: _Reader, use_id: str, wanted: _Wanted, done: _Done = "") -> HTMLResponse:
    """Show one use with all that a decision on it rests on."""
    return _use_page(visitor, use_id, wanted, done=done)


@router.post("/{use_id}")
def decide(visitor: _Decider, use_id: str, wanted: _Wanted, sent: Form) -> Response:
    """Decide on a use, if nobody decided since its page was made; then show the next one."""
    rights = _rights(visitor)
    with rights.reading() as connection:
        place = _place(use_facts(connection, use_id).use)
    try:
        decision = _Decision.of(sent)
        change_state(
            rights, [use_id], decision.state, decision.comment, visitor.actor, recording_id=decision.recording_id,
            seen={use_id: _number(sent)},
        )  # fmt: skip
    except (ParameterError, RightsError) as error:
        return _use_page(visitor, use_id, wanted, refusal=error, comment=_field(sent, "comment"))
    _note(visitor, use_id, decision.state)
    with rights.reading() as connection:
        following = next((one.id for one in find_waiting(connection, wanted) if one.place > place), "")
    address = f"/console/review/{following}" if following else "/console/review"
    return RedirectResponse(address + _query(wanted, done=use_id), 303)


@router.post("/{use_id}/undo")
def undo(visitor: _Decider, use_id: str, wanted: _Wanted, sent: Form) -> Response:
    """Take one's own last decision on a use back, by a new one that restores the state before."""
    try:
        change = undo_change(_rights(visitor), use_id, visitor.actor, seen=_number(sent))
    except RightsError as error:
        return _use_page(visitor, use_id, wanted, refusal=error)
    _note(visitor, use_id, change.state, undone=True)
    return RedirectResponse(f"/console/review/{use_id}{_query(wanted)}", 303)


def _use_page(
    visitor: Visitor,
    use_id: str,
    wanted: QueueFilter,
    *,
    done: str = "",
    refusal: ParameterError | RightsError | None = None,
    comment: str = "",
) -> HTMLResponse:
    with _rights(visitor).reading() as connection:
        facts = use_facts(connection, use_id)
        found = find_waiting(connection, wanted)
    place = _place(facts.use)
    before = [one.id for one in found if one.place < place]
    after = [one.id for one in found if one.place > place]
    people = _people(visitor)
    told = "" if refusal is None else _with_names(str(refusal), people)
    status = 200 if refusal is None else 409 if isinstance(refusal, StaleDecisionError) else 422
    scan = _scan_of(visitor, facts.use)
    return page(
        "review_use.html", visitor.sign_in, status=status, here="review", facts=facts, people=people,
        history=[(one, people.get(one.made_by, one.made_by)) for one in facts.history], told=told, comment=comment,
        previous=before[-1] if before else "", following=after[0] if after else "", n_found=len(found),
        at=len(before) + 1 if any(one.id == use_id for one in found) else 0, query=_query(wanted),
        passages=[(one, _speed(one), _pitch(one, scan)) for one in facts.use.passages], scan=scan and scan[0],
        may_decide=_may_decide(visitor), may_undo=_may_decide(visitor) and undoable(facts.history, visitor.actor),
        done=_done(visitor, done), seconds=_seconds, longest=LONGEST_REASON,
        why=_with_names(facts.use.state_rule, people),
        confirms=next((one for one in facts.possible if one in ("claimed", "resolved")), ""),
    )  # fmt: skip


def _rights(visitor: Visitor) -> Database:
    return visitor.server.folder.organisation(visitor.organisation).rights()


def _may_decide(visitor: Visitor) -> bool:
    return not set(_DECIDERS).isdisjoint(visitor.person.roles)


def _people(visitor: Visitor) -> dict[str, str]:
    """Return the names of the organisation's people by actor; removed ones too, as their decisions stay."""
    with visitor.server.database.reading() as connection:
        return {one.actor: one.name for one in list_persons(connection, visitor.organisation, removed=True)}


def _with_names(text: str, people: Mapping[str, str]) -> str:
    for actor, name in people.items():
        text = text.replace(actor, f"{name} ({actor})")
    return text


def _done(visitor: Visitor, use_id: str) -> tuple[str, str, int] | None:
    """Return id, decision and its number of the use that was decided last, where this person may take it back."""
    if not use_id or not _may_decide(visitor):
        return None
    with _rights(visitor).reading() as connection:
        try:
            history = use_history(connection, use_id)
        except UnknownRightsError:
            return None
        number = last_changes(connection, [use_id]).get(use_id, 0)
    if not undoable(history, visitor.actor):
        return None
    return use_id, _WORDS.get(history[-1].state, history[-1].state), number


def _note(visitor: Visitor, use_id: str, state: str, *, undone: bool = False) -> None:
    with visitor.server.database.writing() as connection:
        note_event(
            connection, "use.undone" if undone else "use.decided", at=visitor.server.database.now(),
            organisation=visitor.organisation, actor=visitor.actor, subject=f"use:{use_id}", data={"state": state},
        )  # fmt: skip


def _scan_of(visitor: Visitor, use: Use) -> tuple[str, Any] | None:
    """Return id and result of the newest scan of a track that was kept with a page of evidence, for who may open it."""
    if KeyScope.SCAN not in scopes_of(visitor.person.roles, reading=True):
        return None
    query = (
        select(job.c.id, job.c.result)
        .join(evidence, evidence.c.job_id == job.c.id)
        .where(job.c.organisation_id == visitor.organisation, job.c.kind == SCAN)
        .where(evidence.c.kind == EVIDENCE_PAGE, evidence.c.content.is_not(None))
        .where(job.c.result.contains(f'"{use.track_sha256}"'))
        .order_by(job.c.id.desc())
        .limit(1)
    )
    with visitor.server.database.reading() as connection:
        row = connection.execute(query).first()
    return None if row is None else (row.id, json.loads(row.result))


def _pitch(passage: UsePassage, scan: tuple[str, Any] | None) -> str:
    """Return the pitch shift of a passage where its scan states it, in cents."""
    if scan is None:
        return ""
    found = [one for match in scan[1].get("matches", ()) for one in match.get("passages", ())]
    if passage.number >= len(found):
        return ""
    stated = found[passage.number]
    if not (stated["track_start_ms"] <= passage.start_ms and passage.end_ms <= stated["track_end_ms"]):
        return ""
    return f"{stated['pitch_cents']:+.0f} cents"


def _speed(passage: UsePassage) -> str:
    """Return how fast a track plays a recording, by the lengths of both spans."""
    played = passage.recording_end_ms - passage.recording_start_ms
    return f"{100 * played / max(1, passage.end_ms - passage.start_ms):.1f} %"


def _fit_for(found: Sequence[WaitingUse], state: str) -> list[WaitingUse]:
    """Return the uses of a list that can be given a state; confirmed ones without those whose recording is open."""
    fit = [one for one in found if not one.is_open or _WORDS[state] != "confirmed"]
    if len(fit) > _MOST_AT_ONCE:
        raise ParameterError(f"list of {len(fit)} uses: {_MOST_AT_ONCE} can be decided at once; narrow the filters")
    if not fit:
        raise ParameterError("list: has no use that can be decided so; change the filters")
    return fit


def _sums(found: Sequence[WaitingUse]) -> dict[str, Any]:
    return {
        "uses": len(found),
        "seconds": _seconds(sum(one.attributed_us for one in found)),
        "licensees": len({one.licensee for one in found}),
        "recordings": len({name for one in found for name in one.recordings}),
    }


def _digest(found: Sequence[WaitingUse]) -> str:
    """Return a digest of uses and their last changes: the same list is what was shown."""
    lines = "".join(f"{one.id} {one.last_change}\n" for one in found)
    return hashlib.sha256(lines.encode()).hexdigest()


def _place(use: Use) -> tuple[int, str]:
    return -use.attributed_us, use.id


def _seconds(microseconds: int) -> str:
    return f"{decimal_text(microseconds // 100_000, 1, least=1)} s"


def _field(sent: Mapping[str, list[str]], name: str) -> str:
    return sent.get(name, [""])[0]


def _number(sent: Mapping[str, list[str]]) -> int:
    text = _field(sent, "seen")
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise ParameterError("seen: is missing; load the page again, then decide")
    return int(text)


def _query(wanted: QueueFilter, **more: str) -> str:
    named = {"state": wanted.state, "licensee": wanted.licensee, "recording": wanted.recording_id, "q": wanted.text}
    kept = {name: value for name, value in (named | more).items() if value and (name, value) != ("state", WAITING[0])}
    return f"?{urlencode(kept)}" if kept else ""
