"""Estimates of waiting uses: held against statements of the same uses, and the order of the queue that they make."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from sourceprint.royalties.money import Amount
from sourceprint.royalties.periods import Period
from sourceprint.royalties.review.estimates import BY_REVENUE, NOT_ON_FILE, UNLICENSED, Estimate, shown_sums
from sourceprint.royalties.review.facts import use_facts
from sourceprint.royalties.review.undo import undo_change
from sourceprint.royalties.review.waiting import QueueFilter, WaitingQueue, WaitingUse, page_of, read_queue
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.rights.licences import Conditions, Licence, Scope
from sourceprint.royalties.rights.schema import licence
from sourceprint.royalties.statements.issue import draft_on_file
from sourceprint.royalties.statements.usage_reports import enter_report
from sourceprint.royalties.uses.ledger import attribute_results
from sourceprint.royalties.uses.policy import load_policy
from sourceprint.royalties.uses.states import change_state
from sourceprint.royalties.uses.usage import Usage, UsageRow
from tests.review_records import fill_queue, waiting
from tests.royalty_records import (
    LICENSEE,
    a_licence,
    a_match,
    a_passage,
    a_rate_card,
    a_scan_result,
    sha_of,
    some_rights,
    store_rights,
    withdraw,
)

MASTER_ONLY = (("Master", 1_000_000),)
WORKS_ONLY = (("MechanicalRight", 400_000), ("PerformingRight", 600_000))


def report(database: Database, label: str, *rows: UsageRow) -> None:
    known = [replace(one, sha256=sha_of(one.track), matched_by="name") for one in rows]
    with database.writing() as connection:
        enter_report(
            connection, LICENSEE, Period.parse(label), Usage(tuple(known)), made_by="ann",
            made_at="2026-10-01T10:00:00Z",
        )  # fmt: skip


def read(database: Database, known: WaitingQueue | None = None) -> WaitingQueue:
    with database.reading() as connection:
        return read_queue(connection, known)


def with_licences(database: Database, *licences: Licence) -> None:
    """Give the licensee these licences, in place of the one that `fill_queue` gives it."""
    if "LIC-1" not in {one.id for one in licences}:
        with database.changing(source="test", by="tester") as change:
            withdraw(change, licence, ["LIC-1"])
    store_rights(database, some_rights({"R1": ("W1",), "R2": ("W2", "W3")}, licences=licences))


@pytest.mark.parametrize(
    "licences",
    [
        pytest.param([a_licence()], id="one"),
        pytest.param(
            [
                a_licence("L-M", rate_card=a_rate_card(rights=MASTER_ONLY, per_second=Fraction(31, 7))),
                a_licence("L-W", rate_card=a_rate_card(rights=WORKS_ONLY, per_usage=False), scope=Scope(works=("W3",))),
            ],
            id="master and one work, once for the track",
        ),
        pytest.param(
            [a_licence("L-1"), a_licence("L-2", rate_card=a_rate_card(per_second=Fraction(9)))],
            id="held between two",
        ),
        pytest.param(
            [a_licence(scope=Scope(everything=True, parties=("P-R1", "P-W2")))],
            id="of some owners",
        ),
        pytest.param(
            [a_licence(conditions=Conditions(max_total_ms=6_500))],
            id="some outside",
        ),
    ],
)
def test_an_estimate_is_the_amount_of_the_statement_with_the_usages_on_file(
    database: Database, tmp_path: Path, licences: list[Licence]
) -> None:
    fill_queue(database, tmp_path, 4)
    with_licences(database, *licences)
    report(
        database, "2026-Q3", UsageRow("1.wav", "DE", 1_000, None, ""), UsageRow("1.wav", "FR", 7, None, ""),
        UsageRow("2.wav", "DE", 30, None, "", used_on="2026-08-01"), UsageRow("3.wav", "JP", 0, None, ""),
        UsageRow("4.wav", "DE", 12, None, ""),
    )  # fmt: skip
    found = waiting(database)
    change_state(database, [one.id for one in found], "claimed", "heard", "bo")
    with database.reading() as connection:
        statement = draft_on_file(connection, LICENSEE, Period.parse("2026-Q3"), issued_on="2026-10-05")
    owed = dict.fromkeys((one.id for one in found), Amount())
    for line in statement.lines:
        if line.kind != "unmatched":
            for part in line.contributions:
                owed[part.use_id] = owed[part.use_id] + part.gross
    assert any(amount.grains for amount in owed.values())
    assert {one.id: dict(one.estimate.amounts).get("EUR", Amount()) for one in found} == owed


def test_without_reported_usages_a_track_counts_once_in_its_territories(
    sqlite_database: Database, tmp_path: Path
) -> None:
    longest = fill_queue(sqlite_database, tmp_path, 3)[0]
    assert longest.estimate == Estimate((("EUR", Amount.parse("0.014")),))  # 7 s at 0.002 EUR
    with sqlite_database.reading() as connection:
        facts = use_facts(connection, longest.id)
    assert facts.estimate == longest.estimate
    assert facts.basis == [
        "LIC-1 in Worldwide: 0.002 EUR per second x 7.000 s, counted once, as no usages are reported yet, of which it "
        "covers 100 %"
    ]
    report(sqlite_database, "2026-Q3", UsageRow("3.wav", "DE", 500, None, ""))
    report(sqlite_database, "2026-Q3", UsageRow("3.wav", "DE", 1_000, None, ""))  # in place of the one before
    report(sqlite_database, "2026-Q4", UsageRow("3.wav", "DE", 10, None, ""))
    with sqlite_database.reading() as connection:
        assert use_facts(connection, longest.id).basis == [
            "LIC-1 in DE: 0.002 EUR per second x 7.000 s x 1010 usages, of which it covers 100 %"
        ]
    assert waiting(sqlite_database)[0].estimate.amounts == (("EUR", Amount.parse("14.14")),)


def test_the_queue_sorts_by_currency_then_most_money_and_says_why_there_is_none(
    database: Database, tmp_path: Path
) -> None:
    fill_queue(database, tmp_path, 6)
    no_rate = a_rate_card(per_second=None, per_match=None)
    with_licences(
        database,
        a_licence("L-1", scope=Scope(recordings=("R1",)), rate_card=a_rate_card(rights=MASTER_ONLY)),
        a_licence(
            "L-1J", scope=Scope(works=("W1",)),
            rate_card=a_rate_card(rights=WORKS_ONLY, currency="JPY", per_second=Fraction(3)),
        ),
        a_licence("L-2", scope=Scope(recordings=("R2",)), rate_card=no_rate),
    )  # fmt: skip
    found = waiting(database)
    assert [one.track_name for one in found] == ["5.wav", "3.wav", "1.wav", "6.wav", "4.wav", "2.wav"]
    assert [code for code, _ in found[0].estimate.amounts] == ["EUR", "JPY"]
    assert {one.estimate.missing for one in found[3:]} == {BY_REVENUE}
    assert shown_sums(one.estimate for one in found) == ["0.04 EUR", "63 JPY"]
    first = page_of(found, size=3)
    assert [one.track_name for one in page_of(found, after=first.next).items] == ["6.wav", "4.wav", "2.wav"]
    assert [one.track_name for one in page_of(found, after=page_of(found, size=4).next).items] == ["4.wav", "2.wav"]
    in_yen = waiting(database, currency="JPY")
    assert [one.track_name for one in in_yen] == ["5.wav", "3.wav", "1.wav"]
    page = page_of(in_yen, size=1, currency="JPY")
    assert [one.track_name for one in page_of(in_yen, after=page.next, currency="JPY").items] == ["3.wav", "1.wav"]
    with_licences(database, a_licence("L-1", valid_to=date(2026, 2, 1)))
    assert waiting(database, state="unresolved")[0].estimate.missing in (UNLICENSED, NOT_ON_FILE)


def test_a_queue_that_is_kept_is_the_queue_read_anew_after_every_change(database: Database, tmp_path: Path) -> None:
    found = fill_queue(database, tmp_path, 6)
    kept = read(database)
    assert read(database, kept) is kept

    def decided(state: str, *uses: WaitingUse) -> None:
        change_state(database, [one.id for one in uses], state, "heard", "bo")

    def undone(use: WaitingUse) -> None:
        with database.reading() as connection:
            number = use_facts(connection, use.id).last_change
        undo_change(database, use.id, "bo", seen=number)

    def attributed(result: dict[str, Any]) -> None:
        path = tmp_path / "results.jsonl"
        path.write_text(json.dumps(result) + "\n", encoding="utf-8")
        before = {one.id for one in waiting(database)}
        policy = load_policy("matched-seconds")
        attribute_results(database, path, policy, licensee=LICENSEE, generated_on="2026-07-14", by="ann")
        assert {one.id for one in waiting(database)} != before

    for change in (
        lambda: decided("disputed", found[0], found[1]),
        lambda: decided("claimed", *found[2:5]),
        lambda: undone(found[1]),
        lambda: decided("resolved", found[0]),
        lambda: with_licences(database, a_licence(rate_card=a_rate_card(currency="JPY"))),
        lambda: report(database, "2026-Q3", UsageRow("2.wav", "DE", 500, None, "")),
        lambda: fill_queue(database, tmp_path, 7),
        lambda: attributed(a_scan_result("8.wav", a_match("R1", a_passage(1_000, 9_000, 30_000, confidence=0.95)))),
        lambda: attributed(a_scan_result("2.wav", a_match("R1", a_passage(0, 9_000, 30_000, confidence=0.95)))),
        lambda: attributed(a_scan_result("4.wav", a_match("R1", a_passage(0, 100_000, 30_000, confidence=0.95)))),
    ):
        change()
        kept, anew = read(database, kept), read(database)
        assert kept.uses == anew.uses
        assert anew.recordings.items() <= kept.recordings.items()
        assert kept.licensees == anew.licensees
    assert sum(map(len, kept.uses.values())) > 2


def test_a_queue_of_another_database_is_not_taken_for_the_own_one(sqlite_database: Database, tmp_path: Path) -> None:
    other = Database.open(tmp_path / "other.sqlite", create=True)
    fill_queue(other, tmp_path, 4)
    fill_queue(sqlite_database, tmp_path, 2, title="Else")
    change_state(sqlite_database, [waiting(sqlite_database)[0].id], "disputed", "not ours", "bo",
                 now=datetime(2026, 12, 1, tzinfo=UTC))  # fmt: skip
    assert read(sqlite_database, read(other)).uses == read(sqlite_database).uses
    assert len(read(sqlite_database, read(other)).find(QueueFilter())) == 1
