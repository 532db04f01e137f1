"""A decision as a form of the review queue sends it; who may make it, and what pages of the queue say about people."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fingerprint.errors import ParameterError, UnknownRightsError
from sourceprint.royalties.decimals import decimal_text
from sourceprint.royalties.review.estimates import Estimate, shown_amount
from sourceprint.royalties.review.undo import undoable
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.uses.states import last_changes, use_history
from sourceprint.service.console.visitors import Visitor, as_role
from sourceprint.service.people.persons import list_persons
from sourceprint.service.people.roles import Role

__all__ = [
    "READERS",
    "WORDS",
    "Decider",
    "QueueDecision",
    "Reader",
    "deciders_of",
    "done_before",
    "field_of",
    "may_decide",
    "money_of",
    "number_in",
    "people_of",
    "rights_of",
    "seconds_of",
    "with_names",
]

_DECIDERS = (Role.ADMIN, Role.REVIEWER)

READERS = (*_DECIDERS, Role.ACCOUNTANT, Role.AUDITOR)
"""Roles that may read the queue."""

Decider = Annotated[Visitor, as_role(*_DECIDERS)]
"""A visitor who may decide."""

Reader = Annotated[Visitor, as_role(*READERS)]
"""A visitor who may read the queue."""

WORDS = {"claimed": "confirmed", "resolved": "confirmed", "disputed": "disputed", "withdrawn": "rejected"}
"""Decisions in words, by the state that they give."""

_MOST_DIGITS = 18
_CONFIRMED = "confirmed in the review queue"


@dataclass(frozen=True, slots=True)
class QueueDecision:
    """What a form of ours decides: the new state, the recording that it names, the comment."""

    state: str
    recording_id: str
    comment: str

    @classmethod
    def of(cls, sent: Mapping[str, list[str]]) -> "QueueDecision":
        """Return the decision in a form; a dispute or rejection needs a comment."""
        state, recording_id, comment = (field_of(sent, name).strip() for name in ("state", "recording", "comment"))
        if state not in WORDS:
            raise ParameterError(f"state {state!r:.40}: is no decision; choose from {', '.join(WORDS)}")
        if not comment and WORDS[state] != "confirmed":
            raise ParameterError(f"comment: say why this is {WORDS[state]}; it stays in the history")
        return cls(state, recording_id if state == "resolved" else "", comment or _CONFIRMED)


def rights_of(visitor: Visitor) -> Database:
    """Return the database of rights of the visitor's organisation."""
    return visitor.server.folder.organisation(visitor.organisation).rights()


def may_decide(visitor: Visitor) -> bool:
    """Return whether a visitor may decide."""
    return not set(_DECIDERS).isdisjoint(visitor.person.roles)


def people_of(visitor: Visitor) -> dict[str, str]:
    """Return the names of the organisation's people by actor; removed ones too, as their decisions stay."""
    with visitor.server.database.reading() as connection:
        return {one.actor: one.name for one in list_persons(connection, visitor.organisation, removed=True)}


def deciders_of(visitor: Visitor) -> dict[str, str]:
    """Return the names of the people of the organisation who may decide, by actor."""
    with visitor.server.database.reading() as connection:
        found = list_persons(connection, visitor.organisation)
    return {one.actor: one.name for one in found if not set(_DECIDERS).isdisjoint(one.roles)}


def with_names(text: str, people: Mapping[str, str]) -> str:
    """Return a text with the name of each person before their id."""
    for actor, name in people.items():
        text = text.replace(actor, f"{name} ({actor})")
    return text


def done_before(visitor: Visitor, use_id: str) -> tuple[str, str, int] | None:
    """Return id, decision and its number of the use that was decided last, where this person may take it back."""
    if not use_id or not may_decide(visitor):
        return None
    with rights_of(visitor).reading() as connection:
        try:
            history = use_history(connection, use_id)
        except UnknownRightsError:
            return None
        number = last_changes(connection, [use_id]).get(use_id, 0)
    if not undoable(history, visitor.actor):
        return None
    return use_id, WORDS.get(history[-1].state, history[-1].state), number


def seconds_of(microseconds: int) -> str:
    """Return microseconds as seconds with one decimal, for people."""
    return f"{decimal_text(microseconds // 100_000, 1, least=1)} s"


def money_of(estimate: Estimate) -> str:
    """Return the money that a use would move, for people; why there is no estimate, where there is none."""
    shown = " and ".join(shown_amount(*one) for one in estimate.amounts)
    if not shown:
        return f"no estimate: {estimate.missing}"
    return f"{shown} and more: {estimate.missing}" if estimate.missing else shown


def field_of(sent: Mapping[str, list[str]], name: str) -> str:
    """Return the first value of a field of a form, "" where there is none."""
    return sent.get(name, [""])[0]


def number_in(sent: Mapping[str, list[str]], name: str) -> int:
    """Return a number in a form of ours; ParameterError without it."""
    text = field_of(sent, name)
    if not text.isascii() or not text.isdigit() or len(text) > _MOST_DIGITS:
        raise ParameterError(f"{name}: is missing; load the page again, then decide")
    return int(text)
