"""A log on the disk: appended entries, the view of readers, and the state after a crash at any write."""

from __future__ import annotations

import errno
import json
import os
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from fingerprint.errors import EvidenceError, LogError, ParameterError, StorageFullError, VerificationError
from sourceprint.signatures import PrivateKey
from sourceprint.transparency import Checkpoint, EntryProof, Log, LogReader, verify_consistency, verify_log
from sourceprint.transparency import log as log_module
from sourceprint.transparency import tiles as tiles_module
from sourceprint.transparency.tree import EMPTY_ROOT, leaf_hash, peaks, peaks_root

KEY = PrivateKey(bytes(32), "tone")
ORIGIN = "log.example/tone"


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def opened(folder: Path) -> Log:
    return Log.open(folder, signer=KEY, origin=ORIGIN)


def some(start: int, n: int, label: str = "entry") -> list[bytes]:
    return [f"{label} {number}".encode() * (number % 4) for number in range(start, start + n)]


def root_of(entries: list[bytes]) -> bytes:
    return peaks_root(peaks([leaf_hash(entry) for entry in entries]))


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def expect_sound(folder: Path, entries: list[bytes], older: bytes | None = None) -> None:
    verdict = verify_log(folder, key=KEY.public, older=older)
    assert verdict.holds, verdict.findings
    reader = LogReader(folder)
    assert list(reader.entries()) == entries
    checkpoint = Checkpoint.parse(reader.checkpoint())
    assert (checkpoint.origin, checkpoint.size, checkpoint.root) == (ORIGIN, len(entries), root_of(entries))


def test_a_new_log_is_empty_and_signed(tmp_path: Path) -> None:
    log = opened(tmp_path / "deep" / "log")
    assert log.size == 0
    checkpoint = Checkpoint.parse(log.checkpoint())
    checkpoint.verify(KEY.public)
    assert (checkpoint.size, checkpoint.root) == (0, EMPTY_ROOT)
    assert verify_log(log.folder, key=KEY.public).holds


def test_entries_come_back_under_the_numbers_that_they_got(tmp_path: Path) -> None:
    log, entries = opened(tmp_path), some(0, 700)
    assert log.append(entries[:3]) == range(3)
    assert log.append([]) == range(3, 3)
    assert log.append(entries[3:]) == range(3, 700)
    assert [log.entry(index) for index in (0, 255, 256, 699)] == [entries[index] for index in (0, 255, 256, 699)]
    assert list(log.entries(250, 260)) == entries[250:260]
    assert list(log.entries(690)) == entries[690:]
    assert list(log.entries(700)) == []
    expect_sound(tmp_path, entries)
    assert opened(tmp_path).append([b""]) == range(700, 701)


def test_files_are_those_of_the_specification(tmp_path: Path) -> None:
    log = opened(tmp_path)
    log.append(some(0, 256 * 256 + 256 + 7))
    found = names(tmp_path)
    assert {"checkpoint", "tile/0/000", "tile/0/256", "tile/0/257.p/7", "tile/entries/257.p/7"} < set(found)
    assert [name for name in found if name.startswith(("tile/1", "tile/2"))] == [
        "tile/1/000", "tile/1/001.p/1", "tile/2/000.p/1",
    ]  # fmt: skip
    assert (tmp_path / "tile/0/000").stat().st_size == 8192
    assert (tmp_path / "tile/1/001.p/1").read_bytes() == root_of(some(65536, 256))
    assert (
        (tmp_path / "tile/entries/257.p/7").read_bytes().startswith(b"\x00\x00\x00\x0bentry 65793\x00\x16entry 65794")
    )
    assert len(found) == 2 * 258 + 3 + 2  # and the checkpoint and the lock


def test_a_partial_tile_stays_until_its_full_one_is_there(tmp_path: Path) -> None:
    log = opened(tmp_path)
    for n in (1, 2, 252):
        log.append(some(log.size, n))
    partial = ["tile/0/000.p/1", "tile/0/000.p/255", "tile/0/000.p/3"]
    assert [name for name in names(tmp_path) if name.startswith("tile/0")] == partial
    _, tiles = log.view()
    log.append(some(255, 2))
    assert [name for name in names(tmp_path) if name.startswith("tile")] == [
        "tile/0/000", "tile/0/001.p/1", "tile/1/000.p/1", "tile/entries/000", "tile/entries/001.p/1",
    ]  # fmt: skip
    assert tiles.size == 255
    assert list(tiles.entries()) == some(0, 255)  # a reader that began before
    assert tiles.tile(0, 0) == [leaf_hash(entry) for entry in some(0, 255)]


