"""The command `scan` as its users see it, and as it is interrupted: with real audio, signals and processes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from fingerprint.errors import GrantError
from sourceprint.commands import scan as scanning
from sourceprint.scans.run_folder import Run
from sourceprint.scans.session import Session
from tests.command_line import RATE_HZ, catalogue, music, run, start, write

SAYS_ROWS = """
import sourceprint.scans.session as session
told = session._outcome
def tell(*args):
    print('row', flush=True)
    sys.stdin.readline()
    return told(*args)
session._outcome = tell
"""  # after each row, the process says so and waits until it is told to go on


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an index of s1 and s2."""
    return catalogue(tmp_path_factory.mktemp("index"), (1, 2))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of five files: two with reuse, a copy of one of them, one without, one that is no audio."""
    folder = tmp_path_factory.mktemp("shared") / "gen"
    write(folder / "a.wav", music(1)[: 5 * RATE_HZ])
    write(folder / "b.flac", 0.5 * music(2)[2 * RATE_HZ : 8 * RATE_HZ])
    write(folder / "c.wav", music(5)[: 4 * RATE_HZ])
    (folder / "d.mp3").write_bytes(b"no audio at all")
    (folder / "e.wav").write_bytes((folder / "a.wav").read_bytes())
    return folder


def rows(folder: Path) -> list[bytes]:
    return sorted((folder / "results.jsonl").read_bytes().splitlines())


def comparable(row: dict[str, Any]) -> dict[str, Any]:
    query = {key: value for key, value in row["track"].items() if key != "bytes"}
    return {**row, "track": query, "scan_id": None, "timing_ms": None}


@pytest.fixture(scope="module")
def whole(index: Path, shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run that nothing interrupted."""
    out = tmp_path_factory.mktemp("whole") / "run"
    assert run("scan", shared, "--out", out, index=index).exit_code == 4
    return out


# Output and stored results.


def test_a_scan_keeps_the_rows_that_match_prints(index: Path, shared: Path, whole: Path) -> None:
    matched = run("match", shared, "--jsonl", "--quiet", index=index)
    of_match = [comparable(json.loads(line)) for line in matched.stdout.splitlines()]
    of_scan = [comparable(json.loads(line)) for line in (whole / "results.jsonl").read_text().splitlines()]
    assert sorted(of_scan, key=lambda row: row["track"]["name"]) == of_match
    kept = Run.open(whole)
    statuses = {Path(result.name).name: result.status for result in kept.results()}
    assert statuses == {
        "a.wav": "matched", "b.flac": "matched", "c.wav": "no_match", "d.mp3": "decode_error", "e.wav": "matched",
    }  # fmt: skip
    traces = {kept.trace_path(result) for result in kept.results() if result.matches}
    assert traces == set((whole / "traces").iterdir())
    assert len(traces) == 2


