"""The filters of the review queue in the query of every page, and the text of such a query."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Query

from sourceprint.royalties.review.waiting import WAITING, QueueFilter
from sourceprint.service.console.visitors import AnyVisitor
from sourceprint.service.desk.notes import assignments

__all__ = ["MINE", "After", "Done", "Wanted", "query_text"]

MINE = "me"
"""Value of the filter that leaves the uses that are assigned to the visitor."""

_LONGEST_FILTER = 512


def queue_filter(
    visitor: AnyVisitor,
    state: Annotated[str, Query(max_length=20)] = WAITING[0],
    licensee: Annotated[str, Query(max_length=_LONGEST_FILTER)] = "",
    recording: Annotated[str, Query(max_length=_LONGEST_FILTER)] = "",
    currency: Annotated[str, Query(max_length=3)] = "",
    q: Annotated[str, Query(max_length=_LONGEST_FILTER)] = "",
    assigned: Annotated[str, Query(max_length=10)] = "",
) -> QueueFilter:
    """Return the filter in the query of a page."""
    ids: frozenset[str] | None = None
    if assigned == MINE:
        with visitor.server.database.reading() as connection:
            ids = frozenset(assignments(connection, visitor.organisation, to=visitor.actor.__eq__))
    return QueueFilter(state, licensee, recording.strip(), currency, ids, q)


Wanted = Annotated[QueueFilter, Depends(queue_filter)]
"""The filter in the query of a page."""

After = Annotated[str, Query(max_length=200)]
"""The place after which a page of the queue begins."""

Done = Annotated[str, Query(max_length=40)]
"""Id of the use that was decided last."""


def query_text(wanted: QueueFilter, **more: str) -> str:
    """Return the query of a page under a filter, "" where nothing is filtered."""
    named = {
        "state": wanted.state,
        "licensee": wanted.licensee,
        "recording": wanted.recording_id,
        "currency": wanted.currency,
        "assigned": "" if wanted.ids is None else MINE,
        "q": wanted.text,
    }
    kept = {name: value for name, value in (named | more).items() if value and (name, value) != ("state", WAITING[0])}
    return f"?{urlencode(kept)}" if kept else ""
