"""The hash chain: every change behind its back is found and named; on SQLite and on PostgreSQL."""

from __future__ import annotations

import hashlib
import json
import lzma
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    Connection,
    Engine,
    Integer,
    LargeBinary,
    create_engine,
    delete,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.pool import NullPool
from sqlalchemy.sql.schema import Column, Table

from fingerprint.digests import canonical_json
from fingerprint.errors import ParameterError
from sourceprint.royalties.rights.chain import Head, begin_chain, chain_head
from sourceprint.royalties.rights.chain.coverage import COVERED, CoveredRow, covered_rows
from sourceprint.royalties.rights.chain.verdict_text import witness_lines
from sourceprint.royalties.rights.chain.verification import ChainVerdict, HeldHead, verify_chain
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.rights.history import apply_records
from sourceprint.royalties.rights.records import Party, Work
from sourceprint.royalties.rights.rows import row_of
from sourceprint.royalties.rights.schema import (
    attribution,
    chain_entry,
    metadata,
    party,
    statement,
    usage_report,
    use,
    use_event,
    work,
)
from tests.command_line import run
from tests.places import DATA
from tests.royalty_records import withdraw

WHEN = {"made_at": "2026-10-02T08:00:00Z", "made_by": "ann"}


def attribution_row(results: str) -> dict[str, object]:
    named = {"licensee": "P-TONE", "results_sha256": results, "policy_digest": "", "policy": "{}"}
    return {**WHEN, **named, "rights_revision": 2}


def use_row(use_id: str, attribution_id: int) -> dict[str, object]:
    of = {"licensee": "P-TONE", "track_sha256": "00", "track_name": "a.wav", "generated_on": "2026-07-01"}
    return {"id": use_id, "attribution_id": attribution_id, **of, "recording_id": "R1", "document": "{}"}


def event_row(use_id: str) -> dict[str, object]:
    return {"use_id": use_id, "state": "disputed", "reason": "why", "document": "", **WHEN}


def statement_row(number: int) -> dict[str, object]:
    period = {"period_label": f"2026-Q{number}", "period_start": f"2026-0{number}-01", "period_end": "2026-09-30"}
    issue = {"issued_on": "2026-10-02", "issued_at": "2026-10-02T08:00:00Z", "issued_by": "ann"}
    money = {"licensee": "P-TONE", "currency": "EUR", "document": "{}", "digest": "sha256:00"}
    return {"id": f"S-{number}", **money, **period, **issue}


def fill(database: Database) -> None:
    """Make two revisions, two attributions, decisions and statements: entries 2 to 9."""
    with database.changing(source="first") as change:
        apply_records(change, party, [row_of(Party(f"P{n}", "Name")) for n in range(3)])
    with database.changing(source="second") as change:
        apply_records(change, party, [row_of(Party("P0", "Another"))])
        withdraw(change, party, ["P2"])
    with database.writing() as connection:
        connection.execute(insert(attribution), attribution_row("11"))
        connection.execute(insert(use), [use_row("U1", 1), use_row("U2", 1)])
    with database.writing() as connection:
        connection.execute(insert(use_event), [event_row("U1"), event_row("U2")])
    with database.writing() as connection:
        connection.execute(insert(statement), statement_row(1))
    with database.writing() as connection:
        connection.execute(insert(attribution), attribution_row("22"))
        connection.execute(insert(use), [use_row("U3", 2)])
        connection.execute(update(use).where(use.c.id == "U2").values(superseded_by=2))
        connection.execute(insert(use_event), event_row("U3"))
    with database.writing() as connection:
        connection.execute(insert(statement), statement_row(2))


@pytest.fixture
def filled(database: Database) -> Database:
    fill(database)
    return database


@pytest.fixture
def filled_file(sqlite_database: Database) -> Database:
    """Return the same on SQLite alone, for tests that do not depend on the database."""
    fill(sqlite_database)
    return sqlite_database


def verdict(database: Database, *held: Head) -> ChainVerdict:
    with database.reading() as connection:
        return verify_chain(connection, [HeldHead(head, f"copy {n}") for n, head in enumerate(held, 1)])


def head_of(database: Database) -> Head:
    with database.reading() as connection:
        return chain_head(connection)


def told(database: Database, *held: Head) -> list[str]:
    return [str(problem) for problem in verdict(database, *held).problems]


