"""The whole service as processes: started by its command, killed, stopped."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.places import ROOT

pytestmark = pytest.mark.slow


@contextmanager
def served(data: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """Yield a server that the command started, its first key ("" later) and its URL; it is killed at the end."""
    command = [sys.executable, "-m", "cli", "serve", "--data", str(data), "--port", "0", "--workers", "1", *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        said = ""
        while "the API answers at" not in said:
            line = process.stderr.readline()
            assert line, said
            said += line
        key = process.stdout.readline().strip() if "this is the first key" in said else ""
        (url,) = re.findall(r"http://127\.0\.0\.1:\d+", said)
        yield process, key, url
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def final(client: httpx.Client, path: str) -> dict[str, Any]:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        found: dict[str, Any] = client.get(path).json()
        if found["state"] in ("done", "failed"):
            return found
        time.sleep(0.1)
    raise AssertionError(f"{path} is not final: {found}")


def children(process: subprocess.Popen[str]) -> list[int]:
    """Return the worker processes of a server."""
    pids = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            words = (entry / "cmdline").read_text()
        except OSError:
            continue
        if int(fields[1]) == process.pid and "spawn_main" in words:
            pids.append(int(entry.name))
    return pids


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds workers in /proc")
def test_a_server_on_an_empty_folder_works_survives_kills_and_stops(tmp_path: Path, music: Path) -> None:
    headers = {"Content-Type": "application/octet-stream"}
    with served(tmp_path / "data") as (process, key, url):
        headers["Authorization"] = f"Bearer {key}"
        with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
            assert [client.get(path).status_code for path in ("/health", "/ready")] == [200, 200]
            added = client.post("/v1/catalogue/additions?id=A", content=(music / "A.wav").read_bytes())
            assert final(client, added.headers["location"])["state"] == "done"
            body = (music / "reuse.wav").read_bytes()
            scans = [client.post("/v1/scans?name=reuse.wav", content=body).json()["id"] for _ in range(3)]
            for pid in children(process):
                os.kill(pid, signal.SIGKILL)
            assert 'sourceprint_jobs{state="queued"}' in client.get("/metrics").text
            results = [final(client, f"/v1/scans/{one}")["result"] for one in scans]
            assert [result["matches"][0]["recording_id"] for result in results] == ["A", "A", "A"]
            waiting = [client.post("/v1/scans?name=reuse.wav", content=body).json()["id"] for _ in range(3)]
        process.kill()  # with jobs in the line
        process.wait()
    with served(tmp_path / "data") as (process, key, url):
        assert key == ""
        with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
            again = [final(client, f"/v1/scans/{one}")["result"] for one in waiting]
            assert again == results  # the same file and settings: the same row
            assert list((tmp_path / "data" / "uploads").iterdir()) == []
            log = client.get("/v1/log/checkpoint").text
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
        assert int(log.splitlines()[1]) > 0
    taken = subprocess.run(
        [sys.executable, "-m", "cli", "serve", "--data", str(tmp_path / "data"), "--host", "192.0.2.1"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert taken.returncode == 2
    assert "cannot be listened on" in taken.stderr
