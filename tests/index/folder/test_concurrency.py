"""Several processes at one index: writers in turn, readers beside a writer, and files kept by a lease."""

from __future__ import annotations

import fcntl
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fingerprint.errors import CatalogueError, IndexFormatError, IndexLockedError
from index.folder.index import CommitToken, Index, Recording
from index.folder.repair import repair_index
from index.storage.locks import claim, leased, sweep
from index.storage.manifest import RECORDING, read_manifest, spec_of
from sourceprint import workers
from sourceprint.inputs import Item
from sourceprint.scans.scan import scan_files
from tests.command_line import catalogue
from tests.landmark_sets import ALWAYS, LAYERS, fill, landmarks
from tests.places import ROOT

N_READERS = 10
N_CHANGES = 15

READER = """
import json, sys, time
from pathlib import Path
import numpy as np
from index.folder.index import Index
from tests.landmark_sets import landmarks

folder, stop, seen, leasing = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4] == "leasing"

def look(index):
    snapshot = index.snapshot()
    view = snapshot.layer("recording")
    state = {recording.id: int(recording.title) for recording in snapshot.recordings}
    assert len(state) == len(snapshot.recordings), "an id twice"
    for name, seed in state.items():
        ordinal = snapshot.ordinal(name)
        given = landmarks(40, seed)
        assert (view.landmarks_of(ordinal)[0] == np.rint(given.times * 4096)).all(), name
        rows, _ = view.search(given.vectors, 1, nprobe=1000)
        found = view.recording_of(rows)
        assert (found >= 0).all() and (found == ordinal).mean() > 0.8, name  # compressed, a few are taken for others
    return snapshot.generation, state

with open(seen, "a", buffering=1) as out:
    while not stop.exists():
        index = Index.open(folder)
        if leasing:
            with index.lease() as token:
                found = look(Index.open_at(folder, token))
                assert found == look(index) == look(Index.open_at(folder, token))
        else:
            found = look(index)
        out.write(json.dumps(found) + "\\n")
        time.sleep(0.02)  # or ten readers leave the writer no processor
"""

HOLDER = """
import dataclasses, json, sys, time
from index.folder.index import Index
index = Index.open(sys.argv[1])
with index.lease() as token:
    print(json.dumps(dataclasses.asdict(token)), flush=True)
    sys.stdin.readline()
    print(Index.open_at(sys.argv[1], token).digest, index.digest, flush=True)
    sys.stdin.readline()
"""

WRITER = """
import sys
from index.folder.index import Index
with Index.open(sys.argv[1]).writer() as writer:
    print("ready", flush=True)
    sys.stdin.readline()
"""


def launch(program: str, *args: str | Path) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", program, *map(str, args)]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)


@contextmanager
def running(program: str, *args: str | Path) -> Iterator[subprocess.Popen[str]]:
    """Start a process that talks through its pipes, and end it with the block."""
    with launch(program, *args) as process:
        try:
            yield process
        finally:
            process.kill()


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, "the process has ended"
    return line.strip()


