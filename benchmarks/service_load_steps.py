"""The steps of a service under load: checks by several clients, scans beside the command, an upload, jobs that wait.

All of a service's processes count for its processor time: the server, its workers, and the process of each file, which
its worker has waited for.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
import soundfile
from sqlalchemy import update

from benchmarks.journeys_steps import family, rows_of, run_command_line
from benchmarks.service_kill_work import row_content
from benchmarks.service_processes import ServerProcess, client, data_with_index
from fingerprint.errors import ParameterError
from sourceprint.service.access.organisations import DEFAULT_ORGANISATION
from sourceprint.service.line.jobs import ADDITION, DONE, FAILED, QUEUED, RUNNING, add_jobs, claim, finish
from sourceprint.service.store.clock import time_text
from sourceprint.service.store.database import ServiceDatabase
from sourceprint.service.store.schema import job

__all__ = ["LoadMusic", "LoadSizes", "load_service"]

_WORKERS: Final = 2
_LOOK_SECONDS: Final = 0.5  # between two questions whether a scan is done
_PATIENCE_SECONDS: Final = 600.0
_WAIT_SECONDS: Final = 300  # of a check, also on a busy machine
_MANY_A_MINUTE: Final = "1000000"


@dataclass(frozen=True, slots=True)
class LoadSizes:
    """How much is done.

    Attributes
    ----------
    clients : tuple of int
        How many ask for checks at once, in turn.
    checks : int
        Checks for each of them, by all clients together.
    rounds : int
        Rounds of scans by the service and by the command, in turn.
    upload_mb : int
    waiting : int
        Jobs that wait.
    claims : int
        Jobs that are submitted and taken, without and with those that wait.
    idle_seconds : float
        For which the service has nothing to do.
    """

    clients: tuple[int, ...] = (1, 2, 4)
    checks: int = 60
    rounds: int = 3
    upload_mb: int = 600
    waiting: int = 10_000
    claims: int = 60
    idle_seconds: float = 20.0


@dataclass(frozen=True, slots=True)
class LoadMusic:
    """An index, and tracks by their length in seconds."""

    index: Path
    tracks: dict[int, tuple[Path, ...]]


def load_service(music: LoadMusic, sizes: LoadSizes, folder: Path, database: str) -> dict[str, Any]:
    """Return the measurements of a service on one database.

    Parameters
    ----------
    music : LoadMusic
    sizes : LoadSizes
    folder : Path
        For the data folder; new.
    database : str
        URL of PostgreSQL; "" for SQLite.
    """
    folder.mkdir(parents=True, exist_ok=True)
    place = data_with_index(folder / "data", music.index, database=database)
    shortest = music.tracks[min(music.tracks)]
    options = ("--readable", str(shortest[0].parent), *(("--database", database) if database else ()))
    settings = {"SOURCEPRINT_PER_MINUTE": _MANY_A_MINUTE, "SOURCEPRINT_WAIT_SECONDS": str(_WAIT_SECONDS)}
    server = ServerProcess(place.root, options, settings)
    with _running(server, _WORKERS):
        check_by_clients(server, shortest, clients=_WORKERS, checks=4 * _WORKERS)  # not counted: all is loaded then
        checks = [check_by_clients(server, shortest, clients=n, checks=sizes.checks) for n in sizes.clients]
        scans = [
            scan_beside_command(server, music, seconds, folder, rounds=sizes.rounds) for seconds in sorted(music.tracks)
        ]
        idle = [idle_share(server, sizes.idle_seconds)]
    with _running(server, 0):
        upload = upload_memory(server, folder, sizes.upload_mb)
        opened = ServiceDatabase.open(place.database_place)
        line = [take_times(server, opened, shortest[0], sizes.claims)]
        batch_seconds = submit_batch(server, shortest[0], sizes.waiting)
        line.append(take_times(server, opened, shortest[0], sizes.claims))
        hold_line(opened)
        opened.close()
    with _running(server, _WORKERS):
        check_by_clients(server, shortest, clients=_WORKERS, checks=4 * _WORKERS)
        checks_in_line = check_by_clients(server, shortest, clients=1, checks=sizes.checks)
        idle.append(idle_share(server, sizes.idle_seconds))
    return {
        "checks": checks,
        "scans": scans,
        "upload": upload,
        "line": [
            {"waiting": 0, "check": checks[0]["p50"], "idle": idle[0], **line[0]},
            {"waiting": sizes.waiting, "check": checks_in_line["p50"], "idle": idle[1], **line[1]},
        ],
        "batch_seconds": batch_seconds,
    }


# --- checks and scans -------------------------------------------------------------------------------------------------


def check_by_clients(server: ServerProcess, tracks: Sequence[Path], *, clients: int, checks: int) -> dict[str, Any]:
    """Return seconds of checks that wait for their verdict, by so many clients at once, and checks in a second."""
    numbers = list(range(checks))
    content = [track.read_bytes() for track in tracks]

    def ask(mine: Sequence[int]) -> list[float]:
        taken = []
        with client(server.url, server.key) as http:
            for number in mine:
                at = number % len(tracks)
                started = time.perf_counter()
                asked: dict[str, str | int] = {"name": tracks[at].name, "wait": _WAIT_SECONDS}
                answer = http.post("/v1/checks", params=asked, content=content[at])
                taken.append(time.perf_counter() - started)
                if answer.status_code != 200 or answer.json()["state"] != DONE:
                    raise ParameterError(f"a check was answered with {answer.status_code}: {answer.text:.300}")
        return taken

    processor, own, busy, started = processor_seconds(server), time.process_time(), _busy_seconds(), time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        seconds = [one for taken in pool.map(ask, [numbers[at::clients] for at in range(clients)]) for one in taken]
    elapsed, processor = time.perf_counter() - started, processor_seconds(server) - processor
    others = _busy_seconds() - busy - processor - (time.process_time() - own)
    return {
        "clients": clients,
        "n": checks,
        "p50": float(np.quantile(seconds, 0.5)),
        "p95": float(np.quantile(seconds, 0.95)),
        "per_second": checks / elapsed,
        "processor_seconds": processor / checks,
        "others": max(0.0, others / elapsed),
    }


def scan_beside_command(
    server: ServerProcess, music: LoadMusic, seconds: int, folder: Path, *, rounds: int
) -> dict[str, Any]:
    """Return processor seconds of a scan by the service and by the command, in turn, and how many rows differ.

    The command's are of all tracks without those of one track, so that they hold no start of the program.
    """
    tracks = music.tracks[seconds]
    by_service, by_command, starts, n_different = [], [], [], 0
    for number in range(rounds):
        before = processor_seconds(server)
        rows = _scanned(server, tracks)
        by_service.append((processor_seconds(server) - before) / len(tracks))
        one, _ = _by_command(music.index, tracks[:1], folder / f"run-{seconds}-{number}-one")
        every, wanted = _by_command(music.index, tracks, folder / f"run-{seconds}-{number}")
        each = (every - one) / (len(tracks) - 1)
        by_command.append(each)
        starts.append(one - each)
        n_different += sum(rows[track.name] != wanted[track.name] for track in tracks)
    return {
        "seconds": seconds,
        "n": rounds * len(tracks),
        "service": statistics.median(by_service),
        "command": statistics.median(by_command),
        "start": statistics.median(starts),
        "ratios": [mine / its for mine, its in zip(by_service, by_command, strict=True)],
        "different": n_different,
    }


def _scanned(server: ServerProcess, tracks: Sequence[Path]) -> dict[str, Any]:
    """Submit scans, wait for them, and return the content of their rows."""
    rows = {}
    with client(server.url, server.key) as http:
        asked = {
            track.name: http.post("/v1/scans", params={"name": track.name}, content=track.read_bytes()).json()["id"]
            for track in tracks
        }
        for name, scan_id in asked.items():
            _wait_for(http, scan_id)
            rows[name] = row_content(http.get(f"/v1/scans/{scan_id}/result").json())
    return rows


def _wait_for(http: httpx.Client, scan_id: str) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while (state := http.get(f"/v1/scans/{scan_id}").json()["state"]) != DONE:
        if state == FAILED or time.monotonic() > deadline:
            raise ParameterError(f"scan {scan_id}: is {state}, and should be done")
        time.sleep(_LOOK_SECONDS)


def _by_command(index: Path, tracks: Sequence[Path], out: Path) -> tuple[float, dict[str, Any]]:
    """Return processor seconds of a scan by command, and the content of its rows."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    words = ["scan", *map(str, tracks), "--index", str(index), "--out", str(out), "--jobs", "1", "--quiet"]
    done = run_command_line(words)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.exit_code:
        raise ParameterError(f"sourceprint scan: ended with {done.exit_code}: {done.stderr[-300:]}")
    rows = rows_of((out / "results.jsonl").read_text(encoding="utf-8"))
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent, {Path(name).name: row_content(row) for name, row in rows.items()}


