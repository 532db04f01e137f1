"""Licences read and validated: from a table of TOML, or a stored document of the same shape, with their amendments.

`sourceprint.royalties.rights.licences` declares the keys; `sourceprint.royalties.rights.licence_toml` reads and writes
the files.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Any, cast

from fingerprint.errors import ParameterError
from sourceprint.royalties.deal_terms import DealTerms
from sourceprint.royalties.licence_keys import CURRENCY, DAY, IDS, Location, expect_table, keys_of, read_values
from sourceprint.royalties.rights.licences import SCHEMA, Amendment, Licence, RateCard
from sourceprint.royalties.territories import EVERYWHERE
from sourceprint.toml_faults import Faults, Place

__all__ = ["licence_of_table"]

_READ_HERE = ("schema", "amendments")
_FIXED = frozenset(
    {
        *_READ_HERE,
        *(name for name, key in keys_of(Licence, DealTerms).items() if key.fixed),
        *(f"rate_card.{name}" for name, key in keys_of(RateCard).items() if key.fixed),
    }
)  # keys that no amendment changes
_UNPRICED = keys_of(RateCard).keys() - {"royalty_rate", "per_second", "per_match"}  # else a price may be misspelt


def licence_of_table(table: Mapping[str, Any], *, lines: Mapping[Place, int] | None = None) -> Licence:
    """Return the licence, without a digest, of a table of TOML or a stored document.

    Parameters
    ----------
    table : mapping
        Numbers with decimals are text, or `WrittenNumber`.
    lines : mapping, optional
        Lines of its keys, as `sourceprint.toml_faults.lines_of` returns them.

    Raises
    ------
    ParameterError
        If anything in it is missing, unknown, or outside its limits; the message has a line for each fault, with key,
        value and remedy.
    """
    if table.get("schema", SCHEMA) != SCHEMA:
        raise ParameterError(f'schema: must be "{SCHEMA}", is {table["schema"]!r:.60}')
    faults = Faults(lines or {})
    top = Location(faults, _currency_of(table))
    if "schema" not in table:
        top.at("schema").note(f' is missing; write schema = "{SCHEMA}"')
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
    where = Location(Faults({}), "")
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
