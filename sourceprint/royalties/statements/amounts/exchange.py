"""Rates of exchange: stated by whoever makes the statement, with their day and publisher; none is guessed or inverted.

A CSV file, UTF-8, with or without a byte order mark:

    date,from,to,rate,publisher
    2026-09-30,USD,EUR,0.8954,ECB

1 unit of `from` is `rate` units of `to`, in major units. Of the rates for a pair, the latest on or before the last day
of the period is used, if it is no more than 31 days older than that day. Rates are exact rationals.
"""

import csv
import hashlib
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from pathlib import Path

from fingerprint.disk import decoded, read_small
from fingerprint.errors import ListedError, ParameterError, RightsError, StatementError, printable
from sourceprint.royalties.money import currency_exponent, parse_decimal, validate_currency
from sourceprint.royalties.periods import parse_date
from sourceprint.royalties.statements.statement import Conversion

__all__ = ["COLUMNS", "MAX_AGE_DAYS", "Converter", "Rates", "read_rates"]

COLUMNS = ("date", "from", "to", "rate", "publisher")
MAX_AGE_DAYS = 31
_MAX_BYTES = 16 << 20
_SHOWN_PROBLEMS = 20


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
        """Return an exact amount, in minor units, from another currency in minor units of the statement's."""
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
    name = printable(path)
    too_large = f"more than {_MAX_BYTES} bytes; give the rates of the currencies that are needed"
    data = read_small(path, RightsError, most=_MAX_BYTES, too_large=too_large, what="these rates cannot be read")
    text = decoded(data, name, RightsError)
    problems: list[str] = []
    quotes = tuple(_quotes(csv.reader(io.StringIO(text, newline=""), strict=True), name, problems))
    by_pair = {(quote.day, quote.source, quote.target, quote.publisher) for quote in quotes}
    if len(by_pair) < len(quotes):
        problems.append(f"{name}: the same day, pair and publisher twice; keep one of them")
    if problems:
        more = f"\nand {len(problems) - _SHOWN_PROBLEMS} more" if len(problems) > _SHOWN_PROBLEMS else ""
        raise ListedError("\n".join(map(printable, problems[:_SHOWN_PROBLEMS])) + more)
    return Rates(quotes, hashlib.sha256(data).hexdigest())


def _quotes(reader: "Iterable[list[str]]", name: str, problems: list[str]) -> Iterator[Conversion]:
    rows = enumerate(reader, 1)
    try:
        _, header = next(rows, (1, []))
        names = [cell.strip().lower() for cell in header]
        if sorted(set(names) & set(COLUMNS)) != sorted(COLUMNS) or len(set(names)) != len(names):
            problems.append(f"{name}: the first row must name the columns {', '.join(COLUMNS)}, each once")
            return
        for number, cells in rows:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                problems.append(f"{name}, row {number}: has {len(cells)} cells, the header {len(header)}")
                continue
            try:
                yield _quote({column: cells[names.index(column)].strip() for column in COLUMNS})
            except ParameterError as error:
                problems.append(f"{name}, row {number}: {error}")
    except csv.Error as error:
        problems.append(f"{name}: no CSV ({error}); save it as CSV with commas")


def _quote(cells: dict[str, str]) -> Conversion:
    source, target = validate_currency(cells["from"]), validate_currency(cells["to"])
    rate = Fraction(parse_decimal(cells["rate"], what="rate"))
    if rate <= 0:
        raise ParameterError(f"rate {cells['rate']}: must be above 0")
    if source == target:
        raise ParameterError(f"from {source} to {target}: needs no rate; take the row out")
    if not cells["publisher"]:
        raise ParameterError(
            f"publisher of {source} to {target}: is missing; write who published the rate, such as ECB"
        )
    return Conversion(source, target, rate, parse_date(cells["date"]).isoformat(), printable(cells["publisher"]))
