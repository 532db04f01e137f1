"""Refusals of the system become errors of ours, each worded in one place."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from fingerprint.disk import decoded, file_digest, open_regular_file, read_small, refusals
from fingerprint.errors import CatalogueError, DecodeError, EvidenceError, ParameterError, StorageFullError
from index.storage.durable import write_chunks


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOENT, "No such file or directory); check the spelling and the folder"),
        (errno.EACCES, "Permission denied); see to its permissions"),
        (errno.EPERM, "Operation not permitted); see to its permissions"),
        (errno.EROFS, "Read-only file system); name a place that is not read-only"),
        (errno.EISDIR, "Is a directory); name a file"),
        (errno.ENOTDIR, "Not a directory); check the folders in its path"),
        (errno.EIO, "Input/output error); see to the disk it is on"),
    ],
)
def test_the_remedy_follows_from_the_system_error(number: int, remedy: str) -> None:
    with pytest.raises(ParameterError) as caught, refusals("a\nb", ParameterError):
        raise OSError(number, os.strerror(number))
    assert str(caught.value) == f"a\\nb: cannot be read ({remedy}"
    assert isinstance(caught.value.__cause__, OSError)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_names_the_data_that_are_safe(number: int) -> None:
    with (
        pytest.raises(StorageFullError) as caught,
        refusals("out", ParameterError, "cannot be written", safe="the rest is safe"),
    ):
        raise OSError(number, os.strerror(number))
    assert str(caught.value) == ("out: no space left on the disk; the rest is safe; free some space and try again")


def test_an_error_without_a_number_says_its_text() -> None:
    with pytest.raises(EvidenceError, match=r"^a: is lost \(odd\); take another$"):  # noqa: SIM117
        with refusals("a", EvidenceError, "is lost", remedy="take another"):
            raise OSError("odd")


def test_errors_of_the_index_are_worded_for_the_file_that_was_asked_for(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match=r"^out: cannot be written \(No such file or directory\); name"):  # noqa: SIM117
        with refusals("out", EvidenceError, "cannot be written", remedy="name another"):
            write_chunks(tmp_path / "none" / "a", [b""])
    for ours in (StorageFullError("full"), CatalogueError("held"), ParameterError("odd")):  # nothing of the system's
        with pytest.raises(type(ours), match=str(ours)), refusals("out", EvidenceError):
            raise ours
    with pytest.raises(CatalogueError, match=r"none/a: cannot be written"):  # noqa: SIM117
        with refusals("out", CatalogueError):
            write_chunks(tmp_path / "none" / "a", [b""])


def test_small_files_are_read_whole_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(b"12345")
    assert read_small(path, ParameterError, most=5, too_large="is too large") == b"12345"
    with pytest.raises(ParameterError, match=r"^it: is too large$"):
        read_small(path, ParameterError, most=4, too_large="is too large", name="it")
    with pytest.raises(ParameterError, match=r"none: cannot be read \(No such file or directory\); check the spelling"):
        read_small(tmp_path / "none", ParameterError, most=4, too_large="is too large")


def test_text_that_is_no_utf8_is_refused_with_its_place() -> None:
    assert decoded(b"\xef\xbb\xbfa", "a", ParameterError) == "a"
    with pytest.raises(ParameterError, match=r"^a: not UTF-8 \(byte 0xff at position 1\); save it as UTF-8$"):
        decoded(b"a\xff", "a", ParameterError)


def test_holes_of_sparse_files_are_not_read(tmp_path: Path) -> None:
    for name, content in (("hole.wav", b""), ("head.wav", b"RIFF" * 100)):
        (tmp_path / name).write_bytes(content)
        os.truncate(tmp_path / name, 2**42)
        with pytest.raises(DecodeError, match=r"\.wav: \d{13} bytes of it were never written, and take no room"):
            file_digest(tmp_path / name)
    os.truncate(tmp_path / "head.wav", 2**34)  # silence, for all that is known
    with open_regular_file(tmp_path / "head.wav", "head.wav") as file:
        assert file.read(4) == b"RIFF"
