"""Usages counted under a licence, and their rates where these change with the number of usages.

A usage of a track counts once under a licence, however many uses, rights and shares the licence pays for it. Usages
below the first tier are at the rate card's own rate, those between two tiers at the rate of the lower one. Usages of
one statement have no order among themselves: each is at the mean of all of them.

A statement counts in the span that has its last day, after all statements of that span that were issued before it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from sourceprint.royalties.deals.spans import calendar_span
from sourceprint.royalties.money import Amount, Whole, amount_text
from sourceprint.royalties.rate_tiers import RATES
from sourceprint.royalties.rights.licences import Licence, RateCard

__all__ = [
    "RateStep",
    "TierPart",
    "TieredPot",
    "counted_under",
    "mean_rate",
    "numbered_usages",
    "rate_steps",
    "same_span",
    "schedule_of",
    "span_text",
    "steps_text",
    "usages_before",
]

Schedule = tuple[tuple[int, Fraction], ...]
"""Number of usages before each rate, from 0 on, and the rate in minor units."""


@dataclass(frozen=True, slots=True)
class RateStep:
    """Number of usages at a rate, in minor units of the licence's currency."""

    usages: Whole
    rate: Fraction


@dataclass(frozen=True, slots=True)
class TierPart:
    """Part of a pot for one use in one territory.

    Attributes
    ----------
    use_id, territory : str
    used_on : str
        YYYY-MM-DD, the day of these usages; "" where they are reported for the period as a whole.
    usages : int
    amount : Amount
    """

    use_id: str
    territory: str
    used_on: str
    usages: Whole
    amount: Amount


@dataclass(frozen=True, slots=True)
class TieredPot:
    """Amount of one licence in a statement for all uses at one of its rates with tiers.

    Attributes
    ----------
    licence_id : str
    currency : str
        Currency of the rates.
    method : str
        `matched-seconds`: the mean rate x usages x attributed seconds; `fixed-fee`: the mean rate x usages.
    span : str
        Span over which usages are counted, in words; "" for the statement alone.
    before, usages : int
        Usages counted under the licence in earlier statements of the span, and in this one.
    steps : tuple of RateStep
        Usages of this statement by rate, the first ones first.
    amount : Amount
        In the currency of the statement; the sum of the parts.
    parts : tuple of TierPart
        By territory, track and use.
    """

    licence_id: str
    currency: str
    method: str
    span: str
    before: Whole
    usages: Whole
    steps: tuple[RateStep, ...]
    amount: Amount
    parts: tuple[TierPart, ...]


def schedule_of(card: RateCard, method: str) -> Schedule:
    """Return the rates of a method under a rate card, by usages before them; empty if no tier changes them."""
    key = RATES[method == "fixed-fee"]
    own = getattr(card, key)
    tiers = [(tier.from_usages, rate) for tier in card.tiers if (rate := getattr(tier, key)) is not None]
    return ((0, own), *tiers) if tiers and own is not None else ()


def rate_steps(schedule: Schedule, before: int, usages: int) -> tuple[RateStep, ...]:
    """Return the steps of rates for usages that come after `before` others.

    Examples
    --------
    >>> ten_then_eight = ((0, Fraction(10)), (1000, Fraction(8)))
    >>> [(step.usages, int(step.rate)) for step in rate_steps(ten_then_eight, 700, 500)]
    [(300, 10), (200, 8)]
    """
    ends = [start for start, _ in schedule[1:]] + [before + usages]
    steps = []
    for (start, rate), end in zip(schedule, ends, strict=True):
        inside = min(end, before + usages) - max(start, before)
        if inside > 0:
            steps.append(RateStep(inside, rate))
    return tuple(steps)


def mean_rate(steps: Sequence[RateStep]) -> Fraction:
    """Return the mean rate of usages, in minor units; 0 without usages."""
    usages = sum(step.usages for step in steps)
    return sum((step.usages * step.rate for step in steps), Fraction(0)) / usages if usages else Fraction(0)


def steps_text(pot: TieredPot) -> str:
    """Return the usages of a pot by rate, in words, such as "1500 usages: 1000 at 0.01 EUR, 500 at 0.008 EUR".

    Usages of a span have their numbers in its count: "usages 1 to 1500 in 2026-07-01 to 2026-09-30: 1000 at ...".
    """
    steps = ", ".join(f"{step.usages} at {amount_text(step.rate, pot.currency)}" for step in pot.steps)
    usages = f"{numbered_usages(pot.before, pot.usages)} {pot.span}" if pot.span else f"{pot.usages} usages"
    return usages + (f": {steps}" if steps else "")


def numbered_usages(before: int, usages: int) -> str:
    """Return in words the numbers of usages in the count of a span, given the number before them.

    Examples
    --------
    >>> numbered_usages(151, 77), numbered_usages(0, 1), numbered_usages(300, 0)
    ('usages 152 to 228', 'usage 1', 'no usages after the first 300')
    """
    if usages == 0:
        return f"no usages after the first {before}" if before else "no usages"
    return f"usage {before + 1}" if usages == 1 else f"usages {before + 1} to {before + usages}"


def same_span(period: str, day: date, other: date) -> bool:
    """Return whether statements with these last days count together, for a `tiers_period` of a rate card."""
    if period in ("statement", "term"):
        return period == "term"
    return calendar_span(period, day) == calendar_span(period, other)


def span_text(period: str, day: date) -> str:
    """Return in words the span in which a statement with this last day counts."""
    if period in ("statement", "term"):
        return "" if period == "statement" else "in the term of the licence"
    first, last = calendar_span(period, day)
    return f"in {first} to {last}"


def counted_under(pots: Iterable[TieredPot]) -> dict[str, int]:
    """Return the usages that a statement counts, by licence."""
    return {pot.licence_id: pot.usages for pot in pots}


def usages_before(
    licences: Mapping[str, Licence], day: date, earlier: Iterable[tuple[date, Mapping[str, int]]]
) -> dict[str, int]:
    """Return the number of usages that count before those of a statement, by licence with tiers.

    Parameters
    ----------
    day : date
        Last day of the statement.
    earlier : iterable of (date, mapping)
        Last day of each earlier statement, and the usages that it counts by licence.
    """
    found = {licence_id: 0 for licence_id, licence in licences.items() if licence.rate_card.tiers}
    for last, counted in earlier:
        for licence_id in found.keys() & counted.keys():
            if same_span(licences[licence_id].rate_card.tiers_period, day, last):
                found[licence_id] += counted[licence_id]
    return found
