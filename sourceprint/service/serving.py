"""A running server: uvicorn on one address, and the workers beside it."""

from collections.abc import Callable

import uvicorn

from sourceprint.service.crew import Crew
from sourceprint.service.server import Server
from sourceprint.service.web.app import create_app

__all__ = ["serve"]


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
    crew = Crew(server.settings, workers) if workers else None
    config = uvicorn.Config(
        create_app(server), host=host, port=port, log_config=None, server_header=False, timeout_keep_alive=15,
        h11_max_incomplete_event_size=64_000, timeout_graceful_shutdown=30,
    )  # fmt: skip
    if crew is not None:
        crew.start()
    try:
        started()
        uvicorn.Server(config).run()
    finally:
        if crew is not None:
            crew.stop()
        server.database.close()
