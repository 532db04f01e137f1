"""Scans by HTTP: the row is that of the command, every request is answered, nothing stays behind."""

from __future__ import annotations

import json
import socket
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import soundfile
from sqlalchemy import select

from index.folder.index import Index
from sourceprint.service.store.schema import job, outbox
from tests.command_line import run
from tests.service_servers import TestService, open_server, running


def scan(service: TestService, path: Path, organisation: str = "main", **query: Any) -> httpx.Response:
    with service.client(organisation) as client:
        return client.post("/v1/scans", params={"name": path.name, **query}, content=path.read_bytes())


def events(service: TestService) -> list[dict[str, Any]]:
    with service.server.database.reading() as connection:
        entries = connection.scalars(select(outbox.c.entry).order_by(outbox.c.sequence)).all()
    return [json.loads(entry) for entry in entries]


def test_the_result_is_the_row_of_the_command(
    catalogued: TestService, music: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(music)
    index = catalogued.server.folder.organisation("main").index
    assert run("scan", "reuse.wav", "own.wav", "--index", index, "--out", tmp_path / "run", "--quiet").exit_code == 0
    rows = {
        row["track"]["name"]: row
        for row in map(json.loads, (tmp_path / "run" / "results.jsonl").read_text().splitlines())
    }
    for name in ("reuse.wav", "own.wav"):
        submitted = scan(catalogued, Path(name))
        assert (submitted.status_code, submitted.json()["state"]) == (202, "queued")
        catalogued.work()
        with catalogued.client() as client:
            result = client.get(submitted.headers["location"] + "/result").json()
            assert client.get(submitted.headers["location"]).json()["result"] == result
        assert result == rows[name]
    assert rows["reuse.wav"]["status"] == "matched"
    assert list(catalogued.server.folder.uploads.iterdir()) == []


def test_the_callers_own_id_is_in_the_job_the_list_and_the_result(sqlite_catalogued: TestService, music: Path) -> None:
    scan(sqlite_catalogued, music / "own.wav")
    scan_id = scan(sqlite_catalogued, music / "own.wav", reference="ÜBER-7").json()["id"]
    sqlite_catalogued.work()
    with sqlite_catalogued.client() as client:
        listed = client.get("/v1/scans", params={"reference": "ÜBER-7"}).json()["items"]
        assert [one["id"] for one in listed] == [scan_id]
        assert client.get(f"/v1/scans/{scan_id}/result").json()["track"]["id"] == "ÜBER-7"


def test_the_same_idempotency_key_is_one_scan_and_another_request_with_it_is_refused(
    catalogued: TestService, music: Path
) -> None:
    with catalogued.client() as client, catalogued.client("other") as other:
        headers, body = {"Idempotency-Key": "k1"}, (music / "own.wav").read_bytes()
        ids = [client.post("/v1/scans", content=body, headers=headers).json()["id"] for _ in range(2)]
        assert ids[0] == ids[1]
        differing = client.post("/v1/scans?thorough=true", content=body, headers=headers)
        assert (differing.status_code, differing.json()["title"]) == (409, "idempotency key used")
        assert other.post("/v1/scans", content=body, headers=headers).json()["id"] != ids[0]
        assert len(client.get("/v1/scans").json()["items"]) == 1
    assert len(list(catalogued.server.folder.uploads.iterdir())) == 2  # one for each organisation


def test_audio_that_cannot_be_searched_is_an_outcome(sqlite_catalogued: TestService, tmp_path: Path) -> None:
    (tmp_path / "x.mp3").write_bytes(b"no music in here" * 100)
    scan_id = scan(sqlite_catalogued, tmp_path / "x.mp3").json()["id"]
    sqlite_catalogued.work()
    with sqlite_catalogued.client() as client:
        found = client.get(f"/v1/scans/{scan_id}").json()
    assert (found["state"], found["result"]["status"]) == ("done", "decode_error")


@pytest.mark.parametrize(("seconds", "status", "code"), [(0.4, "too_short", 4), (0.5, "no_match", 0)])
def test_a_track_too_short_to_judge_is_told_in_the_words_of_the_command_line(
    sqlite_catalogued: TestService, music: Path, tmp_path: Path, seconds: float, status: str, code: int
) -> None:
    y, rate_hz = soundfile.read(music / "own.wav")
    path = tmp_path / "brief.wav"
    soundfile.write(path, y[: int(seconds * rate_hz) + 1], rate_hz)
    scan_id = scan(sqlite_catalogued, path).json()["id"]
    with sqlite_catalogued.client() as client:
        checked = client.post("/v1/checks?name=brief.wav&wait=0", content=path.read_bytes()).headers["location"]
        sqlite_catalogued.work()
        row, report = client.get(f"/v1/scans/{scan_id}/result").json(), client.get(checked).json()["result"]
    told = run("match", path, "--jsonl", index=sqlite_catalogued.server.folder.organisation("main").index)
    by_command = json.loads(told.stdout)
    assert (row["status"], row["reason"], row["track"]["notes"]) == (
        by_command["status"],
        by_command["reason"],
        by_command["track"]["notes"],
    )
    assert (row["status"], report["exit_code"]) == (status, code)
    notes = ["short: 0.5 s; of reuse as short as this some is missed, and under 1 s most"]
    assert row["track"]["notes"] == ([] if status == "too_short" else notes)


def test_a_scan_without_a_catalogue_fails_and_says_why(sqlite_service: TestService, music: Path) -> None:
    scan_id = scan(sqlite_service, music / "own.wav").json()["id"]
    with sqlite_service.client() as client:
        check = client.post("/v1/checks?wait=0", content=(music / "own.wav").read_bytes()).headers["location"]
        sqlite_service.work()
        found, checked = client.get(f"/v1/scans/{scan_id}").json(), client.get(check).json()
        assert client.get(f"/v1/scans/{scan_id}/result").status_code == 409
    assert (found["reference"], checked["state"]) == (None, "failed")
    assert "or name the grant of another catalogue with grant=ID" in checked["error"]["detail"]
    assert (found["state"], found["result"]) == ("failed", None)
    assert found["error"]["detail"] == "the catalogue holds no recording; add recordings before you scan"


def test_an_erased_scan_has_no_audio_and_no_result_and_the_log_says_so(catalogued: TestService, music: Path) -> None:
    done = scan(catalogued, music / "reuse.wav").json()["id"]
    catalogued.work()
    waiting = scan(catalogued, music / "reuse.wav").json()["id"]
    with catalogued.client() as client:
        for scan_id in (done, waiting, done):
            assert client.delete(f"/v1/scans/{scan_id}").status_code == 204
        views = [client.get(f"/v1/scans/{scan_id}").json() for scan_id in (done, waiting)]
    assert [(view["state"], view["result"], bool(view["erased_at"])) for view in views] == [
        ("done", None, True),
        ("failed", None, True),
    ]
    assert list(catalogued.server.folder.uploads.iterdir()) == []
    assert catalogued.work() == 0
    assert [entry["subject"] for entry in events(catalogued) if entry["event"] == "scan.erased"] == [
        f"scan:{done}",
        f"scan:{waiting}",
    ]


def test_a_batch_scans_the_files_of_a_readable_folder_and_no_others(
    database_place: str, tmp_path: Path, music: Path, index: Path, clock: Any
) -> None:
    (tmp_path / "secret.wav").write_bytes((music / "own.wav").read_bytes())
    incoming = tmp_path / "incoming"
    incoming.mkdir()
    for name in ("reuse.wav", "own.wav"):
        (incoming / name).write_bytes((music / name).read_bytes())
    (incoming / "link.wav").symlink_to(tmp_path / "secret.wav")
    with running(open_server(tmp_path, database_place, clock, readable=(incoming,)), clock) as service:
        own = service.server.folder.organisation("main")
        own.root.mkdir(parents=True)
        own.index.symlink_to(index)
        with service.client() as client:
            files = [{"path": str(incoming / "reuse.wav"), "reference": "R1"}, {"path": str(incoming / "own.wav")}]
            headers = {"Idempotency-Key": "b1", "Content-Type": "application/json"}
            first = client.post("/v1/scans/batch", json={"files": files}, headers=headers)
            again = client.post("/v1/scans/batch", json={"files": files}, headers=headers)
            assert first.status_code == 202
            assert first.json() == again.json()
            service.work()
            results = [client.get(f"/v1/scans/{one}").json()["result"]["status"] for one in first.json()["ids"]]
            assert results == ["matched", "no_match"]
            headers["Idempotency-Key"] = "b3"
            whole = client.post("/v1/scans/batch", json={"folder": str(incoming)}, headers=headers).json()
            assert (len(whole["ids"]), [Path(one["name"]).name for one in whole["refused"]]) == (2, ["link.wav"])
            for path in ("/etc/passwd", str(incoming / "../secret.wav"), str(incoming / "link.wav"), "own.wav", "a\0b"):
                refused = client.post(
                    "/v1/scans/batch", json={"files": [{"path": path}]}, headers=headers | {"Idempotency-Key": "b2"}
                )
                assert refused.status_code == 403
                assert "is in no folder that this server may read" in refused.json()["detail"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"thorough": "perhaps"}, "thorough"),
        ({"max_false_per_1000h": "-1"}, "max_false_per_1000h"),
        ({"only": "@/etc/passwd"}, "names no file"),
        ({"only": "nonsense"}, "nonsense"),
        ({"layer": "x"}, "layer"),
        ({"reference": "a\nb"}, "reference"),
    ],
)
def test_unsuitable_settings_are_refused_before_audio_is_kept(
    sqlite_service: TestService, music: Path, query: dict[str, str], said: str
) -> None:
    refused = scan(sqlite_service, music / "own.wav", **query)
    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"
    assert said in refused.json()["detail"]
    assert list(sqlite_service.server.folder.uploads.iterdir()) == []


