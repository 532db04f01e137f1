"""The workers of one machine: started, minded, replaced when they end, and stopped.

The crew renews the leases of its workers while they live. A worker that ended puts its jobs back into the line at once,
with the loss counted; if the crew itself is gone, the leases run out. The crew is part of `sourceprint serve`, or all
of `sourceprint worker`, which may run on other machines that see the same data folder and database.
"""

import logging
import multiprocessing
import os
import socket
import time
import uuid
from contextlib import suppress
from threading import Event
from typing import Any

from fingerprint.errors import SourceprintError
from sourceprint.service.background import Background
from sourceprint.service.data_folder import DataFolder
from sourceprint.service.line.jobs import give_back, heartbeat
from sourceprint.service.line.worker import run_worker
from sourceprint.service.settings import Settings
from sourceprint.service.store.database import ServiceDatabase

__all__ = ["Crew"]

_LOG = logging.getLogger("sourceprint.service")
_LOOK_SECONDS = 0.5  # how often the crew looks after its workers
_SHORT_LIFE_SECONDS = 5.0  # a worker that ends sooner is not replaced at once
_STOP_SECONDS = 60.0  # how long a worker may take to finish the job in hand


class Crew:
    """The workers of one machine; `start` and `stop` them.

    Parameters
    ----------
    settings : Settings
    size : int
        Workers, each a process of one thread.
    """

    def __init__(self, settings: Settings, size: int) -> None:
        self._settings = settings
        self._size = size
        self._database = ServiceDatabase.open(DataFolder.open(settings).database_place)
        self._context = multiprocessing.get_context("spawn")
        self._workers: dict[str, Any] = {}
        self._beaten_at = time.monotonic()
        self._minder = Background(
            "crew", self._mind, every_seconds=_LOOK_SECONDS, trouble="the workers' leases were not renewed"
        )

    def start(self) -> None:
        """Start the workers, and the thread that minds them."""
        for _ in range(self._size):
            self._hire()
        self._minder.start()

    def stop(self, *, patience_seconds: float = _STOP_SECONDS) -> None:
        """Ask the workers to stop, wait for the jobs in hand, and put back the unfinished ones."""
        self._minder.stop()  # first: it would replace them
        for process in self._workers.values():
            process.terminate()
        for owner, process in self._workers.items():
            process.join(patience_seconds)
            if process.is_alive():
                process.kill()
                process.join()
            with suppress(SourceprintError):
                give_back(self._database, owner, lost=False)

    @property
    def alive(self) -> int:
        """Workers that are running."""
        return sum(process.is_alive() for process in list(self._workers.values()))

    def _hire(self) -> None:
        owner = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:12]}"
        process = self._context.Process(
            target=run_worker, args=(self._settings, owner, os.getpid()), name=owner, daemon=False
        )
        process.start()
        self._workers[owner] = process

    def _mind(self, stopping: Event) -> None:
        """Replace workers that have ended, and renew the leases; where the database is away, they run out meanwhile."""
        for owner in [owner for owner, process in self._workers.items() if not process.is_alive()]:
            self._replace(owner, stopping)
        if time.monotonic() - self._beaten_at >= self._settings.lease_seconds / 4:
            for owner in self._workers:
                heartbeat(self._database, owner, lease_seconds=self._settings.lease_seconds)
            self._beaten_at = time.monotonic()

    def _replace(self, owner: str, stopping: Event) -> None:
        process = self._workers[owner]
        lost = give_back(self._database, owner, lost=True)
        _LOG.warning("worker %s ended with code %s; %d jobs were put back", owner, process.exitcode, lost)
        del self._workers[owner]
        stopping.wait(min(_SHORT_LIFE_SECONDS, 0.2))
        self._hire()
