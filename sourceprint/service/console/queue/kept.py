"""The queue of each organisation as it was last read, kept in memory, so that a page of it costs one query.

The queue itself says whether it holds (`read_queue`); several servers each keep their own. Where somebody who may read
it is signed in, it is kept up to date in the background: nobody waits for a queue to be read after a start, or after
new rights.
"""

from collections import OrderedDict
from threading import Event, Lock

from sourceprint.royalties.review.waiting import WaitingQueue, read_queue
from sourceprint.royalties.rights.database import Database
from sourceprint.service.console.queue.decision import READERS
from sourceprint.service.people.sign_ins import roles_signed_in
from sourceprint.service.server import Server

__all__ = ["QueueKeeper", "waiting_in"]

_MOST_KEPT = 16  # organisations; a queue of 10 000 uses takes about 20 MB


class _Kept:
    """One organisation's queue; one request reads it while the others wait."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.queue: WaitingQueue | None = None


_KEPT: OrderedDict[Database, _Kept] = OrderedDict()
_LOCK = Lock()


def waiting_in(rights: Database) -> WaitingQueue:
    """Return all that waits in a database of rights, read anew as far as it was changed."""
    with _LOCK:
        kept = _KEPT.setdefault(rights, _Kept())
        _KEPT.move_to_end(rights)
        while len(_KEPT) > _MOST_KEPT:
            _KEPT.popitem(last=False)
    with kept.lock, rights.reading() as connection:
        kept.queue = read_queue(connection, kept.queue)
        return kept.queue


class QueueKeeper:
    """Keeps the queues up to date that somebody may look at.

    Parameters
    ----------
    server : Server
    """

    def __init__(self, server: Server) -> None:
        self._server = server

    def look(self, stopping: Event | None = None) -> None:
        """Bring the queues up to date of organisations in which somebody who may read them is signed in."""
        database = self._server.database
        with database.reading() as connection:
            signed_in = roles_signed_in(connection, now=database.clock())
        for organisation, roles in list(signed_in.items())[:_MOST_KEPT]:
            folder = self._server.folder.organisation(organisation)
            is_stopped = stopping is not None and stopping.is_set()
            if not is_stopped and not roles.isdisjoint(READERS) and folder.has_rights():
                waiting_in(folder.rights())
