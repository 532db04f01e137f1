"""The database of rights: opening, upgrading, transactions, one writer at a time; on SQLite and on PostgreSQL."""

from __future__ import annotations

import importlib.util
import io
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import tomllib
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import alembic.command
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, select, text

from fingerprint.errors import RightsDatabaseError, RightsError, StorageFullError
from sourceprint.royalties.rights.database import VERSION_TABLE, Database, actor, timestamp
from sourceprint.royalties.rights.database import VERSIONS as TABLES
from sourceprint.royalties.rights.engine import find_place, open_engine, refusals
from sourceprint.royalties.rights.history import apply_records
from sourceprint.royalties.rights.records import Party
from sourceprint.royalties.rights.rights import current_revision
from sourceprint.royalties.rights.rows import row_of
from sourceprint.royalties.rights.schema import metadata, party, revision
from sourceprint.table_versions import TableVersions
from tests.places import ROOT
from tests.royalty_databases import SERVER

VERSIONS = ROOT / "sourceprint" / "royalties" / "rights" / "migrations" / "versions"
HEAD = max(path.name[1:5] for path in VERSIONS.glob("v0*.py"))
NEXT = f"{int(HEAD) + 1:04d}"


def add_party(database: Database, party_id: str) -> None:
    with database.changing(source="test") as change:
        apply_records(change, party, [row_of(Party(party_id, "Name"))])


def make_and_fail(database: Database) -> None:
    with database.changing(source="test") as change:
        apply_records(change, party, [row_of(Party("P1", "Name"))])
        assert change.revision == 1
        raise ZeroDivisionError


def party_ids(database: Database) -> list[str]:
    with database.reading() as connection:
        return sorted(connection.scalars(select(party.c.id).where(party.c.until.is_(None))))


def in_another_process(program: str, place: str) -> subprocess.Popen[str]:
    """Start a program that has `database` open."""
    head = f"from sourceprint.royalties.rights.database import Database\ndatabase = Database.open({place!r})\n"
    return subprocess.Popen(
        [sys.executable, "-c", head + program],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


# Opening.


def test_a_missing_file_is_not_made_by_reading_and_the_message_names_the_command(tmp_path: Path) -> None:
    path = tmp_path / "none" / "rights.sqlite"
    with pytest.raises(
        RightsDatabaseError, match=r"rights\.sqlite: there is no database .* `sourceprint rights import`"
    ):
        Database.open(path)
    assert not path.parent.exists()


def test_create_makes_the_folder_too_and_opening_again_finds_it(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "rights.sqlite"
    add_party(Database.open(path, create=True), "P1")
    assert party_ids(Database.open(str(path))) == ["P1"]
    assert party_ids(Database.open(f"sqlite:///{path}", create=True)) == ["P1"]


def test_no_log_is_left_beside_the_file_when_nobody_has_it_open(tmp_path: Path) -> None:
    add_party(Database.open(tmp_path / "rights.sqlite", create=True), "P1")
    assert [path.name for path in tmp_path.iterdir()] == ["rights.sqlite"]
    with sqlite3.connect(tmp_path / "rights.sqlite") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"no database, but a letter that is long enough to be taken for a header of one hundred bytes " * 3,
            "is not a SQLite database",
        ),
        (b"", "there is no database of rights"),
    ],
    ids=["text", "empty"],
)
def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "rights.sqlite"
    path.write_bytes(content)
    with pytest.raises(RightsDatabaseError, match=message):
        Database.open(path)
    assert path.read_bytes() == content


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rights.sqlite"
    add_party(Database.open(path, create=True), "P1")
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + b"\xff" * (len(whole) - 100))
    with pytest.raises(RightsDatabaseError, match=r"rights\.sqlite: "):
        Database.open(path)


def test_a_file_of_an_older_version_is_copied_before_its_tables_are_changed(tmp_path: Path) -> None:
    path = tmp_path / "rights.sqlite"
    engine = open_engine(find_place(path), create=True, lock_seconds=5)
    with engine.connect() as connection:
        connection.execution_options(sourceprint_writes=True)
        with connection.begin():
            TABLES.upgrade(connection, "0004")
    engine.dispose()
    for _ in range(2):
        assert party_ids(Database.open(path)) == []
        assert {one.name for one in tmp_path.iterdir()} == {"rights.sqlite", "rights.sqlite.version-0004"}
    with sqlite3.connect(tmp_path / "rights.sqlite.version-0004") as kept:
        assert kept.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchall() == [("0004",)]
    kept.close()


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RightsDatabaseError, match="is not a file"):
        Database.open(tmp_path, create=True)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RightsDatabaseError, match="cannot be reached"):
        Database.open(tmp_path / "file" / "rights.sqlite", create=True)


