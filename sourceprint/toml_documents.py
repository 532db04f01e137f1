"""TOML that people write, as typed tables: policies of the gate, policies of royalties.

A kind of document is a `Table`: its fields are the keys, their types and bounds are the rules, and a key that is not
known is refused, as it may be a known one misspelt. Messages name file, place, value, rule and remedy; the remedy
follows from the type, or is the `description` in the field's `msgspec.Meta`. Places in lists count from 1.
"""

import difflib
import re
import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from fingerprint.errors import SourceprintError

__all__ = ["Table", "TableError", "read_document", "read_toml", "told_at"]

_LONGEST_TEXT = 512
_MISSING = object()
_STEP = re.compile(r"\.([^.\[\]`]+)|\[(\d+)\]")
_TOLD = re.compile(r"(.*?)(?: - at `\$((?:\.[^.\[\]`]+|\[\d+\])*)`)?", re.DOTALL)
_FIELD = re.compile(r"Object (contains unknown|missing required) field `(.*)`", re.DOTALL)


class TableError(ValueError):
    """What a table refuses about itself, beyond the types of its fields.

    Parameters
    ----------
    key : str
        The field; "" where it concerns the table as a whole.
    remedy : str
        What to write instead, or for a whole table what is wrong; by default what the type of the field says.
    """

    def __init__(self, key: str, remedy: str = "") -> None:
        super().__init__(key, remedy)
        self.key = key
        self.remedy = remedy


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of a document; every text in it is one line that can be printed, of at most 512 characters."""

    def __post_init__(self) -> None:
        """Refuse texts of several lines; a subclass that has rules of its own calls this first."""
        for key in self.__struct_fields__:
            value = getattr(self, key)
            texts = value if isinstance(value, tuple) else (value,)
            if any(isinstance(text, str) and not _is_line(text) for text in texts):
                raise TableError(key)


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
        What its key `schema` must say.
    name : str
        What messages call it.
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
    return read_document(document, kind, schema=schema, name=name, failure=failure)


def read_document(
    document: Mapping[str, Any], kind: type[T], *, schema: str, name: str, failure: type[SourceprintError]
) -> T:
    """Return the document that plain types state; as `read_toml`."""
    stated = document.get("schema", _MISSING)
    if stated != schema:
        raise failure(f'{name}: schema {_shown(stated)}; this version reads schema = "{schema}"')
    try:
        return msgspec.convert(document, kind, builtin_types=(date, datetime))
    except msgspec.ValidationError as error:
        raise failure(f"{name}: {_complaint(error, document, kind)}") from error


def told_at(error: msgspec.ValidationError) -> tuple[str, str]:
    """Return what msgspec says is wrong, and the path at its end; "" where that is the document itself.

    >>> told_at(msgspec.ValidationError("Expected `str`, got `int` - at `$.rules[0].name`"))
    ('Expected `str`, got `int`', '.rules[0].name')
    """
    told = _TOLD.fullmatch(str(error))
    return (told[1], told[2] or "") if told else (str(error), "")


def _complaint(error: msgspec.ValidationError, document: Any, kind: type[Table]) -> str:
    """Return what is wrong, with its place, value and remedy."""
    text, path = told_at(error)
    steps: list[str | int] = [int(number) if number else key for key, number in _STEP.findall(path)]
    field = _FIELD.fullmatch(text)
    if isinstance(error.__cause__, TableError) and error.__cause__.key:
        steps.append(error.__cause__.key)
    if field is not None and field[1] == "missing required":
        steps.append(field[2])
    place, value, found = _follow(steps, document, inspect.type_info(kind))
    if field is not None and field[1] == "contains unknown":
        table = _unwrapped(found)[0]
        known = [one.encode_name for one in table.fields] if isinstance(table, inspect.StructType) else []
        near = difflib.get_close_matches(field[2], known, n=1, cutoff=0)
        what = f"{field[2]!r:.60} is not known; the nearest that is known is {near[0]}, all are {', '.join(known)}"
        return f"{place}: {what}" if place else what
    remedy = error.__cause__.remedy if isinstance(error.__cause__, TableError) else ""
    if isinstance(error.__cause__, TableError) and not error.__cause__.key:
        return f"{place}: {remedy}" if place else remedy
    return f"{place} {_shown(value)}; {remedy or _remedy(found, place)}"


def _follow(steps: list[str | int], value: Any, found: inspect.Type) -> tuple[str, Any, inspect.Type]:
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


def _is_line(text: str) -> bool:
    return 0 < len(text) <= _LONGEST_TEXT and text.isprintable() and text.strip() != ""
