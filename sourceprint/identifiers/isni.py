"""ISNI, the number of one public identity (ISO 27729): fifteen digits and a check character, a digit or X.

The check character (ISO 7064 MOD 11-2) finds every wrong digit and every transposition of neighbours. Sixteen digits
are more than a spreadsheet keeps: a code that passed through one as a number is refused, not filled up, since it may
have lost its end as well as its beginning.
"""

import re

from fingerprint.errors import ParameterError
from sourceprint.identifiers.codes import (
    REMEDY_COLUMN,
    became_a_number,
    expect_check,
    iso_mod_11_2,
    passes,
    quoted,
    without_separators,
)

__all__ = ["compact", "format_isni", "is_valid", "validate"]

_LENGTH = 16
_SHAPE = re.compile(r"[0-9]{15}[0-9X]")


def compact(text: str) -> str:
    """Return the code in capitals, without separators and without the letters ISNI before it.

    Examples
    --------
    >>> compact("ISNI 0000 0000 8126 6409")
    '0000000081266409'
    """
    return without_separators(text, "ISNI")


def validate(text: str) -> str:
    """Return the compact code.

    Raises
    ------
    ParameterError
        If it does not have the shape of an ISNI, or another check character than it must; the message names that.

    Examples
    --------
    >>> validate("0000 0000 8126 6409")
    '0000000081266409'
    """
    code = compact(text)
    if not _SHAPE.fullmatch(code) or became_a_number(text):
        raise ParameterError(f"ISNI {quoted(text)}: {_reason(text, code)}")
    expect_check("ISNI", text, code[15], iso_mod_11_2(code[:15]), kind="character")
    return code


def is_valid(text: str) -> bool:
    """Return whether `validate` takes the code.

    Examples
    --------
    >>> is_valid("0000000081266409"), is_valid("8.12664E+13")
    (True, False)
    """
    return passes(validate, text)


def format_isni(text: str) -> str:
    """Return the code as it is printed.

    Examples
    --------
    >>> format_isni("0000000081266409")
    '0000 0000 8126 6409'
    """
    code = validate(text)
    return f"{code[:4]} {code[4:8]} {code[8:12]} {code[12:]}"


def _reason(text: str, code: str) -> str:
    if became_a_number(text):
        return f"a spreadsheet has made a number of it, and digits are lost; {REMEDY_COLUMN}"
    if len(code) < _LENGTH and re.fullmatch(r"[0-9]*[0-9X]", code):
        filled = code.rjust(_LENGTH, "0")
        meant = f"; {filled} would be valid" if iso_mod_11_2(filled[:15]) == filled[15] else ""
        return (
            f"has {len(code)} characters, must have {_LENGTH}; a spreadsheet may have taken zeros away{meant}; "
            f"{REMEDY_COLUMN}"
        )
    if len(code) != _LENGTH:
        return f"has {len(code)} characters, must have {_LENGTH}, as in 0000 0000 8126 6409"
    return "must be fifteen digits and a digit or X, as in 0000 0000 8126 6409"
