"""The money path under mishaps of practice: attributed again, reported twice, decided late, issued late."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from sourceprint.royalties.periods import Period
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.rights.licences import Licence, Scope
from sourceprint.royalties.statements.amounts.exchange import Rates
from sourceprint.royalties.statements.issue import issue_statement
from sourceprint.royalties.statements.statement import Conversion, Statement
from sourceprint.royalties.uses.ledger import attribute_results, current_uses
from sourceprint.royalties.uses.policy import load_policy
from sourceprint.royalties.uses.states import change_state
from sourceprint.royalties.uses.usage import Usage, UsageRow
from sourceprint.royalties.uses.use import Use
from sourceprint.royalties.uses.uses_text import AttributionReport
from tests.royalty_records import (
    LICENSEE,
    a_licence,
    a_match,
    a_passage,
    a_rate_card,
    a_scan_result,
    an_alternative,
    cents,
    some_rights,
    store_rights,
)

FEE = load_policy("fixed-fee")
Q3, Q4, Q1 = (Period.parse(label) for label in ("2026-Q3", "2026-Q4", "2027-Q1"))
ONE = a_scan_result("one.wav", a_match("R1", a_passage(0, 9_000)), a_match("R2", a_passage(20_000, 29_000)))
NOW = datetime(2026, 10, 2, 10, 0, 0, tzinfo=UTC)
Attribute = Callable[..., AttributionReport]


@pytest.fixture
def attribute(database: Database, tmp_path: Path) -> Attribute:
    """Return a function that attributes results in a database where each match costs 4.00 EUR."""
    store_rights(database, some_rights(licences=[a_licence(rate_card=a_rate_card(per_match=Fraction(400)))]))

    def enter(*results: dict[str, Any], generated_on: str = "2026-07-14", **options: Any) -> AttributionReport:
        path = tmp_path / "results.jsonl"
        path.write_text("".join(json.dumps(result) + "\n" for result in results))
        given = {"policy": FEE, "licensee": LICENSEE, "generated_on": generated_on, "by": "ann", "now": NOW}
        return attribute_results(database, path, **{**given, **options})

    return enter


def uses_in(database: Database) -> dict[str, Use]:
    """Return the current uses by recording."""
    with database.reading() as connection:
        return {use.recording_id: use for use in current_uses(connection, LICENSEE)}


def test_a_revision_that_concerns_something_else_leaves_every_use_as_it_is(
    database: Database, attribute: Attribute
) -> None:
    attribute(ONE)
    before = uses_in(database)
    store_rights(database, some_rights({"R9": ["W9"]}, licences=[]))
    report = attribute(ONE)
    assert report.rights_revision == 2
    assert (report.added, report.superseded, report.unchanged) == (0, 0, 2)
    assert uses_in(database) == before


def test_the_latest_decision_stays_when_uses_of_an_earlier_policy_come_back(
    database: Database, attribute: Attribute
) -> None:
    attribute(ONE)
    change_state(database, [uses_in(database)["R1"].id], "disputed", "letter", "ann", now=NOW)
    attribute(ONE, policy=load_policy("equal"))
    change_state(database, [uses_in(database)["R1"].id], "withdrawn", "own material", "ann", now=NOW)
    report = attribute(ONE)
    back = uses_in(database)["R1"]
    assert (back.state, report.carried_over) == ("withdrawn", 1)
    assert "own material" in back.state_rule


def copied(first: str, second: str) -> dict[str, Any]:
    """Return the result of a track that two recordings fit."""
    other = an_alternative(f"asset-{second}", 0, 9_000)
    passage = a_passage(0, 9_000, also_fits=[other["recording_id"]], alternatives=[other])
    return a_scan_result("copied.wav", a_match(first, passage))


def test_nothing_is_paid_where_two_recordings_of_different_owners_fit(database: Database, attribute: Attribute) -> None:
    report = attribute(copied("R1", "R2"))
    assert report.states == {"unresolved": (1, 9_000_000)}
    statement = issue(database, Q3)
    assert {line.kind for line in statement.lines} == {"held"}
    assert all(balance.paid == 0 for balance in statement.balances)


def test_one_owner_of_both_copies_is_paid_once(database: Database, attribute: Attribute) -> None:
    owners = {"R3": "P-A", "R4": "P-A", "W3": "P-B"}
    licences = [a_licence(rate_card=a_rate_card(per_match=Fraction(400)))]
    store_rights(database, some_rights({"R3": ["W3"], "R4": ["W3"]}, owner_of=owners, licences=licences))
    report = attribute(copied("R3", "R4"))
    assert report.states == {"claimed": (1, 9_000_000)}
    assert {balance.party_id: cents(balance.paid) for balance in issue(database, Q3).balances} == {
        "P-A": 200,
        "P-B": 200,
    }


def licence_of(recording_id: str, **card: Any) -> Licence:
    """Return a licence of one recording, with precedence; each match costs 4.00 EUR unless the card says otherwise."""
    rates = {"per_match": Fraction(400), **card}
    return a_licence(
        f"LIC-{recording_id}",
        valid_from=date(2026, 2, 1),
        scope=Scope(recordings=(recording_id,)),
        precedence=1,
        rate_card=a_rate_card(**rates),
    )


def license_again(database: Database, *licences: Licence) -> None:
    store_rights(database, some_rights(licences=licences))


def issue(database: Database, period: Period, **options: Any) -> Statement:
    after = period.end + timedelta(days=2)
    given = {"licensee": LICENSEE, "issued_on": after.isoformat(), "by": "ann", "now": NOW, "today": after}
    return issue_statement(database, period=period, **{**given, **options})


def test_a_minimum_holds_for_those_who_are_owed_under_its_licence_until_it_is_reached(
    database: Database, attribute: Attribute
) -> None:
    license_again(database, licence_of("R1", minimum_payout=300), licence_of("R2"))
    attribute(ONE)
    first = issue(database, Q3)
    assert {one.party_id: (cents(one.minimum), cents(one.paid)) for one in first.balances} == {
        "P-R1": (300, 0),
        "P-R2": (0, 200),
        "P-W1": (300, 0),
        "P-W2": (0, 200),
    }
    # In a period without any line of theirs, the carried amount waits for the same minimum.
    attribute(a_scan_result("two.wav", a_match("R2", a_passage(0, 9_000))), generated_on="2026-10-05")
    second = {one.party_id: one for one in issue(database, Q4).balances}
    one = second["P-R1"]
    assert [*map(cents, (one.opening, one.minimum, one.paid))] == [200, 300, 0]
    assert cents(second["P-R2"].paid) == 200


def test_a_licence_in_another_currency_needs_no_rate_where_nothing_is_owed_under_it(
    database: Database, attribute: Attribute
) -> None:
    attribute(ONE)
    yen = a_rate_card(currency="JPY", minimum_payout=5_000)
    license_again(
        database, a_licence(rate_card=a_rate_card(per_match=Fraction(400))), a_licence("LIC-0", rate_card=yen)
    )
    assert issue(database, Q1, currency="EUR").lines == ()


def test_an_earlier_period_is_computed_again_at_rates_of_its_own(database: Database, attribute: Attribute) -> None:
    attribute(ONE)
    issue(database, Q3)
    license_again(database, a_licence(rate_card=a_rate_card(per_match=Fraction(400), currency="USD")))
    quotes = [("2026-09-30", "0.9"), ("2026-12-31", "0.8"), ("2027-03-31", "0.7")]
    rates = Rates(tuple(Conversion("USD", "EUR", Fraction(rate), day, "ECB") for day, rate in quotes), "f" * 64)
    assert {cents(one.amount) for one in issue(database, Q4, rates=rates).adjustments} == {-20, -10}
    assert issue(database, Q1, rates=rates).adjustments == ()


def test_a_later_track_of_the_same_file_name_leaves_earlier_statements_as_they_are(
    database: Database, attribute: Attribute
) -> None:
    attribute(a_scan_result("july/out.wav", a_match("R1", a_passage(0, 9_000))))
    issue(database, Q3, usage=Usage((UsageRow("out.wav", "Worldwide", 3, None, ""),)))
    other = a_scan_result("october/out.wav", a_match("R2", a_passage(0, 9_000)))
    attribute(other, generated_on="2026-10-05")
    second = issue(database, Q4, usage=Usage((UsageRow("october/out.wav", "Worldwide", 1, None, ""),)))
    assert second.adjustments == ()
    assert {use.track_name for use in second.uses} == {"october/out.wav"}


def test_revenue_of_a_territory_beside_named_tracks_belongs_to_the_other_tracks_of_the_period(
    database: Database, attribute: Attribute
) -> None:
    license_again(database, a_licence(rate_card=a_rate_card(per_second=None, per_match=None)))
    rows = (UsageRow("one.wav", "DE", 5, Fraction(800), "EUR"), UsageRow("", "DE", 0, Fraction(1600), "EUR"))
    two = a_scan_result("two.wav", a_match("R1", a_passage(0, 9_000)))
    attribute(ONE, two, policy=load_policy("equal"), usage=Usage(rows))
    statement = issue(database, Q3, usage=Usage(rows))
    assert {use.track_name for use in statement.uses} == {"one.wav", "two.wav"}
    assert {line.kind for line in statement.lines} == {"payable"}
    assert cents(line.gross for line in statement.lines) == 300


def test_a_rate_without_per_usage_counts_in_the_first_statement_of_the_track_alone(
    database: Database, attribute: Attribute
) -> None:
    license_again(database, a_licence(rate_card=a_rate_card(per_match=Fraction(400), per_usage=False)))
    attribute(ONE)
    in_both = Usage((UsageRow("one.wav", "Worldwide", 9, None, ""),))
    assert cents(line.gross for line in issue(database, Q3, usage=in_both).lines) == 800
    second = issue(database, Q4, usage=in_both)
    assert {cents(line.gross) for line in second.lines} == {0}
    assert "stated in an earlier period" in second.lines[0].contributions[0].basis
    assert issue(database, Q1, usage=in_both).adjustments == second.adjustments == ()


def test_a_track_attributed_again_for_other_territories_leaves_earlier_statements_as_they_are(
    database: Database, attribute: Attribute
) -> None:
    in_germany = Usage((UsageRow("one.wav", "DE", 3, None, "", "2026-07-14"),))
    in_france = Usage((UsageRow("one.wav", "FR", 1, None, "", "2026-07-14"),))
    attribute(ONE, usage=in_germany)
    first = issue(database, Q3, usage=in_germany)
    attribute(ONE, usage=in_france)
    second = issue(database, Q4, usage=in_france)
    assert second.adjustments == ()
    assert [cents(line.gross for line in one.lines) for one in (first, second)] == [2400, 800]
