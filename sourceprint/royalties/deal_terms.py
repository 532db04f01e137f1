"""Terms of deals beyond rates, as keys of a licence: guarantee, advance, pool for training, audit window."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Annotated

from sourceprint.royalties.licence_keys import AMOUNT, DAY, IDS, PERCENT, TERRITORY
from sourceprint.toml_documents import TomlTable, one_of, table, whole_number
from sourceprint.toml_faults import Place

__all__ = ["NO_DEAL", "Advance", "DealTerms", "Guarantee", "Pool"]

_WHOLE = 1_000_000
_PERIOD = one_of(("month", "quarter", "year", "term"))


@dataclass(frozen=True, slots=True)
class Guarantee(TomlTable):
    """Least amount that is earned under a licence in each period; the licensor gets the shortfall.

    Attributes
    ----------
    amount : int
        Minor units.
    period : str
        month, quarter, year or term.
    """

    amount: Annotated[int, AMOUNT]
    period: Annotated[str, _PERIOD]


@dataclass(frozen=True, slots=True)
class Advance(TomlTable):
    """Amount paid to the licensor in advance, and recouped from payable amounts under the licence.

    Attributes
    ----------
    amount : int
        Minor units.
    paid_on : date
        Day of payment, outside of any statement; recoupment begins with the period of this day.
    recoup_millionths : int
        Part of the payable amounts that goes to recoupment.
    recoup_from : tuple of str
        Parties; empty is the licensor, and the parties that the scope names.
    """

    amount: Annotated[int, AMOUNT]
    paid_on: Annotated[date, DAY]
    recoup_millionths: Annotated[int, PERCENT.but(name="recoup", stated=True)] = _WHOLE
    recoup_from: Annotated[tuple[str, ...], IDS] = ()

    def flaws(self) -> Iterator[tuple[Place, str]]:
        """Yield the fault of an advance that is never recouped."""
        if not self.recoup_millionths:
            yield ("recoup",), ": is 0 %, which recoups nothing; leave [advance] out"


@dataclass(frozen=True, slots=True)
class Pool(TomlTable):
    """Amount that a licence for training pays over the opted-in catalogue, without matches.

    Attributes
    ----------
    amount : int
        Minor units for each period.
    period : str
        month, quarter, year or term.
    division : str
        equal, seconds or weights.
    territory : str
        Where the training takes place: a country code or "Worldwide"; in a file it may be left out where the licence
        holds in one territory alone.
    """

    amount: Annotated[int, AMOUNT.but(name="pool")]
    period: Annotated[str, _PERIOD]
    division: Annotated[str, one_of(("equal", "seconds", "weights"))]
    territory: Annotated[str, TERRITORY] = ""


@dataclass(frozen=True, slots=True)
class DealTerms(TomlTable):
    """Terms beyond rates, keys at the top of a licence; each may be absent.

    Attributes
    ----------
    guarantee : Guarantee or None
    advance : Advance or None
    training : Pool or None
    audit_window_months : int or None
        None never closes a period.
    """

    guarantee: Annotated[Guarantee | None, table(Guarantee).but(fixed=True)] = None
    advance: Annotated[Advance | None, table(Advance).but(fixed=True)] = None
    training: Annotated[Pool | None, table(Pool).but(fixed=True)] = None
    audit_window_months: Annotated[int | None, whole_number(0, 1200).but(fixed=True)] = None


NO_DEAL = DealTerms()
