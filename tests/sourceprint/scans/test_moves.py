"""Files that a scan moves: each is at the path in its row, even after a kill, and no result is lost or doubled."""

from __future__ import annotations

import errno
import itertools
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.durability_disk import FaultyDisk
from fingerprint.errors import EvidenceError, StorageFullError
from sourceprint.inputs import Item, collect
from sourceprint.scans import moves as carrying
from sourceprint.scans.moves import Mover, drop_reservation, is_reserved, move, reserve
from sourceprint.scans.run_folder import Run, results_of
from sourceprint.scans.session import Session
from tests.sourceprint.scans.test_runs import Killed, Pretended, events, killed_at, pretended, rows

DIGEST = "0123456789abcdef" * 4
RUN = Path("run")
DONE = Path("done")
DROPS = (Path("drop1"), Path("drop2"))


def put(path: str, data: bytes) -> Path:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(data)
    return Path(path)


def carried(search: Pretended | None = None, *, moves: bool = True) -> Session:
    """Scan the files in both folders once, and move it if `moves`."""
    session = Session(RUN, search or pretended())
    with session:
        mover = Mover(session.journal, DONE, DROPS, is_unchanged=Path.exists) if moves else None
        list(session.scan(session.plan(dropped()), mover=mover))
    return session


def dropped() -> list[Item]:
    return list(collect([drop for drop in DROPS if drop.is_dir()], lists=False).items)


def names() -> list[str]:
    return [result.name for result in Run.open(RUN).results()]


def tree() -> dict[str, bytes]:
    """Return all files but those of the run."""
    return {str(p): p.read_bytes() for top in (DONE, *DROPS) for p in sorted(top.rglob("*")) if p.is_file()}


