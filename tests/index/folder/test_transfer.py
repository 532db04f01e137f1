"""An index as one file and back: the same bytes for the same state, and nothing that was cut, altered or forged."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import random
import re
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.durability_disk import FaultyDisk
from fingerprint.digests import FileEntry
from fingerprint.errors import (
    CatalogueError,
    IndexDamagedError,
    IndexFormatError,
    IndexLockedError,
    IndexMissingError,
    ParameterError,
    StorageFullError,
)
from fingerprint.new_files import new_file, working_folder
from index.folder.archive import header
from index.folder.index import Index, Recording
from index.folder.transfer import export_index, import_index
from index.folder.verification import verify_index
from index.storage import snapshot as snapshots
from index.storage.manifest import Manifest, SegmentEntry, read_manifest
from tests.landmark_sets import ALWAYS, LAYERS, NEVER, fill, landmarks
from tests.places import ROOT

KILLED = """
import os, signal, sys
from pathlib import Path
from index.folder import archive, transfer as transport

module = {"archive": archive, "transport": transport}[sys.argv[2].partition(".")[0]]
name = sys.argv[2].partition(".")[2]
calls = 0
real = getattr(module, name)

def killing(*args, **options):
    global calls
    calls += 1
    if calls == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*args, **options)

setattr(module, name, killing)
getattr(transport, sys.argv[1])(Path(sys.argv[4]), Path(sys.argv[5]))
"""


@pytest.fixture(params=[NEVER, ALWAYS], ids=["exact", "compressed"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return an index in two segments with a removed recording."""
    opened = fill(tmp_path / "index", {f"r{i}": 30 for i in range(5)}, exact_limit=request.param)
    with opened.writer(exact_limit=request.param) as writer:
        writer.add(Recording("r5"), {"recording": landmarks(30, 5)})
        writer.remove("r1")
    return tmp_path / "index"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Return a small archive."""
    fill(tmp_path / "small", {"a": 20, "b": 5}, exact_limit=ALWAYS)
    export_index(tmp_path / "small", tmp_path / "small.tar")
    return tmp_path / "small.tar"


def contents(folder: Path) -> dict[str, bytes]:
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert found.pop("lock") == b""
    return found


def content_of(path: Path) -> bytes | dict[str, bytes]:
    return contents(path) if path.is_dir() else path.read_bytes()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def pack(path: Path, manifest: Manifest, files: list[tuple[tarfile.TarInfo, bytes]]) -> Path:
    """Write an archive by hand."""
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for member, data in [(member_of("manifest.json", manifest.to_bytes()), manifest.to_bytes()), *files]:
            tar.addfile(member, io.BytesIO(data))
    return path


def member_of(name: str, data: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    return member


def files_of(folder: Path) -> list[tuple[tarfile.TarInfo, bytes]]:
    found = [(name, data) for name, data in sorted(contents(folder).items()) if name != "manifest.json"]
    return [(member_of(name, data), data) for name, data in found]


# There and back.


def test_an_imported_index_is_the_exported_one_file_by_file(index: Path, tmp_path: Path) -> None:
    told: list[int] = []
    written = export_index(index, tmp_path / "a.tar", progress=told.append)
    data = (tmp_path / "a.tar").read_bytes()
    assert (written.size, written.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert (written.digest, written.n_recordings) == (Index.open(index).digest, 5)
    assert sum(told) == written.size
    (tmp_path / "new").mkdir()
    told.clear()
    read = import_index(tmp_path / "a.tar", tmp_path / "new", progress=told.append)
    assert read == written
    assert sum(told) == written.size
    assert contents(tmp_path / "new") == contents(index)
    assert verify_index(tmp_path / "new") == []
    with Index.open(tmp_path / "new").writer() as writer:
        writer.remove("r2")
    assert names(tmp_path) == ["a.tar", "index", "new"]


@pytest.mark.same_bytes
def test_the_same_state_gives_the_same_bytes(index: Path, tmp_path: Path) -> None:
    export_index(index, tmp_path / "a.tar")
    import_index(tmp_path / "a.tar", tmp_path / "new" / "copy")
    for path in (tmp_path / "new" / "copy").rglob("*"):
        path.chmod(0o700)
        os.utime(path, (1, 1))
    (tmp_path / "new" / "copy" / "segments" / "000099").mkdir()  # a leftover, and no part of the state
    export_index(tmp_path / "new" / "copy", tmp_path / "b.tar")
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()


def test_the_archive_is_a_tar_of_the_files_in_the_manifest(index: Path, tmp_path: Path) -> None:
    export_index(index, tmp_path / "a.tar")
    expected = contents(index)
    with tarfile.open(tmp_path / "a.tar") as tar:
        members = tar.getmembers()
        assert members[0].name == "manifest.json"
        assert [member.name for member in members[1:]] == sorted(expected.keys() - {"manifest.json"})
        for member in members:
            assert (member.isreg(), member.mtime, member.uid, member.uname, member.mode) == (True, 0, 0, "", 0o644)
            file = tar.extractfile(member)
            assert file is not None
            assert file.read() == expected[member.name]
    pack(tmp_path / "b.tar", read_manifest(index), files_of(index))
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()


def test_an_empty_index_travels_too(tmp_path: Path) -> None:
    Index.create(tmp_path / "index", LAYERS)
    export_index(tmp_path / "index", tmp_path / "a.tar")
    assert import_index(tmp_path / "a.tar", tmp_path / "new").n_recordings == 0
    assert len(Index.open(tmp_path / "new").snapshot().recordings) == 0


def test_a_file_of_many_gigabytes_has_a_header_that_tar_reads() -> None:
    start = header("segments/000001/recording/list_codes.npy", 9 << 30)
    with tarfile.open(fileobj=io.BytesIO(start)) as tar:
        member = tar.next()
    assert member is not None
    assert (member.name, member.size) == ("segments/000001/recording/list_codes.npy", 9 << 30)


def test_a_compaction_during_an_export_changes_nothing_in_it(index: Path, tmp_path: Path) -> None:
    expected = export_index(index, tmp_path / "a.tar")
    told: list[int] = []

    def compact_once(n_bytes: int) -> None:
        told.append(n_bytes)
        if len(told) == 1:
            with Index.open(index).writer() as writer:
                writer.compact()

    exported = export_index(index, tmp_path / "b.tar", progress=compact_once)
    assert replace(exported, path=expected.path) == expected
    assert Index.open(index).info()["removed"] == 0


# Targets.


def test_an_export_replaces_nothing_unless_forced(index: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.tar"
    target.write_text("mine")
    with pytest.raises(ParameterError, match=r"a\.tar: exists already; give another name, or --force to replace it"):
        export_index(index, target)
    assert target.read_text() == "mine"
    export_index(index, target, force=True)
    assert tarfile.is_tarfile(target)


def test_a_file_that_appears_during_an_export_is_not_replaced(index: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.tar"

    def write_mine(_: int) -> None:
        target.write_text("mine")

    with pytest.raises(ParameterError, match="exists already"):
        export_index(index, target, progress=write_mine)
    assert target.read_text() == "mine"
    assert names(tmp_path) == ["a.tar", "index"]


def test_an_export_goes_neither_to_a_folder_nor_into_the_index(index: Path, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="is a folder; name a file to export to"):
        export_index(index, tmp_path, force=True)
    with pytest.raises(ParameterError, match="lies inside the index; give a place outside it"):
        export_index(index, index / "segments" / "a.tar")
    with pytest.raises(CatalogueError, match=r"cannot be written \(No such file or directory\)"):
        export_index(index, tmp_path / "none" / "a.tar")
    with pytest.raises(IndexMissingError):
        export_index(tmp_path / "none", tmp_path / "a.tar")
    assert names(tmp_path) == ["index"]


def test_two_exports_to_one_file_are_not_mixed(index: Path, tmp_path: Path) -> None:
    with new_file(tmp_path / "a.tar"), pytest.raises(CatalogueError, match="another process is exporting to it"):
        export_index(index, tmp_path / "a.tar")
    (tmp_path / "a.tar").unlink()
    export_index(index, tmp_path / "a.tar")
    assert names(tmp_path) == ["a.tar", "index"]


def test_an_import_goes_only_into_a_new_or_empty_folder(archive: Path, tmp_path: Path) -> None:
    before = contents(tmp_path / "small")
    with pytest.raises(ParameterError, match="small: not empty; give a new or an empty folder"):
        import_index(archive, tmp_path / "small")
    with pytest.raises(ParameterError, match="a file, not a folder"):
        import_index(archive, archive)
    assert contents(tmp_path / "small") == before
    with pytest.raises(ParameterError, match=r"cannot be read \(No such file or directory\); give a file that export"):
        import_index(tmp_path / "none.tar", tmp_path / "new")
    assert names(tmp_path) == ["small", "small.tar"]


def test_a_folder_that_is_filled_during_an_import_is_left_alone(archive: Path, tmp_path: Path) -> None:
    def fill_folder(_: int) -> None:
        (tmp_path / "new").mkdir(exist_ok=True)
        (tmp_path / "new" / "mine").touch()

    with pytest.raises(ParameterError, match="not empty"):
        import_index(archive, tmp_path / "new", progress=fill_folder)
    assert names(tmp_path) == ["new", "small", "small.tar"]
    assert names(tmp_path / "new") == ["mine"]


def test_two_imports_to_one_folder_are_not_mixed(archive: Path, tmp_path: Path) -> None:
    with (
        working_folder(tmp_path / "new"),
        pytest.raises(IndexLockedError, match="new: another process is importing to it; wait until it has finished"),
    ):
        import_index(archive, tmp_path / "new")
    import_index(archive, tmp_path / "new")
    assert names(tmp_path) == ["new", "small", "small.tar"]


# Damage and forgery.


def refused(archive: Path, data: bytes, *, match: str) -> None:
    """Check that an archive with other bytes is refused, and that nothing is left of it."""
    bad = archive.with_name("bad.tar")
    bad.write_bytes(data)
    before = names(archive.parent)
    with pytest.raises((IndexDamagedError, IndexFormatError), match=match):
        import_index(bad, archive.parent / "new")
    assert names(archive.parent) == before


def test_every_altered_bit_is_noticed(archive: Path) -> None:
    data = archive.read_bytes()
    chance = random.Random(5)
    places = {0, 130, 512, len(data) - 1, *chance.sample(range(len(data)), 60)}
    for place in places:
        altered = bytearray(data)
        altered[place] ^= 1 << chance.randrange(8)
        refused(archive, bytes(altered), match=r"bad\.tar: (was altered|has an unsound manifest|not an exported index)")


def test_every_cut_and_every_addition_is_noticed(archive: Path) -> None:
    data = archive.read_bytes()
    for length in (0, 1, 511, 512, 600, len(data) // 2, len(data) - 512, len(data) - 1):
        refused(archive, data[:length], match=r"bad\.tar: (is cut short|has \d+ bytes, should have \d+)")
    refused(archive, data + b"\0", match=r"has \d+ bytes, should have \d+; take another copy of it")
    refused(archive, data + data, match="should have")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a named pipe")
@pytest.mark.parametrize(("cut", "message"), [(1, "is cut short"), (-1, "has more behind its end"), (0, "")])
def test_an_archive_from_a_pipe_is_checked_to_its_end(archive: Path, tmp_path: Path, cut: int, message: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    data = archive.read_bytes()
    data = data[: len(data) - cut] if cut >= 0 else data + b"\0"
    program = "import sys; open(sys.argv[1], 'wb').write(sys.stdin.buffer.read())"
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "pipe")], stdin=subprocess.PIPE) as feeder:
        assert feeder.stdin is not None
        feeder.stdin.write(data)
        feeder.stdin.close()
        if message:
            with pytest.raises(IndexDamagedError, match=message):
                import_index(tmp_path / "pipe", tmp_path / "new")
        else:
            assert import_index(tmp_path / "pipe", tmp_path / "new").n_recordings == 2
    assert (tmp_path / "new").exists() == (not message)


def renamed(old: str, new: str) -> Callable[[SegmentEntry], SegmentEntry]:
    return lambda entry: replace(entry, files={new if name == old else name: f for name, f in entry.files.items()})


def with_entry(size: int | bool, sha256: str) -> Callable[[SegmentEntry], SegmentEntry]:
    return lambda entry: replace(entry, files={**entry.files, "keys.npy": FileEntry(size, sha256)})


@pytest.mark.parametrize(
    "forge",
    [
        renamed("keys.npy", "../keys.npy"),
        renamed("keys.npy", "../../../../keys.npy"),
        renamed("keys.npy", "/tmp/keys.npy"),
        renamed("keys.npy", "recording/../keys.npy"),
        renamed("keys.npy", "keys.npy\n"),
        renamed("keys.npy", "a/b/keys.npy"),
        renamed("keys.npy", "..\\keys.npy"),
        renamed("keys.npy", ""),
        renamed("keys.npy", "k" * 200 + ".npy"),
        lambda entry: replace(entry, name="../../x"),
        lambda entry: replace(entry, name=".."),
        lambda entry: replace(entry, name=""),
        with_entry(-1, "0" * 64),
        with_entry(True, "0" * 64),
        with_entry(10**30, "0" * 64),
        with_entry(5, "../x"),
    ],
)
def test_forged_names_and_sizes_are_refused(
    archive: Path, forge: Callable[[SegmentEntry], SegmentEntry], tmp_path: Path
) -> None:
    manifest = read_manifest(tmp_path / "small")
    forged = replace(manifest, segments=tuple(forge(entry) for entry in manifest.segments))
    pack(tmp_path / "forged.tar", forged, files_of(tmp_path / "small"))
    refused(
        archive, (tmp_path / "forged.tar").read_bytes(), match="has an unsound manifest: .*; take another copy of it"
    )


def test_a_segment_named_twice_is_refused(archive: Path, tmp_path: Path) -> None:
    manifest = read_manifest(tmp_path / "small")
    pack(tmp_path / "forged.tar", replace(manifest, segments=manifest.segments * 2), files_of(tmp_path / "small"))
    refused(archive, (tmp_path / "forged.tar").read_bytes(), match="has an unsound manifest")


def test_links_and_members_packed_in_another_way_are_refused(archive: Path, tmp_path: Path) -> None:
    manifest, members = read_manifest(tmp_path / "small"), files_of(tmp_path / "small")
    for attribute, value in (("type", tarfile.SYMTYPE), ("type", tarfile.LNKTYPE), ("mtime", 1), ("mode", 0o4755)):
        setattr(members[0][0], attribute, value)
        pack(tmp_path / "forged.tar", manifest, members)
        refused(archive, (tmp_path / "forged.tar").read_bytes(), match="was altered between bytes|should have")
    pack(tmp_path / "forged.tar", manifest, files_of(tmp_path / "small")[::-1])
    refused(archive, (tmp_path / "forged.tar").read_bytes(), match="was altered")


@pytest.mark.parametrize(
    "forge",
    [
        lambda entry: replace(entry, n_recordings=10**6),
        lambda entry: replace(entry, n_recordings="two"),
        lambda entry: replace(entry, removed=(5,)),
        lambda entry: replace(entry, landmarks={"colour": 3}),
        lambda entry: replace(entry, landmarks={}, files={"keys.npy": entry.files["keys.npy"]}),
    ],
)
def test_a_forged_index_with_sound_checksums_is_refused(
    archive: Path, forge: Callable[[SegmentEntry], SegmentEntry], tmp_path: Path
) -> None:
    manifest = read_manifest(tmp_path / "small")
    (entry,) = manifest.segments
    forged = replace(manifest, segments=(forge(entry),))
    kept = {f"{part}/{name}" for part, files in forged.parts().items() for name in files}
    members = [pair for pair in files_of(tmp_path / "small") if pair[0].name in kept]
    pack(tmp_path / "forged.tar", forged, members)
    refused(archive, (tmp_path / "forged.tar").read_bytes(), match="is no sound index|has an unsound manifest")


def test_another_format_version_is_named(archive: Path, tmp_path: Path) -> None:
    manifest = replace(read_manifest(tmp_path / "small"), format_version=99)
    pack(tmp_path / "new.tar", manifest, files_of(tmp_path / "small"))
    refused(archive, (tmp_path / "new.tar").read_bytes(), match=r"bad\.tar: index of format version 99, this program")


def test_a_damaged_index_is_not_exported(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "CHECK_ALL_BYTES", 0)  # as for a large index: opening it notices nothing
    path = next(index.glob("segments/*/recording/times.npy"))
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(
        IndexDamagedError, match=r"times\.npy: fails its checksum; run `sourceprint verify` to see which recordings"
    ):
        export_index(index, tmp_path / "a.tar")
    assert names(tmp_path) == ["index"]


# Ends before the end.


def kill(*args: str | int | Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, *map(str, args)], cwd=ROOT, check=False, timeout=300)
    assert done.returncode == -9


@pytest.mark.slow
@pytest.mark.parametrize(
    ("call", "number"), [("transport.write_chunks", 4), ("transport.publish_manifest", 1), ("transport._check_new", 2)]
)
def test_a_killed_import_leaves_no_index_and_the_next_one_clears_up(
    archive: Path, tmp_path: Path, call: str, number: int
) -> None:
    kill("import_index", call, number, archive, tmp_path / "new")
    left = names(tmp_path)[0]
    assert re.fullmatch(r"\.new\.[0-9a-f]{16}\.tmp", left)
    assert names(tmp_path) == [left, "small", "small.tar"]
    with pytest.raises(IndexMissingError):
        Index.open(tmp_path / "new")
    (tmp_path / left / "strange").touch()
    import_index(archive, tmp_path / "new")
    assert contents(tmp_path / "new") == contents(tmp_path / "small")
    assert names(tmp_path) == ["new", "small", "small.tar"]


def test_a_killed_export_leaves_its_target_and_the_next_one_clears_up(archive: Path, tmp_path: Path) -> None:
    before = archive.read_bytes()
    kill("export_index", "archive._checked", 4, tmp_path / "small", tmp_path / "other.tar")
    left = names(tmp_path)[0]
    assert re.fullmatch(r"\.other\.tar\.[0-9a-f]{16}\.tmp", left)
    assert names(tmp_path) == [left, "small", "small.tar"]
    export_index(tmp_path / "small", tmp_path / "other.tar")
    assert (tmp_path / "other.tar").read_bytes() == before
    assert names(tmp_path) == ["other.tar", "small", "small.tar"]


def export_other(place: Path) -> None:
    export_index(place / "small", place / "other")


def import_other(place: Path) -> None:
    import_index(place / "small.tar", place / "other")


@pytest.mark.parametrize("work", [export_other, import_other])
def test_a_full_disk_leaves_nothing(archive: Path, tmp_path: Path, work: Callable[[Path], None]) -> None:
    with FaultyDisk(tmp_path, errno.ENOSPC) as disk:
        work(tmp_path)
    (tmp_path / "other").rename(tmp_path / "peaceful")
    before = names(tmp_path)
    assert disk.calls > 10
    for allowed in range(disk.calls):
        with (
            FaultyDisk(tmp_path, errno.ENOSPC, allowed=allowed),
            pytest.raises(StorageFullError, match="no space left on the disk"),
        ):
            work(tmp_path)
        assert (names(tmp_path) == before) == (allowed < disk.calls - 1)  # all is there when the last flush fails
    assert content_of(tmp_path / "other") == content_of(tmp_path / "peaceful")
