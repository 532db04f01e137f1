"""The folder of a run: nothing is searched twice, lost or doubled, however a scan ends; and its summary."""

from __future__ import annotations

import errno
import functools
import hashlib
import json
import os
import random
import shutil
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from benchmarks.durability_disk import FaultyDisk, FileLayer, Operation, PowerCut, Recorder, write_tree
from fingerprint import new_files
from fingerprint.errors import EvidenceError, GrantError, ParameterError, StorageFullError
from index.recheck.trace import trace_name
from sourceprint.inputs import Item, collect
from sourceprint.scans import journal as journal_module
from sourceprint.scans import run_folder as folder
from sourceprint.scans.journal import Journal
from sourceprint.scans.plan import Plan, Territory, by_suspicion
from sourceprint.scans.result_file import ResultFile
from sourceprint.scans.results import ScanResult, read_result
from sourceprint.scans.run_folder import Run, made_by_others, suspects
from sourceprint.scans.run_inputs import Search
from sourceprint.scans.scan import Scan, Searched
from sourceprint.scans.scan_json import scan_result, scan_row
from sourceprint.scans.session import MOST_DEATHS, Outcome, Session
from sourceprint.scans.summary import expected_false_matches, q_values, summarise, summary_text, summary_to_json
from tests.scan_records import a_failure, a_match, a_passage, a_result, with_track

SEARCHED = Searched("sha256:" + "1" * 64, "landmark/1", "sha256:" + "2" * 64, 3, settings_digest="sha256:" + "3" * 64)


@dataclass
class Pretended(Search):
    """A search that reads files and finds nothing; those that start with `bad` fail. It records its requests."""

    state: Searched = SEARCHED
    asked: list[str] = field(default_factory=list)

    def searched(self) -> Searched:
        return self.state

    def scans(
        self, items: Sequence[Item], traces: Path, *, begun: Callable[[Path], object] = lambda _: None
    ) -> Generator[Scan, None, None]:
        for item in items:
            begun(item.path)
            self.asked.append(str(item.path))
            try:
                data = item.path.read_bytes()
            except OSError:
                yield Scan(item.path, self.state, "decode_error", "no such file", sha256="")
                continue
            digest = hashlib.sha256(data).hexdigest()
            if data.startswith(b"bad"):
                yield Scan(item.path, self.state, "decode_error", "is no audio", sha256=digest)
            else:
                seconds = len(data) / 10
                yield Scan(item.path, self.state, "no_match", sha256=digest, decoder="d", duration_seconds=seconds)


def pretended(**changes: Any) -> Pretended:
    return Pretended(Path("index"), state=replace(SEARCHED, **changes))


def fill(folder: Path, contents: dict[str, bytes]) -> list[Item]:
    for name, data in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return list(collect([folder], lists=False).items)


def scan(run: Path, items: Sequence[Item], search: Pretended | None = None, **options: Any) -> list[Outcome]:
    session = Session(run, search or pretended(), **options)
    with session:
        return list(session.scan(session.plan(items)))


def rows(run: Path) -> list[bytes]:
    return sorted((run / "results.jsonl").read_bytes().splitlines(keepends=True))


def names(run: Path) -> list[str]:
    return [Path(result.name).name for result in Run.open(run).results()]


def events(run: Path, kind: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines() if line.endswith("}")]
    return [event for event in found if event["event"] == kind]


@pytest.fixture
def music(tmp_path: Path) -> list[Item]:
    """Five files, one of them bad, one a copy."""
    contents = {"a.wav": b"aaaa", "b.wav": b"bb", "c.mp3": b"bad!", "d/a.wav": b"ddddddd", "d/e.wav": b"bb"}
    return fill(tmp_path / "music", contents)


# Rows.


@pytest.mark.same_bytes
def test_a_row_is_the_same_whenever_it_is_made() -> None:
    one = Scan(Path("x.wav"), SEARCHED, "no_match", sha256="ab", duration_seconds=1.5, fingerprint_seconds=1.0)
    row = scan_row(one, n_bytes=7).raw
    assert row == scan_row(replace(one, fingerprint_seconds=2.0), n_bytes=7).raw
    assert row["scan_id"][14] == "8"
    assert row["timing_ms"] is None
    assert row["track"]["bytes"] == 7
    plain = scan_result(one).raw
    assert set(row) == set(plain)
    assert {key: row[key] for key in row if key not in ("scan_id", "timing_ms", "track")} == {
        key: plain[key] for key in plain if key not in ("scan_id", "timing_ms", "track")
    }
    others = [
        replace(one, path=Path("y.wav")),
        replace(one, sha256="cd"),
        replace(one, searched=replace(SEARCHED, digest="sha256:other")),
        replace(one, searched=replace(SEARCHED, settings_digest="sha256:other")),
    ]
    assert len({scan_row(other, n_bytes=7).scan_id for other in (one, *others)}) == 5


