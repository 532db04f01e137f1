"""What waits for a person, on their first page: uses, approvals, reports and jobs, as far as their roles go."""

from collections.abc import Iterator
from typing import NamedTuple

from sourceprint.places import today
from sourceprint.royalties.overview.licensees import unstated_reports
from sourceprint.royalties.periods import Period
from sourceprint.royalties.review.estimates import shown_sums
from sourceprint.royalties.review.waiting import WAITING, QueueFilter
from sourceprint.service.console.pages import ways_of
from sourceprint.service.console.queue.decision import may_decide, rights_of
from sourceprint.service.console.queue.filters import MINE
from sourceprint.service.console.queue.kept import waiting_in
from sourceprint.service.console.visitors import Visitor
from sourceprint.service.desk.notes import assignments
from sourceprint.service.line.jobs import CHECK, QUEUED, RUNNING, SCAN, count_states
from sourceprint.service.people.approvals import list_approvals, may_approve
from sourceprint.text.tables import counted

__all__ = ["OpenWork", "open_work"]

_HELD = {"review": "to be decided", "unresolved": "with an open recording", "disputed": "in dispute"}


class OpenWork(NamedTuple):
    """Work that waits: how much, and the page where it is done."""

    words: str
    address: str


def open_work(visitor: Visitor) -> list[OpenWork]:
    """Return what waits for a person, most urgent first; nothing that their roles do not open."""
    opens = {one.name for one in ways_of(visitor.person.roles)}
    found: list[OpenWork] = []
    has_rights = visitor.server.folder.organisation(visitor.organisation).has_rights()
    if "review" in opens and has_rights:
        found += _uses(visitor)
    if "approvals" in opens:
        found += _approvals(visitor)
    if "statements" in opens and has_rights:
        found += _reports(visitor)
    if "scans" in opens:
        found += _jobs(visitor)
    return found


def _uses(visitor: Visitor) -> Iterator[OpenWork]:
    queue = waiting_in(rights_of(visitor))
    if may_decide(visitor):
        with visitor.server.database.reading() as connection:
            ids = frozenset(assignments(connection, visitor.organisation, to=visitor.actor.__eq__))
        for state in WAITING:
            if mine := queue.find(QueueFilter(state, ids=ids)):
                address = f"/console/review?state={state}&assigned={MINE}"
                yield OpenWork(f"{counted(len(mine), 'use')} {_HELD[state]}, assigned to you", address)
    for state in WAITING:
        if uses := queue.uses[state]:
            money = " and ".join(shown_sums(one.estimate for one in uses)) or "without an estimate"
            yield OpenWork(f"{counted(len(uses), 'use')} {_HELD[state]}: {money}", f"/console/review?state={state}")


def _approvals(visitor: Visitor) -> Iterator[OpenWork]:
    database = visitor.server.database
    with database.reading() as connection:
        found = list_approvals(connection, visitor.organisation)
        waiting = [one for one in found if one.decision is None and one.expires_at > database.now()]
        own = sum(may_approve(connection, one, visitor.person) for one in waiting)
    if waiting:
        for_you = f", {own} of them for you" if own else ""
        words = f"{counted(len(waiting), 'request')} for a second person{for_you}"
        yield OpenWork(words, "/console/approvals")


def _reports(visitor: Visitor) -> Iterator[OpenWork]:
    with rights_of(visitor).reading() as connection:
        reports = unstated_reports(connection)
    if ended := [one for one in reports if Period.parse(one.period).end < today()]:
        yield OpenWork(f"{counted(len(ended), 'report')} of usage that no statement has", "/console/statements")


def _jobs(visitor: Visitor) -> Iterator[OpenWork]:
    caller = visitor.caller
    by = caller.actor if caller.sees_own_alone else ""
    for kind in (SCAN, CHECK):
        if kind == SCAN and by:
            continue
        with visitor.server.database.reading() as connection:
            counts = count_states(connection, visitor.organisation, kind, by=by)
        if n := counts[QUEUED] + counts[RUNNING]:
            yield OpenWork(f"{counted(n, kind)} in the line or under way", f"/console/scans?kind={kind}")
