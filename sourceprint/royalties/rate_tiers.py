"""Rates that change with volume: tiers of a rate card, each with its rates for usages above a number."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated

from sourceprint.royalties.licence_keys import RATE
from sourceprint.toml_documents import TomlTable, one_of, tables, whole_number
from sourceprint.toml_faults import Place

__all__ = ["RATES", "TIERS", "TIER_PERIOD", "TIER_PERIODS", "Tier"]

RATES = ("per_second", "per_match")
"""Rates of a rate card that tiers may change."""

TIER_PERIODS = ("statement", "month", "quarter", "year", "term")
"""Over which usages are counted."""

_MAX_USAGES = 2**63 - 1
_MAX_TIERS = 100


@dataclass(frozen=True, slots=True)
class Tier(TomlTable):
    """Rates for the usages of a period after the first `from_usages`, up to the next tier.

    Attributes
    ----------
    from_usages : int
        Number of usages before the tier, at least 1.
    per_second, per_match : Fraction or None
        In minor units of the rate card's currency; None keeps the rate below the tier.
    """

    from_usages: Annotated[
        int, whole_number(1, _MAX_USAGES, reason="usages below the first tier go at the rate card's own rate")
    ]
    per_second: Annotated[Fraction | None, RATE] = None
    per_match: Annotated[Fraction | None, RATE] = None

    @property
    def rates(self) -> tuple[str, ...]:
        """Rates that change."""
        return tuple(key for key in RATES if getattr(self, key) is not None)

    def flaws(self) -> Iterator[tuple[Place, str]]:
        """Yield the fault of a tier that changes nothing."""
        if not self.rates:
            yield (), f": has no rate; write {' or '.join(RATES)}"


TIERS = tables(Tier, least=1, most=_MAX_TIERS).but(fixed=True)
TIER_PERIOD = one_of(TIER_PERIODS).but(fixed=True)
