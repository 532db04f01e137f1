"""Codes as they are found written: with separators, with the name of their scheme, or spoilt by a spreadsheet.

A cell that looks like a number is turned into one by spreadsheets: leading zeros are lost, and of more than 15 digits
the rest. What is lost for certain is refused, with the remedy; nothing is guessed.
"""

import re

from fingerprint.errors import printable

__all__ = ["REMEDY_COLUMN", "became_a_number", "quoted", "without_separators"]

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
