"""ISWC, the code of one musical work (ISO 15707): T, nine digits, a check digit.

The check digit makes the sum of 1, of each digit times its place, and of the check digit itself a multiple of ten. It
finds every transposition of two neighbours among the nine digits, but not every wrong digit: see
`sourceprint.identifiers.codes`.
"""

import re

from fingerprint.errors import ParameterError
from sourceprint.identifiers.codes import (
    REMEDY_COLUMN,
    became_a_number,
    expect_check,
    passes,
    quoted,
    weighted,
    without_separators,
)

__all__ = ["compact", "format_iswc", "is_valid", "validate"]

_SHAPE = re.compile(r"T[0-9]{10}")


def compact(text: str) -> str:
    """Return the code in capitals, without separators and without the letters ISWC before it.

    Examples
    --------
    >>> compact("ISWC t-034.524.680-1")
    'T0345246801'
    """
    return without_separators(text, "ISWC")


def validate(text: str) -> str:
    """Return the compact code.

    Raises
    ------
    ParameterError
        If it does not have the shape of an ISWC, or another check digit than it must; the message names that.

    Examples
    --------
    >>> validate("T-034.524.680-1")
    'T0345246801'
    """
    code = compact(text)
    if not _SHAPE.fullmatch(code):
        raise ParameterError(f"ISWC {quoted(text)}: {_reason(text, code)}")
    expect_check("ISWC", text, code[10], weighted(code[1:10], 1))
    return code


def is_valid(text: str) -> bool:
    """Return whether `validate` takes the code.

    Examples
    --------
    >>> is_valid("T-034.524.680-1"), is_valid("T-034.524.680-2")
    (True, False)
    """
    return passes(validate, text)


def format_iswc(text: str) -> str:
    """Return the code as it is printed.

    Examples
    --------
    >>> format_iswc("T0345246801")
    'T-034.524.680-1'
    """
    code = validate(text)
    return f"T-{code[1:4]}.{code[4:7]}.{code[7:10]}-{code[10]}"


def _reason(text: str, code: str) -> str:
    if became_a_number(text):
        return f"a spreadsheet has made a number of it; {REMEDY_COLUMN}"
    if not code.startswith("T"):
        return "must start with T, as in T-034.524.680-1"
    if len(code) != 11:
        return f"has {len(code) - 1} characters after the T, must have 10 digits, as in T-034.524.680-1"
    return "must have digits only after the T, as in T-034.524.680-1"