def test_every_file_has_one_row_and_a_copy_is_not_searched(tmp_path: Path, music: list[Item]) -> None:
    search = pretended()
    outcomes = scan(tmp_path / "run", music, search)
    assert [Path(name).name for name in search.asked] == ["a.wav", "b.wav", "c.mp3", "a.wav"]
    assert sorted(outcome.kind for outcome in outcomes) == ["failed", "no match", "no match", "no match", "no match"]
    assert [outcome.remarks for outcome in outcomes if outcome.kind == "failed"] == [("is no audio",)]
    assert [result.name for result in Run.open(tmp_path / "run").results()] == sorted(str(item.path) for item in music)
    assert [event["of"] for event in events(tmp_path / "run", "known")] == [str(music[1].path)]
    # The row of the copy is the one that a search of it gives.
    alone = tmp_path / "alone"
    scan(alone, [music[4]])
    assert rows(alone)[0] in rows(tmp_path / "run")


def test_known_files_are_not_searched_again(tmp_path: Path, music: list[Item]) -> None:
    run = tmp_path / "run"
    scan(run, music)
    before = (run / "results.jsonl").read_bytes()
    search = pretended()
    assert scan(run, music, search) == []
    assert search.asked == []
    assert (run / "results.jsonl").read_bytes() == before


def test_a_renamed_file_gets_the_row_that_is_known_and_the_old_name_keeps_its_own(tmp_path: Path) -> None:
    (item,) = fill(tmp_path / "m", {"a.wav": b"aaaa"})
    scan(tmp_path / "run", [item])
    moved = item.path.rename(tmp_path / "m" / "b.wav")
    search = pretended()
    assert [outcome.kind for outcome in scan(tmp_path / "run", [Item(moved)], search)] == ["no match"]
    assert search.asked == []
    assert names(tmp_path / "run") == ["a.wav", "b.wav"]
    scan(tmp_path / "alone", [Item(moved)])
    assert rows(tmp_path / "alone")[0] in rows(tmp_path / "run")


def test_a_fingerprint_file_and_audio_with_the_same_digest_are_not_taken_for_each_other(tmp_path: Path) -> None:
    items = fill(tmp_path / "m", {"a.wav": b"aaaa", "b.spf": b"aaaa"})
    search = pretended()
    scan(tmp_path / "run", items, search)
    assert len(search.asked) == 2


def test_a_changed_file_is_searched_again_and_its_old_row_goes(tmp_path: Path, music: list[Item]) -> None:
    run = tmp_path / "run"
    scan(run, music)
    music[0].path.write_bytes(b"AAAA")  # as long as before
    music[1].path.write_bytes(b"longer")
    session = Session(run, search := pretended())
    with session:
        plan = session.plan(music)
        assert set(plan.again.values()) == {"other content"}
        assert len(list(session.scan(plan))) == 2
        assert len((run / "results.jsonl").read_bytes().splitlines()) == 7  # until the session ends
        assert len(Run.open(run).results()) == 5
    assert search.asked == [str(music[0].path), str(music[1].path)]
    assert len(rows(run)) == 5
    scan(tmp_path / "fresh", music)
    assert rows(run) == rows(tmp_path / "fresh")


@pytest.mark.parametrize(
    ("change", "why"), [({"digest": "sha256:x"}, "other index"), ({"settings_digest": "sha256:y"}, "other settings")]
)
def test_another_index_or_other_settings_make_all_again(
    tmp_path: Path, music: list[Item], change: dict[str, str], why: str
) -> None:
    run = tmp_path / "run"
    scan(run, music)
    (run / "traces" / ("0" * 64 + ".spt")).write_bytes(b"of nothing")
    session = Session(run, search := pretended(**change))
    with session:
        plan = session.plan(music)
        assert list(plan.again.values()) == [why] * 5
        list(session.scan(plan))
    assert len(search.asked) == 4
    assert session.report()["session"]["again"] == {why: 5}
    scan(tmp_path / "fresh", music, pretended(**change))
    assert rows(run) == rows(tmp_path / "fresh")
    assert list((run / "traces").iterdir()) == []


