"""Work that a server repeats beside its requests, in a thread of its own, until the server stops."""

import logging
from collections.abc import Callable
from threading import Event, Thread

from fingerprint.errors import SourceprintError

__all__ = ["Background"]

_LOG = logging.getLogger("sourceprint.service")


class Background:
    """One kind of work, looked after in a thread; `start` and `stop` it.

    No error ends it: what could not be done is tried again with the next look, and the log says why.

    Parameters
    ----------
    name : str
        Of the thread.
    look : callable
        Does what there is to do. Called with an event that is set when the server stops, at which long work ends early;
        what it returns counts where it is True: more waits, and it is called again at once.
    every_seconds : float
        Pause between two looks.
    trouble : str
        What the log says before the reason, where a look fails.
    at_last : bool
        Whether there is one more look when it is stopped.
    """

    def __init__(
        self,
        name: str,
        look: Callable[[Event], object],
        *,
        every_seconds: float,
        trouble: str,
        at_last: bool = False,
    ) -> None:
        self._look = look
        self._every_seconds = every_seconds
        self._trouble = trouble
        self._at_last = at_last
        self._stopping = Event()
        self._thread = Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the work in hand, and the last look."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            if not self._looked():
                self._stopping.wait(self._every_seconds)
        if self._at_last:
            self._looked()

    def _looked(self) -> bool:
        try:
            return self._look(self._stopping) is True
        except (SourceprintError, OSError) as error:
            _LOG.error("%s: %s", self._trouble, error)
        except Exception:  # noqa: BLE001 - the thread must not end before the server
            _LOG.exception("%s", self._trouble)
        return False
