"""A server as an operator starts it: by its command, on loopback, with a client; watched, killed and stopped.

What is measured or killed is a process of its own on a data folder of its own. On PostgreSQL it has a schema of its own
in the database that is named, which is dropped afterwards.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from fingerprint.errors import ParameterError
from sourceprint.service.access.organisations import DEFAULT_ORGANISATION
from sourceprint.service.data_folder import DataFolder
from sourceprint.service.settings import settings_of

__all__ = [
    "ROOT",
    "ServerProcess",
    "client",
    "data_with_index",
    "drop_schemas",
    "free_port",
    "schema_of_its_own",
    "workers_of",
]

ROOT: Final = Path(__file__).resolve().parent.parent
_PATIENCE_SECONDS: Final = 120.0


@dataclass(slots=True)
class ServerProcess:
    """A server that was started by its command.

    Attributes
    ----------
    data : Path
        Its data folder.
    options : tuple of str
        Options of `sourceprint serve` but for data and port.
    settings : dict
        Environment variables.
    program : tuple of str
        Words after the interpreter that make the command.
    port : int
        The same after every start.
    errors : Path
        File that its messages go to, after those of earlier starts.
    key : str
        The first key; "" before the first start.
    """

    data: Path
    options: tuple[str, ...] = ()
    settings: dict[str, str] = field(default_factory=dict)
    program: tuple[str, ...] = ("-m", "cli")
    port: int = 0
    errors: Path = field(init=False)
    key: str = ""
    process: subprocess.Popen[str] | None = None

    def __post_init__(self) -> None:
        self.port = self.port or free_port()
        self.errors = self.data.with_name(f"{self.data.name}.stderr")

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def running(self) -> subprocess.Popen[str]:
        """The process; ParameterError if it was not started."""
        if self.process is None:
            raise ParameterError(f"{self.data}: its server was not started")
        return self.process

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start it, and wait until it answers.

        Raises
        ------
        ParameterError
            If it ended before, with its last message.
        """
        is_new = not (self.data / "log").exists()  # the first key is shown once
        words = ["serve", "--data", str(self.data), "--port", str(self.port), *self.options]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **self.settings}
        with open(self.errors, "a", encoding="utf-8") as errors:
            self.process = subprocess.Popen(
                [sys.executable, *self.program, *words], cwd=ROOT, env=environment, text=True,
                stdout=subprocess.PIPE, stderr=errors, start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not self._answers():
            if not self.is_alive or time.monotonic() > deadline:
                said = self.errors.read_text(encoding="utf-8").strip().splitlines()
                raise ParameterError(f"{self.data}: the server did not start: {said[-1] if said else 'no message'}")
            time.sleep(0.05)
        if is_new and self.process.stdout is not None:
            self.key = self.process.stdout.readline().strip()

    def kill(self) -> None:
        """End it by SIGKILL, and not its workers."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            if self.process.stdout is not None:
                self.process.stdout.close()

    def kill_all(self) -> None:
        """End it and all its workers by SIGKILL, also where it was killed before them."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):  # nothing is left of its session
                os.killpg(self.process.pid, signal.SIGKILL)
            self.kill()

    def stop(self) -> int:
        """Ask it to stop by SIGTERM; return its exit code."""
        self.running.send_signal(signal.SIGTERM)
        return self.running.wait(_PATIENCE_SECONDS)

    def _answers(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return self.is_alive and httpx.get(f"{self.url}/health", timeout=5).status_code == 200
        return False


def data_with_index(data: Path, index: Path, *, database: str = "") -> DataFolder:
    """Return a new data folder whose first organisation has a copy of an index.

    Parameters
    ----------
    data, index : Path
    database : str
        URL of PostgreSQL; "" for SQLite.
    """
    place = DataFolder.of(settings_of({}, data=data, database=database or None))
    own = place.organisation(DEFAULT_ORGANISATION)
    own.root.mkdir(parents=True)
    shutil.copytree(index, own.index)
    return place


@contextlib.contextmanager
def client(url: str, key: str, **more: Any) -> Iterator[httpx.Client]:
    """Yield a client with a key; bodies are audio unless said otherwise."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/octet-stream"}
    with httpx.Client(base_url=url, headers=headers, **{"timeout": 60, **more}) as made:
        yield made


def workers_of(server: int) -> list[int]:
    """Return the process ids of the workers of a server; on systems that have /proc."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text(encoding="ascii").rpartition(")")[2].split()[1])
            words = (entry / "cmdline").read_text(encoding="utf-8")
        except OSError:  # ended meanwhile
            continue
        if parent == server and "spawn_main" in words:
            found.append(int(entry.name))
    return sorted(found)


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def schema_of_its_own(url: str) -> Iterator[str]:
    """Yield the URL of a new schema in a database of PostgreSQL; it is dropped after the block, with those beside it.

    Raises
    ------
    ParameterError
        If the URL names no such database.
    """
    if not re.match(r"postgresql(\+psycopg)?://", url):
        raise ParameterError(f"--database {url:.60}: is no URL of PostgreSQL; give postgresql://HOST/NAME")
    own, place = f"sourceprint_bench_{uuid.uuid4().hex[:12]}", make_url(url).set(drivername="postgresql+psycopg")
    engine = create_engine(place, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text(f'CREATE SCHEMA "{own}"'))
    named = place.update_query_dict({"options": f"-csearch_path={own}"}).render_as_string(hide_password=False)
    try:
        yield named
    finally:
        drop_schemas(named)
        with engine.begin() as connection:
            connection.execute(text(f'DROP SCHEMA "{own}" CASCADE'))


def drop_schemas(place: str) -> None:
    """Drop the schemas that a service made for its organisations, beside the one that a URL names."""
    url = make_url(place)
    own = str(url.query.get("options", "")).partition("search_path=")[2]
    engine = create_engine(url.difference_update_query(["options"]), poolclass=NullPool)
    with engine.begin() as connection:
        names = connection.scalars(
            text("SELECT nspname FROM pg_namespace WHERE nspname LIKE :like"), {"like": f"{own}\\_org\\_%"}
        ).all()
        for name in names:
            connection.execute(text(f'DROP SCHEMA "{name}" CASCADE'))
