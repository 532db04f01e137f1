"""An auditor's own arithmetic of royalties: everything from scratch, with fractions, from the pages of `docs/` alone.

For every stated period it gives the present amounts of its lines, in minor units; for every party, the amount due to
date and the payment. The world that it is about is that of `money_oracle`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from fractions import Fraction

from tests.money_oracle import (
    PAID_STATES,
    Claim,
    Key,
    Licence,
    Lines,
    Quarter,
    Row,
    Terms,
    Use,
    World,
    claims_in,
    claims_of,
    licences_for,
)

GUARANTEE = "MinimumGuarantee"
GRAIN = Fraction(1, 10**12)  # of a minor unit: the worth of a use is a whole number of these


@dataclass
class Books:
    """Amounts of one period: net amounts by line, shares that no licence permits, and who was charged once."""

    lines: Lines
    outside: set[tuple[str, str, str, str, str, str, str, Fraction]]
    counted: set[tuple[str, str]]
    usages: dict[str, int] = field(default_factory=dict)  # counted under licences with tiers
    unused: dict[tuple[str, str], Fraction] = field(default_factory=lambda: defaultdict(Fraction))  # revenue

    def earned(self, licence: str) -> Fraction:
        """Return the earnings under a licence, guarantees and unmatched revenue apart."""
        kept = [key for key in self.lines if key[6] == licence and key[1] != GUARANTEE and key[2] != "unmatched"]
        return sum((self.lines[key] for key in kept), Fraction(0))


# From reported usage to lines.


def books_of(
    world: World, period: Quarter, counted_before: Iterable[tuple[str, str]], usages_before: Mapping[str, int]
) -> Books:
    """Return the lines of a period as all that is known now has them, guarantees apart."""
    books = Books(defaultdict(Fraction), set(), set(), usages_under(world, period))
    before = set(counted_before)
    for row in sorted(_rows(world, period), key=lambda row: row.used_on or period.last):
        place = (row.track, row.territory)
        first = place not in before | books.counted
        books.counted.add(place)
        _add_revenue(books, world, row, period)
        for use in world.uses.values():
            if use.track == row.track and use.state != "withdrawn":
                _add(books, world, use, row, period, usages_before, first=first)
    _add_pool(books, world, period)
    return books


def usages_under(world: World, period: Quarter) -> dict[str, int]:
    """Return the usages that each licence prices at a rate with tiers: each row once per licence."""
    found: dict[str, int] = defaultdict(int)
    for row in _rows(world, period):
        pricing = {
            licence.id
            for use in world.uses.values()
            if use.track == row.track and use.state != "withdrawn"
            for claim in claims_of(world, use, row.used_on or period.last, row.territory)
            for licence in licences_for(world, use, row.territory, claim)[1]
            if goes_by_tiers(licence, licence.on(use.made_on), row)
        }
        for licence_id in pricing:
            found[licence_id] += row.usages
    return dict(found)


def _rows(world: World, period: Quarter) -> Iterable[Row]:
    """Return the reported rows; without a report, every track of the period counts once in each of its territories."""
    if period in world.reports:
        return [
            row if row.revenue is None else replace(row, revenue=world.converted(row.revenue, row.currency, period))
            for row in world.reports[period]
        ]
    made = [use for use in world.uses.values() if period.first <= use.made_on <= period.last]
    return {Row(use.track, territory, 1) for use in made for territory in use.territories}


def _add(
    books: Books, world: World, use: Use, row: Row, period: Quarter, before: Mapping[str, int], *, first: bool
) -> None:
    of_track = [one for one in world.uses.values() if one.track == use.track and one.state != "withdrawn"]
    part_of_track = use.seconds / sum(one.seconds for one in of_track)
    for claim in claims_of(world, use, row.used_on or period.last, row.territory):
        outcome, licences = licences_for(world, use, row.territory, claim)
        if not licences:
            where = (use.track, use.recording, row.territory)
            books.outside.add((*where, outcome, claim.right, claim.work, claim.party, claim.part / claim.whole))
            continue
        prices = {
            one.id: tiered_price(one, use, row, before.get(one.id, 0), books.usages[one.id])
            * world.converted(1, one.currency, period)
            if goes_by_tiers(one, one.on(use.made_on), row)
            else price(
                one.on(use.made_on), use, row, part_of_track, world.converted(1, one.currency, period), first=first
            )
            for one in licences
        }
        amounts = {one.id: prices[one.id] * _part(one, use, claim) for one in licences}
        licence = max(sorted(licences, key=lambda one: one.id), key=lambda one: amounts[one.id])
        kind = claim.kind if outcome == "licensed" and use.state in PAID_STATES else "held"
        paid = kind == "payable"
        key = (row.territory, claim.right, kind, claim.party if paid else "", use.recording, claim.work, licence.id)
        books.lines[key] += amounts[licence.id] * (1 - licence.on(use.made_on).deduction if paid else 1)
        if goes_by_revenue(licence.on(use.made_on), row):
            books.lines[_unmatched(row, licence)] -= amounts[licence.id]


def _add_revenue(books: Books, world: World, row: Row, period: Quarter) -> None:
    """Let every licence in force account for the whole of its royalty: the rest beside its shares is unmatched."""
    made_on = next(use.made_on for use in world.uses.values() if use.track == row.track)
    accounting = [
        licence
        for licence in world.licences
        if licence.has(made_on)
        and row.territory not in licence.on(made_on).without
        and goes_by_revenue(licence.on(made_on), row)
    ]
    for licence in accounting:
        books.lines[_unmatched(row, licence)] += (licence.on(made_on).royalty or 0) * (row.revenue or 0)
    if not accounting and row.revenue:
        reported = row.revenue / world.converted(1, row.currency, period)
        books.unused[row.territory, row.currency] += reported


def _add_pool(books: Books, world: World, period: Quarter) -> None:
    """Share the pool for training that falls due out among the recordings that are in on the last day."""
    pool = world.pool
    if pool is None or (pool.period == "year" and period.number != 4):
        return
    whole = world.converted(pool.amount, pool.currency, period)
    weights = {
        recording: {"equal": Fraction(1), "seconds": world.lengths[recording], "weights": choice.weight}[pool.division]
        for recording, choice in world.choices.items()
        if choice.is_in
        and (choice.first is None or choice.first <= period.last)
        and (not pool.recordings or recording in pool.recordings)
    }
    rest = whole
    for recording, weight in weights.items():
        part = whole * weight / sum(weights.values()) if weight else Fraction(0)
        for claim in claims_in(world, recording, pool.rights, period.last):
            amount = part * pool.rights[claim.right] * claim.part
            party = claim.party if claim.kind == "payable" else ""
            books.lines[pool.territory, claim.right, claim.kind, party, recording, claim.work, pool.id] += amount
            rest -= amount
    books.lines[pool.territory, "", "unmatched", "", "", "", pool.id] += rest


def _unmatched(row: Row, licence: Licence) -> Key:
    return (row.territory, "", "unmatched", "", "", "", licence.id)


def _part(licence: Licence, use: Use, claim: Claim) -> Fraction:
    return licence.on(use.made_on).rights[claim.right] * claim.part


def goes_by_revenue(terms: Terms, row: Row) -> bool:
    """Return whether a licence takes a part of revenue: it has no rate by the second, and revenue is reported."""
    return terms.per_second is None and terms.royalty is not None and row.revenue is not None


def price(terms: Terms, use: Use, row: Row, part_of_track: Fraction, exchange: Fraction, *, first: bool) -> Fraction:
    """Return the price of a licence for a use in a territory: by the second, by revenue, or by the match."""
    if goes_by_revenue(terms, row):
        return (terms.royalty or 0) * (row.revenue or 0) * part_of_track
    times = row.usages if terms.per_usage else int(first)
    rate = terms.per_second * use.seconds if terms.per_second is not None else terms.per_match
    assert rate is not None
    return round(rate * times * exchange / GRAIN) * GRAIN


def goes_by_tiers(licence: Licence, terms: Terms, row: Row) -> bool:
    """Return whether a licence prices a use by a rate that has tiers."""
    by_rate = not goes_by_revenue(terms, row)
    return by_rate and licence.tiered == ("per_match" if terms.per_second is None else "per_second")


def tiered_price(licence: Licence, use: Use, row: Row, before: int, usages: int) -> Fraction:
    """Return a use's part of the cost of all usages, at the mean of their rates, counted from `before`."""
    terms = licence.on(use.made_on)
    own = terms.per_match if terms.per_second is None else terms.per_second
    cost, counted = Fraction(0), before
    for at, (start, rate) in enumerate(steps := ((0, own or Fraction(0)), *terms.tiers)):
        end = steps[at + 1][0] if at + 1 < len(steps) else before + usages
        inside = max(0, min(end, before + usages) - max(start, counted))
        cost, counted = cost + inside * rate, counted + inside
    mean = cost / usages if usages else Fraction(0)
    return mean * row.usages * (1 if terms.per_second is None else use.seconds)


