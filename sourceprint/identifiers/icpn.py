"""ICPN, the code of a product in the trade, such as an album: a UPC or EAN of 12 to 14 digits, the last a check digit.

The check digit of GS1 finds every wrong digit, and every transposition of neighbours that do not differ by 5.
"""

import re

from fingerprint.errors import ParameterError
from sourceprint.identifiers.codes import (
    REMEDY_COLUMN,
    became_a_number,
    expect_check,
    gs1,
    passes,
    quoted,
    without_separators,
)

__all__ = ["compact", "format_icpn", "is_valid", "validate"]

_SHAPE = re.compile(r"[0-9]{12,14}")


def compact(text: str) -> str:
    """Return the digits, without separators and without the letters ICPN before them.

    Examples
    --------
    >>> compact("0 36000 29145 2")
    '036000291452'
    """
    return without_separators(text, "ICPN")


def validate(text: str) -> str:
    """Return the compact code.

    Raises
    ------
    ParameterError
        If it is not 12 to 14 digits, or has another check digit than it must; the message names that.

    Examples
    --------
    >>> validate("4006381333931")
    '4006381333931'
    """
    code = compact(text)
    if became_a_number(text):
        raise ParameterError(f"ICPN {quoted(text)}: a spreadsheet has made a number of it; {REMEDY_COLUMN}")
    if not _SHAPE.fullmatch(code):
        lost = (
            f"; a spreadsheet may have taken zeros away: {REMEDY_COLUMN}" if re.fullmatch("[0-9]{1,11}", code) else ""
        )
        raise ParameterError(f"ICPN {quoted(text)}: must have 12 to 14 digits (UPC or EAN), as in 036000291452{lost}")
    expect_check("ICPN", text, code[-1], gs1(code[:-1]))
    return code


def is_valid(text: str) -> bool:
    """Return whether `validate` takes the code.

    Examples
    --------
    >>> is_valid("036000291452"), is_valid("036000291453")
    (True, False)
    """
    return passes(validate, text)


def format_icpn(text: str) -> str:
    """Return the code as it is printed: its digits.

    Examples
    --------
    >>> format_icpn("0 36000 29145 2")
    '036000291452'
    """
    return validate(text)