def test_appends_of_any_sizes_make_the_log_of_one_append(tmp_path: Path) -> None:
    rng, entries = random.Random(5), some(0, 900)
    log, checkpoints = opened(tmp_path / "many"), []
    while log.size < len(entries):
        n = rng.choice((1, 2, 3, 100, 255, 256, 257))
        log = rng.choice((log, opened(tmp_path / "many")))
        log.append(entries[log.size : log.size + n])
        checkpoints.append(Checkpoint.parse(log.checkpoint()))
    one = opened(tmp_path / "one")
    one.append(entries)
    assert log.checkpoint() == one.checkpoint()
    expect_sound(tmp_path / "many", entries)
    for number, newer in enumerate(checkpoints):
        assert newer.root == one.root(newer.size) == root_of(entries[: newer.size])
        for older in checkpoints[: number + 1]:
            proof = one.consistency_proof(older.size, newer.size)
            verify_consistency(older.size, newer.size, older.root, newer.root, proof)


def test_two_writers_and_a_reader_share_a_folder(tmp_path: Path) -> None:
    writers = [opened(tmp_path) for _ in range(4)]

    def write(number: int) -> list[int]:
        return [writers[number].append([f"{number}.{turn}".encode()]).start for turn in range(20)]

    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(write, range(4)))
    assert sorted(number for each in numbers for number in each) == list(range(80))
    reader = LogReader(tmp_path)
    assert [[reader.entry(index) for index in each] for each in numbers] == [
        [f"{number}.{turn}".encode() for turn in range(20)] for number in range(4)
    ]
    assert verify_log(tmp_path, key=KEY.public).holds


# --- what goes wrong --------------------------------------------------------------------------------------------------


class Stop(BaseException):
    """The end of a process, in place of one step of an append."""


STEPS = (
    (tiles_module, "new_file"),
    (os, "replace"),
    (log_module, "sync_folder"),
    (log_module, "drop_partials"),
)


def stop_before(monkeypatch: pytest.MonkeyPatch, step: int, error: BaseException) -> list[int]:
    """Raise an error in place of one of the steps that change the folder; return a count of those that were made."""
    count = [0]

    def counted(real: Any) -> Any:
        def wrapper(*args: Any, **options: Any) -> Any:
            count[0] += 1
            if count[0] > step:
                raise error
            return real(*args, **options)

        return wrapper

    for place, name in STEPS:
        monkeypatch.setattr(place, name, counted(getattr(place, name)))
    return count


def test_an_append_that_ends_after_any_step_is_recovered(tmp_path: Path) -> None:
    before, batch = some(0, 254), some(254, 300)
    lost = kept = 0
    for step in range(200):
        folder = tmp_path / str(step)
        log = opened(folder)
        log.append(before[:100])
        log.append(before[100:])
        older = log.checkpoint()
        with pytest.MonkeyPatch.context() as patch:
            stop_before(patch, step, Stop())
            try:
                log.append(batch)
                break
            except Stop:
                pass
        seen = LogReader(folder).checkpoint()  # by somebody, at this very moment
        assert verify_log(folder, key=KEY.public, older=older).holds
        again = opened(folder) if step % 2 else log
        other = some(254, 270, "other")
        again.append(other)
        n = again.size - 254 - len(other)
        assert n in (0, len(batch))
        lost, kept = lost + (n == 0), kept + (n > 0)
        assert verify_log(folder, key=KEY.public, older=seen).holds
        expect_sound(folder, [*before, *batch[:n], *other], older)
    assert (lost, kept) == (16, 6)  # 8 files, each made and named; from the checkpoint on the append is kept
    expect_sound(folder, [*before, *batch], older)


