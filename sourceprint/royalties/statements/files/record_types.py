"""Records from outside, held against the types of their fields.

JSON gives a text where a number is due as readily as a number. `expect_typed` follows the annotations of a dataclass
down to its last field, once for every record, so that nothing behind it has to ask again.
"""

import functools
import types
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, Union, get_args, get_origin, get_type_hints

from sourceprint.royalties.money import Amount

__all__ = ["expect_typed"]

_MOST = 1 << 63  # of a whole number: what tables and databases take

_Check = Callable[[Any], bool]


def expect_typed(record: Any) -> None:
    """Make sure that every field of a record is of the type that it is declared with, all the way down.

    Parameters
    ----------
    record : dataclass instance
        Of texts, whole numbers of 64 bits, fractions, finite decimals, dates, truth values, None, tuples of these, and
        dataclasses.

    Raises
    ------
    TypeError
        If a field is not; the message names it.

    Examples
    --------
    >>> from sourceprint.royalties.statements.statement import Credit
    >>> expect_typed(Credit("R1", ("Anna",), None))
    >>> expect_typed(Credit("R1", ("Anna",), "3"))
    Traceback (most recent call last):
    ...
    TypeError: Credit.duration_ms is '3'
    """
    kind: Any = type(record)
    _of_record(kind)(record)


@functools.cache
def _of_record(kind: Any) -> _Check:
    hints = get_type_hints(kind)
    checks = [(one.name, _of_type(hints[one.name])) for one in fields(kind)]

    def check(record: Any) -> bool:
        if type(record) is not kind:
            return False
        for name, fits in checks:
            value = getattr(record, name)
            if not fits(value):
                raise TypeError(f"{kind.__name__}.{name} is {value!r:.60}")
        return True

    return check


@functools.cache
def _of_type(kind: Any) -> _Check:
    if is_dataclass(kind) and isinstance(kind, type):
        return _of_record(kind)
    if get_origin(kind) in (Union, types.UnionType):
        several = [_of_type(one) for one in get_args(kind)]
        return lambda value: any(fits(value) for fits in several)
    if get_origin(kind) is tuple:
        return _of_tuple(get_args(kind))
    if kind is int:
        return lambda value: type(value) is int and -_MOST <= value < _MOST
    if kind is Decimal:
        return lambda value: type(value) is Decimal and value.is_finite()
    if kind in (str, bytes, bool, date, Fraction, Amount, type(None)):
        return lambda value: type(value) is kind
    raise TypeError(f"{kind} is no type of a field that can be checked; teach {__name__}")


def _of_tuple(kinds: tuple[Any, ...]) -> _Check:
    if kinds[1:] == (Ellipsis,):
        fits = _of_type(kinds[0])
        return lambda value: type(value) is tuple and all(map(fits, value))
    several = [_of_type(one) for one in kinds]

    def check(value: Any) -> bool:
        is_one = type(value) is tuple and len(value) == len(several)
        return is_one and all(one(item) for one, item in zip(several, value, strict=True))

    return check
