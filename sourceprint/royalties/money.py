"""Amounts of money: integer minor units with their currency, and the one place where anything is rounded.

Exact rationals (`fractions.Fraction`, in minor units) are carried until the end; `round_to_minor` makes a total whole,
and `largest_remainder` shares a whole total out so that the parts sum to it. The number of decimals of a currency is
that of ISO 4217 (JPY 0, EUR 2, KWD 3).

Source of the method: largest remainder (Hare quota) apportionment; ties go to the key that sorts first.

Percentages in text become whole millionths, and back. The sign % is part of the number: "25", "25 %" and "0.25" are all
seen in the field for a quarter, and only the second says what it means. Tables without signs are read by
`sourceprint.royalties.tables.cells`, which is told the unit.
"""

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from functools import cache
from typing import TypeVar

from iso4217 import Currency

from fingerprint.errors import ParameterError, printable

__all__ = [
    "LIMIT_MINOR",
    "amount_text",
    "currency_exponent",
    "format_amount",
    "format_percent",
    "largest_remainder",
    "parse_amount",
    "parse_decimal",
    "parse_percent",
    "round_to_minor",
    "validate_currency",
]

LIMIT_MINOR = 2**63 - 1
"""The largest amount, in minor units: what the databases hold."""

_MAX_DIGITS = 60
_DECIMAL = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")

K = TypeVar("K", str, int, tuple[str, ...])
_WHOLE = 1_000_000
_PER_PERCENT = 10_000
_PERCENT = re.compile(r"([0-9]{1,30}(?:\.[0-9]{1,60})?)\s*%")


def validate_currency(code: str) -> str:
    """Return the ISO 4217 code of a currency in capitals.

    Raises
    ------
    ParameterError
        If there is no such currency, or it has no minor unit, as gold (XAU) has none.

    Examples
    --------
    >>> validate_currency("eur")
    'EUR'
    """
    capital = code.strip().upper()
    currency_exponent(capital)
    return capital


@cache
def currency_exponent(code: str) -> int:
    """Return the number of decimals of a currency, by ISO 4217.

    Raises
    ------
    ParameterError
        If there is no such currency, or it has no minor unit.

    Examples
    --------
    >>> [currency_exponent(code) for code in ("JPY", "EUR", "KWD")]
    [0, 2, 3]
    """
    try:
        exponent = Currency(code).exponent
    except ValueError:
        exponent = None
    if exponent is None:
        raise ParameterError(
            f"currency {code!r:.20}: not in ISO 4217 as money that is paid; write a code such as EUR or JPY"
        )
    return int(exponent)


def parse_decimal(text: str, *, what: str = "number") -> Decimal:
    """Return a decimal number, exactly: digits, at most one point, a sign; no exponent, no grouping, no comma.

    Raises
    ------
    ParameterError
        If it is anything else, or has more than 60 digits.
    """
    stripped = text.strip()
    if len(stripped) > _MAX_DIGITS or not _DECIMAL.fullmatch(stripped):
        raise ParameterError(
            f"{what} {stripped!r:.70}: not a decimal number such as 1234.56, of at most {_MAX_DIGITS} digits"
        )
    try:
        return Decimal(stripped)
    except InvalidOperation as error:  # cannot be, after the pattern
        raise ParameterError(f"{what} {stripped!r:.70}: not a decimal number") from error


def parse_amount(text: str, currency: str, *, what: str = "amount") -> int:
    """Return an amount in minor units.

    Raises
    ------
    ParameterError
        If it is no decimal number, has more decimals than its currency, or is beyond 2**63 - 1 minor units.

    Examples
    --------
    >>> parse_amount("12.5", "EUR"), parse_amount("12", "JPY")
    (1250, 12)
    """
    exponent = currency_exponent(currency)
    minor = Fraction(parse_decimal(text, what=what)) * 10**exponent
    if minor.denominator != 1:
        raise ParameterError(f"{what} {text.strip()!r:.70}: {currency} has {exponent} decimals; round it to that")
    if abs(minor.numerator) > LIMIT_MINOR:
        raise ParameterError(
            f"{what} {text.strip()!r:.70}: beyond {LIMIT_MINOR} minor units of {currency}; check the unit"
        )
    return int(minor.numerator)


def format_amount(minor: int, currency: str) -> str:
    """Return an amount as a decimal number with all its decimals, without the currency.

    Examples
    --------
    >>> format_amount(-1205, "EUR"), format_amount(12, "JPY")
    ('-12.05', '12')
    """
    exponent = currency_exponent(currency)
    sign = "-" if minor < 0 else ""
    digits = str(abs(minor)).rjust(exponent + 1, "0")
    return f"{sign}{digits[: len(digits) - exponent]}.{digits[len(digits) - exponent :]}" if exponent else sign + digits


def amount_text(minor: Fraction, currency: str) -> str:
    """Return an exact amount with its currency: as a decimal where it is whole minor units, else as a fraction of them.

    Examples
    --------
    >>> amount_text(Fraction(1250), "EUR"), amount_text(Fraction(1, 5), "EUR")
    ('12.50 EUR', '1/5 of 0.01 EUR')
    """
    if minor.denominator == 1:
        return f"{format_amount(minor.numerator, currency)} {currency}"
    return f"{minor} of {format_amount(1, currency)} {currency}"


