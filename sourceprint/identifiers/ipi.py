"""IPI, the numbers of writers and publishers in the system of CISAC: name numbers and base numbers.

A *name number* has eleven digits and belongs to one name of a party (its own, or a pseudonym); spreadsheets take its
leading zeros away, so a shorter one is filled up with zeros before its two check digits are tested. A *base number*
(I, nine digits, a check digit) belongs to the party itself.

The two check digits of a name number find every wrong digit and every transposition of neighbours, except where the
sum becomes 0 instead of 1 or the other way round; for base numbers see `sourceprint.identifiers.codes`.
"""

import re

from fingerprint.errors import ParameterError
from sourceprint.identifiers.codes import (
    REMEDY_COLUMN,
    became_a_number,
    expect_check,
    mod_101,
    passes,
    quoted,
    weighted,
    without_separators,
)

__all__ = ["compact", "compact_base", "format_base", "format_ipi", "is_valid", "validate", "validate_base"]

_LENGTH = 11
_BASE_SHAPE = re.compile(r"I[0-9]{10}")


def compact(text: str) -> str:
    """Return a name number without separators and without the letters IPI before it, filled up to eleven digits.

    Examples
    --------
    >>> compact("IPI 122.619.891")
    '00122619891'
    """
    code = without_separators(text, "IPI")
    return code.rjust(_LENGTH, "0") if code.isascii() and code.isdigit() else code


def validate(text: str) -> str:
    """Return the compact name number.

    Raises
    ------
    ParameterError
        If it has other characters than digits, more than eleven of them, or other check digits than it must; the
        message names those. The number 0, which stands for nobody, is refused.

    Examples
    --------
    >>> validate("199")
    '00000000199'
    """
    code = compact(text)
    if became_a_number(text):
        raise ParameterError(f"IPI {quoted(text)}: a spreadsheet has made a number of it; {REMEDY_COLUMN}")
    if not (code.isascii() and code.isdigit()) or len(code) > _LENGTH:
        base = (
            "; this is the shape of a base number, but a name number is wanted" if _BASE_SHAPE.fullmatch(code) else ""
        )
        kind = f"has {len(code)} digits" if code.isascii() and code.isdigit() else "is no number"
        raise ParameterError(f"IPI {quoted(text)}: {kind}, must be 1 to {_LENGTH} digits, as in 00122619891{base}")
    if not code.strip("0"):
        raise ParameterError(
            f"IPI {quoted(text)}: is the number of nobody; leave the cell empty if the number is unknown"
        )
    expect_check("IPI", text, code[9:], mod_101(code[:9]))
    return code


def is_valid(text: str) -> bool:
    """Return whether `validate` takes the name number.

    Examples
    --------
    >>> is_valid("00000000395"), is_valid("00000000396")
    (True, False)
    """
    return passes(validate, text)


def format_ipi(text: str) -> str:
    """Return a name number as it is printed: eleven digits.

    Examples
    --------
    >>> format_ipi("122619891")
    '00122619891'
    """
    return validate(text)


def compact_base(text: str) -> str:
    """Return a base number in capitals, without separators and without the letters IPI before it.

    Examples
    --------
    >>> compact_base("i-001068130-6")
    'I0010681306'
    """
    return without_separators(text, "IPI")


def validate_base(text: str) -> str:
    """Return the compact base number.

    Raises
    ------
    ParameterError
        If it is not I and ten digits, or has another check digit than it must; the message names that.

    Examples
    --------
    >>> validate_base("I-001068130-6")
    'I0010681306'
    """
    code = compact_base(text)
    if not _BASE_SHAPE.fullmatch(code):
        raise ParameterError(f"IPI base number {quoted(text)}: must be I and ten digits, as in I-001068130-6")
    expect_check("IPI base number", text, code[10], weighted(code[1:10], 2))
    return code


def format_base(text: str) -> str:
    """Return a base number as it is printed.

    Examples
    --------
    >>> format_base("I0010681306")
    'I-001068130-6'
    """
    code = validate_base(text)
    return f"I-{code[1:10]}-{code[10]}"
