"""Price uses at rates that change with volume: a licence's amount for all its usages, shared out among uses.

Tiers need the number of all usages that a licence prices in the statement, so this comes after every use has its
licences. Each use is priced at the mean rate of them all, exactly: the amount of all uses together is a pot, in whole
10**-12 minor units, that is shared out by usages, and attributed time where the rate is by the second. So the parts sum
to it, and no order of tracks or territories decides which use is below a tier.

Usages count where a share of any of their uses is priced by a rate with tiers, held ones included; once per licence,
track, territory and day.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from fingerprint.errors import printable
from sourceprint.royalties.deals.volumes import (
    RateStep,
    Schedule,
    TieredPot,
    TierPart,
    mean_rate,
    rate_steps,
    schedule_of,
    span_text,
    steps_text,
)
from sourceprint.royalties.money import Amount, amount_text, shares_of
from sourceprint.royalties.periods import Period
from sourceprint.royalties.rights.licences import Licence
from sourceprint.royalties.statements.amounts.allocation import PricedUse
from sourceprint.royalties.statements.amounts.exchange import Converter, amounts_of
from sourceprint.royalties.statements.amounts.weights import seconds
from sourceprint.royalties.uses.use import Use

__all__ = ["pot_weight", "whole_pot", "with_tiers"]

_PotKey = tuple[str, str, Schedule]
_UsageKey = tuple[str, str, str]


@dataclass(slots=True)
class _Count:
    """Counts of one licence by rates with tiers: usages by track, territory and day; places of uses by pot."""

    usages: dict[_UsageKey, int] = field(default_factory=dict)
    pots: dict[_PotKey, list[int]] = field(default_factory=dict)


def with_tiers(
    priced: Iterable[PricedUse],
    licences: Mapping[str, Licence],
    before: Mapping[str, int],
    *,
    period: Period,
    converter: Converter,
) -> tuple[Iterable[PricedUse], tuple[TieredPot, ...]]:
    """Return priced uses with allotments by rates with tiers, and the pots that these are parts of.

    Parameters
    ----------
    priced : iterable of PricedUse
        Of all territories.
    licences : mapping of str to Licence
        Of the licensee.
    before : mapping of str to int
        Usages that were counted under each licence in earlier statements of its span.
    period : Period
    converter : Converter
        To the currency of the statement.
    """
    if not any(licence.rate_card.tiers for licence in licences.values()):
        return priced, ()
    found = list(priced)
    counts: dict[str, _Count] = {}
    for at, one in enumerate(found):
        for licence_id, allotment in one.allotments.items():
            schedule = schedule_of(allotment.terms.rate_card, allotment.method) if allotment.by_rate else ()
            if schedule and one.use is not None:
                count = counts.setdefault(licence_id, _Count())
                count.usages[one.use.track_sha256, one.territory, _used_on(one)] = one.usages
                count.pots.setdefault((licence_id, allotment.method, schedule), []).append(at)
    pots = []
    for licence_id, count in sorted(counts.items()):
        card = licences[licence_id].rate_card
        usages = sum(count.usages.values())
        for (_, method, schedule), places in sorted(count.pots.items()):
            steps = rate_steps(schedule, before.get(licence_id, 0), usages)
            weights = {at: pot_weight(method, use.attributed_us, found[at].usages) for at, use in _uses(found, places)}
            whole = whole_pot(steps, sum(weights.values(), Fraction(0)), card.currency, converter)
            with amounts_of(f"tiers of licence {printable(licence_id)}, {usages} usages"):
                amounts = shares_of(whole, converter.currency, weights)
            pot = TieredPot(
                licence_id=licence_id,
                currency=card.currency,
                method=method,
                span=span_text(card.tiers_period, period.end),
                before=before.get(licence_id, 0),
                usages=usages,
                steps=steps,
                amount=Amount.nearest(whole, converter.currency),
                parts=tuple(
                    TierPart(use.id, found[at].territory, _used_on(found[at]), found[at].usages, amounts[at])
                    for at, use in _uses(found, places)
                ),
            )
            for (at, use), part in zip(_uses(found, places), pot.parts, strict=True):
                changed = replace(
                    found[at].allotments[licence_id], amount=part.amount, basis=_basis(pot, part, use, converter)
                )
                found[at] = replace(found[at], allotments={**found[at].allotments, licence_id: changed})
            pots.append(pot)
    return found, tuple(pots)


def pot_weight(method: str, attributed_us: int, usages: int) -> Fraction:
    """Return how often a use pays a rate: once per usage, and per attributed second where the rate is by the second."""
    return Fraction(usages) if method == "fixed-fee" else Fraction(usages * attributed_us, 1_000_000)


def whole_pot(steps: tuple[RateStep, ...], weight: Fraction, currency: str, converter: Converter) -> Fraction:
    """Return the amount of uses of a total weight at the mean rate, in minor units of the statement's currency."""
    return converter.convert(mean_rate(steps) * weight, currency)


def _uses(priced: list[PricedUse], places: Iterable[int]) -> list[tuple[int, Use]]:
    return [(at, use) for at in places if (use := priced[at].use) is not None]


def _used_on(priced: PricedUse) -> str:
    return priced.shares_on.isoformat() if priced.is_day_of_usage else ""


def _basis(pot: TieredPot, part: TierPart, use: Use, converter: Converter) -> str:
    """Return how a part came about, with the numbers put in."""
    rate = amount_text(mean_rate(pot.steps), pot.currency)
    each = f"{rate} per match" if pot.method == "fixed-fee" else f"{rate} per second x {seconds(use.attributed_us)} s"
    day = f" on {part.used_on}" if part.used_on else ""
    counted = f" x {part.usages} usages{day}{converter.basis(pot.currency)} ({pot.licence_id})"
    return f"{each}{counted}, the mean of {steps_text(pot)}"