def test_an_append_is_made_once_however_often_it_is_tried(tmp_path: Path) -> None:
    entries = some(0, 270)
    for step in range(100):
        folder = tmp_path / str(step)
        log = opened(folder)
        log.append(entries[:3])
        with pytest.MonkeyPatch.context() as patch:
            stop_before(patch, step, Stop())
            try:
                assert log.append(entries[3:], start=3) == range(3, 270)
                is_done = True
            except Stop:
                is_done = False
        assert log.append(entries[3:], start=3) == range(3, 270)
        expect_sound(folder, entries)
        if is_done:
            break
    else:
        pytest.fail("never done")


def test_numbers_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    log = opened(tmp_path)
    log.append([b"a", b"b"])
    assert log.append([b"b", b"c"], start=1) == range(1, 3)
    assert list(log.entries()) == [b"a", b"b", b"c"]
    with pytest.raises(VerificationError, match="entry 4 is to be appended, but the log has 3: it was cut"):
        log.append([b"e"], start=4)
    with pytest.raises(VerificationError, match="entry 2 is another than the one to be appended"):
        log.append([b"x"], start=2)
    assert log.size == 3


def test_a_full_disk_leaves_the_log_as_it_was(tmp_path: Path) -> None:
    log = opened(tmp_path)
    log.append([b"a"])
    with pytest.MonkeyPatch.context() as patch:
        stop_before(patch, 1, OSError(errno.ENOSPC, "No space left on device"))
        with pytest.raises(StorageFullError, match="no space left on the disk; the log is as it was"):
            log.append(some(1, 300))
    assert log.append([b"b"]) == range(1, 2)
    expect_sound(tmp_path, [b"a", b"b"])


def test_an_entry_of_65_535_bytes_is_the_largest(tmp_path: Path) -> None:
    log = opened(tmp_path)
    log.append([b"x" * 65_535])
    assert log.entry(0) == b"x" * 65_535
    before = names(tmp_path)
    with pytest.raises(ParameterError, match="entry of 65536 bytes: the limit is 65535; log its digest"):
        log.append([b"", b"x" * 65_536])
    assert names(tmp_path) == before
    with pytest.raises(ParameterError, match="entry 1: the log has 1 entries"):
        log.entry(1)
    with pytest.raises(ParameterError, match="size 2: the log has 1 entries; give 0 to 1"):
        log.inclusion_proof(0, 2)


def test_the_log_of_another_is_not_written_to(tmp_path: Path) -> None:
    opened(tmp_path).append([b"a"])
    with pytest.raises(LogError, match=f"is the log {ORIGIN}, not log.example/other"):
        Log.open(tmp_path, signer=KEY, origin="log.example/other")
    with pytest.raises(VerificationError, match="not signed by key"):
        Log.open(tmp_path, signer=PrivateKey.generate("other"), origin=ORIGIN)
    with pytest.raises(ParameterError, match="origin 'a b': must be"):
        Log.open(tmp_path, signer=KEY, origin="a b")
    with pytest.raises(LogError, match="holds no log"):
        _ = LogReader(tmp_path / "tile").size


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("checkpoint", "holds entries, but its checkpoint is missing"),
        ("tile/0/001.p/4", r"tile/0/001.p/4: is missing"),
        ("tile/1/000.p/1", r"tile/1/000.p/1: is missing"),
        ("tile/entries/001.p/4", r"tile/entries/001.p/4: is missing"),
    ],
)
def test_nothing_is_appended_to_a_damaged_log(tmp_path: Path, name: str, match: str) -> None:
    opened(tmp_path).append(some(0, 260))
    data = (tmp_path / name).read_bytes()
    (tmp_path / name).unlink()
    with pytest.raises(VerificationError, match=match):
        opened(tmp_path)
    (tmp_path / name).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(VerificationError):
        opened(tmp_path)
    (tmp_path / name).write_bytes(data)
    assert opened(tmp_path).size == 260


def test_two_copies_are_not_mixed(tmp_path: Path) -> None:
    log = opened(tmp_path)
    log.append([b"a"])
    older = log.checkpoint()
    log.append([b"b"])
    (tmp_path / "checkpoint.next").write_bytes(older)
    with pytest.raises(VerificationError, match="does not go on from the checkpoint beside it"):
        log.append([b"c"])


