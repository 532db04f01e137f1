"""The queue of each organisation as it was last read, kept in memory, so that a page of it costs one query.

The queue itself says whether it holds (`read_queue`); several servers each keep their own.
"""

from collections import OrderedDict
from threading import Lock

from sourceprint.royalties.review.waiting import WaitingQueue, read_queue
from sourceprint.royalties.rights.database import Database

__all__ = ["waiting_in"]

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