def test_uploads_that_are_empty_too_long_or_cut_off_leave_nothing(tmp_path: Path, clock: Any) -> None:
    with running(open_server(tmp_path, "", clock, upload_mb=1), clock) as service, service.client() as client:
        assert client.post("/v1/scans", content=b"").status_code == 422
        assert client.post("/v1/scans", content=bytes(1_000_001)).status_code == 413
        chunks = (bytes(100_000) for _ in range(11))
        assert client.post("/v1/scans", content=chunks).status_code == 413
        port = int(service.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as connection:
            head = f"POST /v1/scans HTTP/1.1\r\nHost: x\r\nAuthorization: {client.headers['authorization']}\r\n"
            connection.sendall(f"{head}Content-Length: 5000\r\n\r\nhalf".encode())
        assert client.get("/v1/scans").json()["items"] == []
        assert list(service.server.folder.uploads.iterdir()) == []
        with service.server.database.reading() as connection_:
            assert connection_.execute(select(job)).all() == []


def test_a_check_answers_with_the_report_of_the_command(
    sqlite_catalogued: TestService, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(music)
    index = sqlite_catalogued.server.folder.organisation("main").index
    report = json.loads(run("check", "reuse.wav", "--index", index, "--format", "json").stdout)
    with sqlite_catalogued.client() as client:
        sent = client.post("/v1/checks?name=reuse.wav&wait=0", content=Path("reuse.wav").read_bytes())
        assert (sent.status_code, sent.json()["state"]) == (202, "queued")
        sqlite_catalogued.work()
        answered = client.get(sent.headers["location"]).json()
    for document in (report, answered["result"]):
        for file in document["files"]:
            file.pop("scan_id", None)
            file.pop("timing_ms", None)
            file.get("track", {}).pop("bytes", None)
    assert answered["result"] == report
    assert answered["result"]["exit_code"] == 1


def test_the_log_of_requests_names_the_key_by_its_id(
    sqlite_service: TestService, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "sourceprint.service"), sqlite_service.client() as client:
        client.get("/v1/scans")
        client.get("/health")
        refused = client.get("/v1/scans", headers={"Authorization": "Bearer sp_0123456789ab_x"})
        deadline = time.monotonic() + 10  # the line of a request follows its answer
        while [record.message for record in caplog.records].count("request") < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
    key = client.headers["authorization"].removeprefix("Bearer ")
    assert refused.status_code == 401
    named = [record.facts.get("actor") for record in caplog.records if record.message == "request"]  # type: ignore[attr-defined]
    assert named == [f"key:{key[3:15]}", None, None]


def test_an_unexpected_failure_is_a_problem_that_tells_nothing_but_its_id(
    sqlite_service: TestService, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr("sourceprint.service.web.job_views.list_jobs", fail)
    with sqlite_service.client() as client:
        answer = client.get("/v1/scans")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "fault " in answer.json()["detail"]
    assert "secret" not in answer.text


def test_an_addition_waits_while_another_program_writes_to_the_index(
    catalogued: TestService, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = Index.open(catalogued.server.folder.organisation("main").index)
    with catalogued.client() as client:
        added = client.post("/v1/catalogue/additions?id=C", content=(music / "C.wav").read_bytes())
        with ExitStack() as writing:
            writing.enter_context(index.writer())
            monkeypatch.setattr("sourceprint.service.line.work.time.sleep", lambda _: writing.close())
            catalogued.work()
        found = client.get(added.headers["location"]).json()
    assert (found["state"], found["result"]["kind"]) == ("done", "added")
    assert index.snapshot().recordings.find("C") is not None
