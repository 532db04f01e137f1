"""Servers for tests: on SQLite and PostgreSQL, with a clock that a test sets, answering on a free port of loopback."""

from __future__ import annotations

import functools
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from sourceprint.service.access.api_keys import KeyScope, issue_key
from sourceprint.service.access.organisations import add_organisation
from sourceprint.service.application import create_app
from sourceprint.service.data_folder import DataFolder
from sourceprint.service.line.jobs import claim
from sourceprint.service.line.work import Workshop
from sourceprint.service.server import Server
from sourceprint.service.settings import settings_of
from sourceprint.service.store.database import ServiceDatabase

__all__ = ["SetClock", "TestService", "open_server", "running"]


@dataclass
class SetClock:
    """A clock that stands still until a test moves it."""

    now: datetime = datetime(2026, 12, 2, 10, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_seconds(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class TestService:
    """A server that answers, its worker to be called by hand, and keys of two organisations."""

    __test__ = False

    server: Server
    url: str
    clock: SetClock
    keys: dict[str, str] = field(default_factory=dict)
    clients: list[httpx.Client] = field(default_factory=list)

    def key(self, organisation: str, *scopes: str, **limits: Any) -> str:
        """Return a new key."""
        with self.server.database.writing() as connection:
            _, made = issue_key(
                connection, organisation, "test", scopes or list(KeyScope), at=self.server.database.now(), actor="test",
                **limits,
            )  # fmt: skip
        return made

    def client(self, organisation: str = "main", *scopes: str, **limits: Any) -> httpx.Client:
        """Return a client with a key of an organisation."""
        name = f"{organisation} {scopes} {limits}"
        if name not in self.keys:
            self.keys[name] = self.key(organisation, *scopes, **limits)
        headers = {"Authorization": f"Bearer {self.keys[name]}", "Content-Type": "application/octet-stream"}
        self.clients.append(httpx.Client(base_url=self.url, headers=headers, timeout=60, verify=_tls()))
        return self.clients[-1]

    def work(self, owner: str = "test worker") -> int:
        """Do every job that waits, in this process; return how many outcomes were written."""
        database = self.server.database
        workshop = Workshop(
            database, self.server.folder, self.server.settings.keep_audio, self.server.settings.upload_mb
        )
        written = 0
        while claims := claim(database, owner, lease_seconds=60, most=64):
            written += workshop.do(claims)
        workshop.close()
        return written


@functools.cache
def _tls() -> ssl.SSLContext:
    """Return one context for all clients: each would read the certificates of all authorities anew."""
    return ssl.create_default_context()


@functools.cache
def _new_sqlite() -> bytes:
    """Return a file of SQLite with empty tables: migrations take longer than a usual test."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "service.sqlite"
        ServiceDatabase.open(path).close()
        return path.read_bytes()


def open_server(root: Path, place: str, clock: SetClock, **settings: Any) -> Server:
    """Return a server on a place of the fixture `database_place`, with the organisations main and other."""
    database = place if "://" in place else None
    chosen = settings_of({}, data=root / "data", database=database, **settings)
    if database is None:
        new = Path(DataFolder.open(chosen).database_place)
        new.write_bytes(_new_sqlite())
    server = Server.open(chosen, clock=clock)
    with server.database.writing() as connection:
        for organisation in ("main", "other"):
            add_organisation(connection, organisation, organisation, at=server.database.now(), actor="test")
    return server


@contextmanager
def running(server: Server, clock: SetClock) -> Iterator[TestService]:
    """Answer requests on a free port inside the block; the reached server is the one that was started."""
    listener = socket.socket()
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as that of a server
    listener.bind(("127.0.0.1", 0))
    server.listens_at(listener.getsockname()[1])
    config = uvicorn.Config(create_app(server), log_config=None, server_header=False, lifespan="off")
    running_server = uvicorn.Server(config)
    thread = threading.Thread(target=running_server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        while not running_server.started:
            time.sleep(0.005)
        made = TestService(server, f"http://127.0.0.1:{listener.getsockname()[1]}", clock)
        yield made
        for client in made.clients:
            client.close()
    finally:
        running_server.should_exit = True
        thread.join()
        listener.close()
        server.database.close()
