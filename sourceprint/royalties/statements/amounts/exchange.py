"""Exchange rates: stated by the statement's issuer with day and publisher; none is guessed or inverted.

A sheet (.csv, .tsv, .xlsx) in the dialect of all (`sourceprint.sheets`):

    date,from,to,rate,publisher
    2026-09-30,USD,EUR,0.8954,ECB

1 unit of `from` is `rate` units of `to`, in major units. Of the rates for a pair, the latest on or before the last day
of the period is used, if it is no more than 31 days older than that day. Rates are exact rationals.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from pathlib import Path

from fingerprint.errors import ParameterError, RightsError, StatementError, printable
from sourceprint.royalties.money import currency_exponent, parse_decimal, validate_currency
from sourceprint.royalties.periods import parse_date
from sourceprint.royalties.statements.statement import Conversion
from sourceprint.sheets.typed_rows import typed_rows

__all__ = ["COLUMNS", "MAX_AGE_DAYS", "Converter", "Rates", "amounts_of", "read_rates"]

COLUMNS = ("date", "from", "to", "rate", "publisher")
MAX_AGE_DAYS = 31


@contextmanager
def amounts_of(what: str) -> Iterator[None]:
    """Name whose amounts are computed inside the block, where one is too large.

    Raises
    ------
    StatementError
        Naming them.
    """
    try:
        yield
    except ParameterError as error:
        raise StatementError(f"{what}: {error}") from error


@dataclass(frozen=True, slots=True)
class Rates:
    """The rates of one file.

    Attributes
    ----------
    quotes : tuple of Conversion
        In any order.
    sha256 : str
        Of the file, 64 hexadecimal digits; "" where there was none.
    """

    quotes: tuple[Conversion, ...] = ()
    sha256: str = ""

    def conversion(self, source: str, target: str, *, on: date) -> Conversion:
        """Return the latest rate from one currency to another on or before a day.

        Raises
        ------
        StatementError
            If there is none, or it is more than 31 days old on that day.
        """
        held = [quote for quote in self.quotes if (quote.source, quote.target) == (source, target)]
        usable = [quote for quote in held if date.fromisoformat(quote.day) <= on]
        if not usable:
            inverse = any((quote.source, quote.target) == (target, source) for quote in self.quotes)
            hint = f"; there is one from {target} to {source}, which is not inverted" if inverse else ""
            raise StatementError(
                f"exchange {source} to {target}: no rate on or before {on}{hint}; add the row "
                f"date,{source},{target},rate,publisher to the file of rates"
            )
        latest = max(usable, key=lambda quote: (quote.day, quote.publisher, quote.rate))
        age = (on - date.fromisoformat(latest.day)).days
        if age > MAX_AGE_DAYS:
            raise StatementError(
                f"exchange {source} to {target}: the latest rate is of {latest.day}, {age} days before {on}; the limit "
                f"is {MAX_AGE_DAYS}: add a later one"
            )
        return latest


class Converter:
    """Amounts in the currency of a statement; remembers which rates were used.

    Parameters
    ----------
    currency : str
        Of the statement.
    find : callable
        From a source currency to its rate; raises StatementError where there is none.
    """

    def __init__(self, currency: str, find: Callable[[str], Conversion]) -> None:
        self.currency = currency
        self._find = find
        self._used: dict[str, Conversion] = {}

    def convert(self, minor: Fraction | int, source: str) -> Fraction:
        """Return an amount in the statement's currency; a rate that this takes is among `used` from then on.

        Parameters
        ----------
        minor : Fraction or int
            Exact amount in minor units of `source`.
        source : str
            Its currency.

        Returns
        -------
        Fraction
            Exact, in minor units of the statement's currency.

        Raises
        ------
        StatementError
            If there is no rate, or only one that is too old.
        """
        if source == self.currency:
            return Fraction(minor)
        scale = Fraction(10) ** (currency_exponent(self.currency) - currency_exponent(source))
        return minor * self._conversion(source).rate * scale

    def basis(self, source: str) -> str:
        """Return the rate as a factor in words, such as " x 9/10 EUR per USD"; "" where none is needed."""
        if source == self.currency:
            return ""
        conversion = self._conversion(source)
        return f" x {conversion.rate} {self.currency} per {source}"

    @property
    def used(self) -> tuple[Conversion, ...]:
        """The rates that were used, by source."""
        return tuple(self._used[source] for source in sorted(self._used))

    def _conversion(self, source: str) -> Conversion:
        if source not in self._used:
            found = self._find(source)
            if (found.source, found.target) != (source, self.currency) or found.rate <= 0:
                raise StatementError(
                    f"exchange {found.source} to {found.target} at {found.rate}: asked for {source} to {self.currency} "
                    "at a rate above 0; correct the rates"
                )
            self._used[source] = found
        return self._used[source]


def read_rates(path: Path) -> Rates:
    """Read a file of rates of exchange.

    Raises
    ------
    RightsError
        If the file cannot be read, or rows are wrong; the message lists them by line.
    """
    quotes, sha256 = typed_rows(path, COLUMNS, [(name,) for name in COLUMNS], lambda _: _quote)
    if len({(quote.day, quote.source, quote.target, quote.publisher) for quote in quotes}) < len(quotes):
        raise RightsError(f"{printable(path)}: the same day, pair and publisher twice; keep one of them")
    return Rates(quotes, sha256)


def _quote(_line: int, values: dict[str, str]) -> Conversion:
    cells = dict.fromkeys(COLUMNS, "") | values
    source, target = validate_currency(cells["from"]), validate_currency(cells["to"])
    rate = Fraction(parse_decimal(cells["rate"], what="rate"))
    if rate <= 0:
        raise ParameterError(f"rate {cells['rate']}: must be above 0")
    if source == target:
        raise ParameterError(f"from {source} to {target}: needs no rate; remove the row")
    if not cells["publisher"]:
        raise ParameterError(
            f"publisher of {source} to {target}: is missing; write who published the rate, such as ECB"
        )
    return Conversion(source, target, rate, parse_date(cells["date"]).isoformat(), printable(cells["publisher"]))