def test_a_scan_prints_its_totals_and_a_second_does_nothing(index: Path, shared: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    first = run("scan", shared, "--out", out, index=index)
    assert (first.exit_code, first.stdout) == (4, "")
    assert re.fullmatch(
        rf"Error: {shared}/d\.mp3: holds text, not audio; give the recording itself\n"
        r"5 files on record: 3 matched, 1 decode error, 1 no match; 0\.01 h searched\n"
        r"1\d s reused in 3 files, from 2 recordings:\n"
        r" +\d+\.\d s in 2 files: s1\n"
        r" +\d\.\d s in 1 file: s2\n"
        r"expected by chance: \S+ of 3 matches \(false-discovery rate \S+ %\)\n"
        r"1 file could not be searched:\n"
        r"  1: holds text, not audio; give the recording itself\n",
        first.stderr,
    )
    before = (out / "results.jsonl").read_bytes()
    second = run("scan", shared, "--out", out, "--json", index=index)
    assert second.exit_code == 4
    assert second.stderr.startswith(
        "Note: 5 files on record already\n"
        "Note: 1 of them failed before and is not tried again; --retry-failed does that\n"
        "5 files on record"
    )
    report = json.loads(second.stdout)
    assert report["run"] == str(out)
    assert {key: report["session"][key] for key in ("given", "searched", "copies", "known", "failed", "again")} == {
        "given": 5, "searched": 0, "copies": 0, "known": 5, "failed": 1, "again": {},
    }  # fmt: skip
    assert report["summary"]["by_status"] == {"matched": 3, "decode_error": 1, "no_match": 1}
    assert (out / "results.jsonl").read_bytes() == before
    again = run("scan", shared, "--out", out, "--retry-failed", index=index)
    assert "Note: 1 file to be searched again: the search failed before\n" in again.stderr
    assert rows(out) == sorted(before.splitlines())


def test_other_settings_make_everything_again_and_say_why(index: Path, shared: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    files = [shared / "a.wav", shared / "c.wav"]
    assert run("scan", *files, "--out", out, index=index).exit_code == 0
    result = run("scan", *files, "--out", out, "--max-false-per-1000h", "2", index=index)
    assert result.exit_code == 0
    assert "Note: 2 files to be searched again: the results were made with other settings\n" in result.stderr
    assert {found.max_false_per_1000h for found in Run.open(out).results()} == {2.0}


def test_results_of_another_version_are_kept_and_told(
    index: Path, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr("sourceprint.scans.session.program_version", lambda: "0.0.9")
        assert run("scan", shared / "c.wav", "--out", out, "--quiet", index=index).exit_code == 0
    before = rows(out)
    result = run("scan", shared / "c.wav", "--out", out, index=index)
    assert result.exit_code == 0
    assert (
        "Note: 1 result on record was made by version 0.0.9 of the program and not by this one; give a new folder to "
        "--out to scan everything anew\n"
    ) in result.stderr
    assert rows(out) == before


def test_a_scan_hands_its_options_on(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []

    def enter(session: Session) -> Session:
        given.append((session._search, session._retry_failed, session.journal.folder))
        raise KeyboardInterrupt

    monkeypatch.setattr(Session, "__enter__", enter)
    words = ["--layer", "x", "--thorough", "--max-false-per-1000h", "9", "--only", "tag:x", "--exclude", "id:y"]
    result = run("scan", "a.wav", "--out", tmp_path / "r", *words, "--retry-failed", "--jobs", "3", index=index)
    assert (result.exit_code, result.stderr) == (130, "Error: interrupted; run the same command again to go on\n")
    ((search, retry_failed, folder),) = given
    options = search.options
    assert (search.index, options.layer, options.max_false_per_1000h, search.jobs) == (index, "x", 9.0, 3)
    assert (options.which.only.words, options.which.exclude.words) == (("tag:x",), ("id:y",))
    assert len(options.scales) > 3
    assert (retry_failed, folder) == (True, tmp_path / "r")


def test_progress_is_told_in_lines_where_there_is_no_terminal(
    index: Path, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sourceprint.commands.progress.LINE_SECONDS", 0.0)
    files = [shared / "a.wav", shared / "c.wav"]
    result = run("scan", *files, "--out", tmp_path / "run", index=index)
    assert re.match(
        r"1 of 2 files done \(1 matched\), \d+\.\d\d per second, about 1 min to go\n"
        r"2 of 2 files done \(1 matched, 1 no match\), \d+\.\d\d per second\n2 files on record",
        result.stderr,
    )
    quiet = run("scan", *files, "--out", tmp_path / "quiet", "--quiet", index=index)
    assert (quiet.exit_code, quiet.stdout, quiet.stderr) == (0, "", "")


# How it ends.


def test_nothing_readable_is_exit_code_3(index: Path, shared: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    empty = run("scan", tmp_path / "empty", "--out", tmp_path / "r1", index=index)
    assert empty.exit_code == 3
    assert "a folder without audio (it is empty); name the files themselves" in empty.stderr
    for name in ("d.mp3", "gone.wav"):
        out = tmp_path / f"run-{name}"
        assert run("scan", shared / name, "--out", out, index=index).exit_code == 3
        assert run("scan", shared / name, "--out", out, index=index).exit_code == 3
    # A failure on record outranks a session in which all went well.
    assert run("scan", shared / "a.wav", "--out", tmp_path / "run-d.mp3", index=index).exit_code == 4


@pytest.mark.slow
def test_a_trace_that_cannot_be_written_ends_the_scan_as_other_files_of_the_run_do(
    index: Path, shared: Path, tmp_path: Path
) -> None:
    files = [shared / "a.wav", shared / "c.wav"]
    assert run("scan", files[0], "--out", tmp_path / "before", index=index).exit_code == 0
    (trace,) = (tmp_path / "before" / "traces").iterdir()
    (tmp_path / "run" / "traces" / trace.name).mkdir(parents=True)
    (tmp_path / "run" / "results.jsonl").touch()
    result = run("scan", *files, "--out", tmp_path / "run", "--jobs", "2", index=index)
    assert result.exit_code == 2
    assert f"Error: {tmp_path}/run/traces/{trace.name}: is a folder; name a file" in result.stderr
    assert rows(tmp_path / "run") == []


def test_a_run_inside_the_folder_is_not_scanned(index: Path, shared: Path, tmp_path: Path) -> None:
    write(tmp_path / "gen" / "run" / "report" / "x.wav", music(1))
    (tmp_path / "gen" / "run" / "results.jsonl").touch()
    write(tmp_path / "gen" / "a.wav", music(5)[: 3 * RATE_HZ])
    assert run("scan", tmp_path / "gen", "--out", tmp_path / "gen" / "run", "--quiet", index=index).exit_code == 0
    assert [result.name for result in Run.open(tmp_path / "gen" / "run").results()] == [str(tmp_path / "gen" / "a.wav")]


def test_a_grant_that_expires_ends_the_scan(
    index: Path, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []

    def place(given: Path) -> Path:
        asked.append(given)
        if len(asked) == 3:  # for the command, for the session, for its files
            raise GrantError("the grant has expired")
        return given

    monkeypatch.setattr(scanning, "index_place", place)
    result = run("scan", shared, "--out", tmp_path / "run", "--quiet", index=index)
    assert (result.exit_code, result.stderr) == (5, "Error: the grant has expired\n")


def test_usage_errors_leave_nothing_behind(index: Path, shared: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    cases: list[tuple[list[str | Path], int, str]] = [
        ([shared], 2, "Missing option '--out'"),
        ([shared, "--out", out, "--move-to", "x"], 2, "--move-to: moves files out of a watched folder"),
        (["", "--out", out], 2, "PATH: is empty; a variable of the shell may not be set"),
        ([shared, "--out", shared / "a.wav"], 2, "a.wav: a file; give a folder for the run"),
        ([shared, "--out", shared], 2, "gen: no run, and not empty (it holds a.wav)"),
        ([shared, "--out", out, "--layer", "colour"], 2, "layer 'colour': unknown"),
        ([shared, "--out", out, "--max-false-per-1000h", "0"], 2, "max_false_per_1000h=0.0: must be a number above 0"),
        ([shared, "--out", out, "--only", "tag:none"], 2, "filter tag:none: no recording of the index has this tag"),
        ([shared, "--out", out, "--index", tmp_path / "none"], 5, "none: no index here"),
    ]
    for words, code, message in cases:
        result = run("scan", *words, index=None if "--index" in words else index)
        assert (result.exit_code, result.stdout) == (code, "")
        assert message in result.stderr
    assert list(tmp_path.iterdir()) == []
    watched = run("scan", shared / "a.wav", "--out", out, "--watch", index=index)
    assert watched.exit_code == 2
    assert "--watch: no folder among the paths" in watched.stderr


# Interruptions.


def begun(out: Path, index: Path, *words: str | Path, before: str = SAYS_ROWS) -> subprocess.Popen[str]:
    return start(
        "scan", *words, "--out", out, "--index", index, before=before, stdin=subprocess.PIPE, start_new_session=True
    )


def go_on(process: subprocess.Popen[str], n: int) -> None:
    """Let a process write `n` rows; it waits after the last."""
    assert process.stdin is not None
    assert process.stdout is not None
    for i in range(n):
        if i:
            process.stdin.write("\n")
            process.stdin.flush()
        assert process.stdout.readline() == "row\n"


@pytest.mark.slow
@pytest.mark.same_bytes
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_scan_that_is_killed_again_and_again_ends_up_like_one_that_is_not(
    index: Path, shared: Path, whole: Path, tmp_path: Path, jobs: str
) -> None:
    out = tmp_path / "run"
    for n_rows in (1, 2) if jobs == "2" else (1, 1, 1, 1):
        on_record = len(rows(out)) if out.exists() else 0
        with begun(out, index, shared, "--jobs", jobs) as process:
            go_on(process, n_rows)
            os.killpg(process.pid, signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
        assert len(rows(out)) == on_record + n_rows  # old rows were not made again, new ones are there
    assert run("scan", shared, "--out", out, "--quiet", index=index).exit_code == 4
    assert rows(out) == rows(whole)


@pytest.mark.slow
def test_ctrl_c_ends_with_130_and_the_same_command_goes_on(
    index: Path, shared: Path, whole: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    with begun(out, index, shared) as process:
        go_on(process, 2)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "2 files on record: " in said
    assert said.endswith("Error: interrupted; run the same command again to go on\n")
    assert run("scan", shared, "--out", out, "--quiet", index=index).exit_code == 4
    assert rows(out) == rows(whole)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_watch_ends_after_the_file_in_hand_and_lets_nobody_else_write(
    index: Path, tmp_path: Path, number: signal.Signals
) -> None:
    out, drop = tmp_path / "run", tmp_path / "drop"
    drop.mkdir()
    with begun(out, index, drop, "--watch", "--settle", "0", before="") as process:
        while not (out / "log.jsonl").exists() or b"session start" not in (out / "log.jsonl").read_bytes():
            assert process.poll() is None
            time.sleep(0.01)
        second = run("scan", drop, "--out", out, index=index)
        assert second.exit_code == 2
        assert f"another scan (process {process.pid}) is writing to this run; wait until it has" in second.stderr
        write(tmp_path / "a.wav", music(1)[: 4 * RATE_HZ]).rename(drop / "a.wav")
        while not (out / "results.jsonl").read_bytes():
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(number)
        printed, said = process.communicate(timeout=300)
    assert (process.returncode, printed) == (0, "")
    assert said.startswith("1 file on record: 1 matched; 0.00 h searched\n")
    assert json.loads((out / "log.jsonl").read_text().splitlines()[-1])["ended"] == "done"


@pytest.mark.slow
def test_a_copy_that_is_searched_otherwise_leaves_the_evidence_of_the_first(
    index: Path, shared: Path, tmp_path: Path
) -> None:
    first, copy = tmp_path / "first.wav", tmp_path / "copy.wav"
    for path in (first, copy):
        path.write_bytes((shared / "a.wav").read_bytes())
    out = tmp_path / "run"
    assert run("scan", first, "--out", out, index=index).exit_code == 0
    assert run("scan", copy, "--out", out, "--max-false-per-1000h", "0.5", index=index).exit_code == 0
    assert len(list((out / "traces").iterdir())) == 2
    assert run("keys", "create").exit_code == 0
    for name in ("first.wav", "copy.wav"):
        case = tmp_path / f"{name}.zip"
        assert run("evidence", out, name, "-o", case, "--no-page").exit_code == 0
        assert run("verify", case, "--any-key").exit_code == 0
