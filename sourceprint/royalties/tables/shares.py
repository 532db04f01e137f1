"""Shares as people write them, made whole millionths: 25 %, 25, 0.25, 25,5 %.

With the sign % a share is clear. A bare number is not: 1 may be a hundredth or all of it, and files of one tool-chain
are known to write a quarter as 25 here and as 0.25 there. So a bare number is read only where somebody has said what
it is, `percent` or `fraction`; nothing is guessed from its size. A decimal comma is taken as a point; there is no
grouping of thousands, since no share needs one.
"""

import re
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Literal

from fingerprint.errors import ParameterError
from sourceprint.royalties.rights.records import WHOLE

__all__ = ["UNITS", "Unit", "is_marked", "parse_share", "percent_number", "share_number"]

Unit = Literal["percent", "fraction"]
UNITS: tuple[Unit, ...] = ("percent", "fraction")

_MAX_DIGITS = 40
_SHAPE = re.compile(rf"([+-]?)([0-9]{{1,{_MAX_DIGITS}}}(?:[.,][0-9]{{1,{_MAX_DIGITS}}})?) ?(%?)")


def is_marked(text: str) -> bool:
    """Return whether a share says by its sign that it is a percentage."""
    return text.rstrip().endswith("%")


@lru_cache(maxsize=65536)
def share_number(text: str) -> Decimal:
    """Return the number that is written, with its sign and without the %.

    Raises
    ------
    ParameterError
        If it is no number such as 25, 25.5, 25,5 or 0.25.

    Examples
    --------
    >>> share_number("33,3333 %")
    Decimal('33.3333')
    """
    matched = _SHAPE.fullmatch(" ".join(text.split()))
    if matched is None:
        raise ParameterError(
            f"share {text.strip()!r:.60}: not a number such as 25 %, 25.5 or 0.25 "
            f"(no exponent, no grouping of thousands, at most {_MAX_DIGITS} decimals)"
        )
    return Decimal(matched[1] + matched[2].replace(",", "."))


@lru_cache(maxsize=65536)
def parse_share(text: str, unit: Unit | None = None) -> int | None:
    """Return a share in millionths of the whole.

    Parameters
    ----------
    text : str
        As it was written.
    unit : "percent" or "fraction" or None
        What a number without % is; None where nobody has said.

    Returns
    -------
    int or None
        From 1 to 1 000 000; None for a bare number of which nobody has said what it is.

    Raises
    ------
    ParameterError
        If it is no number, zero, negative, over 100 %, or finer than a millionth of the whole.

    Examples
    --------
    >>> parse_share("25 %"), parse_share("25", "percent"), parse_share("0,25", "fraction"), parse_share("25")
    (250000, 250000, 250000, None)
    """
    number = share_number(text)
    written = f"share {text.strip()!r:.60}"
    if number < 0:
        raise ParameterError(f"{written}: negative; a share is more than 0 and at most 100 %")
    if number == 0:
        raise ParameterError(f"{written}: nothing; leave the row out, or write what the party has")
    percent = is_marked(text)
    if not percent and unit is None:
        return None
    whole = 100 if percent or unit == "percent" else 1
    if number > whole:
        hint = "" if whole == 100 else "; it was said that shares are fractions of 1: are they percentages?"
        raise ParameterError(f"{written}: over 100 %; a share is more than 0 and at most 100 %{hint}")
    millionths = Fraction(number) * WHOLE / whole
    if millionths.denominator != 1:
        places = 4 if whole == 100 else 6
        rounded = number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
        sign = " %" if percent else ""
        remedy = f"write {rounded}{sign}" if rounded else f"the smallest share is {Decimal(1).scaleb(-places)}{sign}"
        raise ParameterError(f"{written}: finer than a millionth of the whole, {places} decimals; {remedy}")
    return millionths.numerator


def percent_number(millionths: int) -> str:
    """Return millionths as a percentage, exactly, without the sign and without needless zeros.

    Examples
    --------
    >>> percent_number(250_000), percent_number(333_333), percent_number(1)
    ('25', '33.3333', '0.0001')
    """
    whole, rest = divmod(millionths, WHOLE // 100)
    return f"{whole}.{rest:04d}".rstrip("0") if rest else str(whole)