def outside(database: Database) -> Engine:
    """Return an engine as any other program has: on SQLite, foreign keys are not looked at."""
    return create_engine(database._engine.url, poolclass=NullPool)


def tamper(database: Database, *statements: object) -> None:
    """Run statements as the owner of the file or the server can, past all code of the product."""
    with outside(database).begin() as connection:
        for one in statements:
            connection.execute(one)  # type: ignore[call-overload]


# A chain that holds.


def test_every_transaction_is_an_entry_of_its_kinds_and_all_rows_are_covered(filled: Database) -> None:
    found = verdict(filled)
    assert found.problems == ()
    assert found.head.sequence == 9
    assert found.began == "begun with an empty database"
    assert found.unwitnessed == {"origin": 1, "revision": 2, "attribution": 2, "decision": 2, "statement": 2}
    with filled.reading() as connection:
        made = sum(
            connection.scalar(select(func.count()).select_from(table)) or 0 for table in metadata.tables.values()
        )
    assert found.rows == made - 9 + 3, "each row once, without those of the chain, and three that ended"


def test_a_held_head_witnesses_all_earlier_entries(filled_file: Database) -> None:
    head = head_of(filled_file)
    with filled_file.changing(source="third") as change:
        apply_records(change, party, [row_of(Party("P9", "Name"))])
    found = verdict(filled_file, head, Head(1, "no"))
    assert (found.witnessed, found.witness) == (9, "copy 1")
    assert found.unwitnessed == {"revision": 1}
    assert [str(problem) for problem in found.problems] == [
        "entry 1: is not the one that was held: the chain was rewritten from there or before (held in copy 2)"
    ]
    assert "not for rows that no longer agree" in list(witness_lines(found))[-1]  # or a reader takes it for all clear
    assert not any("no longer agree" in line for line in witness_lines(verdict(filled_file, head)))