def test_files_that_failed_are_tried_again_when_asked_for(tmp_path: Path, music: list[Item]) -> None:
    run = tmp_path / "run"
    gone = Item(tmp_path / "gone.wav")
    scan(run, [*music, gone])
    search = pretended()
    scan(run, [*music, gone], search)
    assert search.asked == []
    scan(run, [*music, gone], search, retry_failed=True)
    assert search.asked == [str(tmp_path / "music" / "c.mp3"), str(gone.path)]
    assert len(rows(run)) == 6
    gone.path.write_bytes(b"here now")
    search = pretended()
    scan(run, [*music, gone], search)
    assert search.asked == [str(gone.path)]


def test_files_that_have_vanished_keep_their_rows(tmp_path: Path, music: list[Item]) -> None:
    scan(tmp_path / "run", music)
    shutil.rmtree(tmp_path / "music" / "d")
    scan(tmp_path / "run", music[:3])
    assert len(names(tmp_path / "run")) == 5


# Interruptions.


class Killed(BaseException):
    """The process is no more."""


class KillAt(FileLayer):
    """Ends the process, as it were, at the n-th change of the disk: of a write, half gets there, and nothing after."""

    def __init__(self, folder: Path, n: int) -> None:
        super().__init__(folder, flush=False)
        self.left = n

    def around(self, operation: Operation, call: functools.partial[Any]) -> Any:
        if self.left > 0:
            self.left -= 1
            return super().around(operation, call)
        if self.left == 0 and operation.kind == "write":
            call.func(call.args[0], operation.data[: len(operation.data) // 2])
        self.left = -1
        raise Killed


@contextmanager
def killed_at(folder: Path, n: int) -> Iterator[KillAt]:
    layer = KillAt(folder, n)
    real = os.ftruncate
    try:
        with layer, mock.patch.object(os, "ftruncate", lambda *args: real(*args) if layer.left >= 0 else None):
            yield layer
    finally:
        new_files._swept.clear()  # a process that is killed remembers nothing


@pytest.mark.same_bytes
def test_a_run_that_is_killed_anywhere_ends_up_like_one_that_is_not(tmp_path: Path, music: list[Item]) -> None:
    whole = tmp_path / "whole"
    with Recorder(whole) as disk:
        scan(whole, music)
    assert len(disk.operations) > 15
    searches = set()
    for n in range(len(disk.operations)):
        run = tmp_path / f"run-{n}"
        first = pretended()
        with pytest.raises(Killed), killed_at(run, n):
            scan(run, music, first)
        on_record = (run / "results.jsonl").read_bytes().count(b"\n") if (run / "results.jsonl").exists() else 0
        second = pretended()
        scan(run, music, second)
        assert rows(run) == rows(whole)
        assert Path(run / "results.jsonl.tmp").exists() is False
        assert len(set(first.asked + second.asked)) == 4
        # Files with a row are not searched again: only the file of the unfinished row is.
        assert len(first.asked) + len(second.asked) <= 5
        searches.add((on_record, len(second.asked)))
        scan(run, music, third := pretended())
        assert third.asked == []
    assert {(0, 4), (5, 0)} <= searches


def test_a_killed_rewrite_leaves_the_old_rows_or_the_new(tmp_path: Path, music: list[Item]) -> None:
    before = tmp_path / "before"
    scan(before, music)
    other = {"digest": "sha256:other"}
    fresh = tmp_path / "fresh"
    scan(fresh, music, pretended(**other))
    shutil.copytree(before, tmp_path / "dry")
    with Recorder(tmp_path / "dry") as disk:
        scan(tmp_path / "dry", music, pretended(**other))
    assert any(operation.kind == "rename" for operation in disk.operations)
    for n in range(len(disk.operations)):
        run = shutil.copytree(before, tmp_path / f"run-{n}")
        with pytest.raises(Killed), killed_at(run, n):
            scan(run, music, pretended(**other))
        assert len(names(run)) == 5
        scan(run, music, pretended(**other))
        assert rows(run) == rows(fresh)


def test_a_power_cut_loses_unflushed_data_and_no_more(
    tmp_path: Path, music: list[Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "MOST_UNSYNCED", 2)
    whole = tmp_path / "whole"
    (tmp_path / "disk").mkdir()
    with Recorder(tmp_path / "disk") as recorder:
        scan(tmp_path / "disk" / "run", music)
    scan(whole, music)
    chance = random.Random(1)
    disk = PowerCut({})
    flushed = 0
    states = set()
    for operation in recorder.operations:
        disk.apply(operation)
        flushed += operation.kind == "flush" and operation.path == "run/results.jsonl"
        for trial in range(3):
            place = tmp_path / "cut"
            tree = disk.after_cut(chance, (0.0, 0.5, 1.0)[trial])
            write_tree(tree, place)
            search = pretended()
            scan(place / "run", music, search)
            assert rows(place / "run") == rows(whole)
            assert len(search.asked) <= 4
            states.add(tuple(sorted((name, data) for name, data in tree.items())))
            shutil.rmtree(place)
    assert flushed >= 2
    assert len(states) > 10


def test_rows_are_flushed_in_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    items = fill(tmp_path / "m", {f"{i:03}.wav": b"x" * (i + 1) for i in range(150)})
    monkeypatch.setattr(journal_module, "SYNC_SECONDS", 1e9)
    with Recorder(tmp_path / "run") as disk:
        scan(tmp_path / "run", items)
    flushes = [
        operation for operation in disk.operations if (operation.kind, operation.path) == ("flush", "results.jsonl")
    ]
    assert len(flushes) == 1 + 3  # at the start, after 64 and 128, at the end
    monkeypatch.setattr(journal_module, "SYNC_SECONDS", 0.0)
    with Recorder(tmp_path / "other") as disk:
        scan(tmp_path / "other", items[:5])
    flushes = [
        operation for operation in disk.operations if (operation.kind, operation.path) == ("flush", "results.jsonl")
    ]
    assert len(flushes) == 1 + 5


def test_a_torn_last_line_is_taken_off(tmp_path: Path, music: list[Item]) -> None:
    run = tmp_path / "run"
    scan(run, music)
    whole = rows(run)
    data = (run / "results.jsonl").read_bytes()
    (run / "results.jsonl").write_bytes(data[:-10])
    with (run / "log.jsonl").open("ab") as log:
        log.write(b'{"event": "sca')
    assert len(Run.open(run).results()) == 4
    session = Session(run, search := pretended())
    with session:
        list(session.scan(session.plan(music)))
    assert session.journal.dropped_bytes > 100
    assert search.asked == [str(music[3].path)]
    assert rows(run) == whole
    assert len(events(run, "session end")) == 2


def test_a_damaged_line_before_the_end_is_an_error(tmp_path: Path, music: list[Item]) -> None:
    run = tmp_path / "run"
    scan(run, music)
    lines = (run / "results.jsonl").read_bytes().splitlines(keepends=True)
    lines[2] = lines[2][:50] + b"\0" + lines[2][51:]
    (run / "results.jsonl").write_bytes(b"".join(lines))
    message = r"results\.jsonl, line 3: is damaged; restore the file from a copy, or delete this line"
    with pytest.raises(EvidenceError, match=message):
        Run.open(run).results()
    with pytest.raises(EvidenceError, match=message):
        scan(run, music)
    (run / "results.jsonl").write_bytes(b"".join(lines[:2] + lines[3:]))
    scan(run, music)
    assert len(names(run)) == 5
    (run / "results.jsonl").write_bytes(b'{"schema": "sourceprint/scan-result/9"}\n' + b"".join(lines[3:]))
    with pytest.raises(
        EvidenceError, match=r"line 1: schema='sourceprint/scan-result/9': must be sourceprint/scan-result/2 or"
    ):
        Run.open(run).results()


def test_a_field_of_another_kind_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "results.jsonl").write_text(json.dumps(a_result("a.wav", track={"notes": 5})) + "\n")
    with pytest.raises(EvidenceError, match=r"line 1: track\.notes=5: must be a list; scan the file again"):
        Run.open(tmp_path).results()


class Fatal(Pretended):
    """A search that is killed at the file c.mp3, the process that minds it too."""

    def scans(
        self, items: Sequence[Item], traces: Path, *, begun: Callable[[Path], object] = lambda _: None
    ) -> Generator[Scan, None, None]:
        for scan in super().scans(items, traces, begun=begun):
            if scan.path.name == "c.mp3":
                raise Killed
            yield scan


def killed(run: Path, items: Sequence[Item]) -> Fatal:
    """Let a session be killed by a file, so that it cannot even say that it ends."""
    search = Fatal(Path("index"), state=SEARCHED)
    with pytest.raises(Killed):
        scan(run, items, search)
    log = (run / "log.jsonl").read_text().splitlines(keepends=True)
    assert json.loads(log[-1])["event"] == "session end"
    (run / "log.jsonl").write_text("".join(log[:-1]))
    return search


def test_a_file_that_kills_the_scan_is_given_up_and_the_rest_is_done(tmp_path: Path, music: list[Item]) -> None:
    run, bad = tmp_path / "run", str(music[2].path)
    asked = [killed(run, music).asked for _ in range(MOST_DEATHS)]
    assert [len(names) for names in asked] == [3, *[1] * (MOST_DEATHS - 1)]
    search = pretended()
    outcomes = scan(run, music, search)
    assert bad not in search.asked
    assert [outcome.remarks for outcome in outcomes if outcome.kind == "failed"] == [
        (
            f"{MOST_DEATHS} scans were killed while they worked on it; it may need more memory than there is; cut it "
            "in parts, or have failed files tried again",
        )
    ]
    assert len(Run.open(run).results()) == len(music)
    assert scan(run, music, search) == []
    scan(run, music, search, retry_failed=True)
    assert search.asked.count(bad) == 1


def test_scans_that_are_killed_at_other_files_give_up_none(tmp_path: Path, music: list[Item]) -> None:
    run = tmp_path / "run"
    for _ in range(MOST_DEATHS - 1):
        killed(run, music)
    search = pretended()
    scan(run, music, search)
    assert str(music[2].path) in search.asked
    assert suspects(run) == {}


def test_a_suspect_is_searched_with_no_other_beside_it(music: list[Item]) -> None:
    plan = Plan(search=music[:4], followers={1: [music[4]]}, again={"x": "failed before"})
    parts = list(by_suspicion(plan, {str(music[1].path), str(music[3].path)}))
    assert [part.search for part in parts] == [[music[0]], [music[1]], [music[2]], [music[3]]]
    assert [part.followers for part in parts] == [{}, {0: [music[4]]}, {}, {}]
    assert all(part.again == plan.again for part in parts)
    assert [part.search for part in by_suspicion(plan, ())] == [music[:4]]


# Folders that cannot be used.


def test_one_scan_at_a_time(tmp_path: Path, music: list[Item]) -> None:
    with Journal(tmp_path / "run"):
        message = rf"another scan \(process {os.getpid()}\) is writing to this run; wait until it has finished"
        with pytest.raises(EvidenceError, match=message):
            scan(tmp_path / "run", music)
    assert len(scan(tmp_path / "run", music)) == 5


def test_the_report_of_a_check_is_named_where_a_run_is_wanted(tmp_path: Path) -> None:
    report = tmp_path / "check.json"
    report.write_text('{\n  "schema": "sourceprint/check/2",\n  "files": []\n}\n')
    with pytest.raises(EvidenceError, match=r"check\.json: the report of a check, not .* `sourceprint scan FILES"):
        Run.open(report)
    with pytest.raises(ParameterError, match=r"check\.json: the report of a check, not results of a scan; scan"):
        list(ResultFile(report))


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path, music: list[Item]) -> None:
    with pytest.raises(EvidenceError, match=r"music: no run, and not empty \(it holds a\.wav\); give a new folder"):
        scan(tmp_path / "music", music)
    assert sorted(path.name for path in (tmp_path / "music").iterdir()) == ["a.wav", "b.wav", "c.mp3", "d"]
    with pytest.raises(EvidenceError, match=r"a\.wav: a file; give a folder for the run"):
        scan(music[0].path, music)
    with pytest.raises(EvidenceError, match=r"a\.wav: a file, not the folder of a run"):
        Run.open(music[0].path)
    with pytest.raises(EvidenceError, match=r"music: holds no results\.jsonl; give the folder that a scan wrote"):
        Run.open(tmp_path / "music")
    with pytest.raises(EvidenceError, match="none: no such folder"):
        Run.open(tmp_path / "none")


def test_a_full_disk_ends_the_run_and_costs_nothing(tmp_path: Path, music: list[Item]) -> None:
    whole = tmp_path / "whole"
    with FaultyDisk(whole, errno.ENOSPC) as disk:
        scan(whole, music)
    for allowed in range(disk.calls):
        run = tmp_path / f"run-{allowed}"
        with FaultyDisk(run, errno.ENOSPC, allowed=allowed), pytest.raises(StorageFullError, match="no space left"):
            scan(run, music)
        results = run / "results.jsonl"
        assert not results.exists() or results.read_bytes() in (b"", results.read_bytes().rpartition(b"\n")[0] + b"\n")
        scan(run, music)
        assert rows(run) == rows(whole)


def test_a_folder_that_cannot_be_written_to_is_a_clear_error(tmp_path: Path, music: list[Item]) -> None:
    with (
        FaultyDisk(tmp_path / "run", errno.EROFS, allowed=1),
        pytest.raises(EvidenceError, match=r"cannot be used \(Read-only file system\).*give another folder"),
    ):
        scan(tmp_path / "run", music)


# Versions.


def test_rows_of_other_versions_stand_and_are_counted(
    tmp_path: Path, music: list[Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    for version, items, others in (
        ("0.9", music[:3], {}),
        ("1.0", music, {"0.9": 3}),
        ("1.1", music, {"0.9": 4, "1.0": 1}),  # the copy of a file has the findings of 0.9
        ("0.9", music, {"1.0": 1}),
    ):
        monkeypatch.setattr("sourceprint.scans.session.program_version", lambda version=version: version)
        session = Session(run, pretended())
        with session:
            list(session.scan(session.plan(items)))
        assert session.made_by_others == others
    music[3].path.write_bytes(b"changed")
    scan(run, music)
    scan(run, music, late := pretended())
    assert late.asked == []
    assert made_by_others(run, {result.name for result in Run.open(run).results()}, "0.9") == {}
    (run / "log.jsonl").unlink()
    assert made_by_others(run, set(names(run)), "0.9") == {}


# Files to scan.


def test_nothing_inside_the_run_is_scanned_and_each_file_once(tmp_path: Path) -> None:
    fill(tmp_path, {"m/a.wav": b"a", "m/run/report/b.wav": b"b", "m/d/c.wav": b"c"})
    (tmp_path / "m" / "d" / "round").symlink_to(tmp_path / "m")
    (tmp_path / "link").symlink_to(tmp_path / "m")
    named = [tmp_path / "m", tmp_path / "link", tmp_path / "m" / "a.wav", tmp_path / "m" / "run" / "report" / "b.wav"]
    items, refusals = Territory([tmp_path / "m" / "run"]).outside(collect(named, lists=False).items, named=named)
    assert [str(item.path.relative_to(tmp_path)) for item in items] == ["m/a.wav", "m/d/c.wav"]
    assert [refusal.reason for refusal in refusals] == [
        "lies in the folder of the run, or where files are moved to; scan a copy elsewhere"
    ]


@pytest.mark.slow
def test_ten_thousand_names_in_a_folder_are_planned(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    folder.mkdir()
    for i in range(10_000):
        (folder / f"{i:05}.wav").write_bytes(b"alike")
    items, _ = Territory([tmp_path / "run"]).outside(collect([folder], lists=False).items)
    session = Session(tmp_path / "run", pretended())
    with session:
        plan = session.plan(items)
    assert len(plan.search) == 1
    assert len(plan.followers[0]) == 9_999


def test_a_reader_sees_every_file_while_a_scan_takes_out_rows(
    tmp_path: Path, music: list[Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    scan(run, music)
    before = names(run)
    session = Session(run, pretended(digest="sha256:" + "9" * 64))
    session.__enter__()
    list(session.scan(session.plan(music)))
    read: list[bytes] = []

    def read_on(line: bytes) -> ScanResult:
        read.append(line)
        if len(read) == 2 * len(music):  # the reader has come to the end, and goes through the rows once more
            session.__exit__(None, None, None)
            assert len(rows(run)) == len(music)
        return read_result(json.loads(line))

    monkeypatch.setattr(folder, "_result_of", read_on)
    assert names(run) == before


def fail_after(outcomes: Iterator[Outcome]) -> None:
    next(outcomes)
    raise GrantError("has expired")


def test_a_session_that_fails_says_so_in_the_log(tmp_path: Path, music: list[Item]) -> None:
    run = tmp_path / "run"
    with pytest.raises(GrantError), Session(run, pretended()) as session:
        fail_after(session.scan(session.plan(music)))
    (end,) = events(run, "session end")
    assert (end["ended"], end["results_bytes"]) == ("failed", (run / "results.jsonl").stat().st_size)


def test_leftovers_of_killed_workers_among_the_traces_go(tmp_path: Path, music: list[Item]) -> None:
    run = tmp_path / "run"
    scan(run, music)
    (run / "traces" / f"{'0' * 64}.spt.77.tmp").write_bytes(b"half")
    scan(run, music)
    assert list((run / "traces").iterdir()) == []


def test_a_search_asks_first_whether_the_index_may_be_searched(tmp_path: Path) -> None:
    def refuse() -> None:
        raise GrantError("has expired")

    with pytest.raises(GrantError, match="has expired"):
        Search(tmp_path / "none", permit=refuse).searched()


def test_names_that_are_no_text_survive(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\n.wav"))
    path.write_bytes(b"a")
    scan(tmp_path / "run", [Item(path)])
    (result,) = Run.open(tmp_path / "run").results()
    assert (result.path, result.name) == (str(path), str(path).replace("\udcff", r"\udcff"))
    assert scan(tmp_path / "run", [Item(path)]) == []


def test_the_trace_of_a_file_is_named_by_its_digest(tmp_path: Path, music: list[Item]) -> None:
    scan(tmp_path / "run", music)
    run = Run.open(tmp_path / "run")
    result = run.results()[0]
    assert run.trace_path(result) == tmp_path / "run" / "traces" / trace_name(
        hashlib.sha256(b"aaaa").hexdigest(), result.index_digest, result.settings_digest
    )
    with pytest.raises(EvidenceError, match="its result states no SHA-256; scan the file again"):
        run.trace_path(with_track(result, sha256="../../etc/passwd"))


# Summary of a run.


def found(rate: float, **fields: Any) -> dict[str, Any]:
    return a_match(passages=[a_passage(false_per_1000h=rate, **fields)])


def test_a_summary_counts_results() -> None:
    overlapping = [
        a_match("s1", [a_passage(10_000), a_passage(30_000)]),
        a_match("s2", [a_passage(35_000)]),
    ]
    records = [
        a_result("a.wav", overlapping),
        a_result("b.wav", [a_match("s2", [a_passage(0)])]),
        a_result("c.wav"),
        a_failure("d.wav", "is no audio"),
        a_failure("e.wav", "is no audio"),
        a_failure("f.wav", "lasts 0.1 s", status="too_short"),
    ]
    summary = summarise(read_result(record) for record in records)
    assert summary.files == 6
    assert summary.by_status == {"decode_error": 2, "matched": 2, "no_match": 1, "too_short": 1}
    assert summary.searched_ms == 3 * 180_000
    assert (summary.matched_files, summary.matches, summary.sources) == (2, 3, 2)
    assert summary.reused_ms == 10_000 + 15_000 + 10_000  # 35 to 40 s is claimed twice, and counts once
    assert [(source.recording_id, source.files, source.reused_ms) for source in summary.top_sources] == [
        ("s1", 1, 20_000),
        ("s2", 2, 20_000),
    ]
    assert summary.failures == {"is no audio": 2, "lasts 0.1 s": 1}
    assert summary.expected_false_matches == pytest.approx(0.15 / 1000)
    assert summary.false_discovery_rate == pytest.approx(0.05 / 1000)
    assert summary_text(summary) == (
        "6 files on record: 2 decode error, 2 matched, 1 no match, 1 too short; 0.15 h searched\n"
        "35 s reused in 2 files, from 2 recordings:\n"
        "      20.0 s in 1 file: s1 (An Artist - Title of s1)\n"
        "      20.0 s in 2 files: s2 (An Artist - Title of s2)\n"
        "expected by chance: 0.00015 of 3 matches (false-discovery rate 0.005 %)\n"
        "3 files could not be searched:\n"
        "  2: is no audio\n"
        "  1: lasts 0.1 s"
    )
    record = json.loads(json.dumps(summary_to_json(summary)))
    assert record["failures"] == [{"reason": "is no audio", "files": 2}, {"reason": "lasts 0.1 s", "files": 1}]
    assert record["top_sources"][1]["artists"] == ["An Artist"]


def test_a_summary_counts_the_truncated_files_that_were_searched() -> None:
    cut = {"notes": ["truncated: the header says 30 s, the file ends after 10 s"]}
    records = [a_result("a.wav", [a_match("s1")], track=cut), a_result("b.wav", track=cut), a_result("c.wav")]
    summary = summarise(read_result(record) for record in records)
    assert summary_to_json(summary)["truncated_files"] == 2
    assert "2 files truncated: searched as far as the audio goes" in summary_text(summary).splitlines()
    assert "truncated" not in summary_text(summarise([read_result(records[2])]))


def test_a_summary_of_nothing_claims_nothing() -> None:
    assert summary_text(summarise([])) == "0 files on record: none yet; 0.00 h searched"
    assert summarise([]).false_discovery_rate is None
    unstated = a_result("a.wav", [found(1e-3)])
    del unstated["searched"]["max_false_per_1000h"]
    summary = summarise([read_result(unstated)])
    assert summary.expected_false_matches is None
    assert summary.false_discovery_rate is None
    json.dumps(summary_to_json(summary), allow_nan=False)


def test_a_summary_names_the_ten_longest_and_is_printable() -> None:
    records = [
        a_result(f"{i}.wav", [a_match(f"s{i:02}\x1b", [a_passage(0, track_end_ms=1000 * (i + 1))])]) for i in range(12)
    ]
    summary = summarise(read_result(record) for record in records)
    assert [source.recording_id for source in summary.top_sources] == [f"s{i:02}\x1b" for i in range(11, 1, -1)]
    assert "\x1b" not in summary_text(summary)
    assert "  and 2 more\n" in summary_text(summary)


def test_a_summary_for_people_names_the_ten_most_frequent_reasons() -> None:
    records = [a_failure(f"{i}.wav", f"lasts 0.{i:02} s") for i in range(13)]
    summary = summarise(read_result(record) for record in [*records, a_failure("x.wav", "is no audio"), records[0]])
    lines = summary_text(summary).splitlines()
    assert lines[-11:-9] == ["  2: lasts 0.00 s", "  1: is no audio"]
    assert lines[-1] == "  4: other reasons"
    assert len(summary_to_json(summary)["failures"]) == 14


def test_where_limits_differ_a_q_value_is_never_too_small() -> None:
    hour: dict[str, Any] = {"track": {"duration_ms": 3_600_000}}
    strict = a_result("strict.wav", [found(0.001)], **hour)
    strict["searched"]["max_false_per_1000h"] = 0.01
    loose = a_result("loose.wav", [found(9.0)], **hour)
    loose["searched"]["max_false_per_1000h"] = 10.0
    results = [read_result(strict), read_result(loose)]
    expected = (0.01 + 9.0) / 1000 / 2  # above its own limit, chance puts nothing into the first file
    assert expected <= q_values(results)["loose.wav", "s1"] == pytest.approx(0.009)
    assert expected_false_matches(results) == pytest.approx(0.01001)


def test_q_values_follow_their_definition() -> None:
    rates = {"a": 1e-4, "b": 0.5, "c": 0.5, "d": 0.02, "e": 5e5}
    hour: dict[str, Any] = {"track": {"duration_ms": 3_600_000}}
    records = [a_result(f"{name}.wav", [found(rate)], **hour) for name, rate in rates.items()]
    records += [a_result("none.wav", **hour), a_failure("bad.wav", track={"duration_ms": 3_600_000})]
    results = [read_result(record) for record in records]
    assert expected_false_matches(results) == pytest.approx(0.006)
    found_q = q_values(results)
    by_rate = {name: 6 * rate / 1000 / sum(other <= rate for other in rates.values()) for name, rate in rates.items()}
    for name, rate in rates.items():
        naive = min([1.0, *(by_rate[other] for other in rates if rates[other] >= rate)])
        assert found_q[f"{name}.wav", "s1"] == pytest.approx(naive)
    assert found_q["b.wav", "s1"] == found_q["c.wav", "s1"]
    assert found_q["e.wav", "s1"] == 1.0
    assert q_values([]) == {}


def test_q_values_never_fall_as_the_rate_grows() -> None:
    chance = random.Random(3)
    records = [a_result(f"{i}.wav", [found(10 ** chance.uniform(-6, 4))]) for i in range(60)]
    results = [read_result(record) for record in records]
    values = q_values(results)
    ordered = sorted(results, key=lambda result: result.matches[0].false_per_1000h)
    in_order = [values[result.name, "s1"] for result in ordered]
    assert in_order == sorted(in_order)
    assert all(0 <= value <= 1 for value in in_order)
