"""Licences read key by key: from a table of TOML, or a stored document of the same shape, to a validated `Licence`.

Whatever is not understood is refused: a condition that is misspelt would otherwise be a condition that is not kept.
Numbers with decimals come in as text. `sourceprint.royalties.rights.licences` shows all keys;
`sourceprint.royalties.rights.licence_toml` reads and writes the files.
"""

from collections.abc import Mapping
from datetime import date, datetime
from difflib import get_close_matches
from fractions import Fraction
from typing import Any

from fingerprint.errors import ParameterError, printable
from sourceprint.royalties.money import (
    LIMIT_MINOR,
    currency_exponent,
    format_percent,
    parse_amount,
    parse_decimal,
    parse_percent,
    validate_currency,
)
from sourceprint.royalties.periods import parse_date
from sourceprint.royalties.rights.licences import PURPOSES, SCHEMA, Conditions, Deduction, Licence, RateCard, Scope
from sourceprint.royalties.rights.records import MASTER, WHOLE, WORK_RIGHTS
from sourceprint.royalties.territories import WORLDWIDE, Territories

__all__ = ["MAX_RATE_DECIMALS", "licence_of_table"]

_TOP = {
    "schema": True,
    "id": True,
    "licensor": True,
    "licensee": True,
    "valid_from": True,
    "valid_to": False,
    "purposes": True,
    "replaces": False,
    "scope": True,
    "territories": False,
    "conditions": False,
    "rate_card": True,
}  # key: whether it must be there
_SCOPE = ("everything", "recordings", "works", "tags", "labels")
_TERRITORIES = ("include", "exclude")
_CONDITIONS = ("max_consecutive_seconds", "max_total_seconds", "max_share_of_track", "no_vocals")
_RATE_CARD = (
    "currency",
    "rights",
    "royalty_rate",
    "per_second",
    "per_match",
    "per_usage",
    "minimum_payout",
    "deductions",
)
_DEDUCTION = ("name", "rate")
_RIGHTS = (MASTER, *WORK_RIGHTS)
_MAX_ID = 512
_MAX_MS = 10**12

MAX_RATE_DECIMALS = 30
"""Of a rate in major units; finer ones are refused, so that every rate has a finite text."""


def licence_of_table(table: Mapping[str, Any]) -> Licence:
    """Return the licence, without a digest, that a table of TOML or a stored document holds.

    Raises
    ------
    ParameterError
        If anything in it is missing, unknown, or outside its limits; the message names key, value and remedy.
    """
    _check_keys(table, tuple(_TOP), "")
    if table.get("schema") != SCHEMA:
        raise ParameterError(f'schema: must be "{SCHEMA}", is {table.get("schema")!r:.60}')
    if missing := [key for key, needed in _TOP.items() if needed and key not in table]:
        raise ParameterError(f"{missing[0]} is missing; `sourceprint rights new-licence` writes a licence to fill in")
    valid_from = _day(table["valid_from"], "valid_from")
    valid_to = _day(table["valid_to"], "valid_to") if "valid_to" in table else None
    if valid_to is not None and valid_to < valid_from:
        raise ParameterError(f"valid_to {valid_to}: lies before valid_from {valid_from}; exchange them")
    licence_id = _id(table["id"], "id")
    replaces = _id(table["replaces"], "replaces") if table.get("replaces", "") != "" else ""
    if replaces == licence_id:
        raise ParameterError(f"replaces {replaces!r}: a licence cannot replace itself; name the earlier one")
    return Licence(
        id=licence_id,
        licensor=_id(table["licensor"], "licensor"),
        licensee=_id(table["licensee"], "licensee"),
        valid_from=valid_from,
        valid_to=valid_to,
        purposes=_purposes(table["purposes"]),
        territories=_territories(_table(table.get("territories", {}), "territories", _TERRITORIES)),
        scope=_scope(_table(table["scope"], "scope", _SCOPE)),
        conditions=_conditions(_table(table.get("conditions", {}), "conditions", _CONDITIONS)),
        rate_card=_rate_card(_table(table["rate_card"], "rate_card", _RATE_CARD)),
        replaces=replaces,
    )


