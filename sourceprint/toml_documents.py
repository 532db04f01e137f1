"""TOML that people write, as typed tables: policies of the gate, policies of royalties, licences.

A table is a dataclass, and its keys are the fields with a `Key` in their annotation: declared once, for reading,
checks, writing and documentation. A field without a default is required. An unknown key is refused: it may be a
misspelt condition. Messages name file, place, value, rule, remedy and line, all faults at once, each on a line of its
own.

    class Deduction(TomlTable):
        name: Annotated[str, text()]
        millionths: Annotated[int, PERCENT.but(name="rate")]
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, fields, replace
from datetime import date
from functools import cache, partial
from typing import Any, TypeVar, cast, get_type_hints

from fingerprint.errors import ParameterError, SourceprintError, printable
from sourceprint.text.nearest import nearest
from sourceprint.toml_faults import Faults, Place

__all__ = [
    "FLAG",
    "Key",
    "Location",
    "TomlTable",
    "checked",
    "document_of",
    "expect_schema",
    "expect_table",
    "keys_of",
    "list_of",
    "number",
    "one_of",
    "parse_toml",
    "read_document",
    "read_record",
    "read_values",
    "refusals_of",
    "some_of",
    "table",
    "tables",
    "text",
    "whole_number",
]

R = TypeVar("R", bound="TomlTable")
T = TypeVar("T")

_LONGEST_TEXT = 512
_SHOWN = 60
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Location:
    """A value in a document that is being read.

    Attributes
    ----------
    faults : Faults
        Of the whole document.
    currency : str
        Of its amounts; "" if it is not known: amounts are then checked as far as they can be without.
    template : str
        Remedy where a key is missing that has none of its own.
    place : tuple of str or int
        Keys and numbers that lead to the value.
    name : str
        The same in messages, as in "rate_card.tiers, number 2: per_second".
    """

    faults: Faults
    currency: str = ""
    template: str = ""
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
            here = Location(here.faults, here.currency, here.template, (*here.place, step), here.name + added)
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
        Takes a value that was read and the currency of the document; returns plain types.
    remedy : str
        Text to write instead of a value that is missing or wrong.
    name : str
        By default that of the field.
    stated : bool
        Whether it is written where it has its default, too.
    fixed : bool
        Whether no amendment of a licence changes it.
    field : str
        Where its value is kept; set by `keys_of`.
    default : object
        `dataclasses.MISSING` for a key that must be there; set by `keys_of`.
    """

    read: Callable[[Any, Location], Any]
    write: Callable[[Any, str], Any] = lambda value, currency: value
    remedy: str = ""
    name: str = ""
    stated: bool = False
    fixed: bool = False
    field: str = ""
    default: Any = None

    def but(self, **changes: Any) -> "Key":
        """Return the key with other attributes."""
        return replace(self, **changes)


class TomlTable:
    """A dataclass whose fields are keys of a document."""

    __slots__ = ()

    def flaws(self) -> Iterable[tuple[Place, str]]:
        """Return faults between the values of keys: the keys that lead there, and the text that follows their name."""
        return ()


def keys_of(*kinds: type[TomlTable]) -> dict[str, Key]:
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
    missing = {name: key for name, key in keys.items() if key.default is MISSING and name not in value}
    for name in value:
        if name not in known:
            near = nearest(name, known)
            meant = f"{near} may be meant" if near else f"known are {', '.join(known)}"
            where.at(name).note(f": there is no such key; {meant}")
            missing.pop(near, None)
    for name, key in missing.items():
        where.at(name).note(f" is missing; {where.template or key.remedy}")
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
        raise ParameterError(f"{where.name} {_shown(value)}; it must be a table that starts with {where.heading}")
    return value


def read_record(kind: type[R], value: Any, where: Location, *, others: tuple[str, ...] = ()) -> R | None:
    """Return a table as a record; None if there are faults, which are noted."""
    values = read_values(expect_table(value, where), keys_of(kind), where, others=others)
    if where.is_faulty:
        return None
    record = kind(**values)
    for place, fault in record.flaws():
        where.at(*place).note(fault)
    return None if where.is_faulty else record


