"""Keys of licences whose values are ids, days, percentages, durations and money.

Decimal numbers are text, and exact.
"""

from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from functools import partial
from typing import Any

from fingerprint.errors import ParameterError, printable
from sourceprint.royalties.decimals import decimal_text
from sourceprint.royalties.money import (
    LIMIT_MINOR,
    currency_exponent,
    format_amount,
    parse_amount,
    parse_decimal,
    validate_currency,
)
from sourceprint.royalties.percentages import format_percent, parse_percent
from sourceprint.royalties.periods import parse_date
from sourceprint.royalties.territories import validate_territory
from sourceprint.toml_documents import Key, Location

__all__ = [
    "AMOUNT",
    "CURRENCY",
    "DAY",
    "ID",
    "IDS",
    "MINIMUM",
    "PERCENT",
    "RATE",
    "SECONDS",
    "TERRITORY",
    "WrittenNumber",
]

_MAX_ID = 512
_MAX_MS = 10**12
_MAX_RATE_DECIMALS = 30  # finer rates are refused, so that every rate has a finite text


@dataclass(frozen=True, slots=True)
class WrittenNumber:
    """A number with decimals that was written without quotes; it is refused wherever it stands."""

    text: str

    def __repr__(self) -> str:
        return self.text


def _text(value: Any, where: Location, example: str) -> str:
    if isinstance(value, str):
        return value
    such = f"such as {example}"
    if isinstance(value, int | WrittenNumber) and not isinstance(value, bool):
        raise ParameterError(f"{where.name} {value}: write it as text, in quotes, {such}, so that it is read exactly")
    raise ParameterError(f"{where.name}: must be text, {such}, is {value!r:.60}")


def _quoted(value: Any) -> str:
    return f"'{printable(str(value)[:60])}'"


def _id(value: Any, where: Location) -> str:
    text = _text(value, where, '"L-1"')
    if not text.strip() or text != text.strip() or len(text) > _MAX_ID or not text.isprintable():
        raise ParameterError(
            f"{where.name} {_quoted(text)}: must have 1 to {_MAX_ID} printable characters, without spaces at its ends"
        )
    return text


def _ids(value: Any, where: Location) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ParameterError(f'{where.name}: must be a list of texts, as in ["one", "two"], is {value!r:.60}')
    return tuple(sorted({_id(item, where) for item in value}))


def _day(value: Any, where: Location) -> date:
    if isinstance(value, datetime):
        raise ParameterError(f"{where.name} {value}: has a time; write the day alone, as in 2026-01-01")
    return value if isinstance(value, date) else parse_date(_text(value, where, "2026-01-01"), what=where.name)


def _milliseconds(value: Any, where: Location) -> int:
    exact = Fraction(parse_decimal(_text(value, where, '"15"'), what=where.name)) * 1000
    if exact.denominator != 1 or not 0 <= exact <= _MAX_MS:
        raise ParameterError(
            f"{where.name} {_quoted(value)}: must be from 0 to {_MAX_MS // 1000} seconds, with at most three decimals"
        )
    return int(exact.numerator)


def _amount(value: Any, where: Location, *, least: int) -> int:
    text = _text(value, where, '"20.00"')
    if not where.currency:
        return int(parse_decimal(text, what=where.name))
    amount = parse_amount(text, where.currency, what=where.name)
    if amount < least:
        limit = "must be more than 0" if least else "must not be negative"
        raise ParameterError(f"{where.name} {_quoted(value)}: {limit}")
    return amount


def _rate(value: Any, where: Location) -> Fraction:
    """Return a rate in minor units; it may be finer than the currency."""
    exact = Fraction(parse_decimal(_text(value, where, '"0.002"'), what=where.name))
    shown = f"{where.name} {_quoted(value)}"
    if exact < 0:
        raise ParameterError(f"{shown}: must not be negative; write 0 or more")
    if 10**_MAX_RATE_DECIMALS % exact.denominator:
        raise ParameterError(f"{shown}: has more than {_MAX_RATE_DECIMALS} decimals; round it")
    minor = Fraction(exact * 10 ** (currency_exponent(where.currency) if where.currency else 0))
    if minor > LIMIT_MINOR:
        raise ParameterError(f"{shown}: beyond {LIMIT_MINOR} minor units of {where.currency}; check the unit")
    return minor


def _rate_text(minor: Fraction, currency: str) -> str:
    """Return a rate as major units; decimals that `_rate` would refuse are cut off."""
    return decimal_text(int(minor * 10 ** (_MAX_RATE_DECIMALS - currency_exponent(currency))), _MAX_RATE_DECIMALS)


ID = Key(_id)
IDS = Key(_ids, lambda ids, _: list(ids))
DAY = Key(_day, lambda day, _: day.isoformat())
PERCENT = Key(
    lambda value, where: parse_percent(_text(value, where, '"12.5 %"'), what=where.name),
    lambda millionths, _: format_percent(millionths),
)
SECONDS = Key(_milliseconds, lambda milliseconds, _: decimal_text(milliseconds, 3))
CURRENCY = Key(lambda value, where: validate_currency(_text(value, where, '"EUR"')))
RATE = Key(_rate, _rate_text)
AMOUNT = Key(partial(_amount, least=1), format_amount)
MINIMUM = Key(partial(_amount, least=0), format_amount)
TERRITORY = Key(lambda value, where: validate_territory(_text(value, where, '"DE"')))
