"""Retention: old data are erased, needed data stay."""

from __future__ import annotations

import os
import time
from pathlib import Path

from sourceprint.service.line.retention import drop_leftovers, erase_old_results
from tests.service_servers import SetClock, TestService, open_server, running
from tests.sourceprint.service.test_scans_by_http import events, scan


def test_results_are_erased_when_their_time_is_over(catalogued: TestService, music: Path) -> None:
    scan_id = scan(catalogued, music / "own.wav").json()["id"]
    catalogued.work()
    database, uploads = catalogued.server.database, catalogued.server.folder.uploads
    catalogued.clock.pass_seconds(3 * 86_400 - 1)
    assert erase_old_results(database, uploads, days=3) == 0
    catalogued.clock.pass_seconds(2)
    assert erase_old_results(database, uploads, days=0) == 0
    assert erase_old_results(database, uploads, days=3) == 1
    assert erase_old_results(database, uploads, days=3) == 0
    with catalogued.client() as client:
        found = client.get(f"/v1/scans/{scan_id}").json()
    assert (found["state"], found["result"]) == ("done", None)
    assert found["erased_at"] is not None
    assert [one["subject"] for one in events(catalogued) if one["event"] == "scan.erased"] == [f"scan:{scan_id}"]


def test_uploads_of_no_job_are_deleted_once_they_are_old(sqlite_service: TestService, music: Path) -> None:
    scan(sqlite_service, music / "own.wav")
    uploads, database = sqlite_service.server.folder.uploads, sqlite_service.server.database
    (needed,) = uploads.iterdir()
    for name, age in (("old", 8_000), ("new", 60)):
        (uploads / name).write_bytes(b"x")
        os.utime(uploads / name, (time.time() - age, time.time() - age))
    os.utime(needed, (0, 0))
    assert drop_leftovers(database, uploads, keep_audio=True) == 0
    assert drop_leftovers(database, uploads) == 1
    assert sorted(path.name for path in uploads.iterdir()) == sorted([needed.name, "new"])


def test_kept_audio_goes_with_its_result_by_time_and_by_request(tmp_path: Path, clock: SetClock, music: Path) -> None:
    with running(open_server(tmp_path, "", clock, keep_audio=True), clock) as service:
        first, second = (scan(service, music / name).json()["id"] for name in ("own.wav", "reuse.wav"))
        service.work()
        uploads = service.server.folder.uploads
        assert len(list(uploads.iterdir())) == 2
        with service.client() as client:
            assert client.delete(f"/v1/scans/{first}").status_code == 204
        assert len(list(uploads.iterdir())) == 1
        clock.pass_seconds(90_000)
        assert erase_old_results(service.server.database, uploads, days=1) == 1
        assert (second != first, list(uploads.iterdir())) == (True, [])