def decide_and_fail(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(insert(use_event), event_row("U1"))
        raise ZeroDivisionError


def test_a_column_that_came_later_is_covered_once_it_holds_something(sqlite_database: Database) -> None:
    with sqlite_database.changing(source="first") as change:
        apply_records(change, work, [row_of(Work("W1", "Title"))])
    (part,) = [part for part in COVERED["revision"] if part.table is work and not part.ended]
    with outside(sqlite_database).connect() as connection:
        ((_, row),) = covered_rows(connection, part)
        held = {"row_id": 1, "id": "W1", "title": "Title", "iswc": "", "writers": "", "since": 1}
        assert row.digest == hashlib.sha256(canonical_json(["work", False, held], utf8=True)).hexdigest()
        connection.execute(update(work).values(disputed="true"))
        assert [str(one) for one in verify_chain(connection).problems] == [
            "entry 2: work W1 (row 1): was changed; revision 1"
        ]


def test_rows_are_hashed_as_canonical_json() -> None:
    row = CoveredRow("work", False, 1, "".join(map(chr, range(1, 0x180))) + '\u2028\uffff\U0001f3b5"\\/', "0f" * 32)
    listed = [row.table, row.ended, row.row, row.id]
    assert row.line() == canonical_json([*listed, row.digest], utf8=True) + b"\n"
    assert row.listed == canonical_json([*listed, row.digest[:16]], utf8=True) + b"\n"


def test_a_long_text_is_hashed_as_canonical_json_too(sqlite_database: Database) -> None:
    document = 'Ż"\\\n\U0001f3b5' * 500_000  # several blocks, which cut it anywhere
    report = {
        **WHEN, "id": 1, "licensee": "P1", "period_label": "2026-07", "period_start": "2026-07-01",
        "period_end": "2026-07-31", "version": 1, "sha256": "0f" * 32, "document": document, "reason": "",
    }  # fmt: skip
    with sqlite_database.writing() as connection:
        connection.execute(insert(usage_report), report)
    (part,) = COVERED["usage"]
    with sqlite_database.reading() as connection:
        ((_, row),) = covered_rows(connection, part)
    assert row.digest == hashlib.sha256(canonical_json(["usage_report", False, report], utf8=True)).hexdigest()


def test_a_failure_enters_nothing(filled_file: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        decide_and_fail(filled_file)
    assert head_of(filled_file).sequence == 9
    assert told(filled_file) == []


def test_a_note_is_in_the_entry_and_covered_by_its_hash(filled_file: Database) -> None:
    with filled_file.noting("the books were closed late").writing() as connection:
        connection.execute(insert(use_event), event_row("U1"))
    assert verdict(filled_file).notes == ((10, "the books were closed late"),)
    tamper(filled_file, update(chain_entry).where(chain_entry.c.sequence == 10).values(note="nothing"))
    assert told(filled_file) == ["entry 10: was changed: decision, its hash is not that of its columns"]


def test_writers_at_once_make_one_chain(database: Database, database_place: str) -> None:
    def write(name: str) -> None:
        other = Database.open(database_place)
        for number in range(3):
            with other.changing(source=name) as change:
                apply_records(change, party, [row_of(Party(f"{name}{number}", "Name"))])

    threads = [threading.Thread(target=write, args=[name]) for name in "ABC"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = verdict(database)
    assert found.problems == ()
    assert found.head.sequence == 10


def test_a_database_from_before_begins_with_all_that_is_there(tmp_path: Path) -> None:
    path = tmp_path / "rights.sqlite"
    path.write_bytes(lzma.decompress((DATA / "rights-v1.sqlite.xz").read_bytes()))
    database = Database.open(path)
    found = verdict(database)
    assert found.problems == ()
    assert found.began.startswith("begun on 20")
    assert found.began.endswith("; the next 4 entries cover what was on file then")
    assert found.unwitnessed == dict.fromkeys(("origin", "revision", "attribution", "statement", "person"), 1)
    tamper(database, update(statement).values(issued_by="nobody"))
    assert len(told(database)) == 1
    assert verdict(Database.open(path)).head == found.head, "opened again, it stays as it is"


def test_heads_are_read_as_they_are_written() -> None:
    head = Head(12, "0f" * 32)
    assert Head.parse(f" {head.text}\n") == head
    with pytest.raises(ParameterError, match=r"sourceprint/chain/1 0: no head of a chain; .*`sourceprint rights head`"):
        Head.parse("sourceprint/chain/1 0")


# Changes behind its back.


SWAP = ((7, 99), (8, 7), (99, 8))
CHANGES: list[tuple[Any, list[str]]] = [
    (
        update(party).where(party.c.id == "P1").values(name="Mine"),
        ["entry 2: party P1 (row 2): was changed; revision 1"],
    ),
    (
        update(party).where(party.c.id == "P2").values(until=None),
        ["entry 3: party P2 (row 3): is no longer ended; revision 2"],
    ),
    (
        update(party).where(party.c.id == "P1").values(until=2),
        ["entry 3: party P1 (row 2): was ended afterwards; revision 2"],
    ),
    (
        update(use).where(use.c.id == "U1").values(document='{"a":1}'),
        ["entry 4: use U1 (row 1): was changed; attribution 1"],
    ),
    (
        update(use_event).where(use_event.c.use_id == "U2").values(state="claimed"),
        ["entry 5: use_event U2 (row 2): was changed; decision 1 to 2"],
    ),
    (delete(statement).where(statement.c.id == "S-1"), ["entry 6: statement S-1 (row 1): is missing; statement 1"]),
    (delete(use).where(use.c.id == "U3"), ["entry 7: use U3 (row 3): is missing; attribution 2"]),
    (
        insert(use).values(**use_row("U9", 1)),
        ["entry 4: use U9 (row 4): was added afterwards; attribution 1"],
    ),
    (insert(use_event).values(**event_row("U9")), ["use_event U9 (row 4): is there, and no entry covers it"]),
    (
        update(chain_entry).where(chain_entry.c.sequence == 4).values(covered=b""),
        ["entry 4: was changed: attribution, its hash is not that of its columns"],
    ),
    (
        delete(chain_entry).where(chain_entry.c.sequence == 9),
        ["statement S-2 (row 2): is there, and no entry covers it"],
    ),
    (
        [
            update(use_event).where(use_event.c.id == 1).values(use_id="U2"),
            update(use_event).where(use_event.c.id == 2).values(use_id="U1"),
        ],
        [
            "entry 5: use_event U2 (row 1): was changed; decision 1 to 2",
            "entry 5: use_event U1 (row 2): was changed; decision 1 to 2",
        ],
    ),
    (
        [update(chain_entry).where(chain_entry.c.sequence == old).values(sequence=new) for old, new in SWAP],
        [
            "entry 7: does not follow entry 6: one of the two was changed",
            "entry 7: was changed: decision, its hash is not that of its columns",
            "entry 8: does not follow entry 7: one of the two was changed",
            "entry 8: was changed: attribution, its hash is not that of its columns",
            "entry 9: does not follow entry 8: one of the two was changed",
        ],
    ),
    (
        delete(chain_entry).where(chain_entry.c.sequence == 5),
        [
            "entry 6: entry 5 is missing",
            "use_event U1 (row 1): is there, and no entry covers it",
            "use_event U2 (row 2): is there, and no entry covers it",
        ],
    ),
]


def test_a_change_is_found_and_named(filled: Database) -> None:
    with outside(filled).connect() as connection:
        for changes, named in CHANGES:
            for change in changes if isinstance(changes, list) else [changes]:
                connection.execute(change)
            assert [str(problem) for problem in verify_chain(connection).problems] == named
            connection.rollback()


def test_excerpts_changed_by_our_own_code_are_found_as_well(filled_file: Database) -> None:
    with filled_file.writing() as connection:
        connection.execute(update(statement).where(statement.c.id == "S-2").values(document="[]"))
    assert told(filled_file) == ["entry 9: statement S-2 (row 2): was changed; statement 2"]


def test_entries_added_behind_its_back_are_not_adopted_by_the_next_entry(filled_file: Database) -> None:
    tamper(filled_file, insert(use_event).values(**event_row("U9")))
    with filled_file.writing() as connection:
        connection.execute(insert(use_event), event_row("U1"))
    assert told(filled_file) == ["use_event U9 (row 4): is there, and no entry covers it"]
    tamper(filled_file, delete(chain_entry))
    assert told(filled_file)[0] == "there is no chain, though this program begins one in every database"


def rebuild(database: Database, *changes: object) -> None:
    """Change something, and make the chain anew with our own code."""
    tamper(database, *changes, delete(chain_entry))
    with database._engine.begin() as connection:
        begin_chain(connection, day="2026-10-02")


def test_a_chain_that_was_made_anew_agrees_with_itself_and_with_no_head_held_elsewhere(filled: Database) -> None:
    head = head_of(filled)
    rebuild(filled, update(use_event).where(use_event.c.id == 1).values(state="claimed"))
    assert told(filled) == []
    cut = f"is missing: the chain ends at entry {head_of(filled).sequence}, so it was cut or made anew"
    assert told(filled, head) == [f"entry 9: {cut} (held in copy 1)"]
    assert verdict(filled, head).witnessed == 0


def test_a_chain_that_was_rewritten_from_some_entry_is_found_between_two_held_heads(filled_file: Database) -> None:
    first, last = Head(3, hash_of(filled_file, 3)), head_of(filled_file)
    tamper(
        filled_file,
        delete(chain_entry).where(chain_entry.c.sequence > 3),
        delete(use),
        delete(attribution),
        delete(use_event),
        delete(statement),
    )
    with filled_file.writing() as connection:
        connection.execute(insert(statement), [statement_row(n) for n in (3, 4)])
    for number in range(6):
        with filled_file.writing() as connection:
            connection.execute(insert(use_event), event_row(f"U{number}"))
    found = verdict(filled_file, first, last)
    assert (found.witnessed, found.witness) == (3, "copy 1")
    assert [str(problem) for problem in found.problems] == [
        "entry 9: is not the one that was held: the chain was rewritten from there or before, after entry 3 "
        "(held in copy 2)"
    ]


def test_many_changed_rows_are_counted_not_listed_one_by_one(sqlite_database: Database) -> None:
    with sqlite_database.changing(source="first") as change:
        apply_records(change, party, [row_of(Party(f"P{n:02}", "Name")) for n in range(50)])
    tamper(sqlite_database, update(party).values(name="Mine"))
    found = told(sqlite_database)
    assert len(found) == 21
    assert found[-1] == "entry 2: 30 more rows were changed, of revision 1"


def hash_of(database: Database, sequence: int) -> str:
    with database.reading() as connection:
        query = select(chain_entry.c.hash).where(chain_entry.c.sequence == sequence)
        return connection.scalar(query) or ""


# Any single change.

COLUMNS = [
    (table, column)
    for table in {part.table.name: part.table for parts in COVERED.values() for part in parts}.values()
    for column in table.columns
    if column not in table.primary_key.columns.values()
] + [(chain_entry, column) for column in chain_entry.columns if column.name != "sequence"]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """Yield a connection to a filled database; each example changes it, and takes the change back."""
    database = Database.open(tmp_path_factory.mktemp("chain") / "rights.sqlite", create=True)
    fill(database)
    with outside(database).connect() as connection:
        yield connection


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_single_change_to_a_covered_column_is_found(shared: Connection, data: st.DataObject) -> None:
    table, column = data.draw(st.sampled_from([pair for pair in COLUMNS if rows_of(shared, pair[0])]))
    key = data.draw(st.sampled_from(rows_of(shared, table)))
    is_key = next(iter(table.primary_key)) == key
    before = shared.scalar(select(column).where(is_key))
    after = data.draw(other_value(column, before))
    shared.rollback()
    with shared.begin() as transaction:
        try:
            shared.execute(update(table).where(is_key).values({column.name: after}))
        except IntegrityError:  # two current records of one id, two statements of one: the database itself refuses
            transaction.rollback()
            return
        assert verify_chain(shared).problems, f"{table.name}.{column.name}: {before!r} to {after!r}"
        transaction.rollback()


def rows_of(connection: Connection, table: Table) -> list[int]:
    found = list(connection.scalars(select(next(iter(table.primary_key)))))
    connection.rollback()
    return found


def other_value(column: Column[object], before: object) -> st.SearchStrategy[object]:
    if isinstance(column.type, LargeBinary):
        values: st.SearchStrategy[object] = st.binary(max_size=20)
    elif isinstance(column.type, Integer):
        values = st.integers(-3, 12)
    else:
        values = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
    if column.nullable:
        values = st.one_of(values, st.none())
    return values.filter(lambda value: value != before)


def test_text_where_a_number_belongs_is_found(filled_file: Database) -> None:
    tamper(
        filled_file,
        text("UPDATE party SET since = 'one' WHERE id = 'P1'"),
        text("UPDATE chain_entry SET first_id = 'one' WHERE sequence = 9"),
    )
    found = told(filled_file)
    assert "entry 2: party P1 (row 2): is missing; revision 1" in found
    assert "entry 9: a column is damaged" in found


# On the command line.


def test_verify_and_head_report_faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCEPRINT_RIGHTS", str(tmp_path / "rights.sqlite"))
    database = Database.open(tmp_path / "rights.sqlite", create=True)
    fill(database)
    line = run("rights", "head").stdout
    assert line == f"{head_of(database).text}\n"
    (tmp_path / "head.txt").write_text(line)
    alone = run("rights", "verify")
    assert alone.exit_code == 0
    assert "the chain holds" in alone.stdout
    assert "unwitnessed: all of it" in alone.stdout
    held = run("rights", "verify", "--head", tmp_path / "head.txt", "--json")
    assert held.exit_code == 0
    assert json.loads(held.stdout)["witnessed"] == 9
    rebuild(database, delete(statement).where(statement.c.id == "S-1"))
    assert run("rights", "verify").exit_code == 0, "it agrees with itself"
    found = run("rights", "verify", "--head", line.strip())
    assert found.exit_code == 6
    assert "entry 9: is missing: the chain ends at entry" in found.stdout
    tamper(database, update(statement).values(issued_by="nobody"))
    found = run("rights", "verify")
    assert found.exit_code == 6
    assert "statement S-2 (row 2): was changed" in found.stdout
    assert "its chain does not hold: entry" in found.stderr


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        ("nothing", 2, "no head of a chain"),
        ('{"schema": "sourceprint/statement/1"}', 6, "holds no head of a chain"),
        ("{", 2, "is not valid JSON"),
    ],
)
def test_a_head_that_is_none_is_refused(tmp_path: Path, content: str, code: int, message: str) -> None:
    Database.open(tmp_path / "rights.sqlite", create=True)
    (tmp_path / "held").write_text(content)
    found = run("rights", "verify", "--rights", tmp_path / "rights.sqlite", "--head", tmp_path / "held")
    assert found.exit_code == code
    assert message in found.stderr
