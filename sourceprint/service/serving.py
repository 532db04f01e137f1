"""A running server: uvicorn on one address, and the workers beside it."""

import signal
import threading
from collections.abc import Callable

import uvicorn

from sourceprint.service.application import create_app
from sourceprint.service.hooks.delivery import Courier
from sourceprint.service.json_logs import log_as_json
from sourceprint.service.line.crew import Crew
from sourceprint.service.log_feed import LogFeed, LogFeeder
from sourceprint.service.server import Server
from sourceprint.service.settings import Settings

__all__ = ["serve", "work_until_stopped"]


def serve(server: Server, *, host: str, port: int, workers: int, started: Callable[[], object] = lambda: None) -> None:
    """Answer requests until SIGTERM or Ctrl-C; then finish the requests and jobs in hand.

    Parameters
    ----------
    server : Server
    host, port
        Where to listen.
    workers : int
        Worker processes; 0 where others work off the line.
    started : callable
        Called before the first request is taken.
    """
    log_as_json()
    crew = Crew(server.settings, workers) if workers else None
    feeder = LogFeeder(LogFeed(server.database, server.folder))
    courier = Courier(server.database, allow_private=server.settings.webhook_private)
    config = uvicorn.Config(
        create_app(server), host=host, port=port, log_config=None, server_header=False, timeout_keep_alive=15,
        h11_max_incomplete_event_size=64_000, timeout_graceful_shutdown=30,
    )  # fmt: skip
    if crew is not None:
        crew.start()
    courier.start()
    feeder.start()
    try:
        started()
        uvicorn.Server(config).run()
    finally:
        if crew is not None:
            crew.stop()
        courier.stop()
        feeder.stop()
        server.database.close()


def work_until_stopped(settings: Settings, workers: int) -> None:
    """Run workers without a server, until SIGTERM or Ctrl-C; then finish the jobs in hand.

    Parameters
    ----------
    settings : Settings
    workers : int
        Worker processes.
    """
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    log_as_json()
    crew = Crew(settings, workers)
    crew.start()
    try:
        stopped.wait()
    finally:
        crew.stop()
