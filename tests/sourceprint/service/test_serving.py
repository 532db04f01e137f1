"""The whole service as processes: started by its command, killed, stopped."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks.service_processes import ServerProcess, client, workers_of
from sourceprint.service.serving import _listener
from tests.places import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    """Yield a server on an empty folder; it is killed at the end."""
    made = ServerProcess(tmp_path / "data", ("--workers", "1"))
    try:
        made.start()
        yield made
    finally:
        made.kill_all()


def final(http: httpx.Client, path: str) -> dict[str, Any]:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        found: dict[str, Any] = http.get(path).json()
        if found["state"] in ("done", "failed"):
            return found
        time.sleep(0.1)
    raise AssertionError(f"{path} is not final: {found}")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds workers in /proc")
def test_a_server_on_an_empty_folder_works_survives_kills_and_stops(server: ServerProcess, music: Path) -> None:
    with client(server.url, server.key) as http:
        assert [http.get(path).status_code for path in ("/health", "/ready")] == [200, 200]
        added = http.post("/v1/catalogue/additions?id=A", content=(music / "A.wav").read_bytes())
        assert final(http, added.headers["location"])["state"] == "done"
        body = (music / "reuse.wav").read_bytes()
        scans = [http.post("/v1/scans?name=reuse.wav", content=body).json()["id"] for _ in range(3)]
        killed = workers_of(server.running.pid)
        assert len(killed) == 1
        os.kill(killed[0], signal.SIGKILL)
        assert 'sourceprint_jobs{state="queued"}' in http.get("/metrics").text
        results = [final(http, f"/v1/scans/{one}")["result"] for one in scans]
        assert [result["matches"][0]["recording_id"] for result in results] == ["A", "A", "A"]
        waiting = [http.post("/v1/scans?name=reuse.wav", content=body).json()["id"] for _ in range(3)]
    server.kill()  # with jobs in the line
    server.start()
    with client(server.url, server.key) as http:
        again = [final(http, f"/v1/scans/{one}")["result"] for one in waiting]
        assert again == results  # the same file and settings: the same row
        assert list((server.data / "uploads").iterdir()) == []
        log = http.get("/v1/log/checkpoint").text
    assert server.stop() == 0
    assert server.running.stdout is not None
    assert server.running.stdout.read() == ""  # the first key is shown once
    assert int(log.splitlines()[1]) > 0
    lines = [json.loads(line) for line in server.errors.read_text(encoding="utf-8").splitlines()]
    assert [one["url"] for one in lines if one["message"] == "the API answers"] == [server.url] * 2
    assert "/console/join#" not in str(lines)  # a secret, which stdout alone has
    taken = subprocess.run(
        [sys.executable, "-m", "cli", "serve", "--data", str(server.data), "--host", "192.0.2.1"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert taken.returncode == 2
    assert "cannot be listened on" in taken.stderr


def test_answers_are_sent_without_waiting_for_the_client_to_confirm_their_head() -> None:
    with _listener("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
