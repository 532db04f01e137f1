"""The index when things go wrong: killed writers, full disks, damaged files. Nothing acknowledged may ever be lost."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.durability_disk import FaultyDisk
from benchmarks.durability_index import named_files
from fingerprint.errors import CatalogueError, IndexDamagedError, IndexFormatError, IndexLockedError, StorageFullError
from index.folder.index import Index, Recording
from index.folder.repair import repair_index
from index.folder.verification import verify_index
from index.storage import segment
from index.storage import snapshot as snapshots
from tests.landmark_sets import ALWAYS, LAYERS, NEVER, fill, landmarks
from tests.places import ROOT

KILLS = 10

WRITER = """
import sys
from index.folder.index import Recording, Index
from tests.landmark_sets import landmarks

index, first = Index.open(sys.argv[1]), int(sys.argv[2])

def acknowledge(ids):
    sys.stdout.write("".join(f"{name}\\n" for name in ids))
    sys.stdout.flush()

with index.writer(on_commit=acknowledge, commit_landmarks=100, exact_limit=600) as writer:
    sys.stdout.write("ready\\n")
    sys.stdout.flush()
    for i in range(first, first + 100_000):
        writer.add(Recording(f"r{i}"), {"recording": landmarks(40, i)})
        if i % 25 == 24:
            writer.compact()
