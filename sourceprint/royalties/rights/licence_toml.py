"""Licences as text: from TOML to a `Licence`, to a plain document that is stored, and back to both.

In comes TOML, one licence a file (docs/formats/licence.md). The document is canonical: every number with decimals is
text, lists are sorted, codes are in capitals, keys that ask for nothing are left out. Its digest is the digest of the
licence, so two files of the same meaning have the same one, and `parse_licence(licence_toml(licence))` has it too.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from functools import partial
from importlib import resources
from typing import Any, cast

from fingerprint.digests import digest_of, exact_json
from fingerprint.errors import ParameterError, RightsError, printable
from sourceprint.royalties.deal_terms import DealTerms
from sourceprint.royalties.licence_keys import CURRENCY, DAY, IDS, WrittenNumber
from sourceprint.royalties.rights.licences import SCHEMA, Amendment, Licence, RateCard
from sourceprint.royalties.territories import EVERYWHERE
from sourceprint.toml_documents import (
    Location,
    document_of,
    expect_schema,
    expect_table,
    keys_of,
    parse_toml,
    read_values,
    refusals_of,
)
from sourceprint.toml_faults import Faults, Place, lines_of

__all__ = ["licence_document", "licence_of", "licence_toml", "new_licence", "parse_licence"]

_MAX_CHARACTERS = 16_000_000
_READ_HERE = ("schema", "amendments")
_FIXED = frozenset(
    {
        *_READ_HERE,
        *(name for name, key in keys_of(Licence, DealTerms).items() if key.fixed),
        *(f"rate_card.{name}" for name, key in keys_of(RateCard).items() if key.fixed),
    }
)  # keys that no amendment changes
_UNPRICED = keys_of(RateCard).keys() - {"royalty_rate", "per_second", "per_match"}  # else a price may be misspelt


def parse_licence(text: str, *, name: str) -> Licence:
    """Return the licence that a TOML file holds.

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
    table = parse_toml(written, name=shown, failure=RightsError, parse_float=WrittenNumber)
    with refusals_of(shown, RightsError):
        licence = _licence_of(table, lines_of(written))
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
    return replace(_licence_of(document, {}), digest=digest)


def licence_toml(licence: Licence) -> str:
    """Return a licence as TOML that `parse_licence` reads as the same licence, with the same digest."""
    return "\n".join(_toml_lines(licence_document(licence))) + "\n"


def new_licence() -> str:
    """Return a licence to fill in, as TOML with comments; `parse_licence` refuses it until its gaps are filled."""
    return (resources.files("sourceprint.royalties.rights") / "templates" / "licence.toml").read_text(encoding="utf-8")


def _licence_of(table: Mapping[str, Any], lines: Mapping[Place, int]) -> Licence:
    """Return the licence, without a digest, of a table of TOML or a stored document; all faults are raised at once."""
    faults = Faults(lines)
    top = Location(faults, _currency_of(table), "`sourceprint rights new-licence` writes a licence to fill in")
    expect_schema(table, SCHEMA, top)
    base = {key: value for key, value in table.items() if key != "amendments"}
    licence = _terms(base, top)
    if licence is not None:
        amendments = _amendments(table.get("amendments", []), base, licence, top.at("amendments"))
        licence = replace(licence, amendments=tuple(amendments))
    faults.refuse()
    return cast(Licence, licence)


def _currency_of(table: Mapping[str, Any]) -> str:
    """Return the currency of the rate card; "" if it is faulty, which is noted with the rate card."""
    card = table.get("rate_card")
    if not isinstance(card, dict) or "currency" not in card:
        return ""
    where = Location(Faults({}))
    return where.attempt(partial(CURRENCY.read, card["currency"], where)) or ""


