"""A running server: uvicorn on one address, and the workers beside it."""

import functools
import logging
import signal
import socket
import threading
from collections.abc import Callable
from threading import Event

import uvicorn

from fingerprint.errors import ParameterError
from sourceprint.service.application import create_app
from sourceprint.service.background import Background
from sourceprint.service.console.queue.kept import QueueKeeper
from sourceprint.service.desk.chores import do_chores
from sourceprint.service.hooks.delivery import send_due
from sourceprint.service.json_logs import log_as_json
from sourceprint.service.line.crew import Crew
from sourceprint.service.line.retention import drop_leftovers, erase_old_results
from sourceprint.service.line.watcher import Watcher
from sourceprint.service.log_feed import LogFeed, LogFeeder
from sourceprint.service.server import Server
from sourceprint.service.settings import Settings

__all__ = ["serve", "work_until_stopped"]

_LOG = logging.getLogger("sourceprint.service")


def serve(
    server: Server, *, host: str, port: int, workers: int, started: Callable[[], object], quiet: bool = False
) -> None:
    """Answer requests until SIGTERM or Ctrl-C; then finish the requests and jobs in hand.

    Parameters
    ----------
    server : Server
    host, port
        Where to listen.
    workers : int
        Worker processes; 0 where others work off the line.
    started : callable
        Called before the first request is taken, when the address of the console is known.
    quiet : bool
        Whether the log begins without the address and the place of the data.

    Raises
    ------
    ParameterError
        If the address cannot be listened on.
    """
    log_as_json()
    crew = Crew(server.settings, workers) if workers else None
    background = _background(server)
    config = uvicorn.Config(
        create_app(server), log_config=None, server_header=False, timeout_keep_alive=15,
        h11_max_incomplete_event_size=64_000, timeout_graceful_shutdown=30,
    )  # fmt: skip
    with _listener(host, port) as listener:
        if crew is not None:
            crew.start()
        for one in background:
            one.start()
        for number in (signal.SIGTERM, signal.SIGINT):  # uvicorn stops, then raises the signal again: not to die of it
            signal.signal(number, lambda *_: None)
        try:
            at_port = listener.getsockname()[1]
            server.listens_at(at_port)
            started()
            if not quiet:
                facts = {"url": f"http://{host}:{at_port}", "data": str(server.folder.root)}
                _LOG.info("the API answers", extra={"facts": facts})
            uvicorn.Server(config).run(sockets=[listener])
        finally:
            if crew is not None:
                crew.stop()
            for one in reversed(background):
                one.stop()
            server.database.close()


def _background(server: Server) -> list[Background]:
    """Return what is done beside the requests; the log first, to be stopped last: the others add to it."""
    database, folder, settings = server.database, server.folder, server.settings
    days, keep_audio = settings.result_days, settings.keep_audio
    chores: dict[str, Callable[[Event], object]] = {
        "retention": lambda _: erase_old_results(database, folder.uploads, days=days),
        "leftovers": lambda _: drop_leftovers(database, folder.uploads, keep_audio=keep_audio),
        "deadlines": lambda _: do_chores(database, folder, days=settings.dispute_days, state=settings.lapsed_dispute),
    }
    send = functools.partial(send_due, database, allow_private=settings.webhook_private)
    return [
        Background(
            "log feeder", LogFeeder(LogFeed(database, folder)).look,
            every_seconds=1.0, trouble="the log was not fed", at_last=True,
        ),
        Background("courier", lambda _: send() > 0, every_seconds=1.0, trouble="deliveries wait"),
        Background("watcher", Watcher(database, settings.readable).look, every_seconds=2.0, trouble="watches wait"),
        Background("queue keeper", QueueKeeper(server).look, every_seconds=2.0, trouble="a review queue waits"),
        *(
            Background(name, do, every_seconds=3_600.0, trouble=f"{name}: a chore waits")
            for name, do in chores.items()
        ),
    ]  # fmt: skip


def _listener(host: str, port: int) -> socket.socket:
    """Return a socket that listens; ParameterError if the address cannot be had."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=2048)
        # asyncio sets it only where a socket names its protocol, which those of `create_server` do not. Without it, the
        # body of an answer waits until the client confirms the head: 40 ms on a connection that is kept.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except OSError as error:
        raise ParameterError(
            f"--host {host} --port {port}: cannot be listened on ({error.strerror}); name another address or port"
        ) from error


def work_until_stopped(settings: Settings, workers: int, *, quiet: bool = False) -> None:
    """Run workers without a server, until SIGTERM or Ctrl-C; then finish the jobs in hand.

    Parameters
    ----------
    settings : Settings
    workers : int
        Worker processes.
    quiet : bool
        Whether the log begins without their number and the place of the data.
    """
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    log_as_json()
    crew = Crew(settings, workers)
    crew.start()
    if not quiet:
        _LOG.info("the workers work", extra={"facts": {"workers": workers, "data": str(settings.data)}})
    try:
        stopped.wait()
    finally:
        crew.stop()