"""


def ids(folder: Path) -> list[str]:
    return [recording.id for recording in Index.open(folder).snapshot().recordings]


def files_of(folder: Path) -> dict[str, bytes]:
    found = {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
    found.pop("lock", None)
    return found


@pytest.mark.slow
def test_a_killed_writer_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    Index.create(folder, LAYERS)
    chance = random.Random(1)
    acknowledged: list[str] = []
    for _ in range(KILLS):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder), str(len(acknowledged))],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        # However slow the machine is, some commits come first; the moment within the next one is left to chance.
        acknowledged += [process.stdout.readline().strip() for _ in range(chance.randrange(3 * 3))]
        time.sleep(chance.uniform(0.0, 0.1))
        process.kill()
        acknowledged += process.stdout.read().split()
        process.stdout.close()
        process.wait()
        found = ids(folder)
        # The last commit may have reached the disk before its acknowledgement reached us: all of it or nothing.
        assert found[: len(acknowledged)] == acknowledged
        assert len(found) - len(acknowledged) in range(4)  # a commit has 3 recordings, one before a compaction fewer
        acknowledged = found
        assert verify_index(folder) == []
        view = Index.open(folder).snapshot().layer("recording")
        for ordinal in range(0, len(found), 7):
            seed = int(found[ordinal][1:])
            times = view.landmarks_of(ordinal)[0]
            np.testing.assert_array_equal(times, np.rint(landmarks(40, seed).times * 4096))
    assert len(acknowledged) > KILLS * 3
    with Index.open(folder).writer() as writer:
        assert set(files_of(folder)) == named_files(folder)
        writer.remove(acknowledged[0])
    assert ids(folder) == acknowledged[1:]


def change(folder: Path) -> None:
    """One commit of every kind: add, remove, convert, merge, compact."""
    with Index.open(folder).writer(exact_limit=100) as writer:
        writer.add(Recording("new"), {"recording": landmarks(40, 50)})
        writer.commit()
        writer.remove("r1")
        writer.compact()


@pytest.mark.slow
@pytest.mark.parametrize(("code", "kind"), [(errno.ENOSPC, StorageFullError), (errno.EDQUOT, StorageFullError)])
def test_a_full_disk_leaves_the_last_commit(tmp_path: Path, code: int, kind: type[Exception]) -> None:
    folder = tmp_path / "index"
    fill(folder, {f"r{i}": 30 for i in range(4)})
    shutil.copytree(folder, tmp_path / "dry")
    with FaultyDisk(tmp_path / "dry", code) as disk:
        change(tmp_path / "dry")
    total = disk.calls
    assert total > 60
    states = [["r0", "r1", "r2", "r3"], ["r0", "r1", "r2", "r3", "new"], ["r0", "r2", "r3", "new"]]
    outcomes = set()
    for allowed in range(0, total, 1 if code == errno.ENOSPC else 9):
        trial = tmp_path / "trial"
        shutil.copytree(folder, trial)
        message = "no space left on the disk; earlier commits are safe"
        with FaultyDisk(trial, code, allowed=allowed), pytest.raises(kind, match=message):
            change(trial)
        found = ids(trial)
        assert found in states
        assert verify_index(trial) == []
        outcomes.add(tuple(found))
        with Index.open(trial).writer():
            assert set(files_of(trial)) == named_files(trial)
        shutil.rmtree(trial)
    assert len(outcomes) == 3


def test_a_full_disk_leaves_no_rubbish_before_the_switch(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    index = fill(folder, {"a": 30})
    before = files_of(folder)
    with index.writer() as writer:
        writer.add(Recording("b"), {"recording": landmarks(30, 5)})
        for allowed in range(0, 20, 3):
            with (
                FaultyDisk(folder, errno.ENOSPC, allowed=allowed),
                pytest.raises(StorageFullError, match="free some space"),
            ):
                writer.commit()
            assert files_of(folder) == before
        assert writer.n_pending == 1
        assert writer.commit() == ("b",)  # some space was freed: the same writer goes on
    assert ids(folder) == ["a", "b"]


def test_other_refusals_of_the_system_are_clear(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    index = fill(folder, {"a": 30})
    with index.writer() as writer:
        writer.add(Recording("b"), {"recording": landmarks(30, 5)})
        message = r"cannot be written \(Input/output error\); earlier commits are safe"
        with FaultyDisk(folder, errno.EIO, allowed=9), pytest.raises(CatalogueError, match=message):
            writer.commit()
    assert ids(folder) == ["a", "b"]


def test_everything_is_flushed_before_the_manifest_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "index"
    fill(folder, {f"r{i}": 30 for i in range(4)})
    paths: dict[int, str] = {}
    flushed: set[str] = set()
    switches = 0
    real_open, real_write, real_fsync, real_replace = os.open, os.write, os.fsync, os.replace

    def note_open(path: Any, flags: int, *rest: Any, **options: Any) -> int:
        descriptor = real_open(path, flags, *rest, **options)
        paths[descriptor] = os.path.realpath(path)
        if flags & os.O_CREAT:
            flushed.discard(os.path.dirname(paths[descriptor]))  # a new name, not yet safe
        return descriptor

    def note_write(descriptor: int, data: Any) -> int:
        flushed.discard(paths[descriptor])
        return real_write(descriptor, data)

    def note_fsync(descriptor: int) -> None:
        flushed.add(paths[descriptor])
        real_fsync(descriptor)

    def check_replace(source: Any, target: Any) -> None:
        nonlocal switches
        switches += 1
        root = Path(os.path.realpath(folder))
        assert os.path.realpath(source) in flushed
        body = json.loads(Path(source).read_text())
        new = [f"segments/{entry['name']}/{name}" for entry in body["segments"] for name in entry["files"]]
        for name in (name for name in new if name not in known):
            assert str(root / name) in flushed
            place = (root / name).parent
            while place != root:
                assert str(place) in flushed, f"names in {place} were not flushed"
                place = place.parent
        known.update(new)
        real_replace(source, target)
        flushed.discard(str(root))

    known = named_files(folder)
    for name, fake in (("open", note_open), ("write", note_write), ("fsync", note_fsync), ("replace", check_replace)):
        monkeypatch.setattr(os, name, fake)
    change(folder)
    assert switches == 4  # the addition, the compression, the removal, the compaction
    assert os.path.realpath(folder) in flushed  # the last rename itself


@pytest.fixture(params=[NEVER, ALWAYS], ids=["exact", "compressed"])
def sound(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "sound"
    fill(folder, {f"r{i}": 30 for i in range(6)}, exact_limit=request.param, commit_landmarks=90)
    shutil.copytree(folder, tmp_path / "index")
    yield folder
    assert verify_index(folder) == []


def flip(data: bytes, chance: random.Random) -> bytes:
    bit = chance.randrange(len(data) * 8)
    return data[: bit // 8] + bytes([data[bit // 8] ^ (1 << bit % 8)]) + data[bit // 8 + 1 :]


PROOF = {"recordings.jsonl", "times.npy", "bins.npy", "codes.npy", "vectors.npy"}  # all else follows from them
DAMAGE: dict[str, Callable[[bytes, random.Random], bytes | None]] = {
    "bit flipped": flip,
    "cut": lambda data, chance: data[: chance.randrange(len(data))],
    "emptied": lambda data, chance: b"",
    "lengthened": lambda data, chance: data + b"\0",
    "deleted": lambda data, chance: None,
}


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_to_any_file_is_named(sound: Path, tmp_path: Path, damage: str) -> None:
    chance = random.Random(damage)
    folder = tmp_path / "index"
    names = sorted(named_files(sound))
    assert len(names) > 10
    for name in names:
        original = (sound / name).read_bytes()
        for _ in range(4 if damage == "bit flipped" else 1):
            altered = DAMAGE[damage](original, chance)
            if altered is None:
                (folder / name).unlink()
            else:
                (folder / name).write_bytes(altered)
            if name == "manifest.json":
                with pytest.raises((IndexDamagedError, IndexFormatError), match=r"manifest\.json"):
                    Index.open(folder)
                with pytest.raises((IndexDamagedError, IndexFormatError)):
                    verify_index(folder)
            else:
                with pytest.raises(IndexDamagedError, match=name):
                    Index.open(folder)
                (problem,) = verify_index(folder)
                assert problem.path == folder / name
                assert problem.part == "/".join(name.split("/")[:2])
                assert problem.n_recordings in costs(name, damage)
                if not name.endswith("recordings.jsonl"):
                    assert len(problem.recordings) == problem.n_recordings
            (folder / name).write_bytes(original)
    assert Index.open(folder).verify() == []


def costs(name: str, damage: str) -> Collection[int]:
    """Return how many of the three recordings of a segment damage to one of its files can cost."""
    if Path(name).name not in PROOF:
        return {0}
    if damage in ("emptied", "deleted"):
        return {3}
    return range(2) if damage != "cut" else range(4)  # of a file with a header that is altered all can still be read


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["bit flipped", "deleted"])
def test_repair_rebuilds_derived_files(sound: Path, tmp_path: Path, damage: str) -> None:
    chance = random.Random(damage)
    right = Index.open(sound).snapshot()
    is_exact = right.layer("recording").kind == "exact"
    for name in sorted(named_files(sound) - {"manifest.json"}):
        if name.startswith("segments/") and name.split("/")[1] != right.segments[-1].name:
            continue
        folder = Path(shutil.copytree(sound, tmp_path / "copy"))
        altered = DAMAGE[damage]((sound / name).read_bytes(), chance)
        if altered is None:
            (folder / name).unlink()
        else:
            (folder / name).write_bytes(altered)
        (problem,) = repair_index(folder)
        assert problem.path == folder / name
        assert verify_index(folder) == []
        assert len(ids(folder)) == 6 - problem.n_recordings
        assert set(ids(folder)) <= {f"r{i}" for i in range(6)} - set(problem.recordings)
        if not problem.n_recordings:
            left = Index.open(folder).snapshot()
            for i in range(6):
                found = [view.landmarks_of(i) for view in (left.layer("recording"), right.layer("recording"))]
                for one, other in zip(*found, strict=True):
                    np.testing.assert_array_equal(one, other)
            is_of_signs = "/list_" in name or (name.endswith("contents.npy") and not is_exact)
            assert (left.digest == right.digest) == (not is_of_signs)
        shutil.rmtree(folder)


def answers(folder: Path) -> list[Any]:
    """Everything an index of six recordings answers, as plain values."""
    snapshot = Index.open(folder).snapshot()
    view = snapshot.layer("recording")
    rows, similarity = view.search(np.concatenate([landmarks(30, i).vectors for i in range(6)]), 3, nprobe=1000)
    arrays: list[NDArray[Any]] = [rows, similarity, view.recording_of(rows), *view.take(rows)]
    arrays += [array for i in range(6) for array in view.landmarks_of(i)]
    return [snapshot.digest, list(snapshot.recordings), [array.tolist() for array in arrays]]


@pytest.mark.slow
def test_damage_to_a_large_index_gives_an_error_or_the_right_answer_never_a_crash(
    sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if the index were too large to be checked in full when opened: only sizes of the large files are compared.
    monkeypatch.setattr(snapshots, "CHECK_ALL_BYTES", 0)
    chance = random.Random(3)
    folder = tmp_path / "index"
    right = answers(sound)
    refused = harmless = 0
    for name in sorted(named_files(sound)):
        original = (sound / name).read_bytes()
        for attempt in range(12):
            head = attempt < 6 and name.endswith(".npy")
            altered = flip(original[:128], chance) + original[128:] if head else flip(original, chance)
            (folder / name).write_bytes(altered)
            assert name == "manifest.json" or [problem.path for problem in verify_index(folder)] == [folder / name]
            try:
                answer = answers(folder)
            except CatalogueError:
                refused += 1
                continue
            if name.endswith(("list_rows.npy", "list_codes.npy")):  # they can cost a candidate, or bring another
                assert answer[:2] + answer[2][5:] == right[:2] + right[2][5:], name
            else:
                assert answer == right, name
                harmless += 1
        (folder / name).write_bytes(original)
    assert refused > 100
    assert harmless < refused / 10  # the white space of a header


@pytest.mark.parametrize(
    "name", ["recordings.jsonl", "recording/times.npy", "recording/bins.npy", "recording/codes.npy"]
)
def test_damage_is_never_passed_on_by_a_compaction(sound: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(snapshots, "CHECK_ALL_BYTES", 0)
    path = min((sound / "segments").iterdir()) / name
    original = path.read_bytes()
    path.write_bytes(original[:-9] + bytes([original[-9] ^ 4]) + original[-8:])
    before = files_of(sound)
    with Index.open(sound).writer() as writer:
        with pytest.raises(IndexDamagedError, match=r"checksum|damaged"):
            writer.compact()
        assert not writer.n_pending
    assert files_of(sound) == before
    path.write_bytes(original)
    with Index.open(sound).writer() as writer:
        writer.compact()


@pytest.mark.parametrize("exact_limit", [NEVER, ALWAYS])
def test_damage_to_removed_recordings_is_healed_by_a_compaction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exact_limit: int
) -> None:
    monkeypatch.setattr(snapshots, "CHECK_ALL_BYTES", 0)
    folder = tmp_path / "index"
    index = fill(folder, {f"r{i}": 30 for i in range(8)}, exact_limit=exact_limit, commit_landmarks=120)
    with index.writer() as writer:
        writer.remove("r7")
    paths = [max(folder.rglob(name)) for name in ("times.npy", "codes.npy")]
    for path in paths:
        path.write_bytes(path.read_bytes()[:-1] + b"\x7f")
    assert sorted(problem.path for problem in index.verify()) == sorted(paths)
    with index.writer() as writer:
        writer.compact()
    assert ids(folder) == [f"r{i}" for i in range(7)]
    assert index.verify() == []


@pytest.mark.parametrize("name", ["list_rows.npy", "list_codes.npy"])
def test_damaged_lists_are_never_copied_and_can_only_cost_neighbours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(snapshots, "CHECK_ALL_BYTES", 0)
    folder = tmp_path / "index"
    index = fill(folder, {f"r{i}": 30 for i in range(6)}, exact_limit=ALWAYS, commit_landmarks=60)
    before = index.digest
    path = max(folder.rglob(name))
    array = np.load(path)
    array[::2] = 200 if name == "list_codes.npy" else [-1, 1 << 40, 7][array.size % 3]
    path.write_bytes(path.read_bytes()[: -array.nbytes] + array.tobytes())
    damaged = Index.open(folder)
    rows, _ = damaged.snapshot().layer("recording").search(landmarks(30, 5).vectors, 4, nprobe=1000)
    assert rows.max() < 180
    damaged.snapshot().layer("recording").take(rows)
    with damaged.writer() as writer, pytest.raises(IndexDamagedError, match=rf"{name}: fails its checksum"):
        writer.compact()
    (problem,) = repair_index(folder)
    assert (problem.path, problem.n_recordings) == (path, 0)
    assert index.verify() == []
    assert index.digest != before  # lists of signs find other neighbours than those of descriptors
    rows, _ = index.snapshot().layer("recording").search(landmarks(30, 5).vectors, 1, nprobe=1000)
    assert np.mean(rows[:, 0] == index.snapshot().layer("recording").first_row(5) + np.arange(30)) > 0.8
    with index.writer() as writer:
        writer.compact()


def test_only_large_files_may_go_unchecked(sound: Path) -> None:
    names = {Path(name).name for name in named_files(sound)} - {"manifest.json"}
    large = {"recordings.jsonl", "times.npy", "bins.npy", "codes.npy", "vectors.npy", "list_rows.npy", "list_codes.npy"}
    assert names - segment._SMALL <= large


def test_repair_keeps_sound_recordings_and_names_the_rest(sound: Path, tmp_path: Path) -> None:
    folder = tmp_path / "index"
    bins = sorted(folder.rglob("bins.npy"))
    assert bins
    bins[-1].write_bytes(flip(bins[-1].read_bytes(), random.Random(4)))
    lost = {name for problem in verify_index(folder) for name in problem.recordings}
    (problem,) = repair_index(folder)
    assert problem.what == "fails its checksum"
    assert set(ids(folder)) == {f"r{i}" for i in range(6)} - lost
    assert verify_index(folder) == repair_index(folder) == []
    with Index.open(folder).writer() as writer:
        for name in sorted(lost):
            writer.add(Recording(name), {"recording": landmarks(30, int(name[1:]))})
    assert sorted(ids(folder)) == [f"r{i}" for i in range(6)]


def test_repair_waits_for_no_writer(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    fill(folder, {"a": 30})
    with Index.open(folder).writer() as writer, pytest.raises(IndexLockedError):
        repair_index(folder)
    assert not writer.n_pending


def test_leftovers_are_never_read_and_then_removed(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    index = fill(folder, {"a": 30})
    shutil.copytree(folder / "segments" / "000001", folder / "segments" / "000002")
    (folder / "manifest.json.tmp").write_bytes(b"{")
    assert ids(folder) == ["a"]
    assert index.verify() == []
    with index.writer() as writer:
        writer.add(Recording("b"), {"recording": landmarks(30, 1)})
    assert set(files_of(folder)) == named_files(folder)
    assert ids(folder) == ["a", "b"]


def test_an_interrupted_creation_can_be_repeated(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    (folder / "segments").mkdir(parents=True)
    (folder / "lock").touch()
    (folder / "manifest.json.tmp").write_bytes(b"{")
    assert Index.create(folder, LAYERS).snapshot().generation == 0


def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = fill(tmp_path / "index", {"a": 30})
    real = os.open

    def refuse(path: Any, flags: int, *rest: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR):
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, flags, *rest)

    monkeypatch.setattr(os, "open", refuse)
    assert len(index.snapshot().recordings) == 1
    with pytest.raises(CatalogueError, match=r"lock: cannot be written \(Permission denied\)"):
        index.writer().__enter__()


def test_a_leftover_that_cannot_be_deleted_is_in_nobodys_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "index"
    index = fill(folder, {"a": 30})
    (folder / "manifest.json.tmp").write_bytes(b"{")

    def refuse(path: Any, **_: Any) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", refuse)
        with index.writer() as writer:
            writer.add(Recording("b"), {"recording": landmarks(30, 1)})
            with pytest.raises(CatalogueError, match=r"manifest\.json\.tmp: cannot be written \(Input/output error\)"):
                writer.commit()
            assert ids(folder) == ["a"]
            patch.undo()
            assert writer.commit() == ("b",)
    assert ids(folder) == ["a", "b"]


@pytest.mark.parametrize("damage", [b"\n", b" ", None], ids=["a line more", "a space more", "a line less"])
def test_a_manifest_is_as_it_was_written_or_damaged(sound: Path, damage: bytes | None) -> None:
    path = sound / "manifest.json"
    original = path.read_bytes()
    path.write_bytes(original[:-1] if damage is None else original + damage)
    with pytest.raises(IndexDamagedError, match=r"manifest\.json: has other white space or another order"):
        Index.open(sound)
    path.write_bytes(original)
