"""Estimates of money that uses would move: what their licensee would owe for each, by currency, before it is decided.

The arithmetic is that of a statement with one use in it: the rate of each licence that covers a share, times the
reported usages of the track, times the covered part. It is an estimate, as these are not known yet or left out:

- usages to come: a track without reported usages counts once in each of its territories;
- the owners on the day of usage: shares are judged on the day of generation;
- volumes: rates are those before the first tier; deductions, guarantees and advances are left out;
- revenue: a licence that is priced by a part of revenue has no estimate.

A use that may be of several recordings is worth the most that any of them would be. Currencies are never summed.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, select

from sourceprint.royalties.money import Amount, amount_text
from sourceprint.royalties.percentages import format_percent
from sourceprint.royalties.periods import parse_date
from sourceprint.royalties.rights.database import in_chunks
from sourceprint.royalties.rights.licences import Licence
from sourceprint.royalties.rights.records import WHOLE
from sourceprint.royalties.rights.rights import load_rights
from sourceprint.royalties.rights.schema import attribution
from sourceprint.royalties.statements.amounts.methods import PolicyMethods
from sourceprint.royalties.statements.amounts.weights import seconds
from sourceprint.royalties.statements.usage_reports import latest_reports
from sourceprint.royalties.uses.policy import Policy, policy_of
from sourceprint.royalties.uses.shares import UseShares
from sourceprint.royalties.uses.use import Use

__all__ = [
    "BY_REVENUE",
    "NOT_ON_FILE",
    "UNLICENSED",
    "Estimate",
    "Estimator",
    "policies_of",
    "shown_amount",
    "shown_sums",
]

BY_REVENUE = "its licence goes by revenue"
UNLICENSED = "no licence permits it"
NOT_ON_FILE = "its recording is not on file"


class Estimate(msgspec.Struct, frozen=True):
    """The money that a use would move.

    Attributes
    ----------
    amounts : tuple of (str, Amount)
        Currency and amount, by currency; empty where there is no estimate.
    missing : str
        Why there is none, or why it is not all: `BY_REVENUE`, `UNLICENSED`, `NOT_ON_FILE`, or "".
    """

    amounts: tuple[tuple[str, Amount], ...] = ()
    missing: str = ""


@dataclass(frozen=True, slots=True)
class _Priced:
    """One licence's price of a use in one territory, and the part of it that the licence covers."""

    terms: Licence
    method: str
    territory: str
    usages: int
    is_reported: bool
    amount: Amount
    part: int  # of 10**18


class _Rated(NamedTuple):
    terms: Licence
    method: str  # "" where it goes by no rate


