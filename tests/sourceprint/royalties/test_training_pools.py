"""A pool for training is paid over the opted-in catalogue: equal, by seconds or by weights, to the last grain."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from fingerprint.errors import StatementError
from sourceprint.royalties.deal_terms import DealTerms, Pool
from sourceprint.royalties.money import sum_of
from sourceprint.royalties.periods import Period
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.rights.history import apply_records
from sourceprint.royalties.rights.licences import Scope
from sourceprint.royalties.rights.records import OptChoice
from sourceprint.royalties.rights.rows import row_of, table_of
from sourceprint.royalties.statements.files.page import party_page, statement_page
from sourceprint.royalties.statements.files.statement_json import parse_statement, statement_bytes
from sourceprint.royalties.statements.issue import issue_statement
from sourceprint.royalties.statements.line_explanation import explain_line
from sourceprint.royalties.statements.proof import prove
from sourceprint.royalties.statements.register import statement_text
from sourceprint.royalties.statements.statement import Statement
from tests.royalty_records import LICENSEE, a_licence, a_rate_card, only_in, some_rights, store_rights

MASTER_ONLY = (("Master", 1_000_000),)
LENGTHS = {"R1": {"duration_ms": 100_000}, "R2": {"duration_ms": 200_000}, "R3": {"duration_ms": 700_000}}


def choices(*choices: OptChoice, **of_three: int | None) -> list[OptChoice]:
    """Return that three recordings are opted in to training, with these weights, and other choices."""
    weights = {f"R{n}": of_three.get(f"R{n}") for n in (1, 2, 3)}
    return [OptChoice(f"O-{r}", "recording", r, "in", ("train",), weight_millionths=w) for r, w in weights.items()] + [
        *choices
    ]


def store(database: Database, chosen: list[OptChoice], *, rights: Any = MASTER_ONLY, **pool: Any) -> None:
    terms = Pool(**{"amount": 10_000, "period": "quarter", "division": "equal", "territory": "DE", **pool})
    licence = a_licence(
        rate_card=a_rate_card(per_second=None, per_match=None, royalty_millionths=None, rights=rights),
        purposes=("train",),
        deal=DealTerms(training=terms),
        valid_to=None,
    )
    works = {f"R{n}": (f"W{n}",) for n in (1, 2, 3)}
    store_rights(database, some_rights(works, licences=[licence], recording_fields=LENGTHS))
    choose(database, *chosen)


def choose(database: Database, *chosen: OptChoice) -> None:
    with database.changing(source="test", by="ann") as change:
        apply_records(change, table_of(chosen[0]), [row_of(one) for one in chosen])


def issue(database: Database, label: str = "2026-Q1", **options: Any) -> Statement:
    period = Period.parse(label)
    after = period.end + timedelta(days=2)
    statement = issue_statement(
        database,
        licensee=LICENSEE,
        period=period,
        **{
            "issued_on": after.isoformat(),
            "by": "ann",
            "now": datetime(2026, 10, 2, tzinfo=UTC),
            "today": after,
            **options,
        },
    )
    prove(statement)
    return statement


def paid(statement: Statement) -> dict[str, str]:
    return {line.party_id or line.kind: str(line.net) for line in statement.lines}


@pytest.mark.parametrize(
    ("division", "weights", "parts"),
    [
        ("equal", {}, ["33.33333333333334", "33.33333333333333", "33.33333333333333"]),
        ("seconds", {}, ["10", "20", "70"]),
        ("weights", {"R1": 500_000, "R2": 0, "R3": 1_500_000}, ["25", "75"]),
    ],
)
def test_a_pool_of_100_over_three_recordings(
    database: Database, division: str, weights: dict[str, int], parts: list[str]
) -> None:
    store(database, choices(**weights), division=division)
    statement = issue(database)
    assert list(paid(statement).values()) == parts
    assert str(sum_of(line.net for line in statement.lines)) == "100"
    assert [str(balance.paid) for balance in statement.balances if balance.party_id == "P-R1"] == [
        {"equal": "33.33", "seconds": "10", "weights": "25"}[division]
    ]
    assert "Part of a pool for training" in explain_line(statement, 1)
    assert issue(database) == statement


def test_a_part_is_divided_by_right_and_share(database: Database) -> None:
    store(database, choices(), rights=(("Master", 500_000), ("PerformingRight", 500_000)), division="seconds")
    statement = issue(database)
    assert paid(statement) == {"P-R1": "5", "P-R2": "10", "P-R3": "35", "P-W1": "5", "P-W2": "10", "P-W3": "35"}


def test_who_is_opted_out_of_a_pool_is_listed_with_since_when_and_why(database: Database) -> None:
    out = OptChoice("O-9", "work", "W1", "out", ("train",), only_in("DE"), date(2026, 4, 1), date(2026, 6, 30))
    store(database, choices(out)[2:], division="seconds")
    first = issue(database)
    assert first.opted_out == ()
    choose(
        database, OptChoice("O-8", "recording", "R2", "out", ("train",), valid_from=date(2026, 5, 1), reason="letter")
    )
    second = issue(database, "2026-Q2")
    assert list(paid(second)) == ["P-R3"]
    assert [(one.recording_id, one.party_ids, one.reason) for one in second.opted_out] == [
        ("R1", ("P-R1",), "work W1 opted out of train in DE from 2026-04-01 to 2026-06-30"),
        ("R2", ("P-R2",), "recording R2 opted out of train from 2026-05-01: letter"),
    ]
    assert "no part of a pool: 2 recordings\n  LIC-1: work W1 opted out" in statement_text(second)
    assert b"Opted out of training" in statement_page(second)
    assert b"R2 opted out" not in party_page(second, "P-R3")  # nobody else's
    assert parse_statement(statement_bytes(second)) == second


def test_who_is_out_there_and_then_gets_nothing(database: Database) -> None:
    out = OptChoice("O-9", "work", "W1", "out", ("train",), only_in("DE"), date(2026, 4, 1), date(2026, 6, 30))
    store(database, choices(out), division="seconds")
    assert list(paid(issue(database))) == ["P-R1", "P-R2", "P-R3"]
    assert [amount[:7] for amount in paid(issue(database, "2026-Q2")).values()] == ["22.2222", "77.7777"]
    assert list(paid(issue(database, "2026-Q3"))) == ["P-R1", "P-R2", "P-R3"]


def test_an_opt_out_that_comes_in_late_is_adjusted(database: Database) -> None:
    store(database, choices(), division="seconds")
    issue(database)
    choose(database, OptChoice("O-9", "isrc", "QZAAA2600001", "out"), OptChoice("O-8", "recording", "R3", "out"))
    quick, full = (issue(database, "2026-Q2", draft=True, everything=everything) for everything in (False, True))
    assert quick == full
    assert {one.party_id: str(one.amount)[:6] for one in quick.adjustments} == {
        "P-R1": "23.333", "P-R2": "46.666", "P-R3": "-70",
    }  # fmt: skip


def test_where_nobody_is_in_the_pool_stays_with_the_licensee(database: Database) -> None:
    store(database, [OptChoice("O-1", "recording", "R1", "out")])
    (line,) = issue(database).lines
    assert (line.kind, str(line.net), line.reason) == ("unmatched", "100", "no recording is opted in")


def test_where_all_that_are_in_weigh_nothing_the_pool_stays_with_the_licensee_and_says_so(
    sqlite_database: Database,
) -> None:
    store(sqlite_database, choices(R1=0, R2=0, R3=0), division="weights")
    (line,) = issue(sqlite_database).lines
    assert (line.kind, str(line.net)) == ("unmatched", "100")
    assert line.reason == "3 recordings opted in, each of no weight"


def test_a_recording_without_length_or_weight_is_named(database: Database) -> None:
    store(database, choices(R1=1), division="weights")
    with pytest.raises(StatementError, match=r"recording 'R2': is opted in to training, and has no weight on file"):
        issue(database)


def test_a_pool_of_a_year_is_due_once_and_counts_the_scope_alone(database: Database) -> None:
    store(database, choices(), period="year")
    assert issue(database).lines == ()
    with database.changing(source="test", by="ann") as change:
        card = a_rate_card(per_second=None, per_match=None, royalty_millionths=None, rights=MASTER_ONLY)
        licence = a_licence(
            rate_card=card,
            purposes=("train",),
            scope=Scope(recordings=("R2",)),
            valid_from=date(2026, 7, 2),
            valid_to=None,
            deal=DealTerms(training=Pool(36_500, "year", "equal", "DE")),
        )
        apply_records(change, table_of(licence), [row_of(replace(licence, digest="sha256:" + "3" * 64))])
    assert paid(issue(database, "2026-Q4")) == {"P-R2": "183"}  # 183 of 365 days
