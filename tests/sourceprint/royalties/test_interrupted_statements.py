"""A disk that is full, or a process that is killed, between the database and the last file of a statement."""

from __future__ import annotations

import errno
import os
import re
import shlex
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fingerprint.errors import StorageFullError
from index.storage import durable
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.statements.audit import audit_statement
from sourceprint.royalties.statements.files.folder import SIGNATURE, SUMS, write_statement
from sourceprint.royalties.statements.register import list_statements, load_statement
from sourceprint.royalties.tables.imports import import_rights
from tests.command_line import run
from tests.royalty_records import LICENSEE
from tests.sourceprint.royalties.test_signed_statements import KEY, attribute

POUR = durable.pour
FORMATS = ("csv", "html", "dsr", "uses")
MANY = 50  # more files than a statement of these tests has


class Disk:
    """A disk that takes so many files, and half of the next."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.free = MANY
        self.kills = False
        patch.setattr(durable, "pour", self.pour)

    def pour(self, descriptor: int, chunks: Iterable[bytes | memoryview]) -> Any:
        if self.free:
            self.free -= 1
            return POUR(descriptor, chunks)
        data = b"".join(bytes(chunk) for chunk in chunks)
        os.write(descriptor, data[: len(data) // 2])
        if self.kills:
            os._exit(9)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a database and the first words to a full disk, `told`; not to be changed."""
    place = tmp_path_factory.mktemp("issued")
    attribute(Database.open(place / "rights.sqlite", create=True), place)
    (place / "north.pem").write_bytes(KEY.to_pem())
    (place / "north.pem").chmod(0o600)
    words = ("--licensee", LICENSEE, "--period", "2026-Q3", "--rights", place / "rights.sqlite")
    formats = [word for name in FORMATS for word in ("--format", name)]
    with pytest.MonkeyPatch.context() as patch:
        Disk(patch).free = 2
        full = run("statement", *words, *formats, "--sign-with", place / "north.pem", "--out", place / "st")
    assert full.exit_code == 4, full.stderr
    (place / "told").write_text(full.stderr)
    return place


def statement_of(place: Path) -> Any:
    database = Database.open(place / "rights.sqlite")
    return load_statement(database, list_statements(database)[0].id)


def files_in(folder: Path) -> dict[str, bytes]:
    found = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def full_at_each(disk: Disk, place: Path, folder: Path) -> Iterator[bool]:
    """Write a statement into a folder with room for no file, then one, and so on; yield whether all were written."""
    for free in range(MANY):
        disk.free = free
        try:
            write_statement(statement_of(place), folder, FORMATS, key=KEY)
        except StorageFullError:
            yield False
        else:
            yield True
            return


def test_a_statement_whose_files_find_no_room_is_issued_and_the_message_says_how_to_write_them(
    issued: Path, tmp_path: Path
) -> None:
    told = " ".join((issued / "told").read_text().split())
    assert not (issued / "st").exists()
    said = re.search(r"Error: (S-\S+) is issued and kept, but its files are not written; write them with `(.*?)`", told)
    assert said is not None, told
    assert "no space left" in told
    command = said[2].replace("--out DIR", f"--out {tmp_path / 'st'}").replace("FILE", str(issued / "north.pem"))
    again = run(*shlex.split(command)[1:], "--format", "csv")
    assert again.exit_code == 0, again.stderr
    assert audit_statement(tmp_path / "st") == []
    assert f'"id":"{said[1]}"' in (tmp_path / "st" / "statement.json").read_text()


def test_a_new_folder_is_there_whole_or_not_at_all_wherever_the_disk_is_full(
    issued: Path, tmp_path: Path, disk: Disk
) -> None:
    outcomes = []
    for is_whole in full_at_each(disk, issued, tmp_path / "st"):
        assert os.listdir(tmp_path) == (["st"] if is_whole else [])
        outcomes.append(is_whole)
    assert outcomes == [False] * (len(files_in(tmp_path / "st"))) + [True]
    assert audit_statement(tmp_path / "st") == []


def test_a_folder_that_is_written_again_has_no_checksums_until_it_is_whole(
    issued: Path, tmp_path: Path, disk: Disk
) -> None:
    folder = tmp_path / "st"
    write_statement(statement_of(issued), folder, FORMATS, key=KEY)
    whole = files_in(folder)
    (folder / "statement.csv").write_text("of another version")
    shutil.rmtree(folder / "parties")
    interrupted = 0
    for is_whole in full_at_each(disk, issued, folder):
        assert is_whole or not (folder / SUMS).exists() or not (folder / SIGNATURE).exists()
        assert bool(audit_statement(folder)) is not is_whole
        interrupted += not is_whole
    assert interrupted == 3  # a file more is there each time
    assert files_in(folder) == whole


def test_a_process_that_is_killed_leaves_no_folder_of_half_a_statement(
    issued: Path, tmp_path: Path, disk: Disk
) -> None:
    statement = statement_of(issued)
    disk.kills = True
    for free in (0, 3, 6):
        child = os.fork()
        if not child:
            disk.free = free
            write_statement(statement, tmp_path / "st", FORMATS, key=KEY)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
        assert not (tmp_path / "st").exists()
    disk.free = MANY
    write_statement(statement, tmp_path / "st", FORMATS, key=KEY)
    assert audit_statement(tmp_path / "st") == []


def test_an_import_whose_report_finds_no_room_says_that_it_was_imported(
    sqlite_database: Database, tmp_path: Path, disk: Disk
) -> None:
    (tmp_path / "parties.tsv").write_text("PartyRecordId\tFullName\nP-ONE\tOne\n")
    disk.free = 0
    with pytest.raises(StorageFullError, match="revision 1 was imported, and is kept; only the report of problems"):
        import_rights(sqlite_database, [tmp_path / "parties.tsv"], report_file=tmp_path / "report.tsv")
    assert not (tmp_path / "report.tsv").exists()
    again = import_rights(sqlite_database, [tmp_path / "parties.tsv"])
    assert again.revision is None  # it is on file