# --- memory -----------------------------------------------------------------------------------------------------------


def upload_memory(server: ServerProcess, folder: Path, megabytes: int) -> dict[str, Any]:
    """Return memory of the server before an upload of silence and at most during it, in MB; the scan is erased."""
    path = folder / "long.wav"
    soundfile.write(path, np.zeros((1, 2), np.float32), 44_100, subtype="PCM_16")
    with open(path, "r+b") as file:  # sparse: samples that are no more than a length
        file.truncate(megabytes * 1_000_000)
        for offset, size in ((4, megabytes * 1_000_000 - 8), (40, megabytes * 1_000_000 - 44)):
            file.seek(offset)
            file.write(size.to_bytes(4, "little"))
    pid = server.running.pid
    with client(server.url, server.key, timeout=_PATIENCE_SECONDS) as http:
        small = http.post("/v1/scans", content=b"small")  # what the first upload loads is not that of a large one
        http.delete(f"/v1/scans/{small.json()['id']}").raise_for_status()
        before = memory_mb(pid, "VmRSS")
        (Path("/proc") / str(pid) / "clear_refs").write_text("5", encoding="ascii")  # the peak is that of now
        started = time.perf_counter()
        with open(path, "rb") as file:
            answer = http.post("/v1/scans", params={"name": path.name}, content=file)
        seconds = time.perf_counter() - started
        if answer.status_code != 202:
            raise ParameterError(f"an upload was answered with {answer.status_code}: {answer.text:.300}")
        peak = memory_mb(pid, "VmHWM")
        http.delete(f"/v1/scans/{answer.json()['id']}").raise_for_status()
    return {"mb": megabytes, "before_mb": before, "peak_mb": peak, "seconds": seconds}


