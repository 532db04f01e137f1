"""Adjustments name the change, by whom and why: a sale, an opt-out, an amendment, a correction, a scan anew."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from sourceprint.royalties.periods import Period
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.rights.history import apply_records
from sourceprint.royalties.rights.licences import Amendment
from sourceprint.royalties.rights.records import OptChoice
from sourceprint.royalties.rights.rows import Record, row_of, table_of
from sourceprint.royalties.rights.schema import master_share
from sourceprint.royalties.statements.issue import issue_statement
from sourceprint.royalties.statements.statement import Statement
from sourceprint.royalties.statements.witness import compare_with_database
from sourceprint.royalties.uses.ledger import attribute_results
from sourceprint.royalties.uses.policy import load_policy
from sourceprint.royalties.uses.usage import Usage, UsageRow
from tests.royalty_records import (
    LICENSEE,
    a_licence,
    a_match,
    a_party,
    a_passage,
    a_rate_card,
    a_scan_result,
    a_share,
    a_work,
    some_rights,
    store_rights,
    withdraw,
)

NOW = datetime(2026, 10, 5, 9, tzinfo=UTC)
Q3, Q4 = Period.parse("2026-Q3"), Period.parse("2026-Q4")
LICENCE = a_licence(valid_to=None)


@pytest.fixture
def attributed(database: Database, tmp_path: Path) -> Database:
    store_rights(database, some_rights({"R1": ("W1",), "R2": ("W2",)}, licences=[LICENCE]))
    enter(database, tmp_path, ("R1", 0, 10_000), ("R2", 20_000, 30_000))
    return database


def enter(database: Database, folder: Path, *found: tuple[str, int, int], **options: Any) -> None:
    matches = [a_match(recording, a_passage(start, end)) for recording, start, end in found]
    path = folder / "results.jsonl"
    path.write_text(json.dumps(a_scan_result("one.wav", *matches)), encoding="utf-8")
    policy, day = load_policy("matched-seconds"), "2026-07-14"
    attribute_results(database, path, policy, licensee=LICENSEE, generated_on=day, by="Bob", now=NOW, **options)


def change(database: Database, *records: Record, source: str = "test", gone: Iterable[str] = ()) -> None:
    with database.changing(source=source, by="Ann", now=NOW) as change:
        for record in records:
            apply_records(change, table_of(record), [row_of(record)])
        withdraw(change, master_share, gone)


def issue(database: Database, period: Period) -> Statement:
    return issue_statement(
        database,
        licensee=LICENSEE,
        period=period,
        issued_on="2027-04-02",
        today=date(2027, 4, 2),
        usage=Usage((UsageRow("one.wav", "DE", 100 if period == Q3 else 0, None, ""),)),
        by="Ann",
    )


def reasons(statement: Statement) -> set[str]:
    return {one.reason for one in statement.adjustments}


SOLD = a_share("R1", "P-R1", valid_to=date(2026, 7, 31))
BOUGHT = a_share("R1", "P-BUY", share_id="S-9", valid_from=date(2026, 8, 1))
OUT = OptChoice("O-1", "recording", "R2", "out", ("generate",), valid_from=date(2026, 7, 1), reason="letter")
DEARER = a_licence(valid_to=None, rate_card=a_rate_card(per_second=Fraction(1)), digest="sha256:" + "3" * 64)
AMENDED = replace(LICENCE, amendments=(Amendment(date(2026, 7, 1), DEARER),), digest="sha256:" + "4" * 64)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("records", "source", "told"),
    [
        (
            [a_party("P-BUY"), SOLD, BOUGHT],
            "test",
            "sale: Master of R1 passes from R1 (100 %) to Buy (100 %) on 2026-08-01",
        ),
        ([OUT], "test", "recording R2 opted out of generate from 2026-07-01: letter"),
        ([AMENDED], "test", "licence LIC-1 amended from 2026-07-01"),
        ([DEARER], "deal.toml (correction: a typing error)", "licence LIC-1 corrected: a typing error"),
        ([a_share("R1", "P-R1", millionths=400_000)], "test", "share of R1 in Master of R1: now 40 %, was 100 %"),
        ([a_work("W1", disputed="yes")], "test", "work W1 in dispute"),
    ],
)
def test_a_change_of_rights_is_named_in_words(
    attributed: Database, records: list[Record], source: str, told: str
) -> None:
    issue(attributed, Q3)
    change(attributed, *records, source=source)
    second = issue(attributed, Q4)
    assert reasons(second) == {f"{told} (by Ann, 2026-10-05)"}
    assert compare_with_database(attributed, second)[1] == []


def test_a_withdrawn_share_and_a_later_sale_are_named_once_each(attributed: Database) -> None:
    issue(attributed, Q3)
    change(attributed, gone=[SOLD.id])
    withdrawn = "share in Master of R1 withdrawn: R1, 100 % (by Ann, 2026-10-05)"
    assert reasons(issue(attributed, Q4)) == {withdrawn}
    change(attributed, a_party("P-BUY"), a_share("R1", "P-BUY", share_id="S-9"))
    new = "new share in Master of R1: Buy, 100 % (by Ann, 2026-10-05)"
    # The seller's line was told of the withdrawal already, the buyer's is told of both.
    assert reasons(issue(attributed, Period.parse("2027-Q1"))) == {new, f"{new}; {withdrawn}"}


def test_a_scan_anew_is_named_with_who_attributed_it_and_why(attributed: Database, tmp_path: Path) -> None:
    first = issue(attributed, Q3)
    enter(attributed, tmp_path, ("R1", 0, 10_000), supersede="the second match was noise")
    (gone,) = [use.id for use in first.uses if use.recording_id == "R2"]
    assert reasons(issue(attributed, Q4)) == {
        f"use {gone} of one.wav superseded by Bob, 2026-10-05: the second match was noise"
    }
