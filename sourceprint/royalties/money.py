"""Amounts of money: exact until they are paid, and rounded to whole minor units only then.

Rates and revenue are exact rationals in minor units (`fractions.Fraction`). One use, or one part of a pot, is worth an
`Amount`, a whole number of 10**-12 minor units: `Amount.nearest` makes one, `shares_of` divides a pot into parts that
sum to it. Every later step is exact, as products by whole millionths, and no denominator ever grows: an `Amount` is a
whole number of 10**-46 of the unit of its currency. `Amount.payable` rounds a payment. The number of decimals of a
currency is that of ISO 4217 (JPY 0, EUR 2, KWD 3).
"""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Annotated, Final

from iso4217 import Currency
from msgspec import Meta

from fingerprint.errors import ParameterError
from sourceprint.royalties.apportionment import K, largest_remainder
from sourceprint.royalties.decimals import decimal_text

__all__ = [
    "LIMIT_MINOR",
    "ZERO",
    "Amount",
    "Whole",
    "amount_text",
    "currency_exponent",
    "format_amount",
    "parse_amount",
    "parse_decimal",
    "shares_of",
    "shown_decimals",
    "sum_of",
    "validate_currency",
]

LIMIT_MINOR = 2**63 - 1
"""The largest amount, in minor units: what the databases hold."""

Whole = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
"""A whole number read from a file, in the range of databases and tables."""

DECIMALS: Final = 46
"""Most decimals of an amount, in the unit of its currency."""

_PICO = 10**12
_EXACT = re.compile(rf"(-)?([0-9]{{1,19}})(?:\.([0-9]{{1,{DECIMALS}}}))?")
_MAX_DIGITS = 60
_DECIMAL = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_WHOLE = 1_000_000


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
            f"currency {code!r:.20}: not a currency of ISO 4217 that money is paid in; write a code such as EUR or JPY"
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
    return Decimal(stripped)


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
    return Amount.of_minor(minor, currency).text(currency)


def amount_text(minor: Fraction, currency: str) -> str:
    """Return an exact amount with its currency: as a decimal where that ends, else as a fraction of minor units.

    Examples
    --------
    >>> amount_text(Fraction(1250), "EUR"), amount_text(Fraction(1, 5), "EUR"), amount_text(Fraction(1, 3), "EUR")
    ('12.50 EUR', '0.002 EUR', '1/3 of 0.01 EUR')
    """
    grains = minor * _per_minor(currency)
    if grains.denominator == 1:
        return f"{Amount(grains.numerator).text(currency)} {currency}"
    return f"{minor} of {format_amount(1, currency)} {currency}"