# --- jobs that wait ---------------------------------------------------------------------------------------------------


def take_times(server: ServerProcess, database: ServiceDatabase, track: Path, n: int) -> dict[str, float]:
    """Return the median seconds in which a check is submitted and in which it is taken, by nobody else's workers."""
    submitted, taken, content = [], [], track.read_bytes()
    with client(server.url, server.key) as http:
        for _ in range(n):
            started = time.perf_counter()
            answer = http.post("/v1/checks", params={"name": track.name, "wait": 0}, content=content)
            between = time.perf_counter()
            (held,) = claim(database, "benchmark", lease_seconds=600)
            ended = time.perf_counter()
            if held.job.id != answer.json()["id"]:
                raise ParameterError(f"check {answer.json()['id']}: another job was taken before it")
            submitted.append(between - started)
            taken.append(ended - between)
            with database.writing() as connection:
                finish(connection, held, FAILED, at=database.now(), error="{}")
    return {"submit": statistics.median(submitted), "take": statistics.median(taken)}


def submit_batch(server: ServerProcess, track: Path, n: int) -> float:
    """Submit additions, which wait, and return seconds of the request."""
    files = [{"path": str(track), "id": f"waiting-{number}"} for number in range(n)]
    with client(server.url, server.key) as http:
        started = time.perf_counter()
        answer = http.post(
            "/v1/catalogue/additions/batch",
            content=json.dumps({"files": files}).encode(),
            headers={"Content-Type": "application/json"},
        )
        seconds = time.perf_counter() - started
    if answer.status_code != 202 or len(answer.json()["ids"]) != n:
        raise ParameterError(f"a batch was answered with {answer.status_code}: {answer.text:.300}")
    return seconds


def hold_line(database: ServiceDatabase) -> None:
    """Let additions wait: one of their organisation is under way, for a day, as an index has one writer."""
    until = time_text(database.clock() + timedelta(days=1))
    with database.writing() as connection:
        (held,) = add_jobs(
            connection, DEFAULT_ORGANISATION, ADDITION, [{"arguments": "{}"}], at=database.now(), by="benchmark"
        )
        started = {"state": RUNNING, "owner": "benchmark", "token": 1, "lease_until": until}
        connection.execute(update(job).where(job.c.id == held, job.c.state == QUEUED).values(**started))


def idle_share(server: ServerProcess, seconds: float) -> float:
    """Return the processor time of a service that has nothing to do, as a share of elapsed time."""
    time.sleep(1.0)  # the log is fed with the last entries
    before, started = processor_seconds(server), time.perf_counter()
    time.sleep(seconds)
    return (processor_seconds(server) - before) / (time.perf_counter() - started)


# --- processes --------------------------------------------------------------------------------------------------------


@contextmanager
def _running(server: ServerProcess, workers: int) -> Iterator[None]:
    kept = server.options
    server.options = (*kept, "--workers", str(workers))
    try:
        server.start()
        yield
        if code := server.stop():
            raise ParameterError(f"the server was asked to stop and ended with {code}")
    finally:
        server.options = kept
        server.kill_all()


def processor_seconds(server: ServerProcess) -> float:
    """Return the processor time of a server and all its processes so far, with those that ended and were waited for."""
    ticks = 0
    for pid in family(server.running.pid):
        text = (Path("/proc") / str(pid) / "stat").read_text(encoding="ascii")
        ticks += sum(map(int, text.rpartition(")")[2].split()[11:15]))  # user, system, and those of its children
    return ticks / os.sysconf("SC_CLK_TCK")


def _busy_seconds() -> float:
    """Return the processor time of everything that ran on the machine so far."""
    user, nice, system = map(int, Path("/proc/stat").read_text(encoding="ascii").split()[1:4])
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int, field: str) -> float:
    """Return a field of the memory of a process, in MB of a million bytes: VmRSS, or VmHWM for its peak."""
    lines = (Path("/proc") / str(pid) / "status").read_text(encoding="ascii").splitlines()
    (line,) = (line for line in lines if line.startswith(f"{field}:"))
    return int(line.split()[1]) * 1024 / 1e6