def _purposes(value: Any) -> tuple[str, ...]:
    purposes = _texts(value, "purposes")
    for purpose in purposes:
        if purpose not in PURPOSES:
            raise ParameterError(f"purposes: {_quote(purpose)} is none of {', '.join(PURPOSES)}")
    if not purposes:
        raise ParameterError(f"purposes: is empty; name one or more of {', '.join(PURPOSES)}")
    return purposes


def _territories(table: Mapping[str, Any]) -> Territories:
    included = _texts(table.get("include", [WORLDWIDE]), "territories.include")
    if not included:
        raise ParameterError('territories.include: is empty; name countries, or "Worldwide"')
    return Territories.of(included, _texts(table.get("exclude", []), "territories.exclude"))


def _scope(table: Mapping[str, Any]) -> Scope:
    everything = _flag(table.get("everything", False), "scope.everything")
    lists = {key: _texts(table.get(key, []), f"scope.{key}") for key in _SCOPE[1:]}
    named = [key for key, ids in lists.items() if ids]
    if everything and named:
        raise ParameterError(f"scope: everything = true and {named[0]} as well; write one of them")
    if not everything and not named:
        raise ParameterError("scope: names nothing; list recordings, works, tags or labels, or write everything = true")
    return Scope(everything=everything, **lists)


def _conditions(table: Mapping[str, Any]) -> Conditions:
    def seconds(key: str) -> int | None:
        return _milliseconds(table[key], f"conditions.{key}") if key in table else None

    share = None
    if "max_share_of_track" in table:
        what = "conditions.max_share_of_track"
        share = parse_percent(_text(table["max_share_of_track"], what, 'such as "50 %"'), what=what)
    return Conditions(
        max_consecutive_ms=seconds("max_consecutive_seconds"),
        max_total_ms=seconds("max_total_seconds"),
        max_share_of_track_millionths=share,
        no_vocals=_flag(table.get("no_vocals", False), "conditions.no_vocals"),
    )


def _rate_card(table: Mapping[str, Any]) -> RateCard:
    for key in ("currency", "rights"):
        if key not in table:
            raise ParameterError(f"rate_card.{key} is missing")
    currency = validate_currency(_text(table["currency"], "rate_card.currency", 'such as "EUR"'))
    rates = {
        key: _rate(table[key], currency, f"rate_card.{key}") for key in ("per_second", "per_match") if key in table
    }
    royalty = None
    if "royalty_rate" in table:
        what = "rate_card.royalty_rate"
        royalty = parse_percent(_text(table["royalty_rate"], what, 'such as "12.5 %"'), what=what)
    if royalty is None and not rates:
        raise ParameterError("rate_card: says no price; write royalty_rate, per_second or per_match")
    minimum = 0
    if "minimum_payout" in table:
        what = "rate_card.minimum_payout"
        minimum = parse_amount(_text(table["minimum_payout"], what, 'such as "20.00"'), currency, what=what)
        if minimum < 0:
            raise ParameterError(f"{what} {_quote(table['minimum_payout'])}: must not be negative")
    return RateCard(
        currency=currency,
        rights=_rights(_table(table["rights"], "rate_card.rights", _RIGHTS)),
        royalty_millionths=royalty,
        per_second=rates.get("per_second"),
        per_match=rates.get("per_match"),
        per_usage=_flag(table.get("per_usage", True), "rate_card.per_usage"),
        minimum_payout=minimum,
        deductions=_deductions(table.get("deductions", [])),
    )


def _rights(table: Mapping[str, Any]) -> tuple[tuple[str, int], ...]:
    rights = []
    for right, value in sorted(table.items()):
        what = f"rate_card.rights.{right}"
        millionths = parse_percent(_text(value, what, 'such as "50 %"'), what=what)
        if not millionths:
            raise ParameterError(f"{what}: is 0 %; leave the right out")
        rights.append((right, millionths))
    total = sum(millionths for _, millionths in rights)
    if total != WHOLE:
        raise ParameterError(f"rate_card.rights: sum to {format_percent(total)}; they must sum to 100 %")
    return tuple(rights)