def document_of(record: TomlTable, currency: str) -> dict[str, Any]:
    """Return a record as the table that `read_record` reads, in plain types, without keys that have their default."""
    values = ((name, key, getattr(record, key.field)) for name, key in keys_of(type(record)).items())
    return {name: key.write(value, currency) for name, key, value in values if key.stated or value != key.default}


def table(kind: type[R]) -> Key:
    """Return a key whose value is a table."""
    return Key(partial(read_record, kind), document_of, "write a table")


def tables(kind: type[R], *, least: int = 0, most: int | None = None) -> Key:
    """Return a key whose value is a list of tables."""

    def read(value: Any, where: Location) -> tuple[R, ...] | None:
        is_list = isinstance(value, list) and all(isinstance(one, dict) for one in value)
        if not is_list or len(value) < least or (most is not None and len(value) > most):
            many = f"{least} to {most} tables" if most is not None else "tables"
            raise ParameterError(f"{where.name} {_shown(value)}; write {many} that start with [{where.heading}]")
        found = [_value(item, one, where.at(number)) for number, one in enumerate(value)]
        return None if where.is_faulty else tuple(found)

    item = table(kind)
    return Key(read, lambda records, currency: [document_of(record, currency) for record in records])


def parse_toml(
    text: str, *, name: str, failure: type[SourceprintError], parse_float: Callable[[str], Any] = float
) -> dict[str, Any]:
    """Return the tables of a text in TOML.

    Raises
    ------
    SourceprintError
        The `failure`, if it is no TOML.
    """
    try:
        tables = tomllib.loads(text, parse_float=parse_float)
        repr(tables)  # fails for numbers in hexadecimal that have too many digits to be shown in a message
        return tables
    except tomllib.TOMLDecodeError as error:
        why = f"not TOML ({printable(str(error))}); texts stand in quotation marks"
        raise failure(f"{name}: {why}") from error
    except RecursionError as error:
        raise failure(f"{name}: not TOML that can be read (nested too deep); write tables and lists flat") from error
    except ValueError as error:  # Python takes no whole number of more than 4300 digits
        raise failure(
            f"{name}: not TOML that can be read (a number of thousands of digits); write it shorter"
        ) from error


def read_document(
    document: Mapping[str, Any],
    kind: type[R],
    *,
    schema: str,
    name: str,
    failure: type[SourceprintError],
    lines: Mapping[Place, int] | None = None,
) -> R:
    r"""Return the record that a document states.

    Parameters
    ----------
    document : mapping
        As `parse_toml` returns it, or plain types that were stored.
    kind : type
        The `TomlTable` at its top.
    schema : str
        Required value of its key `schema`.
    name : str
        Its name in messages.
    failure : type
        The error to raise.
    lines : mapping, optional
        As `lines_of` returns it.

    Raises
    ------
    SourceprintError
        The `failure`, if it is no such document.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from typing import Annotated
    >>> @dataclass
    ... class Shelf(TomlTable):
    ...     name: Annotated[str, text()]
    >>> read_document({"schema": "1", "name": "a"}, Shelf, schema="1", name="a.toml", failure=ParameterError).name
    'a'
    >>> read_document({"schema": "1", "nane": "a"}, Shelf, schema="1", name="a.toml", failure=ParameterError)
    Traceback (most recent call last):
    ...
    fingerprint.errors.ParameterError: a.toml: nane: there is no such key; name may be meant
    """
    top = Location(Faults(lines or {}))
    with refusals_of(name, failure):
        expect_schema(document, schema, top)
        record = read_record(kind, dict(document), top, others=("schema",))
        top.faults.refuse()
    return cast(R, record)


