"""TOML that people write, as typed tables: policies of the gate, policies of royalties.

A kind of document is a `Table`: its fields are the keys, their types and bounds are the rules, and a key that is not
known is refused, as it may be a known one misspelt. Messages name file, place, value, rule, remedy and line, all faults
at once, each on a line of its own; the remedy follows from the type, or is the `description` in the field's
`msgspec.Meta`. Places in lists count from 1.
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeVar, cast

import msgspec
from msgspec import inspect

from fingerprint.errors import SourceprintError, printable
from sourceprint.text.nearest import nearest
from sourceprint.toml_faults import Faults, Place, lines_of

__all__ = ["Table", "TableError", "raised", "read_document", "read_toml", "told_at"]

_LONGEST_TEXT = 512
_MISSING = object()
_STEP = re.compile(r"\.([^.\[\]`]+)|\[(\d+)\]")
_TOLD = re.compile(r"(.*?)(?: - at `\$((?:\.[^.\[\]`]+|\[\d+\])*)`)?", re.DOTALL)
_DAYS = (date, datetime)


class TableError(ValueError):
    """Fault of a table beyond the types of its fields.

    Parameters
    ----------
    key : str
        The field; "" where it concerns the table as a whole.
    remedy : str
        Text to write instead, or for a whole table its fault; by default that of the field's type.

    Attributes
    ----------
    others : tuple of TableError
        Further faults of the table.
    """

    def __init__(self, key: str, remedy: str = "") -> None:
        super().__init__(key, remedy)
        self.key = key
        self.remedy = remedy
        self.others: tuple[TableError, ...] = ()


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of a document; every text in it is one line that can be printed, of at most 512 characters."""

    def __post_init__(self) -> None:
        """Refuse texts of several lines, and the faults that a subclass finds."""
        found = [TableError(key) for key in self.__struct_fields__ if not _has_lines(getattr(self, key))]
        found += self.faults()
        if found:
            found[0].others = tuple(found[1:])
            raise found[0]

    def faults(self) -> Iterable[TableError]:
        """Return all that is wrong beyond the types of the fields; a subclass that has rules of its own says which."""
        return ()


T = TypeVar("T", bound=Table)


def read_toml(text: str, kind: type[T], *, schema: str, name: str, failure: type[SourceprintError]) -> T:
    r"""Return the document that a text in TOML states.

    Parameters
    ----------
    text : str
        The content of the file.
    kind : type
        The `Table` at its top.
    schema : str
        Required value of its key `schema`.
    name : str
        Its name in messages.
    failure : type
        The error to raise.

    Raises
    ------
    SourceprintError
        The `failure`, if it is not TOML, or no such document.

    Examples
    --------
    >>> from fingerprint.errors import ParameterError
    >>> class Shelf(Table, frozen=True):
    ...     schema: str
    ...     name: str
    >>> read_toml('schema = "1"\nname = "a"', Shelf, schema="1", name="a.toml", failure=ParameterError).name
    'a'
    >>> read_toml('schema = "1"\nnane = "a"', Shelf, schema="1", name="a.toml", failure=ParameterError)
    Traceback (most recent call last):
    ...
    fingerprint.errors.ParameterError: a.toml: 'nane' is not known; the nearest that is known is name, ...
    """
    text = text.replace("\r\n", "\n")
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise failure(f"{name}: not TOML ({error}); texts stand in quotation marks") from error
    except RecursionError as error:
        raise failure(f"{name}: not TOML that can be read (nested too deep); write tables and lists flat") from error
    except ValueError as error:  # Python takes no whole number of more than 4300 digits
        raise failure(
            f"{name}: not TOML that can be read (a number of thousands of digits); write it shorter"
        ) from error
    return _read(document, kind, schema=schema, name=name, failure=failure, lines=lines_of(text))


def read_document(
    document: Mapping[str, Any], kind: type[T], *, schema: str, name: str, failure: type[SourceprintError]
) -> T:
    """Return the document that plain types state; as `read_toml`."""
    return _read(document, kind, schema=schema, name=name, failure=failure, lines={})


