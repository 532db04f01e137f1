"""Terms of deals: guarantees, advances and tiers, read from licences and worked out exactly."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fingerprint.errors import RightsError
from sourceprint.royalties.deal_terms import Advance, DealTerms, Guarantee, Pool
from sourceprint.royalties.deals.advances import AdvanceAccount, opened, recoup, recouping_parties
from sourceprint.royalties.deals.spans import spans_due
from sourceprint.royalties.money import ZERO, Amount, sum_of
from sourceprint.royalties.periods import Period
from sourceprint.royalties.rights.licence_toml import licence_toml, parse_licence

LICENCE = """schema = "sourceprint/licence/1"
id = "LIC-1"
licensor = "P-LABEL"
licensee = "P-GEN"
valid_from = 2026-01-01
valid_to = 2026-12-31
purposes = ["generate", "train"]
audit_window_months = 24
[scope]
everything = true
[guarantee]
amount = "100.00"
period = "quarter"
[advance]
amount = "1000.00"
paid_on = 2026-01-15
recoup = "50 %"
recoup_from = ["P-B", "P-A"]
[training]
pool = "10000.00"
period = "term"
division = "equal"
[rate_card]
currency = "EUR"
per_second = "0.002"
[rate_card.rights]
Master = "100 %"
"""

euros = Amount.parse


# Keys of the licence.


def test_terms_are_read_and_written_again_as_they_are() -> None:
    licence = parse_licence(LICENCE, name="licence.toml")
    assert licence.deal == DealTerms(
        Guarantee(10_000, "quarter"),
        Advance(100_000, date(2026, 1, 15), 500_000, ("P-A", "P-B")),
        Pool(1_000_000, "term", "equal", "Worldwide"),
        24,
    )
    assert parse_licence(licence_toml(licence), name="again") == licence


def test_a_licence_for_training_alone_needs_no_price() -> None:
    text = LICENCE.replace('per_second = "0.002"\n', "")
    assert parse_licence(text, name="licence.toml").rate_card.per_second is None
    pool = '[training]\npool = "10000.00"\nperiod = "term"\ndivision = "equal"\n'
    with pytest.raises(RightsError, match="rate_card: says no price"):
        parse_licence(text.replace(pool, ""), name="licence.toml")


@pytest.mark.parametrize(
    ("written", "instead", "message"),
    [
        ('amount = "100.00"', 'amount = "0"', r"guarantee.amount '0': must be more than 0 \(line 12\)"),
        ('amount = "100.00"', "amount = 100", r"guarantee.amount 100: write it as text, in quotes"),
        ('amount = "100.00"', 'amount = "0.001"', r"guarantee.amount '0.001': EUR has 2 decimals; round it to that"),
        ('"quarter"', '"week"', r"guarantee.period is 'week'; write one of month, quarter, year, term"),
        ('period = "quarter"', "", r"guarantee.period is missing; `sourceprint rights new-licence` writes"),
        (', "train"', "", r'training: purposes lack "train"; add it'),
        ('"equal"', '"size"', r"training.division is 'size'; write one of equal, seconds, weights"),
        (
            "[guarantee]",
            '[territories]\ninclude = ["DE", "FR"]\n[guarantee]',
            r"training.territory is missing, and the",
        ),
        ('"50 %"', '"0 %"', r"advance.recoup: is 0 %, which recoups nothing"),
        ('"P-B", "P-A"', "1", r"advance.recoup_from 1: write it as text, in quotes"),
        ("paid_on", "paid", r"advance.paid: there is no such key; paid_on may be meant"),
        ("= 24", "= 1201", r"audit_window_months is 1201; write a whole number from 0 to 1200 \(line 8\)"),
    ],
)
def test_wrong_terms_are_refused_by_name(written: str, instead: str, message: str) -> None:
    assert written in LICENCE
    with pytest.raises(RightsError, match=message):
        parse_licence(LICENCE.replace(written, instead), name="licence.toml")


def test_terms_cannot_be_amended() -> None:
    amendment = '[[amendments]]\nfrom = 2026-07-01\nguarantee = { amount = "5.00", period = "year" }\n'
    with pytest.raises(RightsError, match="number 1: guarantee cannot change; write a licence that replaces"):
        parse_licence(LICENCE + amendment, name="licence.toml")


# Spans.


@pytest.mark.parametrize(
    ("kind", "period", "spans"),
    [
        ("month", "2026-Q1", [("2026-01-15", "2026-01-31", Fraction(17, 31)), ("2026-02-01", "2026-02-28", 1)]),
        ("quarter", "2026-Q1", [("2026-01-15", "2026-03-10", Fraction(55, 90))]),
        ("quarter", "2026-02", []),
        ("year", "2026-03", [("2026-01-15", "2026-03-10", Fraction(55, 365))]),
        ("term", "2026-03", [("2026-01-15", "2026-03-10", 1)]),
        ("term", "2026-Q2", []),
        ("quarter", "2026-Q2", []),
    ],
)
def test_spans_are_cut_to_the_term_and_due_with_their_last_day(
    kind: str, period: str, spans: list[tuple[str, str, Fraction]]
) -> None:
    found = spans_due(kind, date(2026, 1, 15), date(2026, 3, 10), Period.parse(period))
    if kind == "month":
        spans = [*spans, ("2026-03-01", "2026-03-10", Fraction(10, 31))]
    assert [(str(span.start), str(span.end), span.part) for span in found] == spans


@given(st.sampled_from(["month", "quarter", "year"]), st.dates(date(2020, 1, 1), date(2030, 1, 1)))
def test_every_day_of_a_licence_is_in_one_span(kind: str, first: date) -> None:
    spans = [span for year in range(2020, 2031) for span in spans_due(kind, first, None, Period.parse(str(year)))]
    assert spans[0].start == first
    assert all((after.start - before.end).days == 1 for before, after in pairwise(spans))


# Advances.


def account(recoup_millionths: int = 1_000_000) -> AdvanceAccount:
    terms = Advance(100_000, date(2026, 7, 1), recoup_millionths)
    return opened("LIC-1", terms, stated="1000.00 EUR", amount=euros("1000"))


def test_an_advance_is_recouped_before_anything_is_paid() -> None:
    first = recoup(account(), {"P-LABEL": euros("600")})
    second = recoup(first, {"P-LABEL": euros("700")})
    assert [(str(one.recouped[0].now), str(one.balance)) for one in (first, second)] == [("600", "400"), ("400", "0")]
    third = recoup(second, {"P-LABEL": euros("50")})
    assert (third.recouped[0].now, third.recouped[0].to_date) == (ZERO, euros("1000"))


def test_earnings_taken_back_after_full_recoupment_give_back_only_the_missing_part() -> None:
    done = recoup(account(), {"P-LABEL": euros("1300")})
    assert recoup(done, {"P-LABEL": euros("-200")}).balance == ZERO
    short = recoup(done, {"P-LABEL": euros("-400")})
    assert (str(short.balance), str(short.recouped[0].now)) == ("100", "-100")


def test_half_of_payable_amounts_is_recouped_where_the_licence_says_so() -> None:
    assert str(recoup(account(500_000), {"P-LABEL": euros("600.000001")}).recouped[0].now) == "300.0000005"


def test_several_parties_are_recouped_from_in_proportion() -> None:
    after = recoup(account(), {"P-A": euros("1000"), "P-B": euros("500"), "P-C": euros("-300")})
    assert {one.party_id: one.now for one in after.recouped if one.party_id == "P-C"} == {}
    assert sum_of(one.now for one in after.recouped) == euros("1000")
    back = recoup(after, {"P-B": euros("-700")})
    assert {one.party_id: one.now < ZERO for one in back.recouped} == {"P-A": True, "P-B": True}
    assert back.balance == euros("500")


@given(
    st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(-(10**12), 10**12), max_size=3), max_size=8),
    st.sampled_from([1_000_000, 500_000, 333_333]),
)
def test_the_amount_recouped_to_date_depends_on_earnings_to_date_alone(earned: list[dict[str, int]], part: int) -> None:
    now = account(part)
    for step in earned:
        amounts = {party: Amount(grains * 10**38) for party, grains in step.items()}
        before, now = now, recoup(now, amounts)
        assert all(one.to_date >= ZERO for one in now.recouped)
        assert sum_of(one.now for one in now.recouped) == before.balance - now.balance
    total = Fraction(sum(sum(step.values()) for step in earned), 10**8) * part / 1_000_000
    assert now.amount - now.balance == Amount(int(min(Fraction(1000), max(Fraction(0), total)) * 10**46))


def test_the_licensor_and_its_parties_are_recouped_from_unless_others_are_named() -> None:
    assert recouping_parties(account_terms(), "P-LABEL", ("P-ARTIST",)) == {"P-LABEL", "P-ARTIST"}
    assert recouping_parties(account_terms("P-X"), "P-LABEL", ("P-ARTIST",)) == {"P-X"}


def account_terms(*parties: str) -> Advance:
    return Advance(100_000, date(2026, 7, 1), recoup_from=parties)


def test_a_guarantee_of_the_term_needs_its_last_day() -> None:
    text = LICENCE.replace('"quarter"', '"term"')
    assert parse_licence(text, name="licence.toml").deal.guarantee == Guarantee(10_000, "term")
    with pytest.raises(RightsError, match=r"guarantee.period term: the licence has no last day; write valid_to"):
        parse_licence(text.replace("valid_to = 2026-12-31\n", ""), name="licence.toml")