def prepare(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a world and go there: a row of a file that is still there, one of a file that failed and is another now."""
    folder.mkdir()
    monkeypatch.chdir(folder)
    put("drop1/kept.wav", b"kept here")
    put("drop2/late.wav", b"bad still")
    carried(moves=False)
    put("drop2/late.wav", b"complete now")
    put("drop1/out.wav", b"aaaa")
    put("drop1/bad.wav", b"bad!")
    put("drop2/copy.wav", b"aaaa")
    put("drop2/out.wav", b"bbbbbb")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "world").mkdir()
    monkeypatch.chdir(tmp_path / "world")
    return tmp_path / "world"


@pytest.fixture(params=["one file system", "two file systems"])
def two_systems(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Pretend, in one of two trials, that files come from another file system than the one they go to."""
    if request.param == "two file systems":
        real = os.replace

        def replace(source: Any, target: Any) -> None:
            if str(source).startswith("drop"):
                raise OSError(errno.EXDEV, "Invalid cross-device link")
            real(source, target)

        monkeypatch.setattr(os, "replace", replace)
    return bool(request.param == "two file systems")


@pytest.fixture
def whole(two_systems: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[bytes], dict[str, bytes]]:
    """Return the rows and files of a session that nothing interrupted."""
    prepare(tmp_path / "whole", monkeypatch)
    carried()
    assert tree() == {
        "done/copy.wav": b"aaaa",
        "done/kept.wav": b"kept here",
        "done/late.wav": b"complete now",
        "done/out-4625fd63.wav": b"bbbbbb",
        "done/out.wav": b"aaaa",
        "drop1/bad.wav": b"bad!",
    }
    assert names() == sorted(tree())
    return rows(RUN), tree()


# Interruptions.


@pytest.mark.slow
def test_a_move_that_is_killed_anywhere_is_brought_to_its_end(
    whole: tuple[list[bytes], dict[str, bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = set()
    for n in itertools.count():
        prepare(tmp_path / f"world-{n}", monkeypatch)
        first, second, third = pretended(), pretended(), pretended()
        try:
            with killed_at(Path.cwd(), n):
                carried(first)
        except Killed:
            pass
        else:
            break
        states.add(tuple(sorted(tree())))
        carried(second)
        assert (rows(RUN), tree()) == whole
        assert len(first.asked) + len(second.asked) <= 5  # four, and the one whose row was under way
        carried(third)
        assert third.asked == []
        assert (rows(RUN), tree()) == whole
    assert n > 60
    assert len(states) >= 11  # for each of five files, its place reserved and then taken


@pytest.mark.slow
def test_a_move_that_is_killed_and_killed_again_is_brought_to_its_end(
    whole: tuple[list[bytes], dict[str, bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(6)
    for trial in range(60):
        prepare(tmp_path / f"world-{trial}", monkeypatch)
        for most in (70, 12, 12):
            try:
                with killed_at(Path.cwd(), chance.randrange(most)):
                    carried()
            except Killed:
                continue
        carried()
        assert (rows(RUN), tree()) == whole


@pytest.mark.slow
@pytest.mark.parametrize(("code", "once"), [(errno.ENOSPC, False), (errno.ENOSPC, True), (errno.EIO, True)])
def test_a_disk_that_refuses_costs_no_file_and_no_result(
    whole: tuple[list[bytes], dict[str, bytes]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
    once: bool,
) -> None:
    n_refused = 0
    for allowed in itertools.count():
        prepare(tmp_path / f"world-{allowed}", monkeypatch)
        contents = sorted(set(tree().values()))
        with FaultyDisk(Path.cwd(), code, allowed=allowed, once=once) as disk:
            try:
                carried()
            except (StorageFullError, EvidenceError):
                n_refused += 1
        if not disk.refused:
            break
        assert set(contents) <= set(tree().values())
        for result in Run.open(RUN).results():
            assert Path(result.name).is_file()
        carried()
        assert (rows(RUN), tree()) == whole
    assert n_refused > 40


def killed_before_the_move(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a session end where the row of a file is on the disk, and the file not yet where the row says."""

    def end(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(carrying, "move", end)
        with pytest.raises(Killed):
            carried()


def test_any_session_finishes_a_move(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put("drop1/a.wav", b"aaaa")
    put("drop2/b.wav", b"bb")
    killed_before_the_move(monkeypatch)
    assert tree() == {"done/a.wav": b"", "drop1/a.wav": b"aaaa", "drop2/b.wav": b"bb"}
    carried(moves=False)
    assert tree() == {"done/a.wav": b"aaaa", "drop2/b.wav": b"bb"}
    assert names() == ["done/a.wav", "drop2/b.wav"]
    assert [(event["name"], event["to"]) for event in events(RUN, "moved")] == [("drop1/a.wav", "done/a.wav")]


@pytest.mark.parametrize("data", [None, b"other"])
def test_a_file_that_is_gone_before_its_move_is_finished_keeps_its_result(
    world: Path, monkeypatch: pytest.MonkeyPatch, data: bytes | None
) -> None:
    path = put("drop1/a.wav", b"aaaa")
    killed_before_the_move(monkeypatch)
    path.unlink()
    if data is not None:
        path.write_bytes(data)
    carried()
    # The name stays that of the first result: another content does not get it.
    assert tree() == ({} if data is None else {"done/a-d9298a10.wav": data})
    assert names() == [*tree(), "done/a.wav"]


def test_an_empty_file_that_is_not_ours_is_left_alone(world: Path) -> None:
    put("drop1/a.wav", b"aaaa")
    put("done/a.wav", b"")
    carried()
    carried()
    assert tree() == {"done/a.wav": b"", "done/a-61be55a8.wav": b"aaaa"}


# Names that come again.


def test_files_of_one_name_all_keep_their_results(world: Path) -> None:
    for data in (b"1", b"22", b"333"):
        put("drop1/output.wav", data)
        carried()
    assert names() == sorted(tree())
    assert sorted(tree().values()) == [b"1", b"22", b"333"]
    for result in Run.open(RUN).results():
        assert result.moved_from == "drop1/output.wav"
        assert result.raw["track"]["bytes"] == Path(result.name).stat().st_size


def test_a_name_that_was_taken_away_is_not_given_to_another_content(world: Path) -> None:
    put("drop1/a.wav", b"1")
    carried()
    Path("done/a.wav").rename("archived.wav")
    put("drop1/a.wav", b"22")
    carried()
    assert names() == ["done/a-785f3ec7.wav", "done/a.wav"]
    put("drop1/a.wav", b"1")
    carried(search := pretended())
    assert search.asked == []
    assert Path("done/a.wav").read_bytes() == b"1"
    assert len(names()) == 2


def test_the_same_content_has_a_place_and_a_row_each_time_and_is_searched_once(world: Path) -> None:
    search = pretended()
    for _ in range(5):
        put("drop1/a.wav", b"aaaa")
        carried(search)
    digest = "61be55a8e2f6b4e172338bddf184d6dbee29c98853e0a0485ecee7f27b9af0b4"
    ends = ["", "-61be55a8", f"-{digest}", f"-{digest}-2", f"-{digest}-3"]
    assert names() == sorted(tree()) == sorted(f"done/a{end}.wav" for end in ends)
    assert search.asked == ["drop1/a.wav"]
    assert len(rows(RUN)) == 5


def test_a_moved_file_replaces_the_result_of_its_old_name(world: Path) -> None:
    put("drop1/a.wav", b"bad")
    put("drop1/b.wav", b"bb")
    assert carried().n_failed == 1
    put("drop1/a.wav", b"good")
    session = Session(RUN, pretended())
    with session:
        mover = Mover(session.journal, DONE, DROPS, is_unchanged=Path.exists)
        list(session.scan(session.plan(dropped()), mover=mover))
        assert len((RUN / "results.jsonl").read_bytes().splitlines()) == 3  # until the session ends
        assert names() == ["done/a.wav", "done/b.wav"]
        shutil.copy(RUN / "results.jsonl", "copy.jsonl")
    assert [result.name for result in results_of(Path("copy.jsonl"))] == ["done/a.wav", "done/b.wav"]
    assert len(rows(RUN)) == 2
    assert session.report()["summary"]["failures"] == []


# Files that cannot be moved.


def test_a_file_that_cannot_be_moved_stays_under_its_old_name(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put("drop1/a.wav", b"aaaa")
    real = os.replace

    def replace(source: Any, target: Any) -> None:
        if str(source).startswith("drop"):
            raise PermissionError(errno.EACCES, "Permission denied")
        real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replace)
        with pytest.raises(EvidenceError, match=r"done/a\.wav: cannot be used \(Permission denied\)"):
            carried()
        assert (names(), tree()) == (["drop1/a.wav"], {"drop1/a.wav": b"aaaa"})
        assert events(RUN, "put back")[0]["of"] == "done/a.wav"
        carried(moves=False)  # a scan that moves nothing is not held up
    carried(search := pretended())
    assert search.asked == []
    assert (names(), tree()) == (["done/a.wav"], {"done/a.wav": b"aaaa"})
    put("drop1/b.wav", b"b")
    (world / "alone").mkdir()
    monkeypatch.chdir(world / "alone")
    put("drop1/a.wav", b"aaaa")
    carried()
    assert rows(RUN) == rows(world / "run")


def test_a_move_that_an_earlier_session_began_and_this_one_may_not_end_holds_nothing_up(
    world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("drop1/a.wav", b"aaaa")
    killed_before_the_move(monkeypatch)

    def refuse(*_: object) -> None:
        raise EvidenceError("no")

    with monkeypatch.context() as patch:
        patch.setattr(carrying, "move", refuse)
        carried(moves=False)
    assert (names(), tree()) == (["drop1/a.wav"], {"drop1/a.wav": b"aaaa"})


def test_a_file_that_vanishes_at_the_last_moment_keeps_its_result(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put("drop1/a.wav", b"aaaa")

    def vanish(source: Path, place: Path) -> None:
        path.unlink()
        move(source, place)

    monkeypatch.setattr(carrying, "move", vanish)
    carried()
    assert (names(), tree()) == (["done/a.wav"], {})


# Places.


def reserved(*, is_free: Callable[[Path], bool] = lambda _: True) -> Path:
    return reserve(Path("done/a.wav"), sha256=DIGEST, is_free=is_free, announce=lambda _: None)


def test_a_name_that_is_taken_gets_digits_and_nothing_is_overwritten(world: Path) -> None:
    places = []
    for data in (b"1", b"2", b"3", b"4"):
        place = reserved()
        assert is_reserved(place)
        move(put("drop1/a.wav", data), place)
        assert not is_reserved(place)
        places.append(place)
    assert [place.name for place in places] == ["a.wav", "a-01234567.wav", f"a-{DIGEST}.wav", f"a-{DIGEST}-2.wav"]
    assert [place.read_bytes() for place in places] == [b"1", b"2", b"3", b"4"]
    Path("done/link.wav").symlink_to("nowhere")
    assert not is_reserved(Path("done/link.wav"))
    assert reserved(is_free=lambda place: place.stem == f"a-{DIGEST}-4").name == f"a-{DIGEST}-4.wav"


def test_a_place_that_somebody_else_makes_at_the_same_time_is_theirs(world: Path) -> None:
    told: list[Path] = []

    def announce(place: Path) -> None:
        told.append(place)
        if len(told) == 1:
            put(str(place), b"theirs")

    place = reserve(Path("done/a.wav"), sha256=DIGEST, is_free=lambda _: True, announce=announce)
    assert told == [Path("done/a.wav"), Path("done/a-01234567.wav")]
    assert place == told[1]
    drop_reservation(place)
    assert tree() == {"done/a.wav": b"theirs"}


def test_a_copy_to_another_file_system_keeps_the_time_of_change(world: Path, two_systems: bool) -> None:
    path = put("drop1/a.wav", b"aaaa")
    os.utime(path, ns=(10**18, 10**18))
    move(path, place := reserved())
    assert place.stat().st_mtime_ns == 10**18
    assert tree() == {"done/a.wav": b"aaaa"}
