"""The work of a service that is killed: small music, the requests of a round, and clients that ask until answered.

Scans, by upload and by batch, and checks search the catalogue of one organisation, which stays as it is, so that rows
can be compared with those of the command; additions go to the catalogue of another.
"""

from __future__ import annotations

import io
import itertools
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import httpx
import soundfile

from benchmarks.journeys_steps import rows_of, run_command_line
from fingerprint.errors import ParameterError
from sourceprint.demo.synthesis import synthesize

__all__ = [
    "Asked",
    "Clients",
    "Music",
    "Receiver",
    "make_music",
    "report_content",
    "requests_of",
    "row_content",
]

_RATE_HZ: Final = 11_025
_PATIENCE_SECONDS: Final = 180.0


@dataclass(frozen=True, slots=True)
class Music:
    """Files of a chain, and the answers of the command line for its tracks.

    Attributes
    ----------
    index : Path
        Of the catalogue that is searched.
    tracks : tuple of Path
        To be scanned and checked.
    rows, reports : dict
        Rows of `scan` and reports of `check` by the name of the file, without the fields that differ from run to run.
    """

    index: Path
    tracks: tuple[Path, ...]
    rows: dict[str, Any]
    reports: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, and how many jobs it makes: a kind, the tracks that they search or the id that they add."""

    key: str
    kind: str
    names: tuple[str, ...]
    path: str
    content: bytes


def make_music(folder: Path) -> Music:
    """Make a catalogue of two recordings, tracks that reuse them or not, and the results of the command.

    Raises
    ------
    ParameterError
        If a command fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sounds = {name: synthesize(seed, 16.0, sample_rate=_RATE_HZ) for name, seed in (("A", 1), ("B", 2))}
    cuts = {
        "one": sounds["A"][3 * _RATE_HZ : 12 * _RATE_HZ],
        "two": sounds["B"][2 * _RATE_HZ : 14 * _RATE_HZ],
        "none": synthesize(9, 9.0, sample_rate=_RATE_HZ),
    }
    for name, y in (sounds | cuts).items():
        soundfile.write(folder / f"{name}.wav", y, _RATE_HZ)
    (folder / "broken.wav").write_bytes(b"no music in here" * 200)
    index, out = folder / "index", folder / "run"
    tracks = tuple(folder / f"{name}.wav" for name in (*cuts, "broken"))
    commands = (
        (["add", *(str(folder / f"{name}.wav") for name in sounds), "--index", str(index), "--quiet"], (0,)),
        (["scan", *map(str, tracks), "--index", str(index), "--out", str(out), "--quiet", "--jobs", "1"], (0, 4)),
    )
    for words, codes in commands:
        done = run_command_line(words)
        if done.exit_code not in codes:
            raise ParameterError(f"sourceprint {words[0]}: ended with {done.exit_code}: {done.stderr[-300:]}")
    rows = rows_of((out / "results.jsonl").read_text(encoding="utf-8"))
    reports = {}
    for track in tracks:
        done = run_command_line(["check", str(track), "--index", str(index), "--format", "json"])
        reports[track.name] = report_content(json.loads(done.stdout))
    return Music(index, tracks, {Path(name).name: row_content(row) for name, row in rows.items()}, reports)