# From periods to accounts.


def all_books(world: World, stated: Iterable[Quarter], closed: Mapping[Quarter, Books] | None = None) -> list[Books]:
    """Return the present books of periods, in order of statement; closed periods keep their books."""
    periods = list(stated)
    found: list[Books] = []
    counted: set[tuple[str, str]] = set()
    for period in periods:
        before = {
            licence.id: _usages_before(licence, period, zip(periods, found, strict=False)) for licence in world.licences
        }
        books = (closed or {}).get(period) or books_of(world, period, counted, before)
        counted |= books.counted
        found.append(books)
    for period, books in zip(periods, found, strict=True):
        if period not in (closed or {}):
            for licence in world.licences:
                missing = _guaranteed(world, licence, period) - sum(
                    (b.earned(licence.id) for p, b in zip(periods, found, strict=True) if _counts(licence, p, period)),
                    Fraction(0),
                )
                if missing > 0:
                    key = ("Worldwide", GUARANTEE, "payable", licence.licensor, "", "", licence.id)
                    books.lines[key] = missing
    return found


def _usages_before(licence: Licence, period: Quarter, stated: Iterable[tuple[Quarter, Books]]) -> int:
    """Return the usages that earlier statements of the same span count under a licence."""
    found = 0
    for one, books in stated:
        is_year = licence.tiers_period == "year" and one.year == period.year
        if licence.tiers_period == "term" or is_year or (licence.tiers_period == "quarter" and one == period):
            found += books.usages.get(licence.id, 0)
    return found