@pytest.mark.parametrize("create", [False, True])
def test_a_database_of_another_program_is_refused(database_place: str, create: bool) -> None:
    place = find_place(database_place)
    Database.open(database_place, create=True)
    engine = Database.open(database_place)._engine
    with engine.begin() as connection:
        connection.execute(text(f"DROP TABLE {VERSION_TABLE}"))
    with pytest.raises(RightsDatabaseError, match="holds tables of another program") as caught:
        Database.open(database_place, create=create)
    assert str(caught.value).startswith(place.name)


def test_a_newer_version_is_refused_naming_both(database: Database, database_place: str) -> None:
    with database.writing() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9876'"))
    with pytest.raises(
        RightsDatabaseError, match=f"version 9876, and this program knows versions up to {HEAD}; update"
    ):
        Database.open(database_place)


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("", "is empty"),
        ("mysql://host/rights", "mysql://...: rights are kept in SQLite or PostgreSQL"),
        ("postgresql://ann:secret@host:port/rights", "cannot be read"),
        ("postgresql://ann:secret", "cannot be read"),
        ("postgresql://ann:se@secret@host/rights", "more than one @"),
        ("sqlite://", "kept in a file"),
        ("sqlite:///:memory:", "kept in a file"),
        ("sqlite:///file:secret?mode=ro", "without options"),
        ("a\0b", "not the name of a file"),
    ],
)
def test_a_place_that_cannot_be_is_refused_without_showing_a_password(place: str, message: str) -> None:
    with pytest.raises(RightsDatabaseError, match=message) as caught:
        Database.open(place, create=True)
    assert "secret" not in str(caught.value)


def test_a_server_that_does_not_answer_is_said_so_without_the_password() -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(RightsDatabaseError, match=r"127\.0\.0\.1:1/rights: the server cannot be reached") as caught:
        Database.open("postgresql://ann:secret@127.0.0.1:1/rights?application_name=secret")
    assert "secret" not in str(caught.value)


def test_without_the_driver_of_postgresql_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(RightsDatabaseError, match=r"install sourceprint\[postgres\]"):
        Database.open("postgresql://ann:secret@host/rights")


# The schema and its versions.


def test_the_migrations_make_exactly_the_tables_of_the_schema(database: Database) -> None:
    with database.reading() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True, "version_table": VERSION_TABLE}
        )
        assert compare_metadata(context, metadata) == []
        found = inspect(connection)
        assert set(found.get_table_names()) == {*metadata.tables, VERSION_TABLE}
        for table in metadata.tables.values():
            # Not compared by alembic: names of keys, and which rows an index holds.
            assert found.get_pk_constraint(table.name)["name"] == f"pk_{table.name}"
            names = {key["name"] for key in found.get_foreign_keys(table.name)}
            assert names == {key.name for key in table.foreign_key_constraints}
            partial = {index["name"] for index in found.get_indexes(table.name) if "where" in str(index)}
            assert partial == {
                index.name for index in table.indexes if index.dialect_options["sqlite"]["where"] is not None
            }


