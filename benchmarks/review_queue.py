"""The review queue of a label with 10 000 uses that wait: time of its pages, by HTTP on loopback.

python -m benchmarks.review_queue
python -m benchmarks.review_queue --quick
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import httpx

from benchmarks.part import MEASURED, Figure, Job, Part, Picture, Report, Table, new_report, run_command
from benchmarks.service_processes import ServerProcess
from fingerprint.errors import ParameterError
from sourceprint.places import today
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.rights.history import apply_records
from sourceprint.royalties.rights.licence_toml import parse_licence
from sourceprint.royalties.rights.records import MASTER, WHOLE, Party, RightsRecording, Share
from sourceprint.royalties.rights.rows import Record, row_of, table_of
from sourceprint.royalties.uses.ledger import attribute_results
from sourceprint.royalties.uses.policy import load_policy
from sourceprint.service.access.organisations import DEFAULT_ORGANISATION
from sourceprint.service.people.passkeys import Passkey, keep_passkey
from sourceprint.service.people.persons import add_person
from sourceprint.service.people.sign_ins import csrf_token, start_sign_in
from sourceprint.service.server import Server
from sourceprint.service.settings import settings_of

__all__ = ["PART", "main", "measure"]

ABOUT = """\
A server on SQLite, started by `sourceprint serve` on loopback, has uses that wait for a person; each is of one of a
fifth as many recordings. A reviewer is signed in. Times are from the request to the last byte, of one client. *After a
start* is the first page that anybody asks for, so many seconds after the server answers at all; *after tracks* follows
at once on the attribution of 100 more; *after new rights* comes so many seconds after a change of the licence, which
changes the money of every use. Times hold for this machine.
"""

_LICENSEE: Final = "P-GEN"
_LATER_SECONDS: Final = 5.0
_MORE: Final = 100
MOST_SECONDS: Final = 0.3
_LICENCE: Final = """\
schema = "sourceprint/licence/1"
id = "L-1"
licensor = "P-LABEL"
licensee = "P-GEN"
valid_from = 2026-01-01
purposes = ["generate"]
[scope]
everything = true
[rate_card]
currency = "EUR"
per_second = "RATE"
[rate_card.rights]
Master = "100 %"
"""


def measure(job: Job) -> Report:
    """Return the time of each page."""
    n_uses = 500 if job.quick else 10_000
    job.cache.mkdir(parents=True, exist_ok=True)
    report = new_report("review_queue", job, tracks=n_uses) | {"uses": n_uses}
    with tempfile.TemporaryDirectory(prefix="review-queue-", dir=job.cache) as name:
        folder = Path(name)
        with_server = ServerProcess(folder / "data", ("--workers", "1"))
        try:
            with_server.start()  # makes the organisation
            with_server.kill_all()
            token = _office(folder / "data", folder, n_uses)
            with_server.start()
            report["pages"] = _pages(with_server, folder, token, n_uses)
        finally:
            with_server.kill_all()
    return report


def _office(data: Path, folder: Path, n_uses: int) -> str:
    """Make the data of a label, and return the text of a reviewer's sign-in."""
    server = Server.open(settings_of({}, data=data))
    with server.database.writing() as connection:
        at, now = server.database.now(), server.database.clock()
        bo = add_person(connection, DEFAULT_ORGANISATION, "Bo", ["reviewer"], at=at, actor="benchmark")
        made = Passkey("0" * 60, "", "", bo.id.encode(), b"key", 0, "")
        keep_passkey(connection, bo, made, "none", at=at, actor="benchmark")
        token = start_sign_in(connection, bo.id, made.id, now=now)
    rights = server.folder.organisation(DEFAULT_ORGANISATION).rights()
    n_recordings = max(1, n_uses // 5)
    records: list[Record] = [Party("P-LABEL", "Label"), Party(_LICENSEE, "Generator")]
    for n in range(n_recordings):
        records.append(RightsRecording(f"R{n}", title=f"Title {n}", artists=(f"Artist {n % 97}",), index_id=f"I{n}"))
        records.append(Share(f"S{n}", f"R{n}", "P-LABEL", MASTER, WHOLE))
    _enter(rights, records)
    _license(rights, "0.002")
    _attribute(rights, folder, range(n_uses), n_recordings)
    server.database.close()
    return token


def _enter(rights: Database, records: list[Record]) -> None:
    by_table: dict[Any, list[dict[str, object]]] = {}
    for one in records:
        by_table.setdefault(table_of(one), []).append(row_of(one))
    with rights.changing(source="benchmark", by="benchmark") as change:
        for table, rows in by_table.items():
            apply_records(change, table, rows)


def _license(rights: Database, rate: str) -> None:
    _enter(rights, [parse_licence(_LICENCE.replace("RATE", rate), name="licence")])


def _attribute(rights: Database, folder: Path, tracks: range, n_recordings: int) -> None:
    """Attribute the results of tracks, each with one passage of a recording, which a policy leaves to a person."""
    path = folder / "results.jsonl"
    with path.open("w", encoding="utf-8") as lines:
        for n in tracks:
            lines.write(json.dumps(_result(n, n % n_recordings)) + "\n")
    attribute_results(
        rights, path, load_policy("matched-seconds"), licensee=_LICENSEE, generated_on=today().isoformat(),
        by="benchmark",
    )  # fmt: skip


def _result(n: int, of: int) -> dict[str, Any]:
    length_ms = 4_000 + 37 * n % 20_000
    passage = {
        "track_start_ms": 1_000, "track_end_ms": 1_000 + length_ms, "recording_start_ms": 30_000,
        "recording_end_ms": 30_000 + length_ms, "pitch_cents": 0.0, "speed_percent": 100.0, "tempo_percent": 100.0,
        "aligned_landmarks": length_ms // 100, "expected_by_chance": 0.5, "p_false": 1e-12, "false_per_1000h": 1e-9,
        "confidence": 0.95, "excluded": False, "also_fits": [],
    }  # fmt: skip
    match = {
        "recording_id": f"I{of}", "isrc": None, "title": f"Title {of}", "artists": [], "layer": "recording",
        "track_match_ms": length_ms, "track_match_percentage": 10.0, "recording_match_ms": length_ms,
        "recording_match_percentage": 10.0, "passages": [passage], "confidence": 0.95,
    }  # fmt: skip
    name = f"track-{n}.wav"
    digest = hashlib.sha256(name.encode()).hexdigest()
    return {
        "schema": "sourceprint/scan-result/2", "scan_id": f"01890000-0000-7000-8000-{n:012x}",
        "track": {"name": name, "sha256": digest, "duration_ms": 60_000, "decoder": "soundfile", "notes": []},
        "index": {"digest": f"sha256:{'1' * 64}", "algorithm": "landmark/1", "params_digest": "sha256:0",
                  "recordings": 9},
        "searched": {"only": [], "exclude": [], "recordings": 9}, "status": "matched", "reason": None,
        "matches": [match], "timing_ms": {"fingerprint": 1, "search": 1, "verify": 1},
    }  # fmt: skip


def _pages(server: ServerProcess, folder: Path, token: str, n_uses: int) -> list[dict[str, Any]]:
    origin = f"http://localhost:{server.port}"  # the name to which a sign-in is bound
    rows: list[dict[str, Any]] = []
    rights = Server.open(settings_of({}, data=folder / "data")).folder.organisation(DEFAULT_ORGANISATION).rights()
    headers = {"Origin": origin, "X-CSRF-Token": csrf_token(token), "Accept": "text/html"}
    with httpx.Client(base_url=origin, cookies={"sourceprint": token}, headers=headers, timeout=60) as client:

        def timed(page: str, ask: Callable[[], httpx.Response], times: int = 1) -> httpx.Response:
            taken = []
            for _ in range(times):
                began = time.perf_counter()
                answer = ask()
                taken.append(time.perf_counter() - began)
                if answer.status_code not in (200, 303):
                    raise ParameterError(f"{page}: was answered {answer.status_code}: {answer.text[:200]}")
            rows.append({"page": page, "n": times, "seconds": statistics.median(taken), "most": max(taken)})
            return answer

        def first() -> httpx.Response:
            return client.get("/console/review")

        time.sleep(_LATER_SECONDS)
        shown = timed("first page after a start", first).text
        timed("first page again", first, 20)
        following = re.search(r'href="(/console/review\?after=[^"]*)"', shown)
        if following is None or f"{n_uses} uses" not in shown:
            raise ParameterError("the queue: has not the uses that were made")
        timed("second page", lambda: client.get(following[1]), 20)
        timed("found by a text", lambda: client.get("/console/review?q=artist+42"), 20)
        use = next(iter(re.findall(r"/console/review/(U[0-9a-f]{24})", shown)))
        timed("one use", lambda: client.get(f"/console/review/{use}"), 20)
        timed("a decision", lambda: client.post(f"/console/review/{use}", data={"seen": "0", "state": "claimed"}))
        timed("first page after a decision", first)
        _attribute(rights, folder, range(n_uses, n_uses + _MORE), max(1, n_uses // 5))
        timed(f"first page after {_MORE} tracks", first)
        _license(rights, "0.003")
        time.sleep(_LATER_SECONDS)
        timed("first page after new rights", first)
    return rows


def figures(report: Report) -> list[Figure]:
    """Return the figures that are compared between versions."""
    about = f"{report['uses']} uses"
    return [
        Figure(
            f"{row['page']} of the review queue, {about}" if "page" in row["page"] else f"{row['page']}, {about}",
            row["seconds"], "s", "lower", f"n={row['n']}, at most {row['most']:.3f} s", MOST_SECONDS,
            headline=row["page"] == "first page after a start",
        )
        for row in report["pages"]
    ]  # fmt: skip


def tables(report: Report) -> list[Table]:
    """Return the table."""
    rows = [(row["page"], str(row["n"]), f"{row['seconds']:.3f}", f"{row['most']:.3f}") for row in report["pages"]]
    title = f"Pages of the review queue, {report['uses']} uses, SQLite"
    return [Table(title, ("page", "n", "median, s", "most, s"), rows, f"*After* is {_LATER_SECONDS:.0f} s later for a "
                  "start and for new rights, at once else.")]  # fmt: skip


def pictures(report: Report, folder: Path) -> list[Picture]:
    """Return no pictures: the table is short."""
    return []


PART: Final = Part(
    name="review_queue",
    title="The review queue",
    question="How long does a person wait for the pages of a long review queue?",
    about=ABOUT,
    measure=measure,
    tables=tables,
    figures=figures,
    pictures=pictures,
    code=(*MEASURED, "sourceprint"),
)

main = functools.partial(run_command, PART)

if __name__ == "__main__":
    sys.exit(main())