def row_content(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row without the name and id of its track and the fields that differ from run to run."""
    kept = {name: value for name, value in row.items() if name not in ("scan_id", "timing_ms")}
    return kept | {"track": {name: value for name, value in row["track"].items() if name not in ("name", "id")}}


def report_content(report: dict[str, Any]) -> dict[str, Any]:
    """Return a report of a check without the names of its track and the fields that differ from run to run."""
    files = []
    for file in report["files"]:
        track = {name: value for name, value in file.get("track", {}).items() if name not in ("name", "id", "bytes")}
        gone = ("scan_id", "timing_ms", "track", "name", "path", "id")
        files.append({name: value for name, value in file.items() if name not in gone} | {"track": track})
    others = [one | {"name": Path(one["name"] or "").name} for one in report["not_verified"]]
    return report | {"files": files, "not_verified": others}


def requests_of(number: int, music: Music, chance: random.Random) -> list[Asked]:
    """Return the requests of a round: an upload, a batch of two, a check, one or two additions."""

    def drawn() -> Path:
        return chance.choice(music.tracks)

    track = drawn()
    path = f"/v1/scans?name={track.name}&reference=upload-{number}"
    made = [Asked(f"scan-{number}", "scan", (track.name,), path, track.read_bytes())]
    named = [drawn() for _ in range(2)]
    files = [{"path": str(track), "name": track.name, "reference": f"batch-{number}"} for track in named]
    content = json.dumps({"files": files}).encode()
    made.append(Asked(f"batch-{number}", "scan", tuple(one.name for one in named), "/v1/scans/batch", content))
    track = drawn()
    made.append(
        Asked(f"check-{number}", "check", (track.name,), f"/v1/checks?name={track.name}&wait=0", track.read_bytes())
    )
    for at in range(chance.randint(1, 2)):
        name = f"r{number:04d}-{at}"
        sound, y = io.BytesIO(), synthesize(1_000 + 2 * number + at, 6.0, sample_rate=_RATE_HZ)
        soundfile.write(sound, y, _RATE_HZ, format="WAV")
        path = f"/v1/catalogue/additions?id={name}&title=Title"
        made.append(Asked(f"addition-{number}-{at}", "addition", (name,), path, sound.getvalue()))
    chance.shuffle(made)
    return made


class Clients:
    """Clients that submit requests, each until it was answered, whatever happens to the server meanwhile.

    Parameters
    ----------
    url : str
    keys : dict
        The key of the organisation that scans and checks, and that of the one that adds, as "search" and "add".

    Attributes
    ----------
    answered : dict
        Ids of jobs by the key of their request.
    repeats : int
        Requests that were sent again, as no answer came.
    failures : list of str
    """

    def __init__(self, url: str, keys: dict[str, str]) -> None:
        self._url = url
        self._keys = keys
        self.answered: dict[str, tuple[str, ...]] = {}
        self.repeats = 0
        self.failures: list[str] = []

    def submit(self, asked: list[Asked]) -> threading.Thread:
        """Start to submit requests, one after the other; the thread ends when all were answered."""

        def ask_all() -> None:
            for one in asked:
                self.ask(one)

        thread = threading.Thread(target=ask_all, name="clients", daemon=True)
        thread.start()
        return thread

    def ask(self, asked: Asked) -> None:
        """Submit a request until it is answered; if it was answered before, the answer must be the same."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        is_json = asked.path.endswith("/batch")
        headers = {
            "Authorization": f"Bearer {self._keys['add' if asked.kind == 'addition' else 'search']}",
            "Content-Type": "application/json" if is_json else "application/octet-stream",
            "Idempotency-Key": asked.key,
        }
        for attempt in itertools.count():
            try:
                answer = httpx.post(self._url + asked.path, content=asked.content, headers=headers, timeout=60)
            except httpx.TransportError as error:
                if time.monotonic() > deadline:
                    self.failures.append(f"request {asked.key}: no answer ({type(error).__name__})")
                    return
                time.sleep(0.1)
                continue
            self.repeats += attempt > 0
            if answer.status_code not in (200, 202):
                self.failures.append(f"request {asked.key}: answered {answer.status_code}: {answer.text:.200}")
                return
            told = answer.json()
            ids = tuple(told["ids"]) if is_json else (told["id"],)
            if self.answered.setdefault(asked.key, ids) != ids:
                self.failures.append(f"request {asked.key}: answered with other jobs when it was repeated")
            return


@dataclass(slots=True)
class Receiver:
    """A receiver of webhooks on loopback, which does not answer every first call.

    Attributes
    ----------
    calls : Counter
        Calls that it answered well, by message id.
    bodies : dict
        The body by message id.
    failures : list of str
        Bodies that changed between calls.
    """

    calls: Counter[str] = field(default_factory=Counter)
    bodies: dict[str, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    _refused: set[str] = field(default_factory=set)

    @contextmanager
    def listening(self) -> Iterator[str]:
        """Yield its URL."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        thread = threading.Thread(target=server.serve_forever, name="receiver", daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def take(self, message_id: str, body: str) -> int:
        """Take a call; return the status of the answer: one message in four is refused once."""
        if message_id[-1] in "048c" and message_id not in self._refused:
            self._refused.add(message_id)
            return 503
        if self.bodies.setdefault(message_id, body) != body:
            self.failures.append(f"webhook {message_id}: came with another body")
        self.calls[message_id] += 1
        return 204

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode("utf-8")
                self.send_response(receiver.take(self.headers["webhook-id"], body))
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Print nothing."""

        return Handler
