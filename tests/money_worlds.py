"""Worlds for the properties of money: the draws, as the oracle has them, and the same in the product's records.

Three recordings perform two works; four parties own them; up to three licences of overlapping scopes pay for them in
three territories and two currencies, and one more pays a pool for training on those that are opted in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from sourceprint.royalties.deal_terms import Advance, DealTerms, Guarantee
from sourceprint.royalties.deal_terms import Pool as ProductPool
from sourceprint.royalties.money import Amount
from sourceprint.royalties.periods import Period
from sourceprint.royalties.rate_tiers import Tier
from sourceprint.royalties.rights import licences as product
from sourceprint.royalties.rights import records
from sourceprint.royalties.statements.amounts.exchange import Rates
from sourceprint.royalties.statements.statement import Conversion
from sourceprint.royalties.territories import EVERYWHERE, Territories
from sourceprint.royalties.uses.policy import parse_policy, shipped_policy
from sourceprint.royalties.uses.usage import UsageRow
from tests.money_oracle import MASTER, STATED, Choice, Licence, Pool, Quarter, Row, Share, Terms
from tests.royalty_records import a_licence, a_rate_card, a_share, sha_of

WORKS = {"R1": ("W1",), "R2": ("W2",), "R3": ("W1", "W2")}
MECHANICAL, PERFORMING = "MechanicalRight", "PerformingRight"
TERRITORIES = ("DE", "FR", "US")
QUARTERS = tuple(Quarter(2026, number) for number in (1, 2, 3, 4))
HALF, QUARTER = Fraction(1, 2), Fraction(1, 4)
GUARANTEES = [None, None, (1_000, "quarter"), (2_000, "year")]
TIERED_RATES = {"LIC-LABEL": 31, "LIC-PUBLISHER": 37, "LIC-EVERYTHING": 41, "LIC-PARTY": 43}  # no two ever equal
ADVANCES = [None, (700, date(2026, 1, 15), Fraction(1)), (50, date(2026, 1, 1), HALF)]
LENGTHS = {"R1": Fraction(100), "R2": Fraction(200), "R3": Fraction(700)}  # seconds
RATES = {("USD", quarter): Fraction(900 + 7 * quarter.number, 1000) for quarter in QUARTERS}  # of exchange, to EUR
METHODS = 'methods = ["matched-seconds", "fixed-fee"]'
POLICY = parse_policy(shipped_policy("matched-seconds").replace('methods = ["matched-seconds"]', METHODS), name="both")

# Possible draws.

some_territories = st.sets(st.sampled_from(TERRITORIES), min_size=1, max_size=2).map(lambda found: tuple(sorted(found)))
rates = st.sampled_from([Fraction(1, 2), Fraction(7, 1000), Fraction(123), Fraction(333_333, 10_000), Fraction(1, 3)])
days = st.integers(0, 364).map(lambda n: date(2026, 1, 1) + timedelta(days=n))
splits = st.sampled_from(
    [
        (("P-A", 1_000_000),),
        (("P-B", 1_000_000),),
        (("P-A", 500_000), ("P-B", 500_000)),
        (("P-PUB", 333_333), ("P-WRITER", 666_667)),
        (("P-PUB", 250_000), ("P-WRITER", 500_000)),
        (("P-PUB", 600_000), ("P-WRITER", 600_000)),
    ]
)
Track = tuple[date, tuple[str, ...], dict[str, tuple[int, float]]]
tracks = st.tuples(
    days,
    some_territories,
    st.dictionaries(
        st.sampled_from(sorted(WORKS)),
        st.tuples(st.integers(4_000, 12_000), st.sampled_from([0.999, 0.999, 0.95])),
        min_size=1,
        max_size=2,
    ),
)
owned = st.sampled_from([("R1", MASTER), ("R2", MASTER), ("R3", MASTER), ("W1", MECHANICAL), ("W2", PERFORMING)])
prices: st.SearchStrategy[dict[str, Any]] = st.one_of(
    rates.map(lambda rate: {"per_second": rate}),
    rates.map(lambda rate: {"per_match": rate}),
    rates.map(lambda rate: {"per_match": rate, "royalty": Fraction(1, 8)}),
)


@st.composite
def terms_of(draw: st.DrawFn, scope: dict[str, Any], rights: dict[str, Fraction]) -> Terms:
    """Return terms with a scope and rights, and all else at random."""
    return Terms(
        rights=rights,
        **scope,
        **draw(prices),
        without=frozenset(draw(st.sampled_from([(), (), ("US",)]))),
        longest=draw(st.sampled_from([None, None, Fraction(9)])),
        per_usage=draw(st.sampled_from([True, True, False])),
        deduction=draw(st.sampled_from([Fraction(0), Fraction(1, 10)])),
        precedence=draw(st.sampled_from([None, None, 1, 2])),
    )


choices = st.tuples(
    st.sampled_from(sorted(WORKS)),
    st.builds(
        Choice,
        is_in=st.sampled_from([True, True, False]),
        first=st.one_of(st.none(), days),
        weight=st.sampled_from([Fraction(0), Fraction(1), HALF, Fraction(5, 2)]),
    ),
)


@st.composite
def pools(draw: st.DrawFn) -> Pool | None:
    """Return a licence for training, or none."""
    if not draw(st.booleans()):
        return None
    return Pool(
        id="LIC-TRAIN",
        licensor="P-B",
        amount=draw(st.sampled_from([1_000, 77_777])),
        period=draw(st.sampled_from(["quarter", "quarter", "year"])),
        division=draw(st.sampled_from(["equal", "seconds", "weights"])),
        territory=draw(st.sampled_from(TERRITORIES)),
        rights={MASTER: HALF, MECHANICAL: QUARTER, PERFORMING: QUARTER},
        recordings=draw(st.sampled_from([frozenset[str](), frozenset({"R1", "R3"})])),
        currency=draw(st.sampled_from([STATED, "USD"])),
    )


@st.composite
def licences(draw: st.DrawFn) -> list[Licence]:
    """Return a label's licence, a publisher's, and one for everything; one or two of them, or all."""
    every = {MASTER: HALF, MECHANICAL: QUARTER, PERFORMING: QUARTER}
    master = {MASTER: Fraction(1)}
    kinds: dict[str, tuple[str, dict[str, Any], dict[str, Fraction]]] = {
        "LIC-LABEL": (
            "P-A",
            {"recordings": frozenset({"R1", "R3"})},
            draw(st.sampled_from([every, {MASTER: Fraction(1)}])),
        ),
        "LIC-PUBLISHER": ("P-PUB", {"works": frozenset({"W1"})}, {MECHANICAL: HALF, PERFORMING: HALF}),
        "LIC-EVERYTHING": ("P-B", {"everything": True}, every),
        "LIC-PARTY": ("P-A", {"everything": True, "parties": frozenset({"P-A"})}, master),
    }
    minimum = draw(st.sampled_from([0, 0, 500]))
    found = []
    for name in draw(st.sets(st.sampled_from(sorted(kinds)), min_size=1, max_size=3)):
        licensor, scope, rights = kinds[name]
        terms = draw(terms_of(scope, rights))
        tiered = draw(st.sampled_from(["", "per_second", "per_match"]))
        if tiered:
            rate = Fraction(TIERED_RATES[name], 7)
            starts = draw(st.sampled_from([(50,), (200, 900)]))
            tiers = tuple((start, rate * part) for start, part in zip(starts, (Fraction(3, 5), HALF), strict=False))
            own: dict[str, Any] = {tiered: rate}
            terms = replace(terms, **own, tiers=tiers, per_usage=True)
        first = draw(st.sampled_from([date(2026, 1, 1), date(2026, 1, 1), date(2026, 2, 15)]))
        # An amount that stands beside another licence's, or is converted once for all periods, is in one currency.
        currency = STATED if minimum else draw(st.sampled_from([STATED, STATED, "USD"]))
        found.append(
            Licence(
                name,
                licensor,
                ((first, terms),),
                last=draw(st.sampled_from([None, None, date(2026, 8, 31)])),
                minimum=minimum,
                guarantee=draw(st.sampled_from(GUARANTEES)),
                advance=draw(st.sampled_from(ADVANCES)) if currency == STATED else None,
                tiered=tiered,
                tiers_period=draw(st.sampled_from(["statement", "quarter", "year", "term", "term"])) if tiered else "",
                currency=currency,
            )
        )
    return sorted(found, key=lambda licence: licence.id)


# The oracle's records as the product's.


FIRST_OWNERS: tuple[tuple[str, str, dict[str, Fraction]], ...] = (
    ("R1", MASTER, {"P-A": Fraction(1)}),
    ("R2", MASTER, {"P-B": Fraction(7, 10), "P-A": Fraction(3, 10)}),
    ("R3", MASTER, {"P-A": Fraction(1)}),
    *(("W1", right, {"P-PUB": HALF, "P-WRITER": HALF}) for right in (MECHANICAL, PERFORMING)),
    *(("W2", right, {"P-WRITER": Fraction(3, 4)}) for right in (MECHANICAL, PERFORMING)),
)


def millionths(part: Fraction) -> int:
    return int(part * 1_000_000)


def as_terms(licence: Licence, terms: Terms) -> product.Licence:
    """Return the product's licence with these terms."""
    paid = licence.advance
    return a_licence(
        licence.id,
        licensor=licence.licensor,
        valid_from=licence.versions[0][0],
        valid_to=licence.last,
        territories=Territories.of(["Worldwide"], sorted(terms.without)) if terms.without else EVERYWHERE,
        scope=product.Scope(
            terms.everything,
            recordings=tuple(sorted(terms.recordings)),
            works=tuple(sorted(terms.works)),
            parties=tuple(sorted(terms.parties)),
        ),
        conditions=product.Conditions(max_consecutive_ms=None if terms.longest is None else int(terms.longest * 1000)),
        rate_card=a_rate_card(
            currency=licence.currency,
            rights=tuple(sorted((right, millionths(part)) for right, part in terms.rights.items())),
            royalty_millionths=None if terms.royalty is None else millionths(terms.royalty),
            per_second=terms.per_second,
            per_match=terms.per_match,
            per_usage=terms.per_usage,
            tiers=tuple(Tier(start, **{licence.tiered: rate}) for start, rate in terms.tiers),
            tiers_period=licence.tiers_period,
            minimum_payout=licence.minimum,
            deductions=(product.Deduction("administration", millionths(terms.deduction)),) if terms.deduction else (),
        ),
        precedence=terms.precedence,
        deal=DealTerms(
            guarantee=Guarantee(*licence.guarantee) if licence.guarantee else None,
            advance=Advance(paid[0], paid[1], millionths(paid[2])) if paid else None,
        ),
    )


