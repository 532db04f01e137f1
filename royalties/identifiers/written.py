"""Codes as they are found written: with separators, with the name of their scheme, or spoilt by a spreadsheet.

A cell that looks like a number is turned into one by spreadsheets: leading zeros are lost, and of more than 15 digits
the rest. What is lost for certain is refused, with the remedy; nothing is guessed.
"""

import re
from collections.abc import Callable
from typing import Literal

from fingerprint.errors import ParameterError, printable

__all__ = ["REMEDY_COLUMN", "became_a_number", "expect_check", "passes", "quoted", "without_separators"]

_SEPARATORS = str.maketrans("", "", " \u00a0\t.-\u2010\u2011\u2012\u2013")
_NUMBER = re.compile(r"[0-9]+(?:[.,][0-9]+)?E\+?[0-9]+|[0-9]+[.,]0{1,2}", re.IGNORECASE)

REMEDY_COLUMN = "take the code from its source again, into a column that is formatted as text"
"""What helps against a spreadsheet."""


def without_separators(text: str, scheme: str) -> str:
    """Return a code in capitals, without spaces, dots and hyphens, and without the name of the scheme before it.

    Examples
    --------
    >>> without_separators("ISWC: t-034.524.680-1", "ISWC")
    'T0345246801'
    """
    code = text.strip().upper().translate(_SEPARATORS)
    return code.removeprefix(scheme).lstrip(":") if code.startswith(scheme) else code


def became_a_number(text: str) -> bool:
    """Return whether a spreadsheet has written the code as a number.

    Examples
    --------
    >>> became_a_number("8.12664E+13"), became_a_number("122619891.0"), became_a_number("00122619891")
    (True, True, False)
    """
    return _NUMBER.fullmatch(text.strip()) is not None


def quoted(text: str) -> str:
    """Return the code as messages show it: as it was written, in quotes, on one line and of bounded length."""
    return f"'{printable(text.strip()[:80])}'"


def expect_check(
    scheme: str, text: str, found: str, expected: str, *, kind: Literal["digit", "character"] = "digit"
) -> None:
    """Make sure that a code ends as its other digits ask.

    Parameters
    ----------
    scheme : str
        What the code is called.
    text : str
        The code as it was written.
    found, expected : str
        Its last digits or characters, and what they must be.
    kind : {"digit", "character"}
        What the code consists of.

    Raises
    ------
    ParameterError
        If it does not; the message names both.

    Examples
    --------
    >>> expect_check("ISWC", "T-034.524.680-2", "2", "1")
    Traceback (most recent call last):
    ...
    fingerprint.errors.ParameterError: ISWC 'T-034.524.680-2': the check digit must be 1; it is 2, or another digit is
    wrong: compare the code with its source
    """
    if found != expected:
        be, plural = ("they are", "s") if len(expected) > 1 else ("it is", "")
        raise ParameterError(
            f"{scheme} {quoted(text)}: the check {kind}{plural} must be {expected}; {be} {found}, or another {kind} is "
            "wrong: compare the code with its source"
        )


def passes(validate: Callable[[str], str], text: str) -> bool:
    """Return whether `validate` takes a code, as every `is_valid` does."""
    try:
        validate(text)
    except ParameterError:
        return False
    return True
