"""Watches: each complete file becomes one scan, whatever restarts, dies or looks at the same time."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from benchmarks.service_processes import drop_schemas
from sourceprint.service.line.watcher import Watcher
from sourceprint.service.store.schema import job
from tests.service_servers import SetClock, TestService, open_server, running
from tests.sourceprint.service.conftest import with_catalogue

JSON = {"Content-Type": "application/json"}


class Seconds:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    folder = tmp_path / "drop"
    folder.mkdir()
    return folder


@pytest.fixture
def watching(database_place: str, tmp_path: Path, clock: SetClock, drop: Path, index: Path) -> Iterator[TestService]:
    with running(open_server(tmp_path, database_place, clock, readable=(drop,)), clock) as service:
        yield with_catalogue(service, index)
    if "://" in database_place:
        drop_schemas(database_place)


def watch(service: TestService, folder: Path, **more: Any) -> httpx.Response:
    with service.client() as client:
        return client.post("/v1/watches", content=json.dumps({"folder": str(folder), **more}), headers=JSON)


def watcher(service: TestService, seconds: Seconds) -> Watcher:
    return Watcher(service.server.database, service.server.settings.readable, clock=seconds)


def files(service: TestService, watch_id: str) -> list[dict[str, Any]]:
    with service.client() as client:
        found: list[dict[str, Any]] = client.get(f"/v1/watches/{watch_id}/files").json()["items"]
    return found


def n_scans(service: TestService) -> int:
    with service.server.database.reading() as connection:
        return connection.scalar(select(func.count()).select_from(job)) or 0


def test_a_folder_that_became_a_circle_of_links_is_named_and_stops_nothing(
    tmp_path: Path, clock: SetClock, drop: Path
) -> None:
    inside = drop / "inside"
    inside.mkdir()
    with running(open_server(tmp_path, "", clock, readable=(drop, inside)), clock) as service:
        assert watch(service, inside).status_code == 201
        inside.rmdir()
        inside.symlink_to(inside)
        assert watcher(service, Seconds()).look() == 0
        with service.client() as client:
            (told,) = client.get("/v1/watches").json()
            assert "is not there, or is in no folder" in told["error"]
        assert watch(service, drop).status_code == 201
        assert watch(service, inside / "deeper").status_code in (403, 404)


def test_a_file_becomes_a_scan_once_it_is_complete_and_again_only_when_its_content_changed(
    watching: TestService, drop: Path, music: Path
) -> None:
    watch_id = watch(watching, drop).json()["id"]
    seconds = Seconds()
    mine = watcher(watching, seconds)
    content = (music / "reuse.wav").read_bytes()
    (drop / "a.wav").write_bytes(content[: len(content) // 2])
    (drop / "b.wav.part").write_bytes(content)
    assert mine.look() == 0
    seconds.now += 4
    (drop / "a.wav").write_bytes(content)  # it still grows
    assert mine.look() == 0
    seconds.now += 6
    assert mine.look() == 1
    (drop / "b.wav.part").rename(drop / "b.wav")
    for _ in range(3):
        seconds.now += 6
        mine.look()
    assert [Path(one["path"]).name for one in files(watching, watch_id)] == ["a.wav", "b.wav"]
    (drop / "a.wav").write_bytes((music / "own.wav").read_bytes())
    again = watcher(watching, seconds)  # after a restart
    watching.clock.pass_seconds(61)
    for _ in range(3):
        seconds.now += 6
        again.look()
    assert [Path(one["path"]).name for one in files(watching, watch_id)] == ["a.wav", "b.wav", "a.wav"]
    watching.work()
    with watching.client() as client:
        scans = [client.get(f"/v1/scans/{one['job_id']}").json() for one in files(watching, watch_id)]
        assert client.delete(f"/v1/watches/{watch_id}").status_code == 204
        assert client.get("/v1/watches").json()[0]["stopped_at"]
    assert [one["result"]["status"] for one in scans] == ["no_match", "matched", "no_match"]  # the content of now
    (drop / "c.wav").write_bytes(content)
    for _ in range(3):
        seconds.now += 6
        assert again.look() == 0
    assert n_scans(watching) == 3


def test_of_several_processes_one_takes_each_file_also_when_the_first_one_dies(
    watching: TestService, drop: Path, music: Path
) -> None:
    watch_id = watch(watching, drop, settle_seconds=1).json()["id"]
    for n in range(6):
        (drop / f"{n}.wav").write_bytes((music / "own.wav").read_bytes() + bytes(n))
    seconds = Seconds()
    watchers = [watcher(watching, seconds) for _ in range(3)]

    def look_at_once() -> None:
        threads = [threading.Thread(target=one.look) for one in watchers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    for _ in range(2):
        look_at_once()
        seconds.now += 2
    assert len(files(watching, watch_id)) == n_scans(watching) == 6
    (drop / "late.wav").write_bytes((music / "own.wav").read_bytes())
    (dead,) = [one for one in watchers if one._looks]
    watchers.remove(dead)
    look_at_once()
    assert n_scans(watching) == 6  # the lease of the dead one holds
    watching.clock.pass_seconds(61)
    for _ in range(2):
        look_at_once()
        seconds.now += 2
    assert len(files(watching, watch_id)) == n_scans(watching) == 7


def test_a_folder_elsewhere_is_refused_and_a_link_or_a_lost_folder_is_told(
    watching: TestService, drop: Path, music: Path, tmp_path: Path
) -> None:
    refused = watch(watching, tmp_path)
    assert (refused.status_code, "in no folder that this server may read" in refused.json()["detail"]) == (403, True)
    with watching.client("main", "scan", budget=5) as client:
        body = json.dumps({"folder": str(drop)})
        assert client.post("/v1/watches", content=body, headers=JSON).status_code == 403
    inner = drop / "inner"
    inner.mkdir()
    (inner / "link.wav").symlink_to(music / "own.wav")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "secret.wav").write_bytes((music / "own.wav").read_bytes())
    (inner / "folder").symlink_to(elsewhere)
    os.mkfifo(inner / "pipe.wav")
    watch_id, seconds = watch(watching, inner).json()["id"], Seconds()
    mine = watcher(watching, seconds)
    for _ in range(2):
        assert mine.look() == 0
        seconds.now += 6
    outside = "a link that leads out of the folders that may be read; copy the file or folder itself"
    assert {Path(one["path"]).name: one["reason"] for one in files(watching, watch_id)} == {
        "folder": outside,
        "link.wav": outside,
        "pipe.wav": "a pipe, socket or device, not a file; save what it holds to a file",
    }
    for name in ("folder", "link.wav", "pipe.wav"):
        (inner / name).unlink()
    inner.rmdir()
    mine.look()
    with watching.client() as client:
        assert "is not there" in client.get("/v1/watches").json()[0]["error"]
    inner.mkdir()
    mine.look()
    with watching.client() as client:
        assert client.get("/v1/watches").json()[0]["error"] is None
