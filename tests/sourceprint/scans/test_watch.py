"""Following a folder: a file is scanned once it has stopped growing, and moved only if that was asked for."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.durability_disk import Recorder
from fingerprint.errors import EvidenceError, GrantError, ParameterError
from sourceprint.items import Item
from sourceprint.scans import watch
from sourceprint.scans.results import read_result
from sourceprint.scans.run_folder import Run
from sourceprint.scans.scan import Scan
from sourceprint.scans.session import Outcome, Session
from sourceprint.scans.watch import SettledFiles, follow, is_being_written
from tests.audio_files import read, wav_bytes
from tests.scan_records import a_result, with_track
from tests.sourceprint.scans.test_runs import Pretended, events, pretended


class Clock:
    """A clock that goes on by a second whenever it is looked at, and does something at given times."""

    def __init__(self, at: dict[int, Callable[[], object]] | None = None) -> None:
        self.now = 0
        self._at = at or {}

    def __call__(self) -> float:
        self.now += 1
        self._at.get(self.now, lambda: None)()
        return float(self.now)


def put(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def followed(tmp_path: Path, n: int, search: Pretended | None = None, **options: Any) -> list[Outcome]:
    """Follow the folder `drop` until `n` outcomes are there, into `run`."""
    stop = threading.Event()
    session = Session(tmp_path / "run", search or pretended())
    found: list[Outcome] = []
    paths = options.pop("paths", [tmp_path / "drop"])
    with session, closing(follow(session, paths, stop=stop, **{"settle_seconds": 0.0, **options})) as outcomes:
        for outcome in outcomes:
            found.append(outcome)
            if len(found) == n:
                stop.set()
    return found


def names(tmp_path: Path) -> list[str]:
    return [str(Path(result.name).relative_to(tmp_path)) for result in Run.open(tmp_path / "run").results()]


# When a file is ready.


def test_a_file_is_ready_when_it_has_stayed_the_same_for_a_while(tmp_path: Path) -> None:
    path = put(tmp_path / "a.wav", b"a")
    settled = SettledFiles(5.0)
    assert settled.ready([path], 0.0) == []
    assert settled.is_waiting
    assert settled.ready([path], 4.9) == []
    put(path, b"aa")
    assert settled.ready([path], 5.0) == []
    assert settled.ready([path], 9.9) == []
    assert settled.ready([path], 10.0) == [path]
    assert settled.ready([path], 20.0) == []
    assert not settled.is_waiting
    assert settled.is_unchanged(path)
    os.utime(path, ns=(1, 1))
    assert not settled.is_unchanged(path)
    assert settled.ready([path], 21.0) == []
    assert settled.ready([path], 26.0) == [path]


def test_a_file_that_has_gone_is_forgotten(tmp_path: Path) -> None:
    path = put(tmp_path / "a.wav", b"a")
    settled = SettledFiles(0.0)
    assert settled.ready([path], 0.0) == [path]
    assert settled.ready([], 1.0) == []
    assert settled.ready([path, tmp_path / "gone.wav"], 2.0) == [path]


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf")])
def test_a_time_to_settle_is_a_number_from_0(seconds: float) -> None:
    with pytest.raises(ParameterError, match=f"settle={seconds}: must be a number of seconds from 0"):
        SettledFiles(seconds)


# Following.


def test_files_that_were_there_before_are_scanned_and_later_ones_too(tmp_path: Path) -> None:
    put(tmp_path / "drop" / "a.wav", b"aaaa")
    clock = Clock({3: lambda: put(tmp_path / "drop" / "new" / "b.wav", b"bb")})
    search = pretended()
    assert [outcome.kind for outcome in followed(tmp_path, 2, search, clock=clock)] == ["no match", "no match"]
    assert names(tmp_path) == ["drop/a.wav", "drop/new/b.wav"]
    assert len(search.asked) == 2


def test_a_folder_that_is_empty_at_the_start_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "drop").mkdir()
    clock = Clock({2: lambda: put(tmp_path / "drop" / "a.wav", b"a")})
    assert [outcome.kind for outcome in followed(tmp_path, 1, clock=clock)] == ["no match"]


def test_a_file_that_grows_is_scanned_once_and_whole(tmp_path: Path) -> None:
    path = put(tmp_path / "drop" / "a.wav", b"a")

    def grow() -> None:
        with path.open("ab") as file:
            file.write(b"more")

    search = pretended()
    followed(tmp_path, 1, search, settle_seconds=3.0, clock=Clock({2: grow, 4: grow, 6: grow}))
    (result,) = Run.open(tmp_path / "run").results()
    assert result.raw["track"]["bytes"] == 1 + 3 * 4
    assert search.asked == [str(path)]


def test_downloads_are_passed_over_until_they_have_their_name(tmp_path: Path) -> None:
    drop = tmp_path / "drop"
    sound = wav_bytes(bytes(range(256)))
    names = ("a.wav.part", ".b.wav.Xy12Za", "c.mp3.crdownload", "d.wav.tmp")
    unfinished = [put(drop / name, sound) for name in names]
    clock = Clock({3: lambda: unfinished[0].rename(drop / "a.wav")})
    search = pretended()
    outcomes = followed(tmp_path, 1, search, clock=clock)
    assert search.asked == [str(drop / "a.wav")]
    reason = "not searched: it still had the name of an unfinished download or copy when the watch ended"
    assert [(outcome.name, outcome.remarks) for outcome in outcomes[1:]] == [
        (str(path), (reason,)) for path in sorted(unfinished[1:])
    ]


def test_sound_is_found_by_content_and_possible_sound_is_listed(tmp_path: Path) -> None:
    put(tmp_path / "drop" / "stolen", wav_bytes(bytes(range(256))))
    put(tmp_path / "drop" / "notes.txt", b"text")
    put(tmp_path / "drop" / "songs.7z", b"7z\xbc\xaf\x27\x1c" + bytes(40))
    search = pretended()
    (refused, found) = followed(tmp_path, 2, search)
    assert search.asked == [str(tmp_path / "drop" / "stolen")]
    assert (found.kind, refused.kind, refused.name) == ("no match", "failed", str(tmp_path / "drop" / "songs.7z"))
    (told,) = events(tmp_path / "run", "refused")
    assert told["reason"].startswith("a 7z archive, which may hold audio")
    (passed,) = events(tmp_path / "run", "passed over")
    assert (passed["name"], passed["reason"]) == (str(tmp_path / "drop" / "notes.txt"), "text")
    followed(tmp_path, 1)  # that they are told again needs no second line
    assert len(events(tmp_path / "run", "refused")) == len(events(tmp_path / "run", "passed over")) == 1


def test_a_file_that_changes_is_scanned_again(tmp_path: Path) -> None:
    path = put(tmp_path / "drop" / "a.wav", b"a")
    followed(tmp_path, 2, clock=Clock({3: lambda: put(path, b"other")}))
    (result,) = Run.open(tmp_path / "run").results()
    assert result.raw["track"]["bytes"] == 5


def test_known_files_are_not_searched_when_watching_resumes(tmp_path: Path) -> None:
    put(tmp_path / "drop" / "a.wav", b"aaaa")
    followed(tmp_path, 1)
    search = pretended()
    followed(tmp_path, 1, search, clock=Clock({3: lambda: put(tmp_path / "drop" / "b.wav", b"b")}))
    assert search.asked == [str(tmp_path / "drop" / "b.wav")]


def test_a_stop_lets_no_other_file_begin(tmp_path: Path) -> None:
    for name in "abcde":
        put(tmp_path / "drop" / f"{name}.wav", name.encode() * (ord(name) - 90))
    search = pretended()
    assert len(followed(tmp_path, 2, search)) == 2
    assert len(search.asked) == 2
    assert events(tmp_path / "run", "session end")[0]["ended"] == "done"


def test_a_permission_is_asked_for_before_every_file_and_ends_the_scan_when_it_does(tmp_path: Path) -> None:
    for name in "abc":
        put(tmp_path / "drop" / f"{name}.wav", name.encode() * (ord(name) - 90))
    asked: list[int] = []

    def permit() -> None:
        asked.append(len(asked))
        if len(asked) == 3:
            raise GrantError("expired")

    search = replace(pretended(), permit=permit)
    with pytest.raises(GrantError, match="expired"):
        followed(tmp_path, 3, search)
    assert len(search.asked) == len(Run.open(tmp_path / "run").results()) == 2


def test_files_named_beside_the_folder_are_scanned_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "drop").mkdir()
    paths = [put(tmp_path / "a.wav", b"a"), tmp_path / "drop", tmp_path / "gone.wav"]
    outcomes = followed(tmp_path, 2, paths=paths)
    assert [outcome.kind for outcome in outcomes] == ["no match", "failed"]


def test_without_a_folder_there_is_nothing_to_follow(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="--watch: no folder among the paths"):
        followed(tmp_path, 1, paths=[put(tmp_path / "a.wav", b"a")])


# Moving.


def test_nothing_is_moved_unless_it_is_asked_for(tmp_path: Path) -> None:
    path = put(tmp_path / "drop" / "a.wav", b"a")
    followed(tmp_path, 1)
    assert path.exists()
    assert events(tmp_path / "run", "moved") == []


def test_files_are_moved_once_their_rows_are_on_the_disk(tmp_path: Path) -> None:
    put(tmp_path / "drop" / "d" / "a.wav", b"aaaa")
    bad = put(tmp_path / "drop" / "bad.wav", b"bad")
    with Recorder(tmp_path) as disk:
        followed(tmp_path, 2, move_to=tmp_path / "drop" / "done")
    assert (tmp_path / "drop" / "done" / "d" / "a.wav").read_bytes() == b"aaaa"
    assert not (tmp_path / "drop" / "d" / "a.wav").exists()
    assert bad.exists()  # it failed
    assert names(tmp_path) == ["drop/bad.wav", "drop/done/d/a.wav"]
    assert Run.open(tmp_path / "run").results()[1].moved_from == str(tmp_path / "drop" / "d" / "a.wav")
    (moved,) = events(tmp_path / "run", "moved")
    assert moved["name"] == str(tmp_path / "drop" / "d" / "a.wav")
    assert moved["to"] == str(tmp_path / "drop" / "done" / "d" / "a.wav")
    steps: list[tuple[str, str]] = [(operation.kind, operation.path) for operation in disk.operations]
    order = [
        ("flush", "run/log.jsonl"),
        ("create", "drop/done/d/a.wav"),
        ("flush folder", "drop/done/d"),
        ("write", "run/results.jsonl"),
        ("flush", "run/results.jsonl"),
        ("rename", "drop/d/a.wav"),
        ("flush folder", "drop/done/d"),
    ]
    at = steps.index(order[1]) - 1
    for step in order:
        at = steps.index(step, at)


def test_moved_files_are_not_scanned_again(tmp_path: Path) -> None:
    put(tmp_path / "drop" / "a.wav", b"aaaa")
    clock = Clock({4: lambda: put(tmp_path / "drop" / "b.wav", b"b")})
    search = pretended()
    followed(tmp_path, 2, search, clock=clock, move_to=tmp_path / "drop" / "done")
    assert search.asked == [str(tmp_path / "drop" / "a.wav"), str(tmp_path / "drop" / "b.wav")]
    assert sorted(path.name for path in (tmp_path / "drop").iterdir()) == ["done"]


def test_a_file_whose_row_was_known_is_moved_too(tmp_path: Path) -> None:
    put(tmp_path / "drop" / "a.wav", b"aaaa")
    followed(tmp_path, 1)
    put(tmp_path / "drop" / "copy.wav", b"aaaa")
    followed(tmp_path, 1, move_to=tmp_path / "done")
    assert sorted(path.name for path in (tmp_path / "done").iterdir()) == ["a.wav", "copy.wav"]
    assert names(tmp_path) == ["done/a.wav", "done/copy.wav"]


def test_the_file_is_where_its_row_says_however_often_a_name_comes(tmp_path: Path) -> None:
    path = tmp_path / "drop" / "output.wav"
    contents = [b"1", b"22", b"333"]
    put(path, contents[0])
    clock = Clock({2: lambda: put(path, contents[1]), 3: lambda: put(path, contents[2]), 4: lambda: put(path, b"1")})
    search = pretended()
    followed(tmp_path, 4, search, clock=clock, move_to=tmp_path / "done")
    results = Run.open(tmp_path / "run").results()
    assert sorted(Path(result.name).read_bytes() for result in results) == [b"1", *contents]
    assert {result.moved_from for result in results} == {str(path)}
    assert len({result.name for result in results}) == 4
    assert len(search.asked) == 3
    assert list((tmp_path / "drop").iterdir()) == []


def test_a_file_that_changes_while_it_is_scanned_is_moved_when_it_was_scanned_again(tmp_path: Path) -> None:
    path = put(tmp_path / "drop" / "a.wav", b"aaaa")

    class Changing(Pretended):
        def scans(
            self, items: Sequence[Item], traces: Path, *, begun: Callable[[Path], object] = lambda _: None
        ) -> Generator[Scan, None, None]:
            is_first = not self.asked
            for scan in super().scans(items, traces, begun=begun):
                if is_first:
                    put(path, b"and more")
                yield scan

    followed(tmp_path, 2, Changing(tmp_path / "index"), move_to=tmp_path / "done")
    assert names(tmp_path) == ["done/a.wav"]
    assert (tmp_path / "done" / "a.wav").read_bytes() == b"and more"


class Cut(Pretended):
    """Notes that the end is missing of files that start with `half`."""

    def scans(
        self, items: Sequence[Item], traces: Path, *, begun: Callable[[Path], object] = lambda _: None
    ) -> Generator[Scan, None, None]:
        for scan in super().scans(items, traces, begun=begun):
            is_cut = scan.path.read_bytes().startswith(b"half")
            yield replace(scan, notes=(CUT,)) if is_cut else scan


CUT = "truncated: header says 20.00 s, 4.96 s could be read"


def test_a_file_whose_end_is_missing_is_moved_when_it_is_whole(tmp_path: Path) -> None:
    path = put(tmp_path / "drop" / "a.mp3", b"half")
    clock = Clock({4: lambda: put(path, b"whole")})
    search = Cut(tmp_path / "index")
    outcomes = followed(tmp_path, 2, search, clock=clock, move_to=tmp_path / "done")
    assert [outcome.kind for outcome in outcomes] == ["no match", "no match"]
    assert search.asked == [str(path)] * 2
    (row,) = Run.open(tmp_path / "run").results()
    assert (row.name, row.track.notes) == (str(tmp_path / "done" / "a.mp3"), ())
    assert (tmp_path / "done" / "a.mp3").read_bytes() == b"whole"


def test_a_file_whose_end_is_missing_stays_and_is_told_at_the_end_of_every_watch(tmp_path: Path) -> None:
    path = put(tmp_path / "drop" / "a.mp3", b"half")
    reason = f"incomplete when the watch ended ({CUT}); its result is of what was there"
    for n_searched in (1, 0):  # when following goes on, its row stands
        search = Cut(tmp_path / "index")
        clock = Clock({6: lambda: put(tmp_path / "drop" / "end.mp3", b"end")})
        outcomes = followed(tmp_path, 1 + n_searched, search, clock=clock, move_to=tmp_path / "done")
        assert outcomes[-1] == Outcome(str(path), "failed", (reason,))
        assert search.asked.count(str(path)) == n_searched
        assert path.read_bytes() == b"half"


def test_a_file_that_is_open_for_writing_is_moved_when_it_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path / "drop" / "a.mp3", b"some")
    is_open = {path}
    monkeypatch.setattr(watch, "is_being_written", is_open.__contains__)
    last = tmp_path / "drop" / "end.mp3"
    clock = Clock({4: is_open.clear, 6: lambda: put(last, b"end")})
    search = pretended()
    followed(tmp_path, 2, search, clock=clock, move_to=tmp_path / "done")
    assert search.asked == [str(path), str(last)]
    assert sorted(one.name for one in (tmp_path / "done").iterdir()) == ["a.mp3", "end.mp3"]


def test_a_file_that_is_still_open_at_the_end_stays_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path / "drop" / "a.mp3", b"some")
    monkeypatch.setattr(watch, "is_being_written", lambda _: True)
    outcomes = followed(tmp_path, 1, move_to=tmp_path / "done")
    reason = "still open for writing when the watch ended, so it was not moved; its result is safe"
    assert outcomes[1:] == [Outcome(str(path), "failed", (reason,))]
    assert path.exists()


def test_the_system_tells_whether_a_file_is_open_for_writing(tmp_path: Path) -> None:
    path = put(tmp_path / "a.mp3", b"some")
    with path.open("ab"):
        assert is_being_written(path) is (sys.platform == "linux")
    with path.open("rb"):
        assert not is_being_written(path)
    assert not is_being_written(tmp_path / "gone")


def test_a_cut_file_is_recognised(tmp_path: Path) -> None:
    path = put(tmp_path / "a.wav", wav_bytes(bytes(8000), claimed_bytes=32000))
    (note, _silent) = read(path)[1]
    for notes, cut in [((note,), note), (("silent",), ""), ((f"stream 2 of 3: {note}",), f"stream 2 of 3: {note}")]:
        assert with_track(read_result(a_result()), notes=notes).cut == cut


def test_a_folder_in_the_way_of_a_move_is_an_error_and_the_row_is_safe(tmp_path: Path) -> None:
    path = put(tmp_path / "drop" / "a.wav", b"a")
    put(tmp_path / "done", b"a file")
    with pytest.raises(EvidenceError, match=r"done/a\.wav: cannot be used \((File exists|Not a directory)\)"):
        followed(tmp_path, 9, move_to=tmp_path / "done")
    assert path.exists()
    assert json.loads((tmp_path / "run" / "results.jsonl").read_text())["track"]["name"] == str(path)