def test_a_migration_that_fails_leaves_the_database_as_it_was(
    database_place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade = alembic.command.upgrade

    def interrupted(*arguments: object) -> None:
        upgrade(*arguments)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(alembic.command, "upgrade", interrupted)
        with pytest.raises(KeyboardInterrupt):
            Database.open(database_place, create=True)
    with pytest.raises(RightsDatabaseError, match="there is no database of rights"):
        Database.open(database_place)
    assert party_ids(Database.open(database_place, create=True)) == []


@pytest.fixture
def next_version(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file of a next version that does nothing yet, as alembic writes it; programs now know that one."""
    folder = tmp_path / "migrations"
    shutil.copytree(ROOT / "sourceprint" / "royalties" / "rights" / "migrations", folder)
    monkeypatch.setattr("sourceprint.royalties.rights.database.VERSIONS", TableVersions(folder))
    with database.migrations() as config:
        alembic.command.revision(config, "what is new", autogenerate=True, rev_id=NEXT)
    return folder / "versions" / f"v{NEXT}_what_is_new.py"


def test_older_tables_are_brought_to_this_version_when_they_are_opened(
    database: Database, database_place: str, next_version: Path
) -> None:
    add_party(database, "P1")
    written = next_version.read_text(encoding="utf-8")
    assert written.startswith(f'"""what is new.\n\nVersion {NEXT}, after {HEAD}.\n"""\n')
    next_version.write_text(written.replace("    pass\n", '    op.execute("CREATE TABLE more (id TEXT)")\n'))
    assert party_ids(Database.open(database_place)) == ["P1"]
    with database.reading() as connection:
        assert "more" in inspect(connection).get_table_names()
        assert connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}")) == NEXT


def test_an_upgrade_that_fails_half_way_changes_nothing(
    database: Database, database_place: str, next_version: Path
) -> None:
    failing = '    op.execute("CREATE TABLE more (id TEXT)")\n    op.execute("CREATE TABLE more (id TEXT)")\n'
    next_version.write_text(next_version.read_text(encoding="utf-8").replace("    pass\n", failing))
    with pytest.raises(RightsDatabaseError, match=r"the database refuses \(.*more.* already exists"):
        Database.open(database_place)
    with database.reading() as connection:
        assert "more" not in inspect(connection).get_table_names()
        assert connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}")) == HEAD


def test_alembic_can_be_used_by_hand(database: Database) -> None:
    told = io.StringIO()
    with database.migrations() as config:
        config.stdout = told
        alembic.command.current(config)
    assert told.getvalue() == f"{HEAD} (head)\n"


@pytest.mark.slow
def test_many_that_create_the_same_database_at_once_all_succeed(database_place: str) -> None:
    failures: list[BaseException] = []

    def create(number: int) -> None:
        try:
            add_party(Database.open(database_place, create=True), f"P{number}")
        except BaseException as error:  # noqa: BLE001, seen by the test below
            failures.append(error)

    threads = [threading.Thread(target=create, args=[number]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert party_ids(Database.open(database_place)) == [f"P{number}" for number in range(6)]


def test_the_migrations_are_shipped_with_the_package() -> None:
    told = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    folder = ROOT / "sourceprint" / "royalties" / "rights" / "migrations"
    assert "sourceprint*" in told["packages"]["find"]["include"]
    shipped = set()
    for inside in {path.parent for path in folder.rglob("__init__.py")}:  # a folder without one is no package
        package = ".".join(inside.relative_to(ROOT).parts)
        for pattern in ("*.py", *told["package-data"].get(package, ())):
            shipped |= set(inside.glob(pattern))
    here = {path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert len(here) >= 5
    assert here <= shipped
    spec = importlib.util.find_spec("sourceprint.royalties.rights.migrations.versions")
    assert spec is not None


# Transactions.


def test_a_change_that_fails_leaves_nothing_behind(database: Database) -> None:
    rows = (row_of(Party(f"P{n}", "x" * (10_000 // n))) for n in range(6_000, -1, -1))
    with pytest.raises(ZeroDivisionError), database.changing(source="test") as change:
        apply_records(change, party, rows)
    with pytest.raises(ZeroDivisionError):
        make_and_fail(database)
    assert party_ids(database) == []
    with database.reading() as connection:
        assert current_revision(connection) == 0
    add_party(database, "P2")
    with database.reading() as connection:
        assert current_revision(connection) == 1, "a number that was rolled back is given again"


def test_a_change_of_nothing_makes_no_revision(database: Database) -> None:
    with database.changing(source="test") as change:
        apply_records(change, party, [])
    assert not change.made
    with database.reading() as connection:
        assert current_revision(connection) == 0


def test_a_revision_has_author_time_and_source(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCEPRINT_ACTOR", "ann\n")
    noon = datetime(2026, 11, 22, 12, 0, 0, 999_999, tzinfo=timezone(timedelta(hours=2)))
    with database.changing(source="a\nb.csv", digest="sha256:00", now=noon) as change:
        assert change.revision == 1
    with database.changing(source="rights withdraw", by="ben", now=noon) as change:
        assert change.revision == 2
    with database.reading() as connection:
        rows = connection.execute(select(revision).order_by(revision.c.id)).all()
    assert [tuple(row) for row in rows] == [
        (1, "2026-11-22T10:00:00Z", "ann", r"a\nb.csv", "sha256:00"),
        (2, "2026-11-22T10:00:00Z", "ben", "rights withdraw", ""),
    ]


def test_who_acts_is_the_user_unless_something_else_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "login")
    assert actor() == "login"
    monkeypatch.setenv("SOURCEPRINT_ACTOR", "ann")
    assert actor() == "ann"
    assert actor("ben") == "ben"


def test_a_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr("getpass.getuser", nobody)
    assert actor() == f"user {os.getuid()}"


def test_the_present_is_in_utc_to_the_second() -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    assert before <= datetime.fromisoformat(timestamp()) <= datetime.now(UTC)


def test_a_reader_keeps_its_snapshot_while_another_writes(database: Database) -> None:
    add_party(database, "P1")
    with database.reading() as connection:
        assert current_revision(connection) == 1
        add_party(database, "P2")
        assert connection.scalars(select(party.c.id)).all() == ["P1"]
        assert current_revision(connection) == 1
    assert party_ids(database) == ["P1", "P2"]


def test_a_second_writer_waits_and_sees_the_changes_of_the_first(database: Database, database_place: str) -> None:
    waiting = threading.Event()

    def second() -> None:
        other = Database.open(database_place)
        waiting.set()
        add_party(other, "P2")

    thread = threading.Thread(target=second)
    with database.changing(source="first") as change:
        thread.start()
        assert waiting.wait(20)
        apply_records(change, party, [row_of(Party("P1", "Name"))])
    thread.join()
    assert party_ids(database) == ["P1", "P2"]
    with database.reading() as connection:
        sources = connection.scalars(select(revision.c.source).order_by(revision.c.id)).all()
    assert sources == ["first", "test"]


def test_a_writer_that_waits_too_long_says_why(database: Database, database_place: str) -> None:
    impatient = Database.open(database_place, lock_seconds=1)
    with database.writing() as connection:
        connection.scalar(select(party.c.id))
        with pytest.raises(RightsDatabaseError, match="another command is writing to it"):
            add_party(impatient, "P1")
    add_party(impatient, "P1")
    assert party_ids(database) == ["P1"]


@pytest.mark.slow
def test_writers_in_several_processes_lose_nothing(database: Database, database_place: str) -> None:
    program = (
        "import sys\n"
        "from sourceprint.royalties.rights.history import apply_records\n"
        "from sourceprint.royalties.rights.schema import party\n"
        "for number in range(5):\n"
        "    with database.changing(source=sys.stdin.readline().strip() if not number else 'more') as change:\n"
        "        row = {'id': f'{NAME}-{number}', 'name': '', 'ipi': '', 'isni': '', 'dpid': ''}\n"
        "        apply_records(change, party, [row])\n"
    )
    started = [in_another_process(f"NAME = {name!r}\n{program}", database_place) for name in "ABC"]
    for process in started:
        process.communicate("go\n", timeout=120)
        assert process.returncode == 0
    assert party_ids(database) == [f"{name}-{number}" for name in "ABC" for number in range(5)]
    with database.reading() as connection:
        assert connection.scalars(select(revision.c.id).order_by(revision.c.id)).all() == list(range(1, 16))


@pytest.mark.slow
def test_a_killed_writer_is_rolled_back(database: Database, database_place: str) -> None:
    add_party(database, "P1")
    program = (
        "from sourceprint.royalties.rights.history import apply_records\n"
        "from sourceprint.royalties.rights.schema import party\n"
        "with database.changing(source='killed') as change:\n"
        "    rows = ({'id': f'K{n}', 'name': 'x' * 1000, 'ipi': '', 'isni': '', 'dpid': ''} for n in range(5000))\n"
        "    apply_records(change, party, rows)\n"
        "    print('written', flush=True)\n"
        "    input()\n"
    )
    process = in_another_process(program, database_place)
    assert process.stdout is not None
    assert process.stdout.readline() == "written\n"
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=300)
    assert party_ids(database) == ["P1"]
    add_party(database, "P2")
    with database.reading() as connection:
        assert current_revision(connection) == 2


def test_foreign_keys_hold(database: Database) -> None:
    row = {**row_of(Party("P1", "Name")), "since": 17}
    with pytest.raises(RightsDatabaseError, match="the database refuses") as caught, database.writing() as connection:
        connection.execute(party.insert(), row)
    assert "INSERT" not in str(caught.value)


def fill(database: Database) -> None:
    with database.changing(source="test") as change:
        change.connection.exec_driver_sql("PRAGMA max_page_count = 200")
        apply_records(change, party, (row_of(Party(f"P{number}", "x" * 1000)) for number in range(5_000)))


def test_a_full_disk_is_said_to_be_one(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "rights.sqlite", create=True)
    with pytest.raises(StorageFullError, match="no space left"):
        fill(database)
    assert party_ids(database) == []


def test_errors_of_ours_pass_through_unchanged() -> None:
    with pytest.raises(RightsError, match=r"^as it was$"), refusals("place"):
        raise RightsError("as it was")


@pytest.mark.skipif(not os.environ.get(SERVER), reason=f"{SERVER} is not set: no PostgreSQL to test with")
def test_a_database_that_the_server_does_not_have_is_told_with_the_remedy() -> None:
    place = find_place(os.environ[SERVER]).url.set(database="sourceprint_has_none_of_this_name")
    with pytest.raises(RightsDatabaseError, match="check that it runs, that the database exists there"):
        Database.open(place.render_as_string(hide_password=False))