def as_licence(licence: Licence) -> product.Licence:
    """Return the product's licence with its amendments."""
    (_, terms), *later = licence.versions
    amendments = tuple(product.Amendment(first, as_terms(licence, one)) for first, one in later)
    return replace(as_terms(licence, terms), amendments=amendments)


def as_pool(pool: Pool) -> product.Licence:
    """Return the product's licence for training."""
    return a_licence(
        pool.id,
        licensor=pool.licensor,
        valid_to=None,
        purposes=("train",),
        scope=product.Scope(not pool.recordings, recordings=tuple(sorted(pool.recordings))),
        rate_card=a_rate_card(
            currency=pool.currency,
            rights=tuple(sorted((right, millionths(part)) for right, part in pool.rights.items())),
            royalty_millionths=None,
            per_second=None,
            per_match=None,
            minimum_payout=pool.minimum,
        ),
        deal=DealTerms(training=ProductPool(pool.amount, pool.period, pool.division, pool.territory)),
    )


def as_choices(choices: Mapping[str, Choice]) -> list[records.OptChoice]:
    return [
        records.OptChoice(
            f"O-{recording}",
            "recording",
            recording,
            "in" if choice.is_in else "out",
            ("train",),
            valid_from=choice.first,
            weight_millionths=millionths(choice.weight) if choice.is_in else None,
        )
        for recording, choice in sorted(choices.items())
    ]


def as_rates(rates: Mapping[tuple[str, Quarter], Fraction]) -> Rates:
    quotes = [Conversion(source, STATED, rate, day.last.isoformat(), "ECB") for (source, day), rate in rates.items()]
    return Rates(tuple(quotes), "f" * 64)


def as_shares(shares: Iterable[Share]) -> list[records.Share]:
    return [
        a_share(
            one.subject,
            one.party,
            one.right,
            millionths(one.part),
            share_id=f"S{number}-{one.subject}-{one.right}-{one.party}-{one.first}",
            valid_from=one.first,
            valid_to=one.last,
        )
        for number, one in enumerate(shares)
    ]


def as_period(quarter: Quarter) -> Period:
    return Period.parse(f"{quarter.year}-Q{quarter.number}")


def as_row(row: Row, *, by_digest: bool) -> UsageRow:
    day = row.used_on.isoformat() if row.used_on else ""
    currency = "" if row.revenue is None else row.currency
    return UsageRow(
        sha_of(row.track) if by_digest else row.track, row.territory, row.usages, row.revenue, currency, used_on=day
    )


def in_cents(amount: Amount) -> Fraction:
    return Fraction(amount.minor("EUR"))
