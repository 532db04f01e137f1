"""Collect cyclic garbage less often while many records are made.

An import, an attribution or a statement makes hundreds of thousands of records that live on and are in no cycle. By
default Python looks through young records after every 700 new ones, and through all records soon after: a fifth of the
time of a statement. Memory does not grow with the interval, as records outside cycles are freed at once all the same.
"""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["rare_collections"]

_YOUNG = 20_000  # records between two collections; more saves no more time
_lock = threading.Lock()
_inside = 0
_before = gc.get_threshold()


@contextmanager
def rare_collections() -> Iterator[None]:
    """Let Python collect cyclic garbage after every 20 000 new records until the last block of any thread ends.

    Also a decorator of functions.

    Examples
    --------
    >>> with rare_collections():
    ...     print(gc.get_threshold()[0] >= 20_000)
    True
    """
    global _inside, _before  # the interval is one for the process
    with _lock:
        if not _inside:
            _before = gc.get_threshold()
            gc.set_threshold(max(_YOUNG, _before[0]) if _before[0] else 0, *_before[1:])
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                gc.set_threshold(*_before)
