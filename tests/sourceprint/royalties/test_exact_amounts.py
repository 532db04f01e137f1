"""Amounts are exact until they are paid: no order, number of territories or periods decides who gets a cent."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fingerprint.errors import ParameterError
from sourceprint.royalties.money import ZERO, Amount, shares_of, sum_of
from sourceprint.royalties.periods import Period
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.rights.licences import Deduction
from sourceprint.royalties.rights.records import WHOLE, Share
from sourceprint.royalties.rights.rights import Rights
from sourceprint.royalties.statements.amounts.lines import Adjustment
from sourceprint.royalties.statements.amounts.payments import payment, payments
from sourceprint.royalties.statements.computation import compute_statement
from sourceprint.royalties.statements.files.statement_json import parse_statement, statement_bytes
from sourceprint.royalties.statements.issue import issue_statement
from sourceprint.royalties.statements.proof import prove
from sourceprint.royalties.statements.statement import Conversion, Statement
from sourceprint.royalties.territories import COUNTRIES
from sourceprint.royalties.uses.ledger import attribute_results
from sourceprint.royalties.uses.policy import load_policy
from sourceprint.royalties.uses.usage import Usage, UsageRow
from sourceprint.royalties.uses.use import Use
from tests.royalty_records import (
    LICENSEE,
    a_licence,
    a_match,
    a_passage,
    a_policy,
    a_rate_card,
    a_scan_result,
    a_share,
    a_use,
    cents,
    some_rights,
    store_rights,
)

Q3 = Period.parse("2026-Q3")
SIXTY = sorted(COUNTRIES)[:60]
MOST_DECIMALS = 42 + 2  # in the unit of a currency of two decimals


def shared(payees: int, **card: Any) -> Rights:
    """Return a recording whose master so many parties hold in equal parts, and nothing else is owed."""
    rates = a_rate_card(**{"rights": (("Master", WHOLE),), "per_second": None, **card})
    shares = tuple(
        a_share("R1", f"P-{number:05d}", millionths=WHOLE // payees, share_id=f"S{number}") for number in range(payees)
    )
    return replace(some_rights(licences=[a_licence(rate_card=rates)]), master_shares={"R1": shares})


def stated(
    rights: Rights, rows: Iterable[UsageRow], uses: Iterable[Use] = (), *, method: str = "fixed-fee", **options: Any
) -> Statement:
    statement = compute_statement(
        uses or [a_use()],
        rights,
        a_policy(methods=(method,)),
        **{"licensee": LICENSEE, "period": Q3, "currency": "EUR", "issued_on": "2026-10-02", **options},
        usage=Usage(tuple(rows)),
    )
    prove(statement)
    return statement


@pytest.mark.parametrize(
    ("currency", "fee", "each"), [("EUR", 60, "18"), ("EUR", 1, "0.3"), ("JPY", 1, "30"), ("KWD", 25, "0.75")]
)
def test_two_writers_of_equal_shares_get_the_same_over_sixty_territories(currency: str, fee: int, each: str) -> None:
    rights = shared(2, per_match=Fraction(fee), currency=currency)
    rows = [UsageRow("one.wav", territory, 1, None, "") for territory in SIXTY]
    statement = stated(rights, rows, currency=currency)
    assert len(statement.lines) == 120
    assert [(str(one.due), str(one.paid), str(one.carried)) for one in statement.balances] == [(each, each, "0")] * 2


@pytest.mark.slow
def test_equal_payees_of_a_fortieth_of_a_cent_get_their_cents_together_and_none_is_lost() -> None:
    # A thousand payees share 0.25 EUR a period: 0.025 cents each. In the 20th period each is due half a cent.
    lines = stated(shared(1_000, per_match=Fraction(25)), []).lines
    opening: dict[str, Amount] = {}
    paid = ZERO
    for number in range(1, 61):
        balances = payments(lines, (), opening, {}, currency="EUR")
        assert len({(one.due, one.paid, one.carried) for one in balances}) == 1
        opening = {one.party_id: one.carried for one in balances}
        paid += balances[0].paid
        assert cents(paid) == round(Fraction(number, 40) + Fraction(1, 10**6))  # halves up
        assert cents(paid) - Fraction(number, 40) == -cents(balances[0].carried)


@settings(deadline=None)
@given(
    st.lists(st.fractions(-(10**6), 10**6, max_denominator=1000), min_size=1, max_size=20),
    st.sampled_from(["JPY", "EUR", "KWD"]),
    st.integers(0, 500),
)
def test_paid_to_date_is_due_to_date_to_less_than_a_minor_unit(
    changes: list[Fraction], currency: str, minimum: int
) -> None:
    due_to_date, paid_to_date, carried = Fraction(0), Fraction(0), ZERO
    least = Amount.of_minor(minimum, currency)
    for change in changes:
        amount = Amount.nearest(change, currency)
        adjustment = Adjustment("2026-Q1", "S", "payable", "P", "R1", "", "Master", "DE", "L", ZERO, amount, amount, "")
        (one,) = payments((), (adjustment,), {"P": carried}, {"P": least}, currency=currency)
        due_to_date, paid_to_date = due_to_date + amount.minor(currency), paid_to_date + one.paid.minor(currency)
        carried = one.carried
        assert one.paid.minor(currency).denominator == 1
        assert due_to_date == paid_to_date + carried.minor(currency)
        if one.due >= least and one.due >= ZERO:
            assert 2 * abs(paid_to_date - due_to_date) <= 1
        else:
            assert one.paid == ZERO


def test_halves_are_paid_up_and_less_than_nothing_or_than_the_minimum_is_carried() -> None:
    least = Amount.parse("5")
    due = ["5.005", "5.0049", "5", "4.9999", "0.01", "-0.005", "-7"]
    assert [str(payment(Amount.parse(text), least, "EUR")) for text in due] == ["5.01", "5", "5", "0", "0", "0", "0"]
    assert [str(payment(Amount.parse(text), ZERO, "EUR")) for text in ("0.005", "0.0049", "-0.5")] == ["0.01", "0", "0"]


def test_numbers_stay_as_short_over_territories_tracks_periods_and_currencies() -> None:
    fees = (Deduction("administration", 33_333), Deduction("tax", 70_001))
    rights = shared(3, per_second=Fraction(1, 7), currency="USD", deductions=fees)
    uses = [a_use(f"{number}.wav", ms=10_007 + number) for number in range(50)]
    rows = [UsageRow(use.track_name, territory, 7, None, "") for use in uses for territory in SIXTY]
    rate = Conversion("USD", "EUR", Fraction(8_954, 10_000), "2026-09-30", "ECB")
    statement = stated(rights, rows, uses, method="matched-seconds", rate_of=lambda _: rate)
    assert sum(len(line.contributions) for line in statement.lines) == 60 * 50 * 3 + 60 * 50  # and the unclaimed shares
    opening: dict[str, Amount] = {}
    for _ in range(8):
        balances = payments(statement.lines, (), opening, {}, currency="EUR")
        opening = {one.party_id: one.carried for one in balances}
        for amount in (one for balance in balances for one in (balance.due, balance.carried)):
            assert len(str(amount).partition(".")[2]) <= MOST_DECIMALS
            assert Amount.parse(str(amount)) == amount
    assert parse_statement(statement_bytes(statement)) == statement
    longest = max(len(str(line.net).partition(".")[2]) for line in statement.lines)
    assert (
        longest <= 2 + 12 + 3 * 6
    )  # 10**-12 cents x right and share x deductions, each in millionths; the work is one


def test_a_pot_is_shared_out_to_the_last_of_its_parts() -> None:
    parts = shares_of(Fraction(100_000, 3), "EUR", dict.fromkeys(range(7), 1))
    assert sum_of(parts.values()) == Amount.nearest(Fraction(100_000, 3), "EUR")
    assert len(set(parts.values())) == 2
    assert max(parts.values()) - min(parts.values()) == Amount.nearest(Fraction(1, 10**12), "EUR")
    taken_back = shares_of(Fraction(-100_000, 3), "EUR", dict.fromkeys(range(7), 1))
    assert taken_back == {number: -part for number, part in parts.items()}


def test_an_amount_that_is_none_or_too_fine_is_refused() -> None:
    for text in ("1e3", "1,5", "", "+1", ".5", "1.", "NaN", "0." + "1" * 47):
        with pytest.raises(ParameterError, match=r"not a decimal number such as 1234\.56, of at most 46 decimals"):
            Amount.parse(text)
    with pytest.raises(ParameterError, match="beyond 9223372036854775807; check the unit"):
        Amount.parse(str(2**63))
    with pytest.raises(ParameterError, match="finer than 46 decimals"):
        Amount.parse("0." + "0" * 45 + "1").times(500_000)
    with pytest.raises(
        ParameterError, match="beyond 9223372036854775807 minor units; check rates, revenue and agreed amounts"
    ):
        Amount.nearest(2**63, "EUR")


def test_a_carried_amount_is_paid_by_a_later_statement(database: Database, tmp_path: Path) -> None:
    # Half a cent for a match: a quarter of a cent for the master each time R1 is used.
    store_rights(database, some_rights(licences=[a_licence(rate_card=a_rate_card(per_match=Fraction(1, 2)))]))
    found = []
    for number, period in enumerate((Q3, Period.parse("2026-Q4")), start=1):
        result = a_scan_result(f"{number}.wav", a_match("R1", a_passage(0, 9_000)))
        (tmp_path / "results.jsonl").write_text(json.dumps(result) + "\n")
        attribute_results(
            database,
            tmp_path / "results.jsonl",
            policy=load_policy("fixed-fee"),
            licensee=LICENSEE,
            generated_on=period.start.isoformat(),
            by="ann",
            now=datetime(2026, 10, 2, tzinfo=UTC),
        )
        after: date = period.end + timedelta(days=2)
        statement = issue_statement(
            database,
            licensee=LICENSEE,
            period=period,
            issued_on=after.isoformat(),
            by="ann",
            now=datetime(2027, 1, 2, tzinfo=UTC),
            today=after,
        )
        assert statement.adjustments == ()
        (master,) = [one for one in statement.balances if one.party_id == "P-R1"]
        found.append(
            [str(amount) for amount in (master.opening, master.lines, master.due, master.paid, master.carried)]
        )
    assert found == [["0", "0.0025", "0.0025", "0", "0.0025"], ["0.0025", "0.0025", "0.005", "0.01", "-0.005"]]


def test_shares_that_are_no_whole_part_leave_the_rest_unclaimed_exactly() -> None:
    thirds: tuple[Share, ...] = tuple(
        a_share("R1", party_id, millionths=333_333, share_id=party_id) for party_id in ("P-A", "P-B", "P-C")
    )
    rights = replace(shared(1, per_match=Fraction(100)), master_shares={"R1": thirds})
    lines = stated(rights, []).lines
    assert {line.party_id: str(line.gross) for line in lines} == {
        "P-A": "0.333333",
        "P-B": "0.333333",
        "P-C": "0.333333",
        "": "0.000001",
    }
