"""Keys of a licence, each declared once, at the field that holds its value: for reading, writing and documentation.

A table of a licence is a dataclass, and its keys are the fields with a `Key` in their annotation. A field without a
default is required. Decimal numbers are text, and exact. An unknown key is refused: it may be a misspelt condition.

    class Deduction(LicenceTable):
        name: Annotated[str, ID]
        millionths: Annotated[int, PERCENT.but(name="rate")]
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, fields, replace
from datetime import date, datetime
from fractions import Fraction
from functools import cache, partial
from typing import Any, TypeVar, cast, get_type_hints

from fingerprint.errors import ParameterError, printable
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
from sourceprint.text.nearest import nearest
from sourceprint.toml_faults import Faults, Place

__all__ = [
    "AMOUNT",
    "CURRENCY",
    "DAY",
    "FLAG",
    "ID",
    "IDS",
    "MINIMUM",
    "PERCENT",
    "RATE",
    "SECONDS",
    "TERRITORY",
    "Key",
    "LicenceTable",
    "Location",
    "WrittenNumber",
    "document_of",
    "expect_table",
    "keys_of",
    "one_of",
    "read_record",
    "read_values",
    "table",
    "tables",
    "whole_number",
]

R = TypeVar("R", bound="LicenceTable")
T = TypeVar("T")

_MAX_ID = 512
_MAX_MS = 10**12
_MAX_RATE_DECIMALS = 30  # finer rates are refused, so that every rate has a finite text


@dataclass(frozen=True, slots=True)
class WrittenNumber:
    """A number with decimals that was written without quotes; it is refused wherever it stands."""

    text: str

    def __repr__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Location:
    """A value in a licence that is being read.

    Attributes
    ----------
    faults : Faults
        Of the whole licence.
    currency : str
        Of its rate card; "" if that is faulty: amounts are then checked as far as they can be without.
    place : tuple of str or int
        Keys and numbers that lead to the value.
    name : str
        The same in messages, as in "rate_card.tiers, number 2: per_second".
    """

    faults: Faults
    currency: str
    place: Place = ()
    name: str = ""

    def at(self, *steps: str | int) -> "Location":
        """Return a location inside this one."""
        here = self
        for step in steps:
            inside = ": " if here.place and isinstance(here.place[-1], int) else "." if here.name else ""
            if isinstance(step, int):
                added = f", number {step + 1}"
            else:
                added = inside + (step[:60] if step.isidentifier() else printable(step[:60]))
            here = Location(here.faults, here.currency, (*here.place, step), here.name + added)
        return here

    def note(self, fault: str) -> None:
        """Note a fault of the value; the text follows its name."""
        self.faults.note(self.name + fault, *self.place)

    def attempt(self, read: Callable[[], T]) -> T | None:
        """Return the value that is read; None, and the fault noted, if that raises ParameterError."""
        return self.faults.of(read, *self.place)

    @property
    def is_faulty(self) -> bool:
        """Whether a fault of the value, or in it, was noted."""
        return self.faults.any_at(*self.place)

    @property
    def heading(self) -> str:
        """Heading of the table in TOML."""
        path = ".".join(step for step in self.place if isinstance(step, str))
        return f"[[{path}]]" if isinstance(self.place[-1], int) else f"[{path}]"


@dataclass(frozen=True, slots=True)
class Key:
    """How a key is read and written.

    Attributes
    ----------
    read : callable
        Takes a value of TOML and its location; raises ParameterError with the fault, or notes faults and returns None.
    write : callable
        Takes a value that was read and the currency of the licence; returns plain types.
    name : str
        By default that of the field.
    stated : bool
        Whether it is written where it has its default, too.
    fixed : bool
        Whether no amendment changes it.
    field : str
        Where its value is kept; set by `keys_of`.
    default : object
        `dataclasses.MISSING` for a key that must be there; set by `keys_of`.
    """

    read: Callable[[Any, Location], Any]
    write: Callable[[Any, str], Any] = lambda value, currency: value
    name: str = ""
    stated: bool = False
    fixed: bool = False
    field: str = ""
    default: Any = None

    def but(self, **changes: Any) -> "Key":
        """Return the key with other attributes."""
        return replace(self, **changes)


class LicenceTable:
    """A dataclass whose fields are keys of a licence."""

    __slots__ = ()

    def flaws(self) -> Iterable[tuple[Place, str]]:
        """Return faults between the values of keys: the keys that lead there, and the text that follows their name."""
        return ()


def keys_of(*kinds: type[LicenceTable]) -> dict[str, Key]:
    """Return the keys of classes of tables by name, in the order of their fields."""
    return {name: key for kind in kinds for name, key in _declared(cast(Any, kind)).items()}


@cache
def _declared(kind: Any) -> Mapping[str, Key]:
    hints = get_type_hints(kind, include_extras=True)
    found = {}
    for one in fields(kind):
        for key in getattr(hints[one.name], "__metadata__", ()):
            found[key.name or one.name] = key.but(field=one.name, default=one.default)
    return found


def read_values(
    value: Mapping[str, Any], keys: Mapping[str, Key], where: Location, *, others: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return the values that keys have in a table, by field; faults are noted, and a faulty value left out.

    Parameters
    ----------
    others : tuple of str
        Keys that are known, and read elsewhere.
    """
    known = (*others, *keys)
    missing = [name for name, key in keys.items() if key.default is MISSING and name not in value]
    for name in value:
        if name not in known:
            near = nearest(name, known)
            meant = f"{near} may be meant" if near else f"known are {', '.join(known)}"
            where.at(name).note(f": there is no such key; {meant}")
            missing = [one for one in missing if one != near]
    for name in missing:
        where.at(name).note(" is missing; `sourceprint rights new-licence` writes a licence to fill in")
    found = {key.field: _value(key, value[name], where.at(name)) for name, key in keys.items() if name in value}
    return {field: one for field, one in found.items() if one is not None}


