"""The check of a folder: every kind of tampering is named, with its place."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fingerprint.errors import LogError, VerificationError
from sourceprint.signatures import PrivateKey
from sourceprint.transparency import Log, LogVerdict, verify_log
from sourceprint.transparency.tree import leaf_hash

KEY = PrivateKey(bytes(32), "tone")
ORIGIN = "log.example/tone"
N = 700  # two full tiles and a partial one


def some(n: int, *, other: int = -1) -> list[bytes]:
    return [b"other 000" if number == other else b"entry %03d" % number for number in range(n)]


def make(folder: Path, entries: list[bytes]) -> Log:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        log = Log.open(folder, signer=KEY, origin=ORIGIN)
        log.append(entries)
    return log


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("log") / "sound", some(N)).folder


@pytest.fixture
def folder(sound: Path, tmp_path: Path) -> Path:
    return shutil.copytree(sound, tmp_path / "log")


def alter(path: Path, at: int, data: bytes) -> None:
    old = path.read_bytes()
    assert len(old) >= at + len(data)
    path.write_bytes(old[:at] + data + old[at + len(data) :])


def verdict(folder: Path, older: bytes | None = None) -> LogVerdict:
    found = verify_log(folder, key=KEY.public, older=older)
    if found.findings:
        with pytest.raises(VerificationError, match="the log does not hold"):
            found.insist()
    return found


def told(folder: Path, older: bytes | None = None) -> list[tuple[str, str]]:
    found = verdict(folder, older)
    assert not found.holds
    assert all(finding.what and finding.remedy for finding in found.findings)
    assert found.n_findings == len(found.findings)
    return [(finding.kind, finding.where) for finding in found.findings]


def test_a_sound_log_holds(folder: Path) -> None:
    found = verdict(folder)
    assert (found.holds, found.n_findings) == (True, 0)
    assert found.checkpoint is not None
    assert found.checkpoint.size == N
    found.insist()


def test_without_a_key_nothing_is_trusted(folder: Path) -> None:
    found = verify_log(folder, key=None)
    assert (found.holds, found.is_trusted, found.n_findings) == (False, False, 0)
    with pytest.raises(VerificationError, match="consistent, but anybody could have made it: give --key"):
        found.insist()


def test_an_older_checkpoint_of_any_size_is_taken(folder: Path, tmp_path: Path) -> None:
    for size in (0, 1, 255, 256, 300, 512, N):
        log = make(tmp_path / str(size), some(size))
        assert verdict(folder, log.checkpoint()).holds, size


@pytest.mark.parametrize("index", [0, 255, 256, 600, 699])
def test_an_altered_entry(folder: Path, index: int) -> None:
    number, at = divmod(index, 256)
    name = f"tile/entries/00{number}" + (".p/188" if number == 2 else "")
    alter(folder / name, at * 11 + 2, b"X")
    assert told(folder) == [("altered_entry", f"{name}, entry {index}")]


@pytest.mark.parametrize("index", [0, 511, 512, 699])
def test_an_altered_hash_of_an_entry(folder: Path, index: int) -> None:
    number, at = divmod(index, 256)
    name = f"tile/0/00{number}" + (".p/188" if number == 2 else "")
    alter(folder / name, at * 32, bytes(4))
    assert told(folder) == [("altered_tile", f"{name}, hash of entry {index}")]


def test_an_altered_hash_above(folder: Path) -> None:
    alter(folder / "tile/1/000.p/2", 32, bytes(4))
    assert told(folder) == [("altered_tile", "tile/1/000.p/2, hash 1")]


@pytest.mark.parametrize("kind", ["0", "1", "entries"])
def test_an_altered_partial_tile_that_a_wider_one_followed(folder: Path, kind: str) -> None:
    grown = make(folder, some(N + 600)[N:])  # 700 entries, then 1300: five full tiles and a partial one
    grown.append([b"one more"])
    number = "000" if kind == "1" else "005"
    earlier = folder / f"tile/{kind}/{number}.p" / ("2" if kind == "1" else "20")
    assert verdict(folder).holds
    alter(earlier, 9, b"X")
    assert told(folder) == [
        ("altered_entry" if kind == "entries" else "altered_tile", str(earlier.relative_to(folder)))
    ]
    (finding,) = verdict(folder).findings
    wider = folder / finding.what.split()[5].rstrip(",")
    earlier.write_bytes(wider.read_bytes()[: int(finding.remedy.split()[3])])  # the remedy
    assert verdict(folder).holds
    earlier.write_bytes(earlier.read_bytes()[:-1])
    assert told(folder)[0][1] == str(earlier.relative_to(folder))


def test_a_superseded_tile_is_named_beside_other_faults(folder: Path) -> None:
    grown = make(folder, some(N + 600)[N:])
    grown.append([b"one more"])
    alter(folder / "tile/entries/000", 2, b"X")
    alter(folder / "tile/0/005.p/20", 9, b"X")
    assert set(told(folder)) == {("altered_entry", "tile/entries/000, entry 0"), ("altered_tile", "tile/0/005.p/20")}
    alter(folder / "tile/entries/005.p/21", 2, b"Y")  # the bundle that took the place of an altered one
    alter(folder / "tile/entries/005.p/20", 2, b"Z")
    assert ("altered_entry", "tile/entries/005.p/20") in told(folder)
    (finding,) = [one for one in verdict(folder).findings if one.where == "tile/entries/005.p/20"]
    assert (finding.what, finding.remedy.split(" ")[:2]) == ("does not lead to the signed root", ["put", "the"])


def test_a_superseded_tile_tells_of_entries_that_were_altered_with_their_hashes(folder: Path) -> None:
    make(folder, [b"one more"])
    size = N + 1
    entry = b"X" + some(N)[N - 1][1:]
    at = (N - 1) % 256
    alter(folder / "tile/entries/002.p/189", at * 11 + 2, b"X")
    alter(folder / "tile/0/002.p/189", at * 32, leaf_hash(entry))
    assert size % 256 == 189
    assert {("altered_tile", "tile/0/002.p/188"), ("altered_entry", "tile/entries/002.p/188")} < set(told(folder))


def test_leftovers_of_an_append_that_was_cut_short_accuse_nobody(folder: Path) -> None:
    log = make(folder, [])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Log, "_publish", lambda *_: None)  # the power goes before the checkpoint is signed
        log.append([b"lost"] * 5)
        log.append([b"lost"] * 80)
    assert verdict(folder).holds
    assert {path.name for path in (folder / "tile/0/002.p").iterdir()} == {"188", "193"}
    log = make(folder, [b"other"] * 20)
    assert {path.name for path in (folder / "tile/0/002.p").iterdir()} == {"188", "208"}
    log.append([b"other"] * 100)
    assert verdict(folder).holds
    assert {path.name for path in (folder / "tile/0").glob("003.p/*")} == {"52"}


def test_an_altered_entry_and_another_altered_hash(folder: Path) -> None:
    alter(folder / "tile/entries/000", 2, b"X")
    alter(folder / "tile/0/001", 0, bytes(4))
    alter(folder / "tile/entries/002.p/188", 2, b"X")
    assert told(folder) == [
        ("altered_entry", "tile/entries/000, entry 0"),
        ("altered_tile", "tile/0/001, hash of entry 256"),
        ("altered_entry", "tile/entries/002.p/188, entry 512"),
    ]


def test_an_entry_altered_with_its_hash(folder: Path) -> None:
    for number, name in [(1, "001"), (2, "002.p/188")]:
        alter(folder / f"tile/entries/{name}", 2, b"Entry")
        changed = b"Entry %03d" % (number * 256)
        alter(folder / f"tile/0/{name}", 0, leaf_hash(changed))
    assert told(folder) == [("altered_entry", "tile/entries/001 and tile/0/001")]
    shutil.copy(make(folder.parent / "right", some(N)).folder / "tile/entries/001", folder / "tile/entries/001")
    shutil.copy(folder.parent / "right/tile/0/001", folder / "tile/0/001")
    assert told(folder) == [("altered_entry", f"entries 0 to {N - 1}")]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("tile/entries/001", "missing"),
        ("tile/entries/002.p/188", "missing"),
        ("tile/0/002.p/188", "missing"),
        ("tile/1/000.p/2", "missing"),
        ("tile/entries/000", "malformed"),
        ("tile/entries/002.p/188", "malformed"),
        ("tile/0/000", "malformed"),
        ("tile/1/000.p/2", "malformed"),
    ],
)
def test_a_cut_log(folder: Path, name: str, kind: str) -> None:
    path = folder / name
    if kind == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1])
    assert told(folder) == [(kind, name)]
    (finding,) = verdict(folder).findings
    assert f"the checkpoint states {N} entries: the log was cut" in finding.what


def test_a_log_cut_with_all_its_hashes(folder: Path) -> None:
    shutil.rmtree(folder / "tile/entries/002.p")
    shutil.rmtree(folder / "tile/0/002.p")
    assert told(folder) == [("missing", "tile/entries/002.p/188"), ("missing", "tile/0/002.p/188")]


def test_a_log_rewritten_with_the_real_key(folder: Path, tmp_path: Path) -> None:
    kept = (folder / "checkpoint").read_bytes()
    rewritten = make(tmp_path / "rewritten", [*some(N, other=3), b"more"])
    assert verdict(rewritten.folder).holds  # by itself it proves nothing against who has the key
    assert told(rewritten.folder, kept) == [("rewritten", f"entries 0 to {N - 1}")]
    (finding,) = verdict(rewritten.folder, kept).findings
    assert "rewritten by the holder of the key" in finding.what
    appended = make(tmp_path / "appended", [*some(N), b"more"])
    assert verdict(appended.folder, kept).holds
    same_size = make(tmp_path / "same", some(N, other=N - 1))
    assert told(same_size.folder, kept) == [("rewritten", f"entries 0 to {N - 1}")]


def test_an_older_copy_that_was_put_back(folder: Path, tmp_path: Path) -> None:
    kept = (folder / "checkpoint").read_bytes()
    assert told(make(tmp_path / "older", some(300)).folder, kept) == [("cut", "checkpoint")]


@pytest.mark.parametrize(
    ("edit", "what"),
    [
        (lambda data: data.replace(b"\n700\n", b"\n699\n"), "edited"),
        (lambda data: data.replace(b"log.example", b"log.examplf"), "not signed by key"),
        (lambda data: data[:40], "no checkpoint"),
        (lambda data: b"", "no checkpoint"),
    ],
)
def test_an_edited_checkpoint(folder: Path, edit: Callable[[bytes], bytes], what: str) -> None:
    kept = (folder / "checkpoint").read_bytes()
    (folder / "checkpoint").write_bytes(edit(kept))
    assert told(folder, kept) == [("checkpoint", "checkpoint")]
    assert what in verdict(folder).findings[0].what
    assert not verdict(folder).is_trusted
    (folder / "checkpoint").write_bytes(kept)
    assert told(folder, edit(kept)) == [("older_checkpoint", "older checkpoint")]


def test_a_checkpoint_of_another_log_or_key(folder: Path, tmp_path: Path) -> None:
    other = Log.open(tmp_path / "other", signer=KEY, origin="log.example/other")
    assert told(folder, other.checkpoint()) == [("older_checkpoint", "older checkpoint")]
    found = verify_log(folder, key=PrivateKey.generate("else").public)
    assert [(finding.kind, finding.what[:18]) for finding in found.findings] == [("checkpoint", "not signed by key ")]


def test_at_most_twenty_of_a_kind_are_named_and_all_counted(folder: Path, tmp_path: Path) -> None:
    other = make(tmp_path / "other", [entry.upper() for entry in some(N)])
    shutil.rmtree(folder / "tile/entries")
    shutil.copytree(other.folder / "tile/entries", folder / "tile/entries")
    found = verdict(folder)
    assert (len(found.findings), found.n_findings) == (20, N)
    assert found.findings[19].where == "tile/entries/000, entry 19"


def test_where_there_is_no_log(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="holds no log: there is no file `checkpoint`"):
        verify_log(tmp_path, key=None)
