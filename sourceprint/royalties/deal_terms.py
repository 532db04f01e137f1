"""Terms of deals beyond rates, as keys of a licence: guarantee, advance, pool for training, audit window.

    audit_window_months = 24          # top of the file: how long after its issue a statement is computed again

    [guarantee]
    amount = "10000.00"               # at least this is earned in each period, or the licensor gets the rest
    period = "quarter"                # month, quarter, year, term

    [advance]
    amount = "50000.00"               # paid to the licensor on a day, outside of any statement
    paid_on = 2026-01-15
    recoup = "100 %"                  # part of what is payable that goes to recoupment; left out: all
    recoup_from = ["P-LABEL"]         # left out: the licensor, and the parties of the scope

    [training]
    pool = "10000.00"                 # paid over the opted-in catalogue, no match needed
    period = "quarter"
    division = "equal"                # equal, seconds, weights
    territory = "DE"                  # where the training takes place; left out: the licence's only one

In come tables of TOML; out come `DealTerms`, and from them the same tables again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeVar

from fingerprint.errors import ParameterError, printable
from sourceprint.royalties.money import format_amount, format_percent, parse_amount, parse_percent
from sourceprint.royalties.periods import parse_date
from sourceprint.royalties.territories import validate_territory
from sourceprint.toml_faults import Faults

__all__ = [
    "DEAL_KEYS",
    "NO_DEAL",
    "Advance",
    "DealTerms",
    "Guarantee",
    "Pool",
    "deal_document",
    "deal_terms",
]

DEAL_KEYS = ("audit_window_months", "guarantee", "advance", "training")
"""Keys at the top of a licence that are read here."""

PERIODS = ("month", "quarter", "year", "term")
DIVISIONS = ("equal", "seconds", "weights")

T = TypeVar("T")

_WHOLE = 1_000_000
_MAX_MONTHS = 1200
_MAX_ID = 512


@dataclass(frozen=True, slots=True)
class Guarantee:
    """What is earned at least under a licence in each period; `amount` in minor units, `period` of `PERIODS`."""

    amount: int
    period: str


@dataclass(frozen=True, slots=True)
class Advance:
    """What was paid to the licensor in advance, and is recouped from what is payable under the licence.

    Attributes
    ----------
    amount : int
        Minor units.
    paid_on : date
        It was paid on this day, and not by a statement; recoupment begins with the period that this day lies in.
    recoup_millionths : int
        The part of what is payable that goes to recoupment.
    recoup_from : tuple of str
        Parties; empty is the licensor, and the parties that the scope names.
    """

    amount: int
    paid_on: date
    recoup_millionths: int = _WHOLE
    recoup_from: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pool:
    """What a licence for training pays over the opted-in catalogue.

    Attributes
    ----------
    amount : int
        Minor units for each period.
    period : str
        Of `PERIODS`.
    division : str
        Of `DIVISIONS`.
    territory : str
        Where the training takes place: a country code or "Worldwide".
    """

    amount: int
    period: str
    division: str
    territory: str


@dataclass(frozen=True, slots=True)
class DealTerms:
    """Terms beyond rates; each may be absent.

    Attributes
    ----------
    guarantee : Guarantee or None
    advance : Advance or None
    training : Pool or None
    audit_window_months : int or None
        None never closes a period.
    """

    guarantee: Guarantee | None = None
    advance: Advance | None = None
    training: Pool | None = None
    audit_window_months: int | None = None


NO_DEAL = DealTerms()


def deal_terms(
    table: Mapping[str, Any],
    faults: Faults,
    *,
    currency: str,
    valid_to: date | None,
    territories: tuple[str, ...],
    purposes: tuple[str, ...],
) -> DealTerms:
    """Return the terms that the keys of `DEAL_KEYS` in a licence's table say; faults are noted, one a table.

    Parameters
    ----------
    table : mapping
        The whole licence; other keys are passed over.
    faults : Faults
    currency : str
        Of the rate card.
    valid_to : date or None
        Last day of the licence.
    territories : tuple of str
        Where the licence holds: one code, or several, of which none is taken for that of the training.
    purposes : tuple of str
        Of the licence.
    """

    def read(key: str, reader: Callable[[Any], T]) -> T | None:
        return faults.of(lambda: reader(table[key]), key) if key in table else None

    def period(inside: Mapping[str, Any], what: str) -> str:
        kind = _one_of(PERIODS, inside["period"], f"{what}.period")
        if kind == "term" and valid_to is None:
            raise ParameterError(f"{what}.period term: the licence has no last day; write valid_to, or another period")
        return kind

    def guarantee(value: Any) -> Guarantee:
        inside = _keys(value, "guarantee", ("amount", "period"))
        return Guarantee(_amount(inside["amount"], currency, "guarantee.amount"), period(inside, "guarantee"))

    def advance(value: Any) -> Advance:
        inside = _keys(value, "advance", ("amount", "paid_on"), ("recoup", "recoup_from"))
        recoup = parse_percent(_text(inside.get("recoup", "100 %"), "advance.recoup"), what="advance.recoup")
        if not recoup:
            raise ParameterError("advance.recoup: is 0 %, which recoups nothing; leave [advance] out")
        return Advance(
            _amount(inside["amount"], currency, "advance.amount"),
            _day(inside["paid_on"], "advance.paid_on"),
            recoup,
            _ids(inside.get("recoup_from", []), "advance.recoup_from"),
        )

    def training(value: Any) -> Pool:
        inside = _keys(value, "training", ("pool", "period", "division"), ("territory",))
        if "train" not in purposes:
            raise ParameterError('training: purposes lack "train"; add it, or leave [training] out')
        where = inside.get("territory", territories[0] if len(territories) == 1 else None)
        if where is None:
            raise ParameterError(
                "training.territory is missing, and the licence holds in several; write where the training takes place"
            )
        return Pool(
            _amount(inside["pool"], currency, "training.pool"),
            period(inside, "training"),
            _one_of(DIVISIONS, inside["division"], "training.division"),
            validate_territory(_text(where, "training.territory")),
        )

    return DealTerms(
        guarantee=read("guarantee", guarantee),
        advance=read("advance", advance),
        training=read("training", training),
        audit_window_months=read("audit_window_months", _months),
    )


def deal_document(terms: DealTerms, currency: str) -> dict[str, Any]:
    """Return terms as the plain tables that `deal_terms` reads; what is absent is left out."""
    document: dict[str, Any] = {}
    if terms.audit_window_months is not None:
        document["audit_window_months"] = terms.audit_window_months
    if (one := terms.guarantee) is not None:
        document["guarantee"] = {"amount": format_amount(one.amount, currency), "period": one.period}
    if (advance := terms.advance) is not None:
        document["advance"] = {
            "amount": format_amount(advance.amount, currency),
            "paid_on": advance.paid_on.isoformat(),
            "recoup": format_percent(advance.recoup_millionths),
            **({"recoup_from": list(advance.recoup_from)} if advance.recoup_from else {}),
        }
    if (pool := terms.training) is not None:
        document["training"] = {
            "pool": format_amount(pool.amount, currency),
            "period": pool.period,
            "division": pool.division,
            "territory": pool.territory,
        }
    return document


def _keys(value: Any, what: str, needed: tuple[str, ...], others: tuple[str, ...] = ()) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ParameterError(f"{what}: must be a table, is {value!r:.60}")
    for key in value:
        if key not in needed + others:
            raise ParameterError(
                f"{what}: {printable(str(key)[:60])}: there is no such key; known are {', '.join(needed + others)}"
            )
    if missing := [key for key in needed if key not in value]:
        raise ParameterError(f"{what}: {missing[0]} is missing")
    return value


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise ParameterError(f"{what} {value!r:.60}: write it as text, in quotes, so that it is read exactly")
    return value


def _amount(value: Any, currency: str, what: str) -> int:
    amount = parse_amount(_text(value, what), currency, what=what)
    if amount <= 0:
        raise ParameterError(f"{what} {printable(str(value)[:40])}: must be more than nothing")
    return amount


def _one_of(words: tuple[str, ...], value: Any, what: str) -> str:
    if value not in words:
        raise ParameterError(f"{what} {value!r:.40}: write one of {', '.join(words)}")
    return str(value)


def _day(value: Any, what: str) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    return parse_date(_text(value, what), what=what)


def _ids(value: Any, what: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) and 0 < len(one) <= _MAX_ID for one in value):
        raise ParameterError(f'{what}: must be a list of ids, as in ["P-1", "P-2"], is {value!r:.60}')
    return tuple(sorted(set(value)))


def _months(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MAX_MONTHS:
        raise ParameterError(f"audit_window_months {value!r:.40}: must be a whole number from 0 to {_MAX_MONTHS}")
    return value
