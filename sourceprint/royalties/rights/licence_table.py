"""Licences read key by key: from a table of TOML, or a stored document of the same shape, to a validated `Licence`.

Whatever is not understood is refused: a condition that is misspelt would otherwise be a condition that is not kept.
Numbers with decimals come in as text. `sourceprint.royalties.rights.licences` shows all keys;
`sourceprint.royalties.rights.licence_toml` reads and writes the files.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from difflib import get_close_matches
from fractions import Fraction
from functools import partial
from typing import Any

from fingerprint.errors import ParameterError, printable
from sourceprint.royalties.deal_terms import DEAL_KEYS, NO_DEAL, deal_terms
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
from sourceprint.royalties.rate_tiers import TIER_KEYS, tier_period, tiers_of
from sourceprint.royalties.rights.licences import (
    PURPOSES,
    SCHEMA,
    Amendment,
    Conditions,
    Deduction,
    Licence,
    RateCard,
    Scope,
)
from sourceprint.royalties.rights.records import MASTER, WHOLE, WORK_RIGHTS
from sourceprint.royalties.territories import WORLDWIDE, Territories
from sourceprint.toml_faults import Faults, Place

__all__ = ["MAX_RATE_DECIMALS", "WrittenNumber", "licence_of_table"]

_TOP = {
    "schema": True,
    "id": True,
    "licensor": True,
    "licensee": True,
    "valid_from": True,
    "valid_to": False,
    "purposes": True,
    "replaces": False,
    "precedence": False,
    "scope": True,
    "territories": False,
    "conditions": False,
    "rate_card": True,
    "amendments": False,
    **dict.fromkeys(DEAL_KEYS, False),
}  # key: whether it must be there
_NOT_AMENDED = frozenset({"schema", "id", "licensor", "licensee", "valid_from", "replaces", "amendments", *DEAL_KEYS})
_NEVER_AMENDED = frozenset(f"rate_card.{key}" for key in TIER_KEYS)
_AMENDMENT = ("from", "remove", *(key for key in _TOP if key not in _NOT_AMENDED))
_SCOPE = ("everything", "recordings", "works", "tags", "labels", "parties")
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
    *TIER_KEYS,
)
_DEDUCTION = ("name", "rate")
_RIGHTS = (MASTER, *WORK_RIGHTS)
_MAX_ID = 512
_MAX_MS = 10**12
_MAX_PRECEDENCE = 1_000_000

MAX_RATE_DECIMALS = 30
"""Of a rate in major units; finer ones are refused, so that every rate has a finite text."""


@dataclass(frozen=True, slots=True)
class WrittenNumber:
    """A number with decimals that was written as one and not as text; it is refused wherever it stands."""

    text: str

    def __repr__(self) -> str:
        return self.text


def licence_of_table(table: Mapping[str, Any], *, lines: Mapping[Place, int] | None = None) -> Licence:
    """Return the licence, without a digest, that a table of TOML or a stored document holds.

    Parameters
    ----------
    table : mapping
        Numbers with decimals are text, or `WrittenNumber`.
    lines : mapping, optional
        Where its keys stand, as `sourceprint.toml_faults.lines_of` says.

    Raises
    ------
    ParameterError
        If anything in it is missing, unknown, or outside its limits; the message has a line for each fault, with key,
        value and remedy.
    """
    if "schema" in table and table["schema"] != SCHEMA:
        raise ParameterError(f'schema: must be "{SCHEMA}", is {table["schema"]!r:.60}')
    faults = Faults(lines or {})
    base = {key: value for key, value in table.items() if key != "amendments"}
    licence = _terms(base, faults)
    faults.refuse()
    amendments = _amendments(table.get("amendments", []), base, licence, faults)
    faults.refuse()
    return replace(licence, amendments=amendments)


def _terms(table: Mapping[str, Any], faults: Faults) -> Licence:
    """Return the licence that a table without amendments holds; where faults are noted, it is not to be used."""
    needed = tuple(key for key, is_needed in _TOP.items() if is_needed)
    _check_keys(table, tuple(_TOP), (), faults, needed=needed)

    def read(key: str, reader: Callable[[Any, str], Any]) -> Any:
        return faults.of(lambda: reader(table[key], key), key) if key in table else None

    def section(key: str, known: tuple[str, ...], reader: Callable[[Mapping[str, Any], Faults], Any]) -> Any:
        if key not in table:
            return reader({}, faults) if not _TOP[key] else None
        inside = faults.of(lambda: _table(table[key], key), key)
        if inside is None:
            return None
        _check_keys(inside, known, (key,), faults)
        return reader({one: value for one, value in inside.items() if one in known}, faults)

    valid_from, valid_to = read("valid_from", _day), read("valid_to", _day)
    if valid_from is not None and valid_to is not None and valid_to < valid_from:
        faults.note(f"valid_to {valid_to}: lies before valid_from {valid_from}; exchange them", "valid_to")
    licence_id = read("id", _id)
    replaces = read("replaces", _id) if table.get("replaces", "") != "" else ""
    if replaces and replaces == licence_id:
        faults.note(f"replaces {replaces!r}: a licence cannot replace itself; name the earlier one", "replaces")
    precedence = read("precedence", _precedence)
    licensor, licensee, purposes = read("licensor", _id), read("licensee", _id), read("purposes", _purposes)
    territories = section("territories", _TERRITORIES, _territories)
    scope = section("scope", _SCOPE, _scope)
    conditions = section("conditions", _CONDITIONS, _conditions)
    rate_card = section("rate_card", _RATE_CARD, partial(_rate_card, priced="training" not in table))
    deal = NO_DEAL
    if rate_card is not None and rate_card.currency and territories is not None and purposes is not None:
        deal = deal_terms(
            table,
            faults,
            currency=rate_card.currency,
            valid_to=valid_to,
            territories=() if territories.excluded else territories.included,
            purposes=purposes,
        )
    return Licence(
        id=licence_id,
        licensor=licensor,
        licensee=licensee,
        valid_from=valid_from,
        valid_to=valid_to,
        purposes=purposes,
        territories=territories,
        scope=scope,
        conditions=conditions,
        rate_card=rate_card,
        replaces=replaces,
        precedence=precedence,
        deal=deal,
    )


def _amendments(value: Any, table: Mapping[str, Any], licence: Licence, faults: Faults) -> tuple[Amendment, ...]:
    """Return the amendments of a licence, each with all terms that hold from its day on; the first fault ends it."""
    if not isinstance(value, list):
        faults.note("amendments: must be tables, each headed [[amendments]]", "amendments")
        return ()
    made: list[Amendment] = []
    terms, before = licence, licence.valid_from
    for number, change in enumerate(value):
        what, place = f"amendments, number {number + 1}", ("amendments", number)
        day, table = faults.of(partial(_amended, table, change, before, what), *place) or (before, {})
        inside = Faults({})
        if not faults.any_at(*place):
            amended = _terms(table, inside)
            for sentence in inside:
                faults.note(f"{what}: {sentence}", *place)
        if faults.any_at(*place):
            break
        if amended == terms:
            faults.note(f"{what}: changes nothing; leave it out", *place)
        if amended.rate_card.currency != licence.rate_card.currency:
            faults.note(f"{what}: rate_card.currency cannot change; write a licence that replaces this one", *place)
        made.append(Amendment(day, amended))
        terms, before = amended, day
    return tuple(made)


def _amended(table: Mapping[str, Any], value: Any, before: date, what: str) -> tuple[date, dict[str, Any]]:
    """Return from when an amendment holds, and a licence's table with keys changed and removed by it.

    The keys of its tables change one by one.
    """
    change = _table(value, what)
    if unknown := [key for key in change if key not in _AMENDMENT]:
        raise ParameterError(_unknown(unknown[0], _AMENDMENT, what))
    if "from" not in change:
        raise ParameterError(f"{what}: from is missing; write the first day on which it holds")
    day = _day(change["from"], f"{what}: from")
    if day <= before:
        raise ParameterError(f"{what}: from {day}: must be after {before}; sort amendments by day")
    amended = {key: dict(inside) if isinstance(inside, dict) else inside for key, inside in table.items()}
    for path in _texts(change.get("remove", []), f"{what}: remove"):
        head, _, key = path.partition(".")
        _expect_amendable((path,), what)
        inside = amended.get(head) if key else amended
        if not isinstance(inside, dict) or inside.pop(key or head, None) is None:
            raise ParameterError(f"{what}: remove {_quote(path)}: the licence has no such key then")
    for key, new in change.items():
        if isinstance(new, dict) and isinstance(amended.get(key, {}), dict):
            _expect_amendable((f"{key}.{inner}" for inner in new), what)
            amended[key] = {**amended.get(key, {}), **new}
        elif key not in ("from", "remove"):
            amended[key] = new
    return day, amended


def _expect_amendable(paths: Iterable[str], what: str) -> None:
    """Refuse to amend what usages are counted by: of one count, each usage would have to be of one version."""
    for path in paths:
        if path in _NEVER_AMENDED:
            raise ParameterError(f"{what}: {path} cannot change; write a licence that replaces this one")


def _precedence(value: Any, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MAX_PRECEDENCE:
        raise ParameterError(f"{what}: must be a whole number from 0 to {_MAX_PRECEDENCE}, is {value!r:.60}")
    return value


def _purposes(value: Any, what: str) -> tuple[str, ...]:
    purposes = _texts(value, what)
    for purpose in purposes:
        if purpose not in PURPOSES:
            raise ParameterError(f"{what}: {_quote(purpose)} is none of {', '.join(PURPOSES)}")
    if not purposes:
        raise ParameterError(f"{what}: is empty; name one or more of {', '.join(PURPOSES)}")
    return purposes


def _territories(table: Mapping[str, Any], faults: Faults) -> Territories | None:
    included, excluded = (
        faults.of(partial(_texts, table.get(key, usual), f"territories.{key}"), "territories", key)
        for key, usual in (("include", [WORLDWIDE]), ("exclude", []))
    )
    if included == ():
        faults.note('territories.include: is empty; name countries, or "Worldwide"', "territories", "include")
    if included is None or excluded is None or faults.any_at("territories"):
        return None
    return faults.of(lambda: Territories.of(included, excluded), "territories")


def _scope(table: Mapping[str, Any], faults: Faults) -> Scope | None:
    everything = faults.of(lambda: _flag(table.get("everything", False), "scope.everything"), "scope", "everything")
    lists = {key: faults.of(partial(_texts, table.get(key, []), f"scope.{key}"), "scope", key) for key in _SCOPE[1:]}
    named = [key for key, ids in lists.items() if ids and key != "parties"]
    if faults.any_at("scope"):
        return None
    if everything and named:
        faults.note(f"scope: everything = true and {named[0]} as well; write one of them", "scope", "everything")
    if not everything and not named:
        faults.note("scope: names nothing; list recordings, works, tags or labels, or write everything = true", "scope")
    return Scope(everything=bool(everything), **{key: ids or () for key, ids in lists.items()})


def _conditions(table: Mapping[str, Any], faults: Faults) -> Conditions:
    def read(key: str, reader: Callable[[Any, str], Any]) -> Any:
        return faults.of(lambda: reader(table[key], f"conditions.{key}"), "conditions", key) if key in table else None

    return Conditions(
        max_consecutive_ms=read("max_consecutive_seconds", _milliseconds),
        max_total_ms=read("max_total_seconds", _milliseconds),
        max_share_of_track_millionths=read("max_share_of_track", _percentage('such as "50 %"')),
        no_vocals=bool(read("no_vocals", _flag)),
    )


def _rate_card(table: Mapping[str, Any], faults: Faults, *, priced: bool) -> RateCard:
    def read(key: str, reader: Callable[[Any, str], Any]) -> Any:
        return faults.of(lambda: reader(table[key], f"rate_card.{key}"), "rate_card", key) if key in table else None

    prices = {"royalty_rate", "per_second", "per_match"}
    if priced and not prices & table.keys() and not faults.any_at("rate_card"):
        faults.note("rate_card: says no price; write royalty_rate, per_second or per_match", "rate_card")
    for key in ("currency", "rights"):
        if key not in table:
            faults.note(f"rate_card.{key} is missing", "rate_card", key)
    currency = read("currency", _currency)
    royalty = read("royalty_rate", _percentage('such as "12.5 %"'))
    per_usage = True if (stated := read("per_usage", _flag)) is None else bool(stated)
    if "tiers_period" in table and "tiers" not in table:
        faults.note(
            "rate_card.tiers_period: there are no [[rate_card.tiers]]; leave it out", "rate_card", "tiers_period"
        )
    return RateCard(
        currency=currency or "",
        rights=_rights(table["rights"], faults) if "rights" in table else (),
        royalty_millionths=royalty,
        per_second=read("per_second", lambda value, what: _rate(value, currency, what)),
        per_match=read("per_match", lambda value, what: _rate(value, currency, what)),
        per_usage=per_usage,
        minimum_payout=read("minimum_payout", lambda value, what: _minimum(value, currency, what)) or 0,
        deductions=_deductions(table.get("deductions", []), faults),
        tiers=tiers_of(table, faults, rate=lambda value, what: _rate(value, currency, what), per_usage=per_usage),
        tiers_period=read("tiers_period", tier_period) or "",
    )


def _currency(value: Any, what: str) -> str:
    return validate_currency(_text(value, what, 'such as "EUR"'))


def _minimum(value: Any, currency: str | None, what: str) -> int:
    text = _text(value, what, 'such as "20.00"')
    if currency is None:  # a fault of its own; what this one means, it would say
        parse_decimal(text, what=what)
        return 0
    minimum = parse_amount(text, currency, what=what)
    if minimum < 0:
        raise ParameterError(f"{what} {_quote(value)}: must not be negative")
    return minimum


def _rights(value: Any, faults: Faults) -> tuple[tuple[str, int], ...]:
    place = ("rate_card", "rights")
    table = faults.of(lambda: _table(value, ".".join(place)), *place)
    if table is None:
        return ()
    _check_keys(table, _RIGHTS, place, faults)
    rights = []
    for right in sorted(table.keys() & set(_RIGHTS)):
        what = f"rate_card.rights.{right}"
        millionths = faults.of(partial(_percentage('such as "50 %"'), table[right], what), *place, right)
        if millionths == 0:
            faults.note(f"{what}: is 0 %; leave the right out", *place, right)
        rights.append((right, millionths or 0))
    total = sum(millionths for _, millionths in rights)
    if total != WHOLE and not faults.any_at(*place):
        faults.note(f"rate_card.rights: sum to {format_percent(total)}; they must sum to 100 %", *place)
    return tuple(rights)


def _deductions(value: Any, faults: Faults) -> tuple[Deduction, ...]:
    place = ("rate_card", "deductions")
    if not isinstance(value, list):
        faults.note("rate_card.deductions: must be tables, each headed [[rate_card.deductions]]", *place)
        return ()
    deductions: list[Deduction] = []
    for number, item in enumerate(value):
        taken = {deduction.name for deduction in deductions}
        found = faults.of(partial(_deduction, number, item, taken), *place, number)
        if found is not None:
            deductions.append(found)
    total = sum(deduction.millionths for deduction in deductions)
    if total > WHOLE and not faults.any_at(*place):
        faults.note(f"rate_card.deductions: sum to {format_percent(total)}; more than all cannot be taken off", *place)
    return tuple(deductions)


def _deduction(number: int, item: Any, taken: Collection[str]) -> Deduction:
    what = f"rate_card.deductions, number {number + 1}"
    table = _table(item, what)
    if unknown := [key for key in table if key not in _DEDUCTION]:
        raise ParameterError(_unknown(unknown[0], _DEDUCTION, what))
    if missing := [key for key in _DEDUCTION if key not in table]:
        raise ParameterError(f"{what}: {missing[0]} is missing")
    name = _id(table["name"], f"{what}: name")
    if name in taken:
        raise ParameterError(f"{what}: {_quote(name)} is there twice; give each its own name")
    return Deduction(name, _percentage('such as "10 %"')(table["rate"], f"{what}: rate"))


def _percentage(example: str) -> Callable[[Any, str], int]:
    return lambda value, what: parse_percent(_text(value, what, example), what=what)


def _rate(value: Any, currency: str | None, what: str) -> Fraction:
    """Return a rate in minor units; it may be finer than the currency."""
    exact = Fraction(parse_decimal(_text(value, what, 'such as "0.002"'), what=what))
    if exact < 0:
        raise ParameterError(f"{what} {_quote(value)}: must not be negative")
    if 10**MAX_RATE_DECIMALS % exact.denominator:
        raise ParameterError(f"{what} {_quote(value)}: has more than {MAX_RATE_DECIMALS} decimals; round it")
    if currency is None:  # a fault of its own
        return exact
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


def _check_keys(
    table: Mapping[str, Any], known: tuple[str, ...], place: Place, faults: Faults, *, needed: tuple[str, ...] = ()
) -> None:
    """Note keys that are not known, and those that are needed and not there; not both of one that was misspelt."""
    missing = [key for key in needed if key not in table]
    for key in table:
        if key not in known:
            faults.note(_unknown(key, known, ".".join(map(str, place))), *place, key)
            missing = [one for one in missing if one not in _near(key, known)]
    for key in missing:
        faults.note(f"{key} is missing; `sourceprint rights new-licence` writes a licence to fill in", *place, key)


def _near(key: str, known: tuple[str, ...]) -> list[str]:
    return get_close_matches(key, known, n=1, cutoff=0.5)


def _unknown(key: str, known: tuple[str, ...], where: str) -> str:
    near = _near(key, known)
    meant = f"; {near[0]} may be meant" if near else f"; known are {', '.join(known)}"
    return f"{where + '.' if where else ''}{printable(key[:60])}: there is no such key{meant}"


def _table(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ParameterError(f"{what}: must be a table, headed [{what}], is {value!r:.60}")
    return value


def _text(value: Any, what: str, example: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int | WrittenNumber) and not isinstance(value, bool):
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
