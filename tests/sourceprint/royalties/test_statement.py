"""A statement adds up: for all uses and revenue, to the cent and exactly, in any order, and whole or in parts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fingerprint.errors import StatementError, VerificationError
from sourceprint.royalties.money import ZERO, Amount
from sourceprint.royalties.periods import Period
from sourceprint.royalties.rights.licences import Deduction
from sourceprint.royalties.rights.records import WHOLE, Share
from sourceprint.royalties.rights.rights import Rights
from sourceprint.royalties.statements.amounts.lines import Adjustment, Contribution, key_of
from sourceprint.royalties.statements.computation import compute_statement
from sourceprint.royalties.statements.files.statement_json import statement_bytes
from sourceprint.royalties.statements.proof import prove
from sourceprint.royalties.statements.statement import Statement
from sourceprint.royalties.uses.policy import METHODS
from sourceprint.royalties.uses.usage import Usage, UsageRow
from sourceprint.royalties.uses.use import Use
from tests.royalty_records import (
    LICENSEE,
    a_licence,
    a_policy,
    a_rate_card,
    a_share,
    a_use,
    cents,
    of_cents,
    some_rights,
)

Q3 = Period.parse("2026-Q3")
TERRITORIES = ("DE", "FR")
STATES = ("claimed", "claimed", "claimed", "review", "disputed", "resolved", "unresolved", "withdrawn")
PICO = Fraction(1, 10**12)  # of a cent: the worth of one use is a whole number of them


def catalogue(millionths: int, **card: Any) -> Rights:
    """Return two recordings of one work each; P-A and P-B hold the masters, so much of them each."""
    rates = a_rate_card(deductions=(Deduction("administration", 100_000), Deduction("tax", 70_001)), **card)
    masters: dict[str, tuple[Share, ...]] = {
        recording: (a_share(recording, "P-A", millionths=millionths), a_share(recording, "P-B", millionths=millionths))
        for recording in ("R1", "R2")
    }
    return replace(some_rights(licences=[a_licence(rate_card=rates)]), master_shares=masters)


def computed(
    uses: Iterable[Use], rights: Rights, method: str, rows: Sequence[UsageRow] = (), **fields: Any
) -> Statement:
    return compute_statement(
        uses,
        rights,
        a_policy(methods=(method,)),
        **{"licensee": LICENSEE, "period": Q3, "currency": "EUR", "issued_on": "2026-10-02", **fields},
        usage=Usage(tuple(rows)),
    )


@st.composite
def batches(draw: st.DrawFn) -> tuple[list[Use], list[UsageRow]]:
    """Draw uses of up to four tracks, and usage and revenue of each in both territories."""
    uses: list[Use] = []
    rows: list[UsageRow] = []
    for at in range(draw(st.integers(1, 4))):
        track = f"{at}.wav"
        for recording in draw(st.lists(st.sampled_from(["R1", "R2"]), unique=True)):
            use = a_use(
                track,
                recording,
                ms=draw(st.integers(1, 30_000)),
                state=draw(st.sampled_from(STATES)),
                territories=TERRITORIES,
                purpose=draw(st.sampled_from(["generate", "train"])),  # the licence is for generation
            )
            uses.append(use)
        for territory in TERRITORIES:
            revenue = draw(st.fractions(0, 10**7, max_denominator=10**4))
            rows.append(UsageRow(track, territory, draw(st.integers(0, 10**6)), revenue, "EUR"))
    return uses, rows


methods = st.sampled_from([(method, card) for method in METHODS for card in ({}, {"per_second": None})])
shares = st.sampled_from([WHOLE // 2, 333_333, 400_000, 600_000])


@pytest.mark.slow
@settings(deadline=None, max_examples=80)
@given(batches(), methods, shares, st.booleans())
def test_every_statement_adds_up_and_is_never_negative(
    batch: tuple[list[Use], list[UsageRow]], method: tuple[str, dict[str, Any]], millionths: int, taken_back: bool
) -> None:
    uses, rows = batch
    if taken_back:
        rows = [replace(row, revenue=-(row.revenue or Fraction(0))) for row in rows]
    rights = catalogue(millionths, **method[1])
    statement = computed(uses, rights, method[0], rows)
    prove(statement)
    for line in statement.lines:
        signed = [-amount if taken_back and line.gross < ZERO else amount for amount in (line.gross, line.net)]
        assert ZERO <= signed[1] <= signed[0]
        assert cents(line.gross) == sum(_exact(part) for part in line.contributions)
    if method[1] and method[0] != "fixed-fee":  # by revenue: the whole pot is accounted for
        counted = [row for row in rows if row.territory in {line.territory for line in statement.lines}]
        pot = sum((row.revenue or Fraction(0) for row in counted), Fraction(0)) * Fraction(125, 1000)
        assert abs(cents(total.total for total in statement.totals) - pot) <= len(counted) * PICO / 2


def _exact(part: Contribution) -> Fraction:
    parts = Fraction(part.right_millionths * part.work_millionths * part.share_millionths, WHOLE**3)
    assert (cents(part.amount) / PICO).denominator == 1
    return cents(part.amount) * parts


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(batches(), methods, st.randoms(use_true_random=False))
def test_the_order_of_rows_and_uses_makes_no_difference(
    batch: tuple[list[Use], list[UsageRow]], method: tuple[str, dict[str, Any]], random: Any
) -> None:
    uses, rows = batch
    rights = catalogue(333_333, **method[1])
    first = computed(uses, rights, method[0], rows)
    mixed_uses, mixed_rows = list(uses), list(rows)
    random.shuffle(mixed_uses)
    random.shuffle(mixed_rows)
    again = computed(mixed_uses, rights, method[0], mixed_rows)
    assert again == first
    assert statement_bytes(again) == statement_bytes(first)


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(batches(), methods.filter(lambda one: one[0] != "pro-rata-pool"), st.integers(0, 4))
def test_a_batch_in_two_parts_adds_up_to_the_whole(
    batch: tuple[list[Use], list[UsageRow]], method: tuple[str, dict[str, Any]], cut: int
) -> None:
    uses, rows = batch
    rights = catalogue(400_000, **method[1])
    tracks = sorted({row.track for row in rows})
    parts = [
        computed(
            [use for use in uses if use.track_name in part], rights, method[0], [r for r in rows if r.track in part]
        )
        for part in (tracks[:cut], tracks[cut:])
    ]
    whole = {key_of(line): line for line in computed(uses, rights, method[0], rows).lines}
    found: dict[Any, Amount] = {}
    for line in (line for part in parts for line in part.lines):
        found[key_of(line)] = found.get(key_of(line), ZERO) + line.gross
    assert found == {key: line.gross for key, line in whole.items()}


def test_deductions_are_taken_off_exactly_and_by_name() -> None:
    twice = (Deduction("tax", 100_000), Deduction("administration", 70_001), Deduction("tax", 50_000))
    rights = some_rights(licences=[a_licence(rate_card=a_rate_card(per_match=Fraction(1), deductions=twice))])
    line = next(one for one in computed([a_use()], rights, "fixed-fee").lines if one.kind == "payable")
    assert [(one.name, str(one.amount)) for one in line.deductions] == [
        ("administration", "0.000350005"),
        ("tax", "0.00075"),
    ]
    assert (str(line.gross), str(line.net)) == ("0.005", "0.003899995")


def test_halves_of_a_cent_are_equal_and_payments_sum_to_the_amount_due() -> None:
    uses = [a_use("a.wav", "R1"), a_use("b.wav", "R2")]
    rights = some_rights(
        licences=[a_licence(rate_card=a_rate_card(per_match=Fraction(1), rights=(("Master", WHOLE),)))]
    )
    halves = replace(
        rights,
        master_shares={
            r: (a_share(r, "P-A", millionths=500_000), a_share(r, "P-B", millionths=500_000)) for r in ("R1", "R2")
        },
    )
    opening: dict[str, Amount] = {}
    paid = []
    for _ in range(3):
        statement = computed(uses[:1], halves, "fixed-fee", opening=opening)
        assert {line.party_id: cents(line.gross) for line in statement.lines} == {"P-A": 0.5, "P-B": 0.5}
        opening = {one.party_id: one.carried for one in statement.balances}
        paid.append([cents(one.paid) for one in statement.balances])
    assert paid == [[1, 1], [0, 0], [1, 1]]


def test_revenue_taken_back_is_carried_as_a_debt() -> None:
    uses = [a_use("a.wav"), a_use("b.wav", "R2")]
    rights = some_rights(licences=[a_licence(rate_card=a_rate_card(per_second=None))])
    rows = [
        UsageRow("a.wav", "Worldwide", 1, Fraction(1001), "EUR"),
        UsageRow("b.wav", "Worldwide", 1, Fraction(-501), "EUR"),
    ]
    statement = computed(uses, rights, "matched-seconds", rows)
    prove(statement)
    gross = {one: cents(line.gross for line in statement.lines if line.recording_id == one) for one in ("R1", "R2")}
    assert gross == {"R1": Fraction("125.125"), "R2": Fraction("-62.625")}
    carried = {balance.party_id: cents(balance.carried) for balance in statement.balances}
    paid = {balance.party_id: cents(balance.paid) for balance in statement.balances}
    assert paid == {"P-R1": 63, "P-R2": 0, "P-W1": 63, "P-W2": 0}
    assert carried == {name: Fraction(at) for name, at in zip(paid, ("-0.4375", "-31.3125") * 2, strict=True)}


def an_adjustment(party_id: str, amount: Amount) -> Adjustment:
    return Adjustment(
        "2026-Q2", "S-1", "payable", party_id, "R1", "", "Master", "DE", "LIC-1", ZERO, amount, amount, "a share"
    )


def test_balances_carry_forward_amounts_below_the_minimum() -> None:
    rights = some_rights(licences=[a_licence(rate_card=a_rate_card(per_match=Fraction(100), minimum_payout=60))])
    statement = computed(
        [a_use()],
        rights,
        "fixed-fee",
        opening={"P-W1": of_cents(12), "P-GONE": of_cents(-5), "P-NIL": ZERO},
        minimum_before={"P-W1": of_cents(99), "P-GONE": of_cents(60)},
        adjustments=[an_adjustment("P-W1", of_cents(-3))],
    )
    prove(statement)
    rows = {
        one.party_id: tuple(map(cents, (one.opening, one.lines, one.adjustments, one.minimum, one.paid, one.carried)))
        for one in statement.balances
    }
    assert rows == {
        "P-GONE": (-5, 0, 0, 60, 0, -5),
        "P-R1": (0, 50, 0, 60, 0, 50),
        "P-W1": (12, 50, -3, 60, 0, 59),
    }
    enough = computed([a_use()], rights, "fixed-fee", opening={"P-R1": of_cents(10)})
    assert [(one.party_id, cents(one.paid), cents(one.carried)) for one in enough.balances][:1] == [("P-R1", 60, 0)]


def test_a_debt_is_not_paid_out() -> None:
    statement = computed([a_use()], some_rights(), "fixed-fee", opening={"P-R1": of_cents(-500)})
    (balance,) = [one for one in statement.balances if one.party_id == "P-R1"]
    assert (cents(balance.paid), cents(balance.carried)) == (0, -495)


def test_the_id_follows_from_the_inputs_and_not_from_the_day_or_earlier_statements() -> None:
    first = computed([a_use()], some_rights(revision=1), "fixed-fee")
    later = computed(
        [a_use()], some_rights(revision=7), "fixed-fee", issued_on="2027-01-01", opening={"P-R1": of_cents(3)}
    )
    other = computed([a_use().in_state("disputed", "letter")], some_rights(), "fixed-fee")
    assert first.id.startswith("S-P-GEN-2026-Q3-")
    assert later.id == first.id != other.id


def test_nothing_to_state_is_a_statement_without_lines() -> None:
    statement = computed([], some_rights(), "fixed-fee")
    prove(statement)
    assert (statement.lines, statement.totals, statement.balances) == ((), (), ())


def test_the_same_use_twice_is_refused() -> None:
    with pytest.raises(StatementError, match="the same use twice"):
        computed([a_use(), a_use()], some_rights(), "fixed-fee")


def test_amounts_beyond_the_range_of_the_database_are_refused() -> None:
    rows = [UsageRow("one.wav", "Worldwide", 2**62, None, "")]
    with pytest.raises(StatementError, match=r"licence LIC-1 in Worldwide, 0\.10 EUR per match x .* usages: .* beyond"):
        computed([a_use()], some_rights(), "fixed-fee", rows)


ONE = Amount.parse("1")
SOUND = computed([a_use(), a_use("two.wav", "R2")], catalogue(WHOLE // 2), "fixed-fee", opening={"P-A": of_cents(7)})


def of_line(**changes: Any) -> Callable[[Statement], Statement]:
    return lambda statement: replace(statement, lines=(replace(statement.lines[0], **changes), *statement.lines[1:]))


def of_balance(**changes: Any) -> Callable[[Statement], Statement]:
    return lambda statement: replace(
        statement, balances=(replace(statement.balances[0], **changes), *statement.balances[1:])
    )


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (of_line(gross=ONE, net=ONE, deductions=()), "line 1: its contributions sum to"),
        (of_line(net=ONE), "line 1: gross .* less deductions"),
        (of_line(contributions=()), "line 1: its contributions sum to 0"),
        (lambda s: replace(s, lines=(*s.lines, replace(s.lines[0], number=9))), "another line is about the same"),
        (lambda s: replace(s, totals=s.totals[1:]), "total of Worldwide, Master: is missing"),
        (
            lambda s: replace(s, totals=(*s.totals, replace(s.totals[0], territory="US"))),
            "US, Master: there is no line",
        ),
        (lambda s: replace(s, totals=(replace(s.totals[0], total=ONE), *s.totals[1:])), "Worldwide, Master: total 1,"),
        (of_balance(lines=ONE), "balance of P-A: lines 1 is stated, its parts come to"),
        (of_balance(carried=ONE), "balance of P-A: carried 1 is stated, its parts come to"),
        (of_balance(paid=ONE), "balance of P-A: paid 1 is stated, its parts come to"),
        (lambda s: replace(s, balances=s.balances[1:]), "balance of P-A: is missing"),
    ],
)
def test_the_proof_names_each_fault(damage: Callable[[Statement], Statement], message: str) -> None:
    prove(SOUND)
    with pytest.raises(VerificationError, match=message):
        prove(damage(SOUND))


def test_units_moved_between_lines_of_one_right_are_found() -> None:
    lines = list(SOUND.lines)
    assert lines[0].right == lines[1].right
    lines[0] = replace(lines[0], gross=lines[0].gross + ONE, net=lines[0].net + ONE)
    lines[1] = replace(lines[1], gross=lines[1].gross - ONE, net=lines[1].net - ONE)
    with pytest.raises(VerificationError, match=r"line 1: its contributions sum to"):
        prove(replace(SOUND, lines=tuple(lines)))
