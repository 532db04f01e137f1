"""Rates that change with volume, as keys of a rate card.

    [rate_card]
    per_second = "0.010"              # below the first tier
    tiers_period = "quarter"          # what counts: statement, month, quarter, year, term

    [[rate_card.tiers]]
    from_usages = 1000                # usages above 1000 in the quarter; those before keep their rate
    per_second = "0.008"              # per_match alike; a rate that is left out stays as it was

In come tables of TOML; out come `Tier`s, and from them the same tables again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any

from fingerprint.errors import ParameterError, printable
from sourceprint.toml_faults import Faults

__all__ = ["RATES", "TIER_KEYS", "Tier", "tier_documents", "tier_period", "tiers_of"]

TIER_KEYS = ("tiers_period", "tiers")
"""Keys of a rate card that are read here."""

RATES = ("per_second", "per_match")
"""Rates of a rate card that tiers may change."""

_PERIODS = ("statement", "month", "quarter", "year", "term")
_KEYS = ("from_usages", *RATES)
_MAX_USAGES = 2**63 - 1
_MAX_TIERS = 100


@dataclass(frozen=True, slots=True)
class Tier:
    """Rates for all usages after the first so many of a period.

    Attributes
    ----------
    from_usages : int
        How many usages come before, at least 1.
    per_second, per_match : Fraction or None
        In minor units of the rate card's currency; None leaves the rate as it is below.
    """

    from_usages: int
    per_second: Fraction | None = None
    per_match: Fraction | None = None


def tiers_of(
    card: Mapping[str, Any], faults: Faults, *, rate: Callable[[Any, str], Fraction], per_usage: bool
) -> tuple[Tier, ...]:
    """Return the tiers of a rate card, empty where it has none; faults are noted.

    Parameters
    ----------
    card : mapping
        The table `[rate_card]`.
    faults : Faults
    rate : callable
        Reads a rate, with what messages call it.
    per_usage : bool
        Whether rates count once per usage.
    """
    if "tiers" not in card:
        return ()
    place = ("rate_card", "tiers")
    value = card["tiers"]
    if not isinstance(value, list) or not 0 < len(value) <= _MAX_TIERS:
        faults.note(f"rate_card.tiers: must be 1 to {_MAX_TIERS} tables, each headed [[rate_card.tiers]]", *place)
        return ()
    if not per_usage:
        faults.note("rate_card.tiers: count usages, and per_usage = false counts none; leave one of them out", *place)
    if "tiers_period" not in card:
        faults.note(f"rate_card.tiers_period is missing; write one of {', '.join(_PERIODS)}", *place)
    tiers: list[Tier] = []
    for number, table in enumerate(value):
        what, before = f"rate_card.tiers, number {number + 1}", tiers[-1].from_usages if tiers else 0
        tier = faults.of(partial(_tier, table, what, card, rate, before), *place, number)
        if tier is not None:
            tiers.append(tier)
    return tuple(tiers)


def tier_period(value: Any, what: str) -> str:
    """Return the period over which usages are counted.

    Raises
    ------
    ParameterError
        If there is no such period.
    """
    if value not in _PERIODS:
        raise ParameterError(f"{what} {value!r:.40}: write one of {', '.join(_PERIODS)}")
    return str(value)


def tier_documents(tiers: Sequence[Tier], text: Callable[[Fraction], str]) -> list[dict[str, Any]]:
    """Return tiers as the plain tables that `tiers_of` reads; `text` writes a rate."""
    return [
        {
            "from_usages": tier.from_usages,
            **{key: text(rate) for key in RATES if (rate := getattr(tier, key)) is not None},
        }
        for tier in tiers
    ]


def _tier(table: Any, what: str, card: Mapping[str, Any], rate: Callable[[Any, str], Fraction], before: int) -> Tier:
    if not isinstance(table, dict):
        raise ParameterError(f"{what}: must be a table, headed [[rate_card.tiers]], is {table!r:.60}")
    for key in table:
        if key not in _KEYS:
            hint = "; tiers are in the currency of the rate card" if key == "currency" else ""
            shown = printable(str(key)[:60])
            raise ParameterError(f"{what}: {shown}: there is no such key; known are {', '.join(_KEYS)}{hint}")
    start = table.get("from_usages")
    if not isinstance(start, int) or isinstance(start, bool) or not 0 < start <= _MAX_USAGES:
        shown = "is missing" if start is None else f"{start!r:.40}"
        raise ParameterError(
            f"{what}: from_usages {shown}: must be a whole number from 1 to {_MAX_USAGES}; usages below the first tier "
            "go at the rate card's own rate"
        )
    if start <= before:
        raise ParameterError(f"{what}: from_usages {start}: must be above {before}, that of the tier before; sort them")
    rates = {key: rate(table[key], f"{what}: {key}") for key in RATES if key in table}
    if not rates:
        raise ParameterError(f"{what}: has no rate; write {' or '.join(RATES)}")
    for key in rates:
        if key not in card:
            raise ParameterError(f"{what}: {key}: the rate card has no {key} for usages below the first tier; add it")
    return Tier(start, **rates)
