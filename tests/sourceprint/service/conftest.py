"""A server for each test, on SQLite and on PostgreSQL, and a small catalogue that is made once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile

import sourceprint
from benchmarks.service_processes import drop_schemas
from sourceprint.demo.synthesis import synthesize
from tests.service_servers import SetClock, TestService, open_server, running

_RATE_HZ = 11025


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def service(database_place: str, tmp_path: Path, clock: SetClock) -> Iterator[TestService]:
    """Yield a server on each kind of database."""
    with running(open_server(tmp_path, database_place, clock), clock) as made:
        yield made
    if "://" in database_place:
        drop_schemas(database_place)


@pytest.fixture
def sqlite_service(tmp_path: Path, clock: SetClock) -> Iterator[TestService]:
    """Yield a server on SQLite, where the database makes no difference."""
    with running(open_server(tmp_path, "", clock), clock) as made:
        yield made


@pytest.fixture(scope="session")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with three recordings, a track that reuses A, and one that reuses nothing."""
    folder = tmp_path_factory.mktemp("music")
    sounds = {name: synthesize(seed, 20.0, sample_rate=_RATE_HZ) for name, seed in zip("ABC", (1, 2, 3), strict=True)}
    for name, y in sounds.items():
        soundfile.write(folder / f"{name}.wav", y, _RATE_HZ)
    soundfile.write(folder / "reuse.wav", sounds["A"][5 * _RATE_HZ : 17 * _RATE_HZ], _RATE_HZ)
    soundfile.write(folder / "own.wav", synthesize(9, 12.0, sample_rate=_RATE_HZ), _RATE_HZ)
    return folder


@pytest.fixture(scope="session")
def index(music: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an index of A and B, to be copied."""
    catalogue = sourceprint.create(tmp_path_factory.mktemp("index") / "index")
    for name in "AB":
        catalogue.add(music / f"{name}.wav", title=f"Title {name}")
    return catalogue.path


@pytest.fixture
def catalogued(service: TestService, index: Path) -> TestService:
    """Return the server with A and B in the catalogue of main."""
    return with_catalogue(service, index)


@pytest.fixture
def sqlite_catalogued(sqlite_service: TestService, index: Path) -> TestService:
    """Return the server on SQLite with A and B in the catalogue of main."""
    return with_catalogue(sqlite_service, index)


def with_catalogue(service: TestService, index: Path) -> TestService:
    own = service.server.folder.organisation("main")
    own.root.mkdir(parents=True)
    shutil.copytree(index, own.index)
    return service
