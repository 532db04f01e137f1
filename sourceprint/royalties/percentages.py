"""Percentages in text, as whole millionths, and back.

The sign % is part of the number: "25", "25 %" and "0.25" are all seen in the field for a quarter, and only the second
is unambiguous. Tables without signs are read by `sourceprint.royalties.tables.cells`, with the unit given.
"""

import re
from fractions import Fraction

from fingerprint.errors import ParameterError, printable
from sourceprint.royalties.decimals import decimal_text

__all__ = ["format_percent", "parse_percent", "percent_number"]

_WHOLE = 1_000_000
_PER_PERCENT = 10_000
_PERCENT = re.compile(r"([0-9]{1,30}(?:\.[0-9]{1,60})?)\s*%")


def parse_percent(text: str, *, what: str = "percentage") -> int:
    """Return a percentage in millionths, exactly.

    Parameters
    ----------
    text : str
        Such as "12.5 %": a decimal point, the sign at the end, at most four decimals that are not zero.
    what : str
        Its name in messages.

    Returns
    -------
    int
        Millionths, from 0 to 1 000 000.

    Raises
    ------
    ParameterError
        If it is written otherwise, too fine to be held exactly, negative, or over 100 %.

    Examples
    --------
    >>> parse_percent("12.5 %"), parse_percent("100%"), parse_percent("0.0001 %")
    (125000, 1000000, 1)
    """
    stripped = text.strip()
    shown = f"{what} '{printable(stripped):.70}'"
    matched = _PERCENT.fullmatch(stripped)
    if not matched or not stripped.isascii():
        raise ParameterError(f"{shown}: {_reason(stripped)}")
    millionths = Fraction(matched[1]) * _PER_PERCENT
    if millionths.denominator != 1:
        raise ParameterError(f"{shown}: more than four decimals; shares are held in millionths: round it to 0.0001 %")
    if millionths > _WHOLE:
        raise ParameterError(f"{shown}: must not be over 100 %")
    return int(millionths.numerator)


def format_percent(millionths: int) -> str:
    """Return millionths as a percentage, exactly; `parse_percent` reads it back.

    Examples
    --------
    >>> format_percent(125_000), format_percent(1_000_000), format_percent(1)
    ('12.5 %', '100 %', '0.0001 %')
    """
    return f"{percent_number(millionths)} %"


def percent_number(millionths: int) -> str:
    """Return the number of such a percentage, without the sign %."""
    return decimal_text(millionths, 4)


def _reason(text: str) -> str:
    if text.startswith("-"):
        return "must not be negative"
    if not text.endswith("%"):
        return "has no sign %; write 25 % for a quarter, so that it cannot be read as 25 or as 0.25"
    if re.fullmatch(r"[0-9]+,[0-9]+\s*%", text):
        return "has a comma; write a decimal point, as in 12.5 %"
    return "write a number and the sign %, as in 12.5 %"