def _guaranteed(world: World, licence: Licence, period: Quarter) -> Fraction:
    """Return the guarantee of the span that ends with a period, in proportion to the days in force."""
    if licence.guarantee is None or not (days := _span(licence, period)):
        return Fraction(0)
    in_force = [day for day in days if licence.has(day)]
    if not in_force or not period.first <= in_force[-1] <= period.last:
        return Fraction(0)
    part = Fraction(licence.guarantee[0] * len(in_force), len(days))
    return round(world.converted(part, licence.currency, period) / GRAIN) * GRAIN


def _span(licence: Licence, period: Quarter) -> list[date]:
    """Return the days of the quarter or year of a guarantee."""
    if licence.guarantee is None:
        return []
    is_year = licence.guarantee[1] == "year"
    first, last = (date(period.year, 1, 1), date(period.year, 12, 31)) if is_year else (period.first, period.last)
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _counts(licence: Licence, one: Quarter, due: Quarter) -> bool:
    """Return whether the earnings of a period count for the guarantee that is due in another, or in the same."""
    return one == due or (one.last in _span(licence, due) and licence.has(one.last))


def due_to_date(world: World, stated: Iterable[Quarter], books: Iterable[Books]) -> dict[str, Fraction]:
    """Return the amount due to each party for all periods, less recouped advances; before any payment."""
    due: dict[str, Fraction] = defaultdict(Fraction)
    pairs = list(zip(stated, books, strict=True))
    for _, one in pairs:
        for key, net in one.lines.items():
            if key[2] == "payable":
                due[key[3]] += net
    for licence in world.licences:
        due[licence.licensor] -= recouped_to_date(licence, pairs)
    return due


def recouped_to_date(licence: Licence, pairs: Iterable[tuple[Quarter, Books]]) -> Fraction:
    """Return the recouped amount of an advance: all of it, or the agreed part of all earnings if that is less."""
    if licence.advance is None:
        return Fraction(0)
    amount, paid_on, part = licence.advance
    earned = sum(
        (
            net
            for period, books in pairs
            if period.last >= paid_on
            for key, net in books.lines.items()
            if key[2] == "payable" and key[3] == licence.licensor and key[6] == licence.id
        ),
        Fraction(0),
    )
    return max(Fraction(0), min(Fraction(amount), part * earned))


def payment(due: Fraction, minimum: int) -> int:
    """Return the payment for an amount due: whole minor units, halves up; nothing below the minimum payout."""
    return int(due + Fraction(1, 2)) if due > 0 and due >= minimum else 0
