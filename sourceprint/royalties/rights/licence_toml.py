"""Licences as text: from TOML to a `Licence`, to a plain document that is stored, and back to both.

In comes the TOML of `sourceprint.royalties.rights.licences`, one licence each. The document is canonical: every
number with decimals is text, lists are sorted, codes are in capitals, what asks for nothing is left out. Its digest is
the digest of the licence, so two files that say the same have the same one, and `parse_licence(licence_toml(licence))`
has it too.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from importlib import resources
from typing import Any

from fingerprint.digests import digest_of, exact_json
from fingerprint.errors import ParameterError, RightsError, printable
from sourceprint.royalties.deal_terms import deal_document
from sourceprint.royalties.money import currency_exponent, format_amount, format_percent
from sourceprint.royalties.rate_tiers import tier_documents
from sourceprint.royalties.rights.licence_table import MAX_RATE_DECIMALS, WrittenNumber, licence_of_table
from sourceprint.royalties.rights.licences import SCHEMA, Conditions, Licence, Scope
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
        What messages call it, such as its file name.

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
    """Return a licence as canonical plain JSON types, shaped as its TOML; what asks for nothing is left out."""
    document = _terms_document(licence)
    before, amendments = document, []
    for amendment in licence.amendments:
        after = _terms_document(amendment.terms)
        amendments.append({"from": amendment.valid_from.isoformat(), **_difference(before, after)})
        before = after
    return {**document, "amendments": amendments} if amendments else document


def _terms_document(licence: Licence) -> dict[str, Any]:
    card = licence.rate_card

    def major(rate: Fraction) -> str:
        return _decimal_text(rate / 10 ** currency_exponent(card.currency))

    document: dict[str, Any] = {
        "schema": SCHEMA,
        "id": licence.id,
        "licensor": licence.licensor,
        "licensee": licence.licensee,
        "valid_from": licence.valid_from.isoformat(),
        "purposes": list(licence.purposes),
        "scope": _scope_document(licence.scope),
        "territories": {"include": list(licence.territories.included)},
        "conditions": _conditions_document(licence.conditions),
        "rate_card": {
            "currency": card.currency,
            "per_usage": card.per_usage,
            "minimum_payout": format_amount(card.minimum_payout, card.currency),
            "rights": {right: format_percent(millionths) for right, millionths in card.rights},
        },
    }
    if not document["conditions"]:
        del document["conditions"]
    if licence.valid_to is not None:
        document["valid_to"] = licence.valid_to.isoformat()
    if licence.replaces:
        document["replaces"] = licence.replaces
    if licence.precedence is not None:
        document["precedence"] = licence.precedence
    if licence.territories.excluded:
        document["territories"]["exclude"] = list(licence.territories.excluded)
    if card.royalty_millionths is not None:
        document["rate_card"]["royalty_rate"] = format_percent(card.royalty_millionths)
    for key, rate in (("per_second", card.per_second), ("per_match", card.per_match)):
        if rate is not None:
            document["rate_card"][key] = major(rate)
    if card.tiers:
        document["rate_card"]["tiers_period"] = card.tiers_period
        document["rate_card"]["tiers"] = tier_documents(card.tiers, major)
    if card.deductions:
        document["rate_card"]["deductions"] = [
            {"name": deduction.name, "rate": format_percent(deduction.millionths)} for deduction in card.deductions
        ]
    return document | deal_document(licence.deal, card.currency)


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
    """Return a licence to fill in, as TOML with comments: `parse_licence` refuses it until what is empty is filled."""
    return (resources.files("sourceprint.royalties.rights") / "templates" / "licence.toml").read_text(encoding="utf-8")


def _scope_document(scope: Scope) -> dict[str, Any]:
    lists = {
        "recordings": scope.recordings,
        "works": scope.works,
        "tags": scope.tags,
        "labels": scope.labels,
        "parties": scope.parties,
    }
    named = {key: list(ids) for key, ids in lists.items() if ids}
    return {"everything": True, **named} if scope.everything else named


def _conditions_document(conditions: Conditions) -> dict[str, Any]:
    document: dict[str, Any] = {}
    if conditions.max_consecutive_ms is not None:
        document["max_consecutive_seconds"] = _decimal_text(Fraction(conditions.max_consecutive_ms, 1000))
    if conditions.max_total_ms is not None:
        document["max_total_seconds"] = _decimal_text(Fraction(conditions.max_total_ms, 1000))
    if conditions.max_share_of_track_millionths is not None:
        document["max_share_of_track"] = format_percent(conditions.max_share_of_track_millionths)
    if conditions.no_vocals:
        document["no_vocals"] = True
    return document


def _decimal_text(exact: Fraction) -> str:
    """Return a fraction that has a finite decimal form, without zeros at its end."""
    whole, rest = divmod(exact * 10**MAX_RATE_DECIMALS, 10**MAX_RATE_DECIMALS)
    decimals = f"{int(rest):0{MAX_RATE_DECIMALS}d}".rstrip("0")
    return f"{whole}.{decimals}" if decimals else str(whole)


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
