"""Two commands at once on one database: each statement is issued once, the chain is whole, and waiting has an end."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from fingerprint.errors import RightsDatabaseError, StatementError
from sourceprint.royalties.periods import Period
from sourceprint.royalties.rights.chain.verification import verify_chain
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.statements.files.statement_json import statement_bytes
from sourceprint.royalties.statements.issue import issue_statement
from sourceprint.royalties.statements.register import list_statements
from sourceprint.royalties.statements.statement import Statement
from sourceprint.royalties.tables.imports import import_rights
from sourceprint.royalties.uses.ledger import attribute_results
from sourceprint.royalties.uses.policy import load_policy
from tests.royalty_records import LICENSEE, a_match, a_passage, a_scan_result
from tests.sourceprint.royalties.test_signed_statements import NOW, attribute


@pytest.fixture
def place(database: Database, database_place: str, tmp_path: Path) -> str:
    """Return the place of a database with all inputs of a statement."""
    attribute(database, tmp_path)
    return database_place


def issue(database: Database, label: str = "2026-Q3") -> Statement:
    period = Period.parse(label)
    day = period.end + timedelta(days=5)
    return issue_statement(
        database, licensee=LICENSEE, period=period, issued_on=day.isoformat(), by="ann", now=NOW, today=day
    )


def at_once(*steps: Callable[[], object]) -> list[object]:
    """Return the results of some steps, or the error of each, begun together."""
    found: list[object] = [None] * len(steps)
    gate = threading.Barrier(len(steps))

    def take(number: int) -> None:
        gate.wait(20)
        try:
            found[number] = steps[number]()
        except (RightsDatabaseError, StatementError) as error:
            found[number] = error

    threads = [threading.Thread(target=take, args=[number]) for number in range(len(steps))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return found


def is_whole(database: Database) -> bool:
    with database.reading() as connection:
        return verify_chain(connection).holds


def test_a_statement_that_two_issue_at_once_is_issued_once(place: str) -> None:
    one, other = at_once(*[lambda: issue(Database.open(place))] * 2)
    assert isinstance(one, Statement)
    assert isinstance(other, Statement)
    assert statement_bytes(one) == statement_bytes(other)
    database = Database.open(place)
    assert [entry.id for entry in list_statements(database)] == [one.id]
    assert is_whole(database)


def test_of_two_overlapping_periods_at_once_one_is_issued(place: str) -> None:
    found = at_once(lambda: issue(Database.open(place)), lambda: issue(Database.open(place), "2026-08"))
    (kept,) = [one for one in found if isinstance(one, Statement)]
    (refused,) = [one for one in found if isinstance(one, StatementError)]
    assert "the days in both would be stated twice" in str(refused)
    database = Database.open(place)
    assert [entry.id for entry in list_statements(database)] == [kept.id]
    assert is_whole(database)


def test_a_statement_beside_an_attribution_and_an_import_has_all_of_each_or_nothing(place: str, tmp_path: Path) -> None:
    results = tmp_path / "more.jsonl"
    matched = a_scan_result("two.wav", a_match("R2", a_passage(0, 9_000)), a_match("R1", a_passage(20_000, 29_000)))
    results.write_text(json.dumps(matched) + "\n")
    (tmp_path / "parties.tsv").write_text("PartyRecordId\tFullName\nP-R1\tOne, renamed\nP-R2\tTwo, renamed\n")
    policy = load_policy("matched-seconds")

    def attributed() -> object:
        return attribute_results(
            Database.open(place), results, policy, licensee=LICENSEE, generated_on="2026-07-20", now=NOW
        )

    found = at_once(
        lambda: issue(Database.open(place)),
        attributed,
        lambda: import_rights(Database.open(place), [tmp_path / "parties.tsv"]),
    )
    statement = found[0]
    assert isinstance(statement, Statement)
    assert [one for one in found if isinstance(one, Exception)] == []
    assert len([use for use in statement.uses if use.track_name == "two.wav"]) in (0, 2)
    renamed = {party.id: "renamed" in party.name for party in statement.parties if party.id in ("P-R1", "P-R2")}
    assert len(set(renamed.values())) == 1
    database = Database.open(place)
    assert is_whole(database)
    following = issue(database, "2026-Q4")  # later changes are adjusted
    assert (len(statement.uses) == 1) is bool(following.adjustments)


def test_a_statement_that_waits_too_long_says_why_and_is_not_issued(database: Database, place: str) -> None:
    impatient = Database.open(place, lock_seconds=1)
    with database.writing(), pytest.raises(RightsDatabaseError, match="another command is writing to it"):
        issue(impatient)
    assert list_statements(database) == []
    assert issue(impatient).id
