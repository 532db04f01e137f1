"""Licences as text: from TOML to a `Licence`, to a plain document that is stored, and back to both.

In comes TOML, one licence a file (docs/formats/licence.md). The document is canonical: every number with decimals is
text, lists are sorted, codes are in capitals, keys that ask for nothing are left out. Its digest is the digest of the
licence, so two files of the same meaning have the same one, and `parse_licence(licence_toml(licence))` has it too.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib import resources
from typing import Any

from fingerprint.digests import digest_of, exact_json
from fingerprint.errors import ParameterError, RightsError, printable
from sourceprint.royalties.licence_keys import WrittenNumber, document_of
from sourceprint.royalties.rights.licence_table import licence_of_table
from sourceprint.royalties.rights.licences import SCHEMA, Licence
from sourceprint.toml_faults import lines_of

__all__ = ["licence_document", "licence_of", "licence_toml", "new_licence", "parse_licence"]

_MAX_CHARACTERS = 16_000_000


def parse_licence(text: str, *, name: str) -> Licence:
    """Return the licence that a TOML file holds.

    Parameters
    ----------
    text : str
        The content of the file.
    name : str
        Name of the file in messages.

    Raises
    ------
    RightsError
        If it is no TOML, or anything in it is missing, unknown, or outside its limits; the message has a line for each
        fault, which names the file, the key, the value, the remedy and the line.
    """
    shown = printable(name)
    if len(text) > _MAX_CHARACTERS:
        raise RightsError(f"{shown}: has {len(text)} characters, a licence has at most {_MAX_CHARACTERS}")
    written = text.removeprefix("\ufeff").replace("\r\n", "\n")
    try:
        table = tomllib.loads(written, parse_float=WrittenNumber)
    except (ValueError, RecursionError) as error:
        raise RightsError(f"{shown}: not a TOML file: {printable(str(error))}") from error
    try:
        licence = licence_of_table(table, lines=lines_of(written))
    except ParameterError as error:
        raise RightsError("\n".join(f"{shown}: {fault}" for fault in str(error).split("\n"))) from error
    return replace(licence, digest=digest_of(exact_json(licence_document(licence))))


def licence_document(licence: Licence) -> dict[str, Any]:
    """Return a licence as canonical plain JSON types, shaped as its TOML, without keys that set nothing."""
    document = _terms_document(licence)
    before, amendments = document, []
    for amendment in licence.amendments:
        after = _terms_document(amendment.terms)
        amendments.append({"from": amendment.valid_from.isoformat(), **_difference(before, after)})
        before = after
    return {**document, "amendments": amendments} if amendments else document


def _terms_document(licence: Licence) -> dict[str, Any]:
    currency = licence.rate_card.currency
    return {"schema": SCHEMA, **document_of(licence, currency), **document_of(licence.deal, currency)}


def _difference(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Return the keys that an amendment changes, with their new values, and the paths of those that it removes."""
    changed: dict[str, Any] = {}
    removed: list[str] = []
    for key in before.keys() | after.keys():
        old, new = before.get(key), after.get(key)
        if isinstance(old, dict) or isinstance(new, dict):
            old, new = old or {}, new or {}
            removed += (f"{key}.{inner}" for inner in old.keys() - new.keys())
            if inside := {inner: value for inner, value in new.items() if old.get(inner) != value}:
                changed[key] = inside
        elif new is None:
            removed.append(key)
        elif old != new:
            changed[key] = new
    return {**dict(sorted(changed.items())), **({"remove": sorted(removed)} if removed else {})}


def licence_of(document: dict[str, Any], digest: str) -> Licence:
    """Return the licence of a document, the inverse of `licence_document`.

    Parameters
    ----------
    document : dict
        As `licence_document` returns it.
    digest : str
        Of the document, as it is stored beside it.

    Raises
    ------
    ParameterError
        If it is no such document.
    """
    return replace(licence_of_table(document), digest=digest)


def licence_toml(licence: Licence) -> str:
    """Return a licence as TOML that `parse_licence` reads as the same licence, with the same digest."""
    return "\n".join(_toml_lines(licence_document(licence))) + "\n"


def new_licence() -> str:
    """Return a licence to fill in, as TOML with comments; `parse_licence` refuses it until its gaps are filled."""
    return (resources.files("sourceprint.royalties.rights") / "templates" / "licence.toml").read_text(encoding="utf-8")


def _toml_lines(table: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Yield the lines of a table: its values first, then the tables in it, each under its heading."""
    for key, value in table.items():
        if not _is_table(value):
            yield f"{key} = {_toml_value(value)}"
    for key, value in table.items():
        if isinstance(value, dict):
            yield from ("", f"[{path}{key}]", *_toml_lines(value, f"{path}{key}."))
        elif _is_table(value):
            for item in value:
                yield from ("", f"[[{path}{key}]]", *_toml_lines(item, f"{path}{key}."))


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and bool(value) and isinstance(value[0], dict))


def _toml_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return f"[{', '.join(_toml_value(item) for item in value)}]"
    # Ids and names are printable, so that only the quotation mark and the backslash need an escape.
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