def _terms(table: Mapping[str, Any], where: Location) -> Licence | None:
    """Return the licence of a table without amendments; None if there are faults, which are noted."""
    values = read_values(table, keys_of(Licence, DealTerms), where, others=_READ_HERE)
    for place, fault in _flaws(values, table):
        where.at(*place).note(fault)
    if where.is_faulty:
        return None
    deal = {key.field: values.pop(key.field) for key in keys_of(DealTerms).values() if key.field in values}
    if (pool := deal.get("training")) is not None and not pool.territory:
        deal["training"] = replace(pool, territory=values.get("territories", EVERYWHERE).included[0])
    return Licence(**values, deal=DealTerms(**deal))


def _flaws(values: Mapping[str, Any], table: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    """Yield the faults between keys of a licence: where, and the text that follows the name of the key."""
    first, last = values.get("valid_from"), values.get("valid_to")
    if first is not None and last is not None and last < first:
        yield ("valid_to",), f" {last}: lies before valid_from {first}; exchange them"
    replaced = values.get("replaces")
    if replaced and replaced == values.get("id"):
        yield ("replaces",), f" {replaced!r}: a licence cannot replace itself; name the earlier one"
    card = table.get("rate_card")
    if isinstance(card, dict) and card.keys() <= _UNPRICED and "training" not in table:
        yield ("rate_card",), ": says no price; write royalty_rate, per_second or per_match"
    for key in ("guarantee", "training"):
        if key in values and values[key].period == "term" and "valid_to" not in table:
            yield (key, "period"), " term: the licence has no last day; write valid_to, or another period"
    if (pool := values.get("training")) is None:
        return
    if "train" not in values.get("purposes", ("train",)):
        yield ("training",), ': purposes lack "train"; add it, or leave [training] out'
    territories = values.get("territories", EVERYWHERE)
    if not pool.territory and (territories.excluded or len(territories.included) > 1):
        fault = "the licence holds in several; write where the training takes place"
        yield ("training", "territory"), f" is missing, and {fault}"


def _amendments(changes: Any, table: Mapping[str, Any], licence: Licence, where: Location) -> Iterator[Amendment]:
    """Yield the amendments of a licence, each with all terms that hold from its day on; the first fault ends them."""
    if not isinstance(changes, list):
        where.note(": must be tables, each headed [[amendments]]")
        return
    terms, before = licence, licence.valid_from
    for number, change in enumerate(changes):
        here = where.at(number)
        day, table = here.attempt(partial(_amended, change, table, before, here)) or (before, {})
        amended = None if here.is_faulty else _terms(table, here)
        if amended is None:
            return
        if amended == terms:
            here.note(": changes nothing; leave it out")
        yield Amendment(day, amended)
        terms, before = amended, day


def _amended(change: Any, table: Mapping[str, Any], before: date, where: Location) -> tuple[date, dict[str, Any]]:
    """Return the first day of an amendment, and the table of the licence with the keys that it changes and removes.

    The keys of its tables change one by one.
    """
    change = dict(expect_table(change, where))
    if "from" not in change:
        raise ParameterError(f"{where.name}: from is missing; write the first day on which it holds")
    day: date = DAY.read(change.pop("from"), where.at("from"))
    if day <= before:
        raise ParameterError(f"{where.name}: from {day}: must be after {before}; sort amendments by day")
    amended = {key: dict(inside) if isinstance(inside, dict) else inside for key, inside in table.items()}
    for path in IDS.read(change.pop("remove", []), where.at("remove")):
        _expect_amendable((path,), where)
        head, _, key = path.partition(".")
        inside = amended.get(head) if key else amended
        if not isinstance(inside, dict) or inside.pop(key or head, None) is None:
            raise ParameterError(f"{where.name}: remove {path[:60]!r}: the licence has no such key then")
    for key, new in change.items():
        old = amended.get(key, {})
        if isinstance(new, dict) and isinstance(old, dict):
            _expect_amendable((f"{key}.{inner}" for inner in new if new[inner] != old.get(inner)), where)
            new = {**old, **new}
        _expect_amendable((key,), where)
        amended[key] = new
    return day, amended


def _expect_amendable(paths: Iterable[str], where: Location) -> None:
    for path in paths:
        if path in _FIXED:
            raise ParameterError(f"{where.name}: {path} cannot change; write a licence that replaces this one")


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