class Amount:
    """Exact amount of money in one currency, which is stored beside it.

    Parameters
    ----------
    grains : int
        10**-46 of the unit of the currency (of one euro, of one yen), any sign. As the smallest minor unit is 10**-4 of
        its currency, that is 10**-42 of a minor unit at most: 10**-12 for the amount of one use, 10**-30 left for
        products by right, work, share, deduction and one more, each in millionths.

    Examples
    --------
    >>> half = Amount.parse("0.60").times(500_000)
    >>> str(half), str(half + half), half.shown("EUR"), str(half.payable("JPY"))
    ('0.3', '0.6', '0.300000', '0')
    """

    __slots__ = ("grains",)

    def __init__(self, grains: int = 0) -> None:
        self.grains = grains

    @classmethod
    def of_minor(cls, minor: int, currency: str) -> "Amount":
        """Return whole minor units of a currency."""
        return cls(minor * _per_minor(currency))

    @classmethod
    def nearest(cls, minor: Fraction | int, currency: str) -> "Amount":
        """Return the nearest whole number of 10**-12 minor units, halves to even.

        Raises
        ------
        ParameterError
            If it is beyond 2**63 - 1 minor units.
        """
        return cls(_picos(minor) * (_per_minor(currency) // _PICO))

    @classmethod
    def parse(cls, text: str) -> "Amount":
        """Return the amount in a text that `str` wrote.

        Raises
        ------
        ParameterError
            If it is no decimal number, has more than 46 decimals, or is beyond 2**63 - 1 units of a currency.

        Examples
        --------
        >>> Amount.parse("-0.60") == -Amount.parse("0.6")
        True
        """
        matched = _EXACT.fullmatch(text)
        if not matched:
            raise ParameterError(
                f"amount {text!r:.80}: not a decimal number such as 1234.56, of at most {DECIMALS} decimals"
            )
        sign, whole, decimals = matched.groups(default="")
        if int(whole) > LIMIT_MINOR:
            raise ParameterError(f"amount {text!r:.80}: beyond {LIMIT_MINOR}; check the unit")
        size = int(whole + decimals.ljust(DECIMALS, "0"))
        return cls(-size if sign else size)

    def times(self, *millionths: int) -> "Amount":
        """Return the product with whole millionths, exactly.

        Raises
        ------
        ParameterError
            If it is finer than 10**-46 of the unit of the currency, after too many products.
        """
        size = self.grains
        for part in millionths:
            size *= part
        whole, rest = divmod(size, _WHOLE ** len(millionths))
        if rest:
            raise ParameterError(f"amount {self} x {millionths} millionths: finer than {DECIMALS} decimals")
        return Amount(whole)

    def payable(self, currency: str) -> "Amount":
        """Return the payment, in whole minor units: the nearest, halves away from zero.

        Examples
        --------
        >>> str(Amount.parse("0.005").payable("EUR")), str(Amount.parse("-0.0149").payable("EUR"))
        ('0.01', '-0.01')
        """
        unit = _per_minor(currency)
        size = (2 * abs(self.grains) + unit) // (2 * unit) * unit
        return Amount(-size if self.grains < 0 else size)

    def minor(self, currency: str) -> Fraction:
        """Return it in minor units of its currency, exactly."""
        return Fraction(self.grains, _per_minor(currency))

    def text(self, currency: str) -> str:
        """Return it exactly, with all the decimals of its currency at least.

        Examples
        --------
        >>> Amount.parse("12.3").text("EUR"), Amount.parse("0.3333").text("EUR"), Amount.parse("7").text("JPY")
        ('12.30', '0.3333', '7')
        """
        return decimal_text(self.grains, DECIMALS, least=currency_exponent(currency))

    def shown(self, currency: str) -> str:
        """Return it as text for people: with six decimals, or four more than its currency if that is more."""
        return self.rounded_text(shown_decimals(currency))

    def rounded_text(self, decimals: int) -> str:
        """Return it as text with a number of decimals, halves to even."""
        return decimal_text(self.rounded(decimals).grains, DECIMALS, least=decimals)

    def rounded(self, decimals: int) -> "Amount":
        """Return the nearest amount with a number of decimals, halves to even; for display, not for payment."""
        step = 10 ** (DECIMALS - decimals)
        return Amount(round(Fraction(self.grains, step)) * step)

    def __str__(self) -> str:
        return decimal_text(self.grains, DECIMALS)

    def __repr__(self) -> str:
        return f'Amount.parse("{self}")'

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Amount) and self.grains == other.grains

    def __hash__(self) -> int:
        return hash(self.grains)

    def __lt__(self, other: "Amount") -> bool:
        return self.grains < other.grains

    def __le__(self, other: "Amount") -> bool:
        return self.grains <= other.grains

    def __bool__(self) -> bool:
        return self.grains != 0

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.grains + other.grains)

    def __sub__(self, other: "Amount") -> "Amount":
        return Amount(self.grains - other.grains)

    def __neg__(self) -> "Amount":
        return Amount(-self.grains)

    def __abs__(self) -> "Amount":
        return Amount(abs(self.grains))


ZERO: Final = Amount()


def sum_of(amounts: Iterable[Amount]) -> Amount:
    """Return the sum of amounts; zero for none."""
    return Amount(sum(amount.grains for amount in amounts))


def shares_of(minor: Fraction | int, currency: str, weights: Mapping[K, int | Fraction]) -> dict[K, Amount]:
    """Divide a pot in proportion to weights, in whole 10**-12 minor units that sum to the pot (`Amount.nearest`).

    Raises
    ------
    ParameterError
        As `largest_remainder`, and if the pot is beyond 2**63 - 1 minor units.

    Examples
    --------
    >>> {key: str(part) for key, part in shares_of(100, "EUR", {"a": 1, "b": 2}).items()}
    {'a': '0.33333333333333', 'b': '0.66666666666667'}
    """
    step = _per_minor(currency) // _PICO
    return {key: Amount(picos * step) for key, picos in largest_remainder(_picos(minor), weights).items()}


def shown_decimals(currency: str) -> int:
    """Return the number of decimals of an unpaid amount in text for people."""
    return max(6, currency_exponent(currency) + 4)


def _picos(minor: Fraction | int) -> int:
    picos = round(minor * _PICO)
    if abs(picos) > LIMIT_MINOR * _PICO:
        raise ParameterError(
            f"amount {picos // _PICO}: beyond {LIMIT_MINOR} minor units; check rates, revenue and agreed amounts"
        )
    return picos


@cache
def _per_minor(currency: str) -> int:
    """Return the grains of a minor unit of a currency."""
    return int(10 ** (DECIMALS - currency_exponent(currency)))
