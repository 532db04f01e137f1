"""New files and folders: planted files and links are neither followed nor deleted, our own leftovers are deleted."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from fingerprint import new_files
from fingerprint.errors import OutputError, ParameterError
from fingerprint.new_files import expect_place, new_file, new_folder, open_ours, own_folder, working_folder

HEX = "0123456789abcdef"


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """Return a folder with files in it that must stay as they are."""
    folder = tmp_path / "theirs"
    (folder / "below").mkdir(parents=True)
    (folder / "a.txt").write_text("a")
    (folder / "below" / "b.txt").write_text("b")
    return folder


def untouched(folder: Path) -> bool:
    found = {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}
    return found == {"a.txt": "a", "below/b.txt": "b"}


def write(path: Path, data: bytes = b"new") -> None:
    with new_file(path) as descriptor:
        os.write(descriptor, data)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    write(tmp_path / "a")
    making = new_file(tmp_path / "a")
    os.write(making.__enter__(), b"half")
    (temporary,) = (name for name in names(tmp_path) if name != "a")
    assert len(temporary) == len(f".a.{HEX}.tmp")
    assert not making.__exit__(KeyError, KeyError(), None)
    assert (names(tmp_path), (tmp_path / "a").read_bytes()) == (["a"], b"new")
    long = "é" * 120 + ".txt"  # 244 bytes: too long with the ending of a temporary name
    write(tmp_path / long)
    assert names(tmp_path) == ["a", long]


def test_a_file_for_its_owner_alone_is_so_from_the_first_byte_and_replaces_nothing(tmp_path: Path) -> None:
    with new_file(tmp_path / "key", mode=0o600, replace=False) as descriptor:
        assert stat.S_IMODE(os.fstat(descriptor).st_mode) == 0o600
    with pytest.raises(FileExistsError), new_file(tmp_path / "key", mode=0o600, replace=False):
        pass
    assert names(tmp_path) == ["key"]


def test_a_link_in_the_place_of_a_file_is_refused_wherever_it_leads(tmp_path: Path, theirs: Path) -> None:
    for number, target in enumerate((theirs / "a.txt", theirs, tmp_path / "nowhere", Path("itself3"))):
        place = tmp_path / f"itself{number}"
        place.symlink_to(target)
        with pytest.raises(OutputError, match=rf"itself{number}: is a link to .*: name the file itself, or remove"):
            write(place)
        assert place.is_symlink()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OutputError, match="pipe: is a pipe, a socket or a disk, which a file cannot replace"):
        expect_place(tmp_path / "pipe")
    with pytest.raises(OutputError, match="theirs: is a folder; name a file"):
        expect_place(theirs)
    assert untouched(theirs)


def test_a_hard_link_is_replaced_and_not_written_through(tmp_path: Path, theirs: Path) -> None:
    os.link(theirs / "a.txt", tmp_path / "out")
    write(tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"new"
    assert untouched(theirs)


def test_devices_and_open_descriptors_are_written_to_directly(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write(Path(os.devnull))
    write(Path("/dev/stdout"), b"said")
    assert capfd.readouterr().out == "said"
    descriptor = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(descriptor, b"before ")
    write(Path(f"/dev/fd/{descriptor}"))
    os.close(descriptor)
    assert (tmp_path / "log").read_bytes() == b"before new"
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


def test_leftovers_of_a_killed_process_alone_are_removed(tmp_path: Path, theirs: Path) -> None:
    new_files._swept.clear()  # a folder of a test before this one may have had the same number
    (tmp_path / f".a.{HEX}.tmp").write_text("half")
    (tmp_path / f".a.{HEX[::-1]}.tmp").symlink_to(theirs / "a.txt")
    (tmp_path / f".f.{HEX[::-1]}.tmp").symlink_to(theirs)
    left = tmp_path / f".f.{HEX}.tmp"
    (left / "new" / "below").mkdir(parents=True)
    (left / "new" / "link").symlink_to(theirs)
    (left / "new" / "below" / "file").write_text("half")
    (left / "lock").write_text(left.name)
    mine = [tmp_path / name for name in (".a.tmp", "a.tmp", ".a.importing", f".a.{HEX}.tmp2", f"a.{HEX}.tmp")]
    for path in mine:
        path.write_text("mine")
    write(tmp_path / "a")
    kept = [path.name for path in mine] + ["a", "theirs", f".a.{HEX[::-1]}.tmp", f".f.{HEX[::-1]}.tmp"]
    assert names(tmp_path) == sorted(kept)
    assert untouched(theirs)


def test_a_folder_that_was_given_such_a_name_is_not_deleted(tmp_path: Path, theirs: Path) -> None:
    planted = tmp_path / f".f.{HEX}.tmp"
    theirs.rename(planted)
    with new_folder(tmp_path / "f"):
        pass
    assert untouched(planted)
    (planted / "lock").write_text("4711\n")  # an index has such a file
    new_files._swept.clear()
    write(tmp_path / "a")
    (planted / "lock").unlink()
    (planted / "lock").symlink_to(tmp_path / "a")
    new_files._swept.clear()
    write(tmp_path / "a")
    (planted / "lock").unlink()
    assert untouched(planted)


def test_files_in_the_making_are_left_alone_and_may_keep_others_out(tmp_path: Path) -> None:
    busy = ParameterError("somebody is at it")
    with new_file(tmp_path / "a"), working_folder(tmp_path / "f") as place:
        new_files._swept.clear()
        write(tmp_path / "b")
        write(tmp_path / "a")
        assert place.is_dir()
        with pytest.raises(ParameterError, match="somebody is at it"), new_file(tmp_path / "a", busy=busy):
            pass
        with pytest.raises(ParameterError, match="somebody is at it"), new_folder(tmp_path / "f", busy=busy):
            pass
        with new_file(tmp_path / "c", busy=busy):
            pass
    assert names(tmp_path) == ["a", "b", "c"]


def test_a_folder_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    making = new_folder(tmp_path / "above" / "f")
    place = making.__enter__()
    (place / "half").touch()
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
    assert not making.__exit__(KeyError, KeyError(), None)
    assert names(tmp_path / "above") == []
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("empty")
    with new_folder(tmp_path / "link") as place:
        (place / "whole").touch()
    assert names(tmp_path / "empty") == ["whole"]
    with pytest.raises(OSError, match="not empty"), new_folder(tmp_path / "empty"):
        pass
    assert names(tmp_path) == ["above", "empty", "link"]


def test_a_file_taken_away_meanwhile_is_not_followed_when_a_folder_is_cleared(tmp_path: Path, theirs: Path) -> None:
    with working_folder(tmp_path / "f") as place:
        (place / "file").touch()
        place.parent.rename(tmp_path / "elsewhere")
        place.parent.symlink_to(theirs)
    assert untouched(theirs)
    assert names(tmp_path / "elsewhere") == []


def test_files_and_folders_of_ours_are_no_links(tmp_path: Path, theirs: Path) -> None:
    os.close(open_ours(tmp_path / "lock", os.O_RDWR))
    (tmp_path / "link").symlink_to(theirs / "a.txt")
    (tmp_path / "lost").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "lost", "pipe"):
        with pytest.raises(OutputError, match=f"{name}: is a link or something else than it should be, so Sourceprint"):
            open_ours(tmp_path / name, os.O_WRONLY)
    own_folder(tmp_path / "traces")
    own_folder(tmp_path / "traces")
    (tmp_path / "folder").symlink_to(theirs)
    with pytest.raises(OutputError, match="folder: is a link"):
        own_folder(tmp_path / "folder")
    assert not (tmp_path / "nowhere").exists()
    assert untouched(theirs)