def _deductions(value: Any) -> tuple[Deduction, ...]:
    if not isinstance(value, list):
        raise ParameterError("rate_card.deductions: must be tables, each headed [[rate_card.deductions]]")
    deductions: list[Deduction] = []
    for number, item in enumerate(value, 1):
        what = f"rate_card.deductions, number {number}"
        table = _table(item, what, _DEDUCTION)
        if missing := [key for key in _DEDUCTION if key not in table]:
            raise ParameterError(f"{what}: {missing[0]} is missing")
        name = _id(table["name"], f"{what}: name")
        if name in {deduction.name for deduction in deductions}:
            raise ParameterError(f"{what}: {_quote(name)} is there twice; give each its own name")
        rate = parse_percent(_text(table["rate"], f"{what}: rate", 'such as "10 %"'), what=f"{what}: rate")
        deductions.append(Deduction(name, rate))
    total = sum(deduction.millionths for deduction in deductions)
    if total > WHOLE:
        raise ParameterError(f"rate_card.deductions: sum to {format_percent(total)}; more than all cannot be taken off")
    return tuple(deductions)


def _rate(value: Any, currency: str, what: str) -> Fraction:
    """Return a rate in minor units; it may be finer than the currency."""
    exact = Fraction(parse_decimal(_text(value, what, 'such as "0.002"'), what=what))
    if exact < 0:
        raise ParameterError(f"{what} {_quote(value)}: must not be negative")
    if 10**MAX_RATE_DECIMALS % exact.denominator:
        raise ParameterError(f"{what} {_quote(value)}: has more than {MAX_RATE_DECIMALS} decimals; round it")
    minor: Fraction = exact * 10 ** currency_exponent(currency)
    if minor > LIMIT_MINOR:
        raise ParameterError(f"{what} {_quote(value)}: beyond {LIMIT_MINOR} minor units of {currency}; check the unit")
    return minor


def _milliseconds(value: Any, what: str) -> int:
    exact = Fraction(parse_decimal(_text(value, what, 'such as "15"'), what=what)) * 1000
    if exact.denominator != 1 or not 0 <= exact <= _MAX_MS:
        raise ParameterError(
            f"{what} {_quote(value)}: must be from 0 to {_MAX_MS // 1000} seconds, with at most three decimals"
        )
    return int(exact.numerator)


def _day(value: Any, what: str) -> date:
    if isinstance(value, datetime):
        raise ParameterError(f"{what} {value}: has a time; write the day alone, as in 2026-01-01")
    if isinstance(value, date):
        return value
    return parse_date(_text(value, what, "such as 2026-01-01"), what=what)


def _check_keys(table: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in table:
        if key not in known:
            near = get_close_matches(key, known, n=1, cutoff=0.5)
            meant = f"; {near[0]} may be meant" if near else f"; known are {', '.join(known)}"
            raise ParameterError(f"{where + '.' if where else ''}{printable(key[:60])}: there is no such key{meant}")


def _table(value: Any, what: str, known: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ParameterError(f"{what}: must be a table, headed [{what}], is {value!r:.60}")
    _check_keys(value, known, what)
    return value


def _text(value: Any, what: str, example: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        raise ParameterError(f"{what} {value}: write it as text, in quotes, {example}, so that it is read exactly")
    raise ParameterError(f"{what}: must be text, {example}, is {value!r:.60}")


def _id(value: Any, what: str) -> str:
    text = _text(value, what, 'such as "L-1"')
    if not text.strip() or text != text.strip() or len(text) > _MAX_ID or not text.isprintable():
        raise ParameterError(
            f"{what} {_quote(text)}: must have 1 to {_MAX_ID} printable characters, without spaces at its ends"
        )
    return text


def _texts(value: Any, what: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ParameterError(f'{what}: must be a list of texts, as in ["one", "two"], is {value!r:.60}')
    return tuple(sorted({_id(item, what) for item in value}))


def _flag(value: Any, what: str) -> bool:
    if not isinstance(value, bool):
        raise ParameterError(f"{what}: must be true or false, is {value!r:.60}")
    return value


def _quote(value: Any) -> str:
    return f"'{printable(str(value)[:60])}'"