def tell(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go on\n")
    process.stdin.flush()


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < end, "waited two minutes in vain"
        time.sleep(0.005)


def parts(folder: Path) -> set[str]:
    """Return the folders of segments on the disk."""
    found = {f"segments/{path.name}" for path in (folder / "segments").iterdir()}
    assert found
    return found


def lease_files(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "readers").glob("*"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a compressed index of six recordings, one of them removed, in two segments at least."""
    index = fill(tmp_path / "index", {f"r{i}": 30 for i in range(5)}, exact_limit=ALWAYS)
    with index.writer(exact_limit=ALWAYS) as writer:
        writer.add(Recording("r5"), {"recording": landmarks(30, 5)})
        writer.remove("r0")
    assert len(read_manifest(tmp_path / "index").segments) == 2
    return tmp_path / "index"


def compact(folder: Path) -> None:
    with Index.open(folder).writer(exact_limit=ALWAYS) as writer:
        writer.compact()


def add(folder: Path, name: str) -> None:
    with Index.open(folder).writer(exact_limit=ALWAYS) as writer:
        writer.add(Recording(name), {"recording": landmarks(30, 9)})


# Writers.


def test_a_second_writer_is_told_which_process_writes_and_a_killed_one_holds_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    index = fill(folder, {"a": 30})
    with running(WRITER, folder) as first:
        assert line_of(first) == "ready"
        with pytest.raises(IndexLockedError, match=f"process {first.pid} is writing to this index; wait until it has"):
            index.writer().__enter__()
        first.kill()
        first.wait()
        with index.writer() as writer:
            writer.add(Recording("b"), {"recording": landmarks(30, 1)})
    assert [recording.id for recording in index.snapshot().recordings] == ["a", "b"]


# Ten readers beside a writer.


def change(folder: Path, state: dict[str, int], number: int, chance: random.Random) -> None:
    """Add, remove, replace or compact; `state` holds the seed of the landmarks of every id."""
    with Index.open(folder).writer(exact_limit=600) as writer:
        for position, kind in enumerate(chance.choices(["add", "remove", "replace"], k=3)):
            seed = chance.randrange(1 << 31)
            if kind == "add" or len(state) < 4:
                name = f"r{number}-{position}"
                writer.add(Recording(name, str(seed)), {"recording": landmarks(40, seed)})
                state[name] = seed
                continue
            name = chance.choice(sorted(state))
            if kind == "remove":
                writer.remove(name)
                del state[name]
            else:
                writer.replace(Recording(name, str(seed)), {"recording": landmarks(40, seed)})
                state[name] = seed
        if number % 3 == 2:
            writer.compact()


@pytest.mark.slow
def test_ten_readers_beside_a_writer_each_see_exactly_one_committed_state(tmp_path: Path) -> None:
    folder, stop = tmp_path / "index", tmp_path / "stop"
    Index.create(folder, LAYERS)
    state: dict[str, int] = {}
    chance = random.Random(4)
    change(folder, state, 0, chance)
    committed = [(read_manifest(folder).generation, dict(state))]
    seen = [tmp_path / f"seen-{i}" for i in range(N_READERS)]
    readers = [launch(READER, folder, stop, path, "leasing" if i % 2 else "plain") for i, path in enumerate(seen)]

    def looks() -> list[int]:
        assert all(reader.poll() is None for reader in readers), "a reader has failed"
        return [path.read_text().count("\n") if path.exists() else 0 for path in seen]

    try:
        wait_for(lambda: min(looks()) > 0)
        for number in range(1, N_CHANGES + 1):
            before = sum(looks())
            change(folder, state, number, chance)
            committed.append((read_manifest(folder).generation, dict(state)))
            wait_for(lambda before=before: sum(looks()) > before)  # type: ignore[misc]
        stop.touch()
        assert [reader.wait(120) for reader in readers] == [0] * N_READERS
    finally:
        for reader in readers:
            reader.kill()
            reader.communicate()
    generations = set()
    for path in seen:
        previous = 0
        for line in path.read_text().splitlines():
            generation, found = json.loads(line)
            expected = next(known for last, known in committed if generation <= last)
            assert found == expected, generation
            assert generation >= previous
            previous = generation
            generations.add(generation)
    assert len(generations) > N_CHANGES // 2
    add(folder, "last")
    assert parts(folder) == set(read_manifest(folder).parts())
    assert lease_files(folder) == []


# Leases.


def test_a_leased_reader_in_another_process_keeps_its_state_across_a_compaction(folder: Path) -> None:
    manifest, digest = read_manifest(folder), Index.open(folder).digest
    with running(HOLDER, folder) as reader:
        token = CommitToken(**json.loads(line_of(reader)))
        assert lease_files(folder) == [token.lease]
        compact(folder)
        add(folder, "new")
        latest = read_manifest(folder)
        assert not {entry.name for entry in manifest.segments} & {entry.name for entry in latest.segments}
        assert parts(folder) == {*manifest.parts(), *latest.parts()}
        tell(reader)
        assert line_of(reader).split() == [digest, digest]
        index = Index.open_at(folder, token, LAYERS)
        assert (index.digest, index.snapshot().generation) == (digest, manifest.generation)
        assert Index.open(folder).digest != digest
        tell(reader)
        reader.wait(300)
    assert set(manifest.parts()) <= parts(folder)
    assert lease_files(folder) == []
    with pytest.raises(CatalogueError, match="it keeps what is being read from being deleted"):
        Index.open_at(folder, token)
    add(folder, "newer")
    assert parts(folder) == set(read_manifest(folder).parts())


def test_the_lease_of_a_killed_reader_is_removed_with_its_files(folder: Path) -> None:
    with running(HOLDER, folder) as reader:
        token = CommitToken(**json.loads(line_of(reader)))
        compact(folder)
        assert len(parts(folder)) > len(read_manifest(folder).parts())
        reader.kill()
        reader.wait()
    assert lease_files(folder) == [token.lease]
    with Index.open(folder).writer():
        assert parts(folder) == set(read_manifest(folder).parts())
    assert lease_files(folder) == []


def test_under_a_lease_the_store_itself_stays_where_it_is_and_moves_on_afterwards(folder: Path) -> None:
    index = Index.open(folder)
    with index.lease() as token:
        before = index.snapshot().generation
        add(folder, "new")
        assert index.snapshot().generation == before == token.generation
        with index.lease() as newer:
            assert newer.generation > before
            assert "new" in index.snapshot()
        assert "new" not in index.snapshot()
    assert "new" in index.snapshot()


def test_a_state_opened_by_token_must_have_the_layers_asked_for(folder: Path) -> None:
    with Index.open(folder).lease() as token, pytest.raises(IndexFormatError, match="was made with parameters"):
        Index.open_at(folder, token, {"recording": spec_of(RECORDING)})


def test_an_altered_lease_is_refused(folder: Path) -> None:
    with Index.open(folder).lease() as token:
        (folder / "readers" / token.lease).write_bytes(b"{}")
        with pytest.raises(CatalogueError, match="was altered while it was in use"):
            Index.open_at(folder, token)


def test_while_a_live_lease_cannot_be_read_nothing_is_deleted(folder: Path) -> None:
    before = parts(folder)
    with Index.open(folder).lease() as token:
        (folder / "readers" / token.lease).write_bytes(b"{")
        compact(folder)
        assert before < parts(folder)
    add(folder, "new")
    assert parts(folder) == set(read_manifest(folder).parts())


def test_repair_leaves_files_that_a_reader_holds(folder: Path) -> None:
    damaged = next((folder / "segments").glob("*/recordings.jsonl"))
    with Index.open(folder).lease():
        damaged.write_bytes(damaged.read_bytes()[:-1])
        assert repair_index(folder)
        assert damaged.exists()
    sweep(folder, read_manifest(folder))
    assert not damaged.exists()


def test_a_commit_before_the_lease_is_locked_makes_the_reader_start_over(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = claim
    calls: list[Path] = []

    def claim_late(path: Path) -> int:
        calls.append(path)
        if len(calls) == 1:
            compact(folder)
        return real(path)

    monkeypatch.setattr("index.storage.locks.claim", claim_late)
    with leased(folder) as lease:
        assert len(calls) == 2
        assert lease.manifest == read_manifest(folder)
        assert lease_files(folder) == [calls[1].name] == [lease.token.lease]


def test_a_lease_that_the_writer_took_for_stale_is_made_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = fcntl.flock
    swept: list[int] = []

    def flock_late(descriptor: int, how: int) -> None:
        if not swept:
            swept.append(descriptor)
            monkeypatch.setattr(fcntl, "flock", real)
            sweep(folder, read_manifest(folder))  # the file is there, and nobody has locked it
            assert lease_files(folder) == []
            monkeypatch.setattr(fcntl, "flock", flock_late)
        real(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", flock_late)
    with leased(folder) as lease:
        assert swept
        assert lease_files(folder) == [lease.token.lease]
        sweep(folder, read_manifest(folder))
        assert lease_files(folder) == [lease.token.lease]


@pytest.mark.parametrize("refused", ["making", "locking", "writing"])
def test_where_no_lease_can_be_taken_the_index_is_read_without(
    folder: Path, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    digest = Index.open(folder).digest

    def refuse(*_: Any) -> int:
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as patch:
        if refused == "making":
            patch.setattr("index.storage.locks.claim", refuse)
        elif refused == "locking":
            patch.setattr(fcntl, "flock", refuse)
        else:
            patch.setattr(os, "write", refuse)
        index = Index.open(folder)
        with index.lease() as token:
            assert token.lease == ""
            assert index.digest == Index.open_at(folder, token).digest == digest
            patch.undo()
            compact(folder)
            assert index.digest == digest  # its open files stay
    assert lease_files(folder) == []


# Scans.


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the music of two recordings and an index of it, which tests leave as it is."""
    place = tmp_path_factory.mktemp("music")
    catalogue(place, (1, 2))
    return place


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_scan_sees_one_state_despite_concurrent_changes(
    music: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jobs: int
) -> None:
    index = shutil.copytree(music / "index", tmp_path / "index")
    digest = Index.open(index).digest
    real = workers.in_order

    def in_order(*arguments: Any, **options: Any) -> Generator[Any, None, None]:
        with Index.open(index).writer() as writer:  # before any worker opens the index
            writer.remove("s1")
            writer.compact()
        assert bool(lease_files(index)) == (jobs > 1)  # a process that has mapped the files needs none
        yield from real(*arguments, **options)

    monkeypatch.setattr("sourceprint.scans.scan.in_order", in_order)
    items = [Item(music / "music" / f"s{i}.wav") for i in (1, 2, 1)]
    scans = list(scan_files(index, items, jobs=jobs))
    assert [[match.recording.id for match in scan.matches] for scan in scans] == [["s1"], ["s2"], ["s1"]]
    assert {(scan.searched.digest, scan.searched.n_recordings) for scan in scans} == {(digest, 2)}
    assert [recording.id for recording in Index.open(index).snapshot().recordings] == ["s2"]
    assert lease_files(index) == []


@pytest.mark.slow
def test_a_scan_that_is_given_up_gives_up_its_lease(music: Path) -> None:
    index = music / "index"
    scans = scan_files(index, [Item(music / "music" / "s1.wav")] * 2, jobs=2)
    assert next(scans).status == "matched"
    assert len(lease_files(index)) == 1
    scans.close()
    assert lease_files(index) == []
