"""Codes as people write them, and their check digits: the common part of the number formats beside this module.

Codes come with separators, with the name of their scheme, or spoilt by a spreadsheet. A cell that looks like a number
is turned into one by spreadsheets: leading zeros are lost, and of more than 15 digits the rest. A code that
certainly lost digits is refused, with the remedy; nothing is guessed.

ISO 7064 MOD 11-2 (ISNI) and MOD 37,36 (DPID, GRid) and the GS1 sum (UPC, EAN) are those of python-stdnum; the two sums
of the societies of authors (ISWC and IPI base numbers; IPI name numbers) are written here. Of one wrong digit or two
neighbours transposed, these go unnoticed:

===========  ==========================================================================================================
MOD 11-2     nothing
MOD 37,36    no wrong character; of transpositions, hardly any
GS1          no wrong digit; neighbours that differ by 5
weighted     digits wrong by 5 under an even weight, by an even number under weight 5; of transpositions, only that of
             the last digit with the check digit, where they differ by 5
MOD 101      where the sum is 0 instead of 1 or the other way round: both have the check digits 00
===========  ==========================================================================================================
"""

import re
from collections.abc import Callable
from typing import Literal

from stdnum import ean
from stdnum.iso7064 import mod_11_2, mod_37_36

from fingerprint.errors import ParameterError, printable

__all__ = [
    "REMEDY_COLUMN",
    "became_a_number",
    "expect_check",
    "gs1",
    "iso_mod_11_2",
    "iso_mod_37_36",
    "mod_101",
    "passes",
    "quoted",
    "weighted",
    "without_separators",
]

_SEPARATORS = str.maketrans("", "", " \u00a0\t.-\u2010\u2011\u2012\u2013")
_NUMBER = re.compile(r"[0-9]+(?:[.,][0-9]+)?E\+?[0-9]+|[0-9]+[.,]0{1,2}", re.IGNORECASE)
REMEDY_COLUMN = "take the code from its source again, into a column that is formatted as text"
"""Remedy for a code that a spreadsheet spoilt."""


def gs1(body: str) -> str:
    """Return the check digit of a UPC or EAN.

    Examples
    --------
    >>> gs1("03600029145")
    '2'
    """
    return str(ean.calc_check_digit(body))


def iso_mod_11_2(body: str) -> str:
    """Return the check character, a digit or X, after digits.

    Examples
    --------
    >>> iso_mod_11_2("000000008126640")
    '9'
    """
    return str(mod_11_2.calc_check_digit(body))


def iso_mod_37_36(body: str) -> str:
    """Return the check character after letters and digits.

    Examples
    --------
    >>> iso_mod_37_36("A12425GABC1234002")
    'M'
    """
    return str(mod_37_36.calc_check_digit(body))


def weighted(body: str, start: int) -> str:
    """Return the check digit after digits that weigh 1, 2, 3 and so on, summed up from `start`.

    Examples
    --------
    >>> weighted("034524680", 1)
    '1'
    """
    total = start + sum(weight * int(digit) for weight, digit in enumerate(body, 1))
    return str(-total % 10)


def mod_101(body: str) -> str:
    """Return the two check digits after nine digits, which weigh 10 down to 2.

    Examples
    --------
    >>> mod_101("001226198")
    '91'
    """
    total = sum((10 - position) * int(digit) for position, digit in enumerate(body)) % 101
    return f"{(101 - total) % 100 if total else 0:02d}"


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
    """Check the check digits of a code against its other digits.

    Parameters
    ----------
    scheme : str
        Name of the code.
    text : str
        The code as it was written.
    found, expected : str
        Its last digits or characters, and those that they must be.
    kind : {"digit", "character"}
        Type of those characters, for the message.

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