def _value(key: Key, value: Any, where: Location) -> Any:
    """Return a value as its key reads it; None if there are faults, which are noted."""
    return where.attempt(partial(key.read, value, where))


def expect_table(value: Any, where: Location) -> dict[str, Any]:
    """Return a table.

    Raises
    ------
    ParameterError
        If the value is none.
    """
    if not isinstance(value, dict):
        raise ParameterError(f"{where.name}: must be a table, headed {where.heading}, is {value!r:.60}")
    return value


def read_record(kind: type[R], value: Any, where: Location) -> R | None:
    """Return a table as a record; None if there are faults, which are noted."""
    values = read_values(expect_table(value, where), keys_of(kind), where)
    if where.is_faulty:
        return None
    record = kind(**values)
    for place, fault in record.flaws():
        where.at(*place).note(fault)
    return None if where.is_faulty else record


def document_of(record: LicenceTable, currency: str) -> dict[str, Any]:
    """Return a record as the table that `read_record` reads, in plain types, without keys that have their default."""
    values = ((name, key, getattr(record, key.field)) for name, key in keys_of(type(record)).items())
    return {name: key.write(value, currency) for name, key, value in values if key.stated or value != key.default}


def table(kind: type[R]) -> Key:
    """Return a key whose value is a table."""
    return Key(partial(read_record, kind), document_of)


def tables(kind: type[R], *, least: int = 0, most: int | None = None) -> Key:
    """Return a key whose value is a list of tables."""

    def read(value: Any, where: Location) -> tuple[R, ...] | None:
        if not isinstance(value, list) or len(value) < least or (most is not None and len(value) > most):
            many = f"{least} to {most} tables" if most is not None else "tables"
            raise ParameterError(f"{where.name}: must be {many}, each headed [{where.heading}]")
        found = [_value(item, one, where.at(number)) for number, one in enumerate(value)]
        return None if where.is_faulty else tuple(found)

    item = table(kind)
    return Key(read, lambda records, currency: [document_of(record, currency) for record in records])


def one_of(words: tuple[str, ...]) -> Key:
    """Return a key whose value is one of some words."""

    def read(value: Any, where: Location) -> str:
        if value not in words:
            raise ParameterError(f"{where.name} {value!r:.40}: write one of {', '.join(words)}")
        return str(value)

    return Key(read)


def whole_number(first: int, last: int, *, reason: str = "") -> Key:
    """Return a key whose value is a whole number between limits, both included; a reason ends the message."""

    def read(value: Any, where: Location) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not first <= value <= last:
            raise ParameterError(
                f"{where.name} {value!r:.40}: must be a whole number from {first} to {last}{reason and '; '}{reason}"
            )
        return value

    return Key(read)


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


def _flag(value: Any, where: Location) -> bool:
    if not isinstance(value, bool):
        raise ParameterError(f"{where.name}: must be true or false, is {value!r:.60}")
    return value


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


def _decimal_text(exact: Fraction) -> str:
    """Return a fraction that has a finite decimal form, without zeros at its end."""
    whole, rest = divmod(exact * 10**_MAX_RATE_DECIMALS, 10**_MAX_RATE_DECIMALS)
    decimals = f"{int(rest):0{_MAX_RATE_DECIMALS}d}".rstrip("0")
    return f"{whole}.{decimals}" if decimals else str(whole)


ID = Key(_id)
IDS = Key(_ids, lambda ids, _: list(ids))
FLAG = Key(_flag)
DAY = Key(_day, lambda day, _: day.isoformat())
PERCENT = Key(
    lambda value, where: parse_percent(_text(value, where, '"12.5 %"'), what=where.name),
    lambda millionths, _: format_percent(millionths),
)
SECONDS = Key(_milliseconds, lambda milliseconds, _: _decimal_text(Fraction(milliseconds, 1000)))
CURRENCY = Key(lambda value, where: validate_currency(_text(value, where, '"EUR"')))
RATE = Key(_rate, lambda rate, currency: _decimal_text(rate / 10 ** currency_exponent(currency)))
AMOUNT = Key(partial(_amount, least=1), format_amount)
MINIMUM = Key(partial(_amount, least=0), format_amount)
TERRITORY = Key(lambda value, where: validate_territory(_text(value, where, '"DE"')))
