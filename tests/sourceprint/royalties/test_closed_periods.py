"""A statement whose audit window has passed stays closed against all later changes; only hands correct it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest

from fingerprint.errors import StatementError
from sourceprint.royalties.deal_terms import DealTerms
from sourceprint.royalties.periods import Period
from sourceprint.royalties.rights.chain.verification import verify_chain
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.rights.history import apply_records
from sourceprint.royalties.rights.licences import Licence
from sourceprint.royalties.rights.records import OptChoice
from sourceprint.royalties.rights.rows import Record, row_of, table_of
from sourceprint.royalties.statements.restatements import closed_with, restate_usage
from sourceprint.royalties.uses.states import change_state
from sourceprint.royalties.uses.usage import Usage, UsageRow
from tests.royalty_records import LICENSEE, a_licence, a_rate_card, a_share, some_rights, store_rights
from tests.sourceprint.royalties.test_deal_statements import NOW, attribute, issue, use_in

CLOSES = date(2026, 7, 2)  # three months after the statement of the first quarter, issued on 2 April


def the_licence(digit: str = "1", months: int | None = 3, price: int = 400) -> Licence:
    """Return the licence with another audit window or price; `digit` sets its digest."""
    card = a_rate_card(per_match=Fraction(price), rights=(("Master", 1_000_000),), per_usage=True)
    return a_licence(
        rate_card=card, deal=DealTerms(audit_window_months=months), valid_to=None, digest="sha256:" + digit * 64
    )


def enter(database: Database, *records: Record) -> None:
    with database.changing(source="another hand", by="mallory") as change:
        for record in records:
            apply_records(change, table_of(record), [row_of(record)])


def swap(database: Database) -> None:
    other = replace(the_licence("3", None, 900), id="LIC-2", replaces="LIC-1")
    enter(database, other, replace(the_licence("4", 3), valid_to=date(2026, 1, 1)))


@pytest.fixture
def stated(database: Database, tmp_path: Path) -> Database:
    """Return a database in which the first quarter was stated."""
    store_rights(database, some_rights(licences=[the_licence()], owner_of={"R1": "P-LABEL", "R2": "P-OTHER"}))
    attribute(database, tmp_path, "2026-02-01", "a.wav", "b.wav")
    issue(database, "2026-Q1")
    return database


HANDS: dict[str, Callable[[Database], object]] = {
    "a longer window": lambda database: enter(database, the_licence("2", 24, 900)),
    "no window": lambda database: enter(database, the_licence("2", None, 900)),
    "licences swapped": swap,
    "a share with an earlier day": lambda database: enter(
        database, replace(a_share("R1", "P-OTHER"), id="S-R1-Master-P-LABEL", valid_from=date(2025, 1, 1))
    ),
    "an opt-out with an earlier day": lambda database: enter(
        database, OptChoice("O-1", "recording", "R1", "out", ("generate",), valid_from=date(2025, 1, 1))
    ),
    "a decision": lambda database: change_state(database, [use_in(database, "a.wav")], "withdrawn", "mine", now=NOW),
}


@pytest.mark.slow
def test_nothing_that_is_written_later_opens_a_closed_statement(stated: Database, tmp_path: Path) -> None:
    for hand in HANDS.values():
        hand(stated)
    attribute(stated, tmp_path, "2026-03-01", "late.wav")
    late = {"issued_on": "2026-07-03", "today": date(2026, 7, 3)}
    assert issue(stated, "2026-Q2", **late).adjustments == ()
    assert issue(stated, "2026-Q3", everything=True).adjustments == ()
    with stated.reading() as connection:
        assert verify_chain(connection).holds


@pytest.mark.slow
@pytest.mark.parametrize(
    "hand", ["a longer window", "licences swapped", "an opt-out with an earlier day", "a decision"]
)
def test_before_it_closes_each_of_them_is_an_adjustment(stated: Database, hand: str) -> None:
    HANDS[hand](stated)
    assert issue(stated, "2026-Q2", issued_on="2026-07-02", today=CLOSES).adjustments != ()


def test_a_shorter_window_closes_nothing_early(stated: Database) -> None:
    enter(stated, the_licence("2", 0, 900))
    assert issue(stated, "2026-Q2", issued_on="2026-07-02", today=CLOSES).adjustments != ()


def test_usage_of_a_closed_period_is_refused_by_the_licence_of_then(stated: Database) -> None:
    enter(stated, the_licence("2", None))
    usage = Usage((UsageRow("a.wav", "DE", 9, None, ""),))
    with pytest.raises(StatementError, match="is closed since 2026-07-02, as the audit window"):
        restate_usage(stated, licensee=LICENSEE, period=Period.parse("2026-Q1"), usage=usage, reason="more", now=NOW)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("issued_on", "today", "told"),
    [
        (
            "2026-07-02",
            date(2026, 7, 3),
            "2026-07-02: .* closes after 2026-07-02, today is 2026-07-03, .* open it again",
        ),
        ("2026-07-03", CLOSES, "2026-07-03: .* closes after 2026-07-02, .* would close it early"),
    ],
)
def test_no_day_of_issue_opens_or_closes(stated: Database, issued_on: str, today: date, told: str) -> None:
    with pytest.raises(StatementError, match=told):
        issue(stated, "2026-Q2", issued_on=issued_on, today=today, backdate="was ready")
    kept = issue(stated, "2026-Q2", issued_on="2026-07-01", today=CLOSES, backdate="was ready")
    assert kept.backdated == "was ready"


def test_a_decision_names_the_closed_statements_that_it_does_not_change(stated: Database) -> None:
    use_id = use_in(stated, "a.wav")
    assert closed_with(stated, [use_id], today=CLOSES) == []
    (told,) = closed_with(stated, [use_id], today=date(2026, 7, 3))
    assert told[1] == CLOSES
    assert told[0].startswith("S-P-GEN-2026-Q1-")
