"""One worker: a process that takes jobs from the line and does them, until it is asked to stop.

The process has one thread, so that it can fork processes that read audio (`sourceprint.processes`). The leases of its
jobs are renewed by the process that minds it (`sourceprint.service.line.crew`); if that is gone, the worker ends after
the job in hand. SIGTERM and SIGINT ask it to stop: the job in hand is finished first.
"""

import os
import signal
import time

from sourceprint.service.data_folder import DataFolder
from sourceprint.service.json_logs import log_as_json
from sourceprint.service.line.jobs import claim
from sourceprint.service.line.work import Workshop
from sourceprint.service.settings import Settings
from sourceprint.service.store.database import ServiceDatabase

__all__ = ["IDLE_SECONDS", "run_worker"]

IDLE_SECONDS = 0.1
"""How often an idle worker looks for jobs."""

_ADDITIONS = 64  # that are committed together


def run_worker(settings: Settings, owner: str, minder: int) -> None:
    """Work until asked to stop, or until the process that minds the workers is gone.

    Parameters
    ----------
    settings : Settings
    owner : str
        Id of the worker, unlike any other's.
    minder : int
        Process id of the parent.
    """
    from index.vectors.exact import use_threads
    from sourceprint.scans.warm_up import warm_up

    use_threads(1)
    stopped = False

    def stop(_signal: int, _frame: object) -> None:
        nonlocal stopped
        stopped = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which asks
    log_as_json()
    folder = DataFolder.open(settings)
    database = ServiceDatabase.open(folder.database_place)
    line = ServiceDatabase.open(folder.database_place, pooled=True)  # it is looked at ten times a second
    warm_up()
    workshop = Workshop(database, folder, settings.keep_audio, settings.upload_mb)
    while not stopped and os.getppid() == minder:
        claims = claim(line, owner, lease_seconds=settings.lease_seconds, most=_ADDITIONS)
        if claims:
            line.close()  # a process that is forked for a file must not share the connection
            workshop.do(claims)
        else:
            workshop.rest()
            time.sleep(IDLE_SECONDS)
    workshop.close()