def raised(*checks: Callable[[], object]) -> Iterator[TableError]:
    """Yield the `TableError` of each check that raises one."""
    for check in checks:
        try:
            check()
        except TableError as error:
            yield error


def told_at(error: msgspec.ValidationError) -> tuple[str, str]:
    """Return msgspec's complaint, and the path at its end; "" where that is the document itself.

    >>> told_at(msgspec.ValidationError("Expected `str`, got `int` - at `$.rules[0].name`"))
    ('Expected `str`, got `int`', '.rules[0].name')
    """
    told = _TOLD.fullmatch(str(error))
    return (told[1], told[2] or "") if told else (str(error), "")


def _read(
    document: Mapping[str, Any],
    kind: type[T],
    *,
    schema: str,
    name: str,
    failure: type[SourceprintError],
    lines: Mapping[Place, int],
) -> T:
    faults = Faults(lines)
    stated = document.get("schema", _MISSING)
    if stated != schema:
        faults.note(f'schema {_shown(stated)}; this version reads schema = "{schema}"', "schema")
    if stated == schema or stated is _MISSING:
        whole = _Reading({**document, "schema": schema}, kind, faults)
        if (table := whole.table((), whole.document, kind)) is not None and stated == schema:
            return cast(T, table)
    refusal = failure("\n".join(printable(f"{name}: {fault}") for fault in faults))
    refusal.is_list = True
    raise refusal


@dataclass(frozen=True, slots=True)
class _Reading:
    """A document being read, with its faults so far."""

    document: Mapping[str, Any]
    kind: type[Table]
    faults: Faults

    def table(self, steps: Place, value: Mapping[str, Any], kind: type[Table]) -> Table | None:
        """Return the table at some steps; None if anything is wrong with it, which is noted then."""
        try:
            return msgspec.convert(value, kind, builtin_types=_DAYS)
        except msgspec.ValidationError:
            n_before = len(list(self.faults))
        known = [field.encode_name for field in msgspec.structs.fields(kind)]
        unknown = [key for key in value if key not in known]
        for key in unknown:
            self._note_unknown(steps, key, known)
        meant = [nearest(key, known) for key in unknown]
        for field in msgspec.structs.fields(kind):
            if field.encode_name in value:
                self._field((*steps, field.encode_name), value[field.encode_name], field.type)
            elif field.required and field.encode_name not in meant:
                self._note((*steps, field.encode_name))
        if len(list(self.faults)) == n_before:
            self._convert(steps, value, kind)
        return None

    def _field(self, steps: Place, value: Any, kind: Any) -> None:
        """Note the fault of a key's value; tables note their own."""
        plain, _ = _unwrapped(inspect.type_info(kind))
        if isinstance(plain, inspect.StructType) and isinstance(value, Mapping):
            self.table(steps, value, cast(type[Table], plain.cls))
            return
        item = plain.item_type if isinstance(plain, inspect.VarTupleType) else None
        if isinstance(item, inspect.StructType) and isinstance(value, list) and all(map(_is_table, value)):
            for number, table in enumerate(value):
                self.table((*steps, number), table, cast(type[Table], item.cls))
            return
        converted = self._convert(steps, value, kind)
        if converted is not None and not _has_lines(converted):
            self._note(steps)

    def _convert(self, steps: Place, value: Any, kind: Any) -> Any:
        """Return a value as a type; None, and noted, where that is not possible."""
        try:
            return msgspec.convert(value, kind, builtin_types=_DAYS)
        except msgspec.ValidationError as error:
            if isinstance(error.__cause__, TableError):
                for one in (error.__cause__, *error.__cause__.others):
                    self._note_refused(steps, one)
            else:
                _, path = told_at(error)
                self._note((*steps, *(int(number) if number else key for key, number in _STEP.findall(path))))
            return None

    def _note(self, steps: Place, remedy: str = "") -> None:
        place, value, found = _follow(steps, self.document, inspect.type_info(self.kind))
        self.faults.note(f"{place} {_shown(value)}; {remedy or _remedy(found, place)}", *steps)

    def _note_refused(self, steps: Place, error: TableError) -> None:
        if error.key:
            self._note((*steps, error.key), error.remedy)
            return
        place, _, _ = _follow(steps, self.document, inspect.type_info(self.kind))
        self.faults.note(f"{place}: {error.remedy}" if place else error.remedy, *steps)

    def _note_unknown(self, steps: Place, key: str, known: Sequence[str]) -> None:
        place, _, _ = _follow(steps, self.document, inspect.type_info(self.kind))
        near = nearest(key, known)
        which = f"the nearest that is known is {near}, all are" if near else "known are"
        what = f"{key!r:.60} is not known; {which} {', '.join(known)}"
        self.faults.note(f"{place}: {what}" if place else what, *steps, key)


