"""A fault of one file stays with it, in every command: the rest is done, and the exit code tells."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fingerprint.extract import fingerprint_file, recording_of, track_parts
from tests.command_line import RATE_HZ, catalogue, music, run, start, write
from tests.errands import ill_fated

PLACE = r"(?:fingerprint|sourceprint)\.[\w.]+"
FAULT = r"report it as fault [0-9a-f]{8}"
REASONS = {
    "SIGSEGV": rf"ended the process that worked on it, twice \(SIGSEGV in {PLACE}\); the file .*; {FAULT}",
    "ValueError": rf"unexpected ValueError in {PLACE}, line \d+: cannot convert.* s64; {FAULT}, and convert .*",
    "MemoryError": r"does not fit into the memory that is left; give fewer jobs, .*; one file may take \d+ MB .*",
}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return catalogue(tmp_path_factory.mktemp("catalogue"), [1, 2])


@pytest.fixture
def tracks(tmp_path: Path) -> Path:
    for name, seed in (("a", 1), ("bad", 3), ("c", 2)):
        write(tmp_path / "tracks" / f"{name}.wav", music(seed)[: 5 * RATE_HZ])
    return tmp_path / "tracks"


@pytest.fixture
def fate(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let a fault happen to all files that are called bad."""

    def doomed(function: Callable[..., Any]) -> Callable[..., Any]:
        def work(path: Path, **options: Any) -> Any:
            if path.stem == "bad":
                ill_fated(request.param)
            return function(path, **options)

        return work

    monkeypatch.setattr("fingerprint.streams.track_parts", doomed(track_parts))
    monkeypatch.setattr("sourceprint.catalogue.additions.recording_of", doomed(recording_of))
    monkeypatch.setattr("sourceprint.catalogue.precompute.fingerprint_file", doomed(fingerprint_file))
    return str(request.param)


def told(said: str, fate: str) -> list[str]:
    """Return the line about the bad file, and make sure that it is as expected and without a traceback."""
    lines = [line for line in said.splitlines() if "bad.wav: " in line and REASONS[fate].partition(" ")[0] in line]
    assert "Traceback" not in said
    for line in lines:
        assert re.search(rf"bad\.wav: (error \()?{REASONS[fate]}", line), line
    return lines


@pytest.mark.slow
@pytest.mark.parametrize("fate", ["SIGSEGV", "ValueError", "MemoryError"], indirect=True)
def test_match_and_check_go_on(index: Path, tracks: Path, fate: str) -> None:
    found = run("match", tracks, "--jsonl", "--quiet", index=index)
    assert found.exit_code == 4
    assert len(told(found.stderr, fate)) == 1
    results = [json.loads(line) for line in found.stdout.splitlines()]
    assert [result["status"] for result in results] == ["matched", "decode_error", "matched"]
    assert re.fullmatch(REASONS[fate], results[1]["reason"])
    assert len(results[1]["track"]["sha256"]) == 64
    alone = run("match", tracks / "bad.wav", index=index)
    assert (alone.exit_code, len(told(alone.stderr, fate))) == (3, 1)
    checked = run("check", tracks, "--format", "json", index=index)
    assert checked.exit_code == 4
    assert [file["decision"] for file in json.loads(checked.stdout)["files"]] == ["block", "error", "block"]


@pytest.mark.parametrize("fate", ["SIGSEGV", "ValueError"], indirect=True)
def test_add_and_fingerprint_go_on(tracks: Path, tmp_path: Path, fate: str) -> None:
    added = run("add", tracks, "--json", index=tmp_path / "index")
    assert added.exit_code == 4
    report = json.loads(added.stdout)
    assert (report["added"], report["committed"], len(report["failed"])) == (2, 2, 1)
    assert len(told(added.stderr, fate)) == 1
    made = run("fingerprint", tracks, "-o", tmp_path / "prints")
    assert made.exit_code == 4
    assert len(told(made.stderr, fate)) == 1
    assert sorted(path.name for path in (tmp_path / "prints").glob("*.spf")) == ["a.spf", "c.spf"]
    assert [path.name for path in (tmp_path / "prints").iterdir() if path.name.endswith(".tmp")] == []


@pytest.mark.slow
@pytest.mark.parametrize("fate", ["SIGSEGV", "ValueError"], indirect=True)
def test_a_scan_lists_the_file_and_does_not_try_it_again_until_asked(
    index: Path, tracks: Path, tmp_path: Path, fate: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    first = run("scan", tracks, "--out", out, index=index)
    assert first.exit_code == 4
    assert len(told(first.stderr, fate)) == 1
    rows = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    assert [row["status"] for row in rows] == ["matched", "decode_error", "matched"]
    events = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    (fault,) = [event["fault"] for event in events if "fault" in event]
    assert fault["id"] in rows[1]["reason"]
    assert "ill_fated" in fault["traceback"]
    again = run("scan", tracks, "--out", out, index=index)
    assert (again.exit_code, told(again.stderr, fate)) == (4, [])
    assert "1 of them failed before and is not tried again; --retry-failed does that" in again.stderr
    asked = run("scan", tracks, "--out", out, "--retry-failed", index=index)
    assert (asked.exit_code, len(told(asked.stderr, fate))) == (4, 1)
    monkeypatch.undo()
    assert run("scan", tracks, "--out", out, "--retry-failed", index=index).exit_code == 0


@pytest.mark.slow
def test_where_it_is_asked_for_the_traceback_is_printed(index: Path, tracks: Path) -> None:
    patch = "import fingerprint.streams as s; s.track_parts = lambda path, **_: [].pop()"
    debug = {**os.environ, "SOURCEPRINT_DEBUG": "1"}
    with start("match", tracks / "a.wav", "--index", index, before=patch, env=debug) as process:
        _, said = process.communicate(timeout=300)
    assert process.returncode == 3
    assert re.search(rf"unexpected IndexError in {PLACE}, line \d+: pop from empty list; {FAULT}", said)
    assert "Traceback (most recent call last)" in said


@pytest.mark.slow
def test_a_watch_goes_on(index: Path, tracks: Path, tmp_path: Path) -> None:
    patch = (
        "import fingerprint.streams as s; real = s.track_parts\n"
        "s.track_parts = lambda path, **options: "
        "os.kill(os.getpid(), 11) if path.stem == 'bad' else real(path, **options)\nimport os"
    )
    out, drop = tmp_path / "run", tmp_path / "drop"
    drop.mkdir()
    words = ("scan", drop, "--out", out, "--index", index, "--watch", "--settle", "0")
    with start(*words, before=patch) as process:
        for n, name in enumerate(("bad", "a", "c"), start=1):
            shutil.copy(tracks / f"{name}.wav", tmp_path / "new")
            (tmp_path / "new").rename(drop / f"{name}.wav")
            while not (out / "results.jsonl").exists() or (out / "results.jsonl").read_bytes().count(b"\n") < n:
                assert process.poll() is None
                time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=300)
    assert process.returncode == 4
    assert said.count("bad.wav: ended the process that worked on it, twice (SIGSEGV") == 1
    assert "3 files on record: 2 matched" in said