@contextmanager
def refusals_of(name: str, failure: type[SourceprintError]) -> Iterator[None]:
    """Raise the `failure` where faults are refused, each with the name of the document before it."""
    try:
        yield
    except ParameterError as error:
        refusal = failure("\n".join(printable(f"{name}: {fault}") for fault in str(error).split("\n")))
        refusal.is_list = True
        raise refusal from error


def expect_schema(document: Mapping[str, Any], schema: str, top: Location) -> None:
    """Note a schema that is missing.

    Raises
    ------
    ParameterError
        If it is another one: then the keys are others, too.
    """
    stated = document.get("schema", _MISSING)
    if stated != schema:
        top.at("schema").note(f' {_shown(stated)}; this version reads schema = "{schema}"')
    if stated not in (schema, _MISSING):
        top.faults.refuse()


def checked(
    remedy: str,
    holds: Callable[[Any], bool],
    take: Callable[[Any], Any] = lambda value: value,
    write: Callable[[Any, str], Any] = lambda value, currency: value,
) -> Key:
    """Return a key whose values meet a condition.

    Parameters
    ----------
    remedy : str
        Text to write instead.
    holds : callable
        The condition.
    take : callable
        Makes the value that is kept.
    write : callable
        As `Key.write`.
    """

    def read(value: Any, where: Location) -> Any:
        if not holds(value):
            raise ParameterError(f"{where.name} {_shown(value)}; {remedy}")
        return take(value)

    return Key(read, write, remedy)


def text(most: int = _LONGEST_TEXT, *, pattern: str = ".*", remedy: str = "") -> Key:
    """Return a key whose value is one line that can be printed, of at most some characters, and fits a pattern."""
    remedy = remedy or f"write a text of one line, in quotation marks, of up to {most} characters"
    return checked(remedy, partial(_is_line, most=most, pattern=pattern))


def list_of(take: Callable[[str], str] = str, *, pattern: str = ".*") -> Key:
    """Return a key whose value is a list of such texts, at least one, each kept once and as `take` returns it."""

    def holds(value: Any) -> bool:
        return isinstance(value, list) and bool(value) and all(_is_line(one, pattern=pattern) for one in value)

    remedy = 'write a list of texts, as ["one", "two-*"], or leave the key out'
    return checked(remedy, holds, lambda value: tuple(dict.fromkeys(map(take, value))), lambda kept, _: list(kept))


def one_of(words: Iterable[str]) -> Key:
    """Return a key whose value is one of some words."""
    known = tuple(words)
    return checked(f"write one of {', '.join(known)}", lambda value: value in known)


def some_of(words: Iterable[str]) -> Key:
    """Return a key whose value is a list of some of some words, at least one."""
    known = tuple(words)

    def holds(value: Any) -> bool:
        return isinstance(value, list) and bool(value) and all(one in known for one in value)

    return checked(f"write a list of some of {', '.join(known)}", holds, tuple, lambda kept, _: list(kept))


def number(least: float, most: float) -> Key:
    """Return a key whose value is a number between limits, both included, without quotation marks."""
    remedy = f"write a number from {least:g} to {most:.9g}, without quotation marks"
    return checked(
        remedy,
        lambda value: isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most,
        float,
    )


def whole_number(first: int, last: int, *, reason: str = "") -> Key:
    """Return a key whose value is a whole number between limits, both included; a reason ends the message."""
    return checked(
        f"write a whole number from {first} to {last}{reason and '; '}{reason}",
        lambda value: isinstance(value, int) and not isinstance(value, bool) and first <= value <= last,
    )


FLAG = checked("write true or false, without quotation marks", lambda value: isinstance(value, bool))


def _shown(value: Any) -> str:
    if value is _MISSING:
        return "is missing"
    return f"is {value}" if isinstance(value, date) else f"is {value!r:.{_SHOWN}}"


def _is_line(value: Any, *, most: int = _LONGEST_TEXT, pattern: str = ".*") -> bool:
    return (
        isinstance(value, str)
        and 0 < len(value) <= most
        and value.isprintable()
        and value.strip() != ""
        and re.fullmatch(pattern, value) is not None
    )