def _follow(steps: Place, value: Any, found: inspect.Type) -> tuple[str, Any, inspect.Type]:
    """Return place, value and type at the end of a path; a list of values, or of no tables, is shown as a whole."""
    place = ""
    for step in steps:
        table, _ = _unwrapped(found)
        if isinstance(step, int):
            item = getattr(table, "item_type", None)
            if not isinstance(item, inspect.StructType) or not isinstance(value[step], Mapping):
                break
            place, value, found = f"{place}[{step + 1}]", value[step], item
        elif isinstance(table, inspect.StructType):
            known = next((one for one in table.fields if one.encode_name == step), None)
            if known is None or not isinstance(value, Mapping):
                break
            found = known.type
            place, value = f"{place}.{step}" if place else step, value.get(step, _MISSING)
    return place, value, found


def _unwrapped(found: inspect.Type) -> tuple[inspect.Type, str]:
    """Return a type without its metadata and its `None`, and the description in the metadata."""
    description = ""
    while isinstance(found, (inspect.Metadata, inspect.UnionType)):
        if isinstance(found, inspect.Metadata):
            description = description or (found.extra_json_schema or {}).get("description", "")
            found = found.type
        else:
            types = [one for one in found.types if not isinstance(one, inspect.NoneType)]
            if len(types) > 1:
                break
            found = types[0]
    return found, description


def _remedy(found: inspect.Type, place: str) -> str:
    plain, description = _unwrapped(found)
    key = place.rpartition(".")[2]
    if description:
        return description
    if isinstance(plain, inspect.LiteralType):
        return f"write one of {', '.join(map(str, plain.values))}"
    if isinstance(plain, inspect.VarTupleType):
        item = plain.item_type
        if isinstance(item, inspect.StructType):
            return f"write tables that start with [[{key}]]"
        if isinstance(item, inspect.LiteralType):
            return f"write a list of some of {', '.join(map(str, item.values))}"
        return 'write a list of texts, as ["one", "two-*"], or leave the key out'
    if isinstance(plain, inspect.StructType):
        return f"it must be a table that starts with [{key}]"
    if isinstance(plain, inspect.FloatType):
        return f"write a number from {plain.ge:g} to {plain.le:.9g}, without quotation marks"
    if isinstance(plain, inspect.IntType):
        limits = [f" {word} {limit}" for word, limit in (("from", plain.ge), ("to", plain.le)) if limit is not None]
        return f"write a whole number{''.join(limits)}, without quotation marks"
    if isinstance(plain, inspect.BoolType):
        return "write true or false, without quotation marks"
    if isinstance(plain, inspect.DateType):
        return "write a day without quotation marks and time, as 2026-12-31"
    most = getattr(plain, "max_length", None) or _LONGEST_TEXT
    return f"write a text of one line, in quotation marks, of up to {most} characters"


def _shown(value: Any) -> str:
    if value is _MISSING:
        return "is missing"
    return f"is {value}" if isinstance(value, date) else f"is {value!r:.60}"


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping)


def _has_lines(value: Any) -> bool:
    """Return whether every text in the value of a key is one line that can be printed."""
    texts = value if isinstance(value, tuple) else (value,)
    return all(_is_line(text) for text in texts if isinstance(text, str))


def _is_line(text: str) -> bool:
    return 0 < len(text) <= _LONGEST_TEXT and text.isprintable() and text.strip() != ""
