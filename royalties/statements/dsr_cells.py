"""What a single value of a DSR-shaped file must look like, by kind of cell: `complaint` says what is wrong with one."""

import re
from collections.abc import Callable
from decimal import Decimal

from fingerprint.errors import ParameterError
from royalties.money import currency_exponent, parse_amount, parse_decimal
from royalties.periods import parse_date
from royalties.rights.records import WORK_RIGHTS
from royalties.territories import validate_territory

__all__ = ["complaint", "minor_units"]

_INTEGER = re.compile(r"0|[1-9][0-9]*")
_DATETIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](Z|[+-][0-9]{2}:[0-9]{2})"
)
_DURATION = re.compile(r"PT(?=[0-9])([0-9]+H)?([0-9]+M)?([0-9]+(\.[0-9]+)?S)?")


def complaint(kind: str, value: str) -> str:
    """Return what is wrong with one value of a cell of a kind, or "".

    Examples
    --------
    >>> complaint("duration", "PT3M20S"), complaint("duration", "3:20")
    ('', 'must be a length of time such as PT3M20S (ISO 8601)')
    """
    check = _CHECKS.get(kind)
    return check(value) if check else ""


def minor_units(text: str, currency: str) -> int | None:
    """Return an amount in minor units, None where it is none."""
    try:
        return parse_amount(text, currency)
    except ParameterError:
        return None


def _refusal(parse: Callable[[str], object]) -> Callable[[str], str]:
    def check(text: str) -> str:
        try:
            parse(text)
        except ParameterError as error:
            return str(error)
        return ""

    return check


def _pattern(pattern: re.Pattern[str], rule: str) -> Callable[[str], str]:
    return lambda text: "" if pattern.fullmatch(text) else rule


def _datetime(text: str) -> str:
    matched = _DATETIME.fullmatch(text)
    return _refusal(parse_date)(matched[1]) if matched else "must be a time such as 2026-10-15T00:00:00Z (RFC 3339)"


def _percentage(text: str) -> str:
    try:
        number = parse_decimal(text)
    except ParameterError as error:
        return str(error)
    return "" if Decimal(0) <= number <= Decimal(100) else "must be from 0 to 100; a quarter is 25"


def _territory(text: str) -> str:
    try:
        return "" if validate_territory(text) == text else f"must be written {validate_territory(text)}"
    except ParameterError as error:
        return str(error)


_CHECKS: dict[str, Callable[[str], str]] = {
    "integer": _pattern(_INTEGER, "must be a whole number from 0"),
    "amount": _refusal(parse_decimal),
    "percentage": _percentage,
    "date": _refusal(parse_date),
    "datetime": _datetime,
    "duration": _pattern(_DURATION, "must be a length of time such as PT3M20S (ISO 8601)"),
    "currency": _refusal(currency_exponent),
    "territory": _territory,
    "right": lambda text: "" if text in WORK_RIGHTS else f"must be one of {', '.join(WORK_RIGHTS)}",
}
