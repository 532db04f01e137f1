"""An id or a code leads to the records on file, by way of an index."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.rights.history import apply_records
from sourceprint.royalties.rights.lookup import rights_under_key
from sourceprint.royalties.rights.records import MASTER, Party, RecordingWork, RightsRecording, Share, Work
from sourceprint.royalties.rights.rows import Record, row_of, table_of
from sourceprint.royalties.rights.schema import VERSIONED

RECORDS: list[Record] = [
    Party("P1", "Ann"),
    Party("P2", "Bob"),
    RightsRecording("R1", "One", isrc="USRC17607839", index_id="track-1"),
    RightsRecording("R2", "Two"),
    Work("W1", "Song", iswc="T0345246801"),
    RecordingWork("R1", "W1"),
    Share("S1", "R1", "P1", MASTER, 1_000_000),
    Share("S2", "W1", "P2", "MechanicalRight", 1_000_000),
]


def put(database: Database, records: list[Record]) -> None:
    with database.changing(source="test", by="tester") as change:
        for table in VERSIONED:
            if rows := [row_of(record) for record in records if table_of(record) is table]:
                apply_records(change, table, rows)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "recordings", "works", "versions"),
    [
        ("R1", {"R1"}, {"W1"}, ["R1"]),
        (" us-rc1-76-07839 ", {"R1"}, {"W1"}, ["R1"]),
        ("track-1", {"R1"}, {"W1"}, ["R1"]),
        ("R2", {"R2"}, set(), ["R2"]),
        ("W1", set(), {"W1"}, ["W1"]),
        ("T-034.524.680-1", set(), {"W1"}, ["W1"]),
        ("P1", {"R1"}, {"W1"}, ["P1"]),
        ("P2", set(), {"W1"}, ["P2"]),
        ("P%", set(), set(), []),
        ("' OR ''='", set(), set(), []),
        ("", set(), set(), []),
    ],
)
def test_each_key_leads_to_its_records(
    database: Database, key: str, recordings: set[str], works: set[str], versions: list[str]
) -> None:
    put(database, RECORDS)
    with database.reading() as connection:
        rights, history = rights_under_key(connection, key)
    assert (set(rights.recordings), set(rights.works)) == (recordings, works)
    assert [version.row["id"] for version in history] == versions


def test_records_under_a_key_at_an_earlier_revision_are_told_as_they_were(database: Database) -> None:
    put(database, RECORDS)
    put(database, [RightsRecording("R1", "One (Remastered)", isrc="USRC17607839", index_id="track-1")])
    with database.reading() as connection:
        then, history = rights_under_key(connection, "USRC17607839", revision=1)
        now, _ = rights_under_key(connection, "USRC17607839")
    assert (then.recordings["R1"].title, now.recordings["R1"].title) == ("One", "One (Remastered)")
    assert [(version.since, version.until) for version in history] == [(1, 2), (2, None)]


def test_no_key_makes_the_database_go_through_all_recordings_works_or_shares(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "rights.sqlite", create=True)
    put(database, RECORDS)
    plans: list[str] = []

    def explain(_connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT"):
            rows = cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.extend(row[3] for row in rows)

    event.listen(Engine, "before_cursor_execute", explain)
    try:
        with database.reading() as connection:
            for key in ("R1", "USRC17607839", "T0345246801", "track-1", "W1", "P1"):
                rights_under_key(connection, key)
    finally:
        event.remove(Engine, "before_cursor_execute", explain)
    assert len(plans) > 50
    assert [plan for plan in plans if plan.startswith("SCAN") and "licence" not in plan] == []