def round_to_minor(exact: Fraction) -> int:
    """Return an exact amount in whole minor units, halves to even.

    Raises
    ------
    ParameterError
        If it is beyond 2**63 - 1.

    Examples
    --------
    >>> round_to_minor(Fraction(5, 2)), round_to_minor(Fraction(7, 2)), round_to_minor(Fraction(-5, 2))
    (2, 4, -2)
    """
    whole = round(exact)
    if abs(whole) > LIMIT_MINOR:
        raise ParameterError(f"amount {whole}: beyond {LIMIT_MINOR} minor units; check rates and revenue")
    return whole


def largest_remainder(total: int, weights: Mapping[K, int | Fraction]) -> dict[K, int]:
    """Share a whole total out in proportion to weights, so that the parts sum to it.

    Every part is its exact quota rounded down or up; what is left after rounding down goes, one unit each, to the
    largest remainders, ties to the key that sorts first. A negative total is shared out as its opposite and the sign
    restored. The result does not depend on the order of the weights.

    Parameters
    ----------
    total : int
        What is shared out, in minor units or any other whole unit.
    weights : mapping of key to int or Fraction
        Not negative; at least one is positive unless the total is zero.

    Returns
    -------
    dict of key to int
        The parts, in order of key; their sum is `total`.

    Raises
    ------
    ParameterError
        If a weight is negative, or nothing has weight and the total is not zero.

    Examples
    --------
    >>> largest_remainder(100, {"b": 1, "a": 1, "c": 1})
    {'a': 34, 'b': 33, 'c': 33}
    >>> largest_remainder(-100, {"a": 2, "b": 1})
    {'a': -67, 'b': -33}
    """
    keys = sorted(weights)
    if any(weights[key] < 0 for key in keys):
        raise ParameterError(f"weight {min(weights.values())}: must not be negative")
    whole = sum(Fraction(weights[key]) for key in keys)
    if whole == 0:
        if total:
            raise ParameterError(f"{total} cannot be shared out: nothing has weight")
        return dict.fromkeys(keys, 0)
    size = abs(total)
    parts: dict[K, int] = {}
    remainders: dict[K, Fraction] = {}
    for key in keys:
        quota = size * Fraction(weights[key]) / whole
        parts[key] = quota.numerator // quota.denominator
        remainders[key] = quota - parts[key]
    left = size - sum(parts.values())
    for key in sorted(keys, key=lambda key: -remainders[key])[:left]:  # sorted is stable: ties stay in order of key
        parts[key] += 1
    return parts if total >= 0 else {key: -part for key, part in parts.items()}


def parse_percent(text: str, *, what: str = "percentage", allow_over_100: bool = False) -> int:
    """Return a percentage in millionths, exactly.

    Parameters
    ----------
    text : str
        Such as "12.5 %": a decimal point, the sign at the end, at most four decimals that are not zero.
    what : str
        How messages call it.
    allow_over_100 : bool
        Whether more than all of something makes sense.

    Returns
    -------
    int
        Millionths; at least 0.

    Raises
    ------
    ParameterError
        If it is written otherwise, too fine to be held exactly, negative, or over 100 % where that is not allowed.

    Examples
    --------
    >>> parse_percent("12.5 %"), parse_percent("100%"), parse_percent("0.0001 %")
    (125000, 1000000, 1)
    """
    stripped = text.strip()
    shown = f"{what} '{printable(stripped):.70}'"
    matched = _PERCENT.fullmatch(stripped)
    if not matched or not stripped.isascii():
        raise ParameterError(f"{shown}: {_reason(stripped)}")
    millionths = Fraction(matched[1]) * _PER_PERCENT
    if millionths.denominator != 1:
        raise ParameterError(f"{shown}: more than four decimals; shares are held in millionths: round it to 0.0001 %")
    if millionths > _WHOLE and not allow_over_100:
        raise ParameterError(f"{shown}: must not be over 100 %")
    return int(millionths.numerator)


def format_percent(millionths: int) -> str:
    """Return millionths as a percentage, exactly; `parse_percent` reads it back.

    Examples
    --------
    >>> format_percent(125_000), format_percent(1_000_000), format_percent(1)
    ('12.5 %', '100 %', '0.0001 %')
    """
    whole, rest = divmod(abs(millionths), _PER_PERCENT)
    decimals = f".{rest:04d}".rstrip("0") if rest else ""
    return f"{'-' if millionths < 0 else ''}{whole}{decimals} %"


def _reason(text: str) -> str:
    if text.startswith("-"):
        return "must not be negative"
    if not text.endswith("%"):
        return "has no sign %; write 25 % for a quarter, so that it cannot be read as 25 or as 0.25"
    if re.fullmatch(r"[0-9]+,[0-9]+\s*%", text):
        return "has a comma; write a decimal point, as in 12.5 %"
    return "write a number and the sign %, as in 12.5 %"