def test_a_writer_that_does_not_let_go_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, other = opened(tmp_path), opened(tmp_path)
    monkeypatch.setattr(log_module, "_LOCK_SECONDS", 0.01)
    with log._writing(), pytest.raises(LogError, match="another process has been writing to this log"):
        other.append([b"a"])
    assert other.append([b"a"]) == range(1)


def test_signatures_of_witnesses_stay_with_their_checkpoint(tmp_path: Path) -> None:
    log = opened(tmp_path)
    log.append([b"a"])
    witnessed = log.checkpoint() + "— witness.example/w iIqDAgAAAAAAAAAA\n".encode()
    (tmp_path / "checkpoint").write_bytes(witnessed)
    assert log.checkpoint() == witnessed
    proof = EntryProof.of(log, 0)
    assert proof.checkpoint == witnessed
    proof.verify(KEY.public)
    assert log.append([b"b"]) == range(1, 2)
    assert b"witness" not in log.checkpoint()
    expect_sound(tmp_path, [b"a", b"b"], witnessed)


# --- the proof of one entry -------------------------------------------------------------------------------------------


def test_a_proof_is_checked_without_the_log(tmp_path: Path) -> None:
    log = opened(tmp_path)
    log.append(some(0, 300))
    for index in (0, 255, 256, 299):
        data = EntryProof.of(log, index).to_bytes()
        proof = EntryProof.parse(data, "proof.json")
        assert proof.to_bytes() == data
        assert (proof.index, proof.entry) == (index, log.entry(index))
        assert proof.verify(KEY.public).size == 300
        assert list(proof.path) == log.inclusion_proof(index)
        with pytest.raises(VerificationError, match="not signed by key"):
            proof.verify(PrivateKey.generate("other").public)


@pytest.mark.parametrize(
    ("field", "value", "match"),
    [
        ("index", 3, "entry 3 is not proven"),
        ("entry", "eA==", "entry 2 is not proven"),
        ("proof", [], "entry 2 is not proven"),
        ("checkpoint", "log.example/tone\n2\n", "no checkpoint"),
        ("checkpoint", "\ud800", "no checkpoint"),
    ],
)
def test_an_altered_proof_does_not_hold(tmp_path: Path, field: str, value: Any, match: str) -> None:
    log = opened(tmp_path)
    log.append(some(0, 5))
    altered = {**EntryProof.of(log, 2).to_json(), field: value}
    with pytest.raises(VerificationError, match=match):
        EntryProof.parse(json.dumps(altered).encode(), "proof.json").verify(KEY.public)


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"", "is not valid JSON"),
        (b"[]", "no proof of schema sourceprint/log-proof/1"),
        (b'{"schema": "sourceprint/log-proof/2"}', "no proof of schema"),
        (b'{"schema": "sourceprint/log-proof/1", "index": true}', "`index` is not the number"),
        (b'{"schema": "sourceprint/log-proof/1", "index": 1, "proof": 1}', "`proof` is not a list"),
        (b'{"schema": "sourceprint/log-proof/1", "index": 1, "proof": []}', "`checkpoint` is not the text"),
        (
            b'{"schema": "sourceprint/log-proof/1", "index": 1, "proof": ["?"], "checkpoint": ""}',
            "`proof` is not base64",
        ),
        (b'{"schema": "sourceprint/log-proof/1", "index": 1, "proof": [], "checkpoint": ""}', "`entry` is not base64"),
    ],
)
def test_a_file_that_is_no_proof_is_named(data: bytes, match: str) -> None:
    with pytest.raises(EvidenceError, match=rf"proof.json: .*{match}"):
        EntryProof.parse(data, "proof.json")


def test_no_proof_is_made_by_a_damaged_log(tmp_path: Path) -> None:
    log = opened(tmp_path)
    log.append(some(0, 300))
    path = tmp_path / "tile/0/000"
    path.write_bytes(bytes(32) + path.read_bytes()[32:])
    with pytest.raises(VerificationError, match="entry 5 is not proven"):
        EntryProof.of(LogReader(tmp_path), 5)