class Estimator:
    """Estimates of the uses of one licensee, at one reading of rights and reported usage.

    Parameters
    ----------
    connection : Connection
        Inside a transaction of `Database`.
    licensee : str
        Party id.
    uses : iterable of Use
        All of which estimates are wanted.
    policies : mapping of str to Policy
        By the digest of the policy of a use.
    """

    def __init__(
        self, connection: Connection, licensee: str, uses: Iterable[Use], policies: Mapping[str, Policy]
    ) -> None:
        listed = list(uses)
        rights = load_rights(
            connection,
            recording_ids={one for use in listed for one in (use.recording_id, *use.candidates)},
            work_ids={one for use in listed for one in use.work_ids},
            licensee=licensee,
            owners=False,
        )
        self._shares = UseShares(rights)
        self._licences = rights.licences
        self._policies = policies
        self._reports = [report.usage for report in latest_reports(connection, licensee)]
        self._with_revenue = {row.territory for usage in self._reports for row in usage.rows if row.revenue is not None}
        self._rated: dict[tuple[str, str, date, bool], _Rated] = {}

    def of(self, use: Use) -> Estimate:
        """Return the estimate of a use."""
        best: dict[str, Amount] = {}
        missing = UNLICENSED if use.recording_id or use.work_ids or use.candidates else NOT_ON_FILE
        for reading in self._shares.terms.readings(use):
            sums: dict[str, int] = {}
            for one in self._priced(reading):
                if not one.method:
                    missing = BY_REVENUE
                    continue
                currency = one.terms.rate_card.currency
                sums[currency] = sums.get(currency, 0) + one.amount.grains * one.part // WHOLE**3
            for currency, grains in sums.items():
                if currency not in best or grains > best[currency].grains:
                    best[currency] = Amount(grains)
        return Estimate(tuple(sorted(best.items())), missing if not best or missing == BY_REVENUE else "")

    def lines(self, use: Use) -> list[str]:
        """Return how the estimate of a use comes about, one line for each licence and territory, numbers put in."""
        lines: list[str] = []
        for reading in self._shares.terms.readings(use):
            as_which = f"as {reading.recording_id}: " if use.candidates else ""
            lines += (as_which + _words(one, use) for one in self._priced(reading))
        return lines

    def _priced(self, use: Use) -> Iterator[_Priced]:
        """Yield the prices of a use, by territory and licence."""
        day = parse_date(use.generated_on, what=f"generated_on of use {use.id}")
        usages = self._usages(use)
        for territory in sorted(usages or dict.fromkeys(use.territories, 1)):
            for permitting in self._shares.licensed_parts(use, territory, day):
                offers = [self._price(use, territory, day, usages, *one) for one in permitting]
                # Of several the largest is held; of several currencies, those of the first licence are compared.
                currency = offers[0].terms.rate_card.currency
                alike = [one for one in offers if one.terms.rate_card.currency == currency]
                yield max(alike, key=lambda one: one.amount.grains * one.part)

    def _price(
        self, use: Use, territory: str, day: date, usages: Mapping[str, int], licence_id: str, part: int
    ) -> _Priced:
        rated = self._rate_of(use, territory, day, licence_id)
        terms, method = rated
        card = terms.rate_card
        times = usages.get(territory, 1) if card.per_usage else 1
        exact = Fraction(0)
        if method == "fixed-fee":
            exact = (card.per_match or Fraction(0)) * times
        elif method and card.per_second is not None:  # one fraction made, not one for each factor: of each use anew
            exact = Fraction(card.per_second.numerator * times * use.attributed_us, card.per_second.denominator * 10**6)
        return _Priced(terms, method, territory, times, bool(usages), Amount.nearest(exact, card.currency), part)

    def _rate_of(self, use: Use, territory: str, day: date, licence_id: str) -> _Rated:
        key = (use.policy_digest, licence_id, day, territory in self._with_revenue)
        if key not in self._rated:
            terms = self._licences[licence_id].on(day)
            methods = PolicyMethods(self._policies[use.policy_digest], territory, with_revenue=key[3])
            name, by_rate = methods.of(terms)
            self._rated[key] = _Rated(terms, name if by_rate else "")
        return self._rated[key]

    def _usages(self, use: Use) -> dict[str, int]:
        """Return the usages of a track that are reported to date, by territory; empty where none are."""
        found: dict[str, int] = {}
        for usage in self._reports:
            for row in usage.rows_of(use.track_sha256, use.track_name):
                found[row.territory] = found.get(row.territory, 0) + row.usages
        return found


def policies_of(connection: Connection, attribution_ids: Iterable[int]) -> dict[str, Policy]:
    """Return the policies of attributions, by digest."""
    found: dict[str, Policy] = {}
    for chunk in in_chunks(sorted(set(attribution_ids))):
        query = select(attribution.c.policy_digest, attribution.c.policy).where(attribution.c.id.in_(chunk))
        for digest, document in connection.execute(query.distinct()):
            found[digest] = found.get(digest) or policy_of(json.loads(document))
    return found


def shown_amount(currency: str, amount: Amount) -> str:
    """Return an amount for people, in whole minor units; a smaller one is not shown as nothing.

    Examples
    --------
    >>> shown_amount("EUR", Amount.parse("12.345")), shown_amount("EUR", Amount.parse("0.001"))
    ('12.35 EUR', 'less than 0.01 EUR')
    """
    paid = amount.payable(currency)
    if not paid.grains and amount.grains:
        return f"less than {Amount.of_minor(1, currency).text(currency)} {currency}"
    return f"{paid.text(currency)} {currency}"


def shown_sums(estimates: Iterable[Estimate], show: Callable[[str, Amount], str] = shown_amount) -> list[str]:
    """Return the sums of estimates in words, one for each currency."""
    sums: dict[str, int] = {}
    for estimate in estimates:
        for currency, amount in estimate.amounts:
            sums[currency] = sums.get(currency, 0) + amount.grains
    return [show(currency, Amount(grains)) for currency, grains in sorted(sums.items())]


def _words(one: _Priced, use: Use) -> str:
    card = one.terms.rate_card
    part = format_percent(one.part // WHOLE**2)
    where = f"{one.terms.id} in {one.territory}"
    if not one.method:
        return f"{where}: {part} of a part of the revenue, which is not estimated"
    if one.method == "fixed-fee":
        rate = f"{amount_text(card.per_match or Fraction(0), card.currency)} per match"
    else:
        rate = f"{amount_text(card.per_second or Fraction(0), card.currency)} per second x "
        rate += f"{seconds(use.attributed_us)} s"
    counted = ", once for the track"
    if card.per_usage:
        counted = f" x {one.usages} usages" if one.is_reported else ", counted once, as no usages are reported yet"
    tiers = ", before tiers" if card.tiers else ""
    return f"{where}: {rate}{counted}{tiers}, of which it covers {part}"
