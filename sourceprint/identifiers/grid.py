"""GRid, the identifier of one release: A1, five characters of the issuer, ten of the release, a check character.

The check character is that of ISO 7064 MOD 37,36 over all eighteen; it finds every wrong character.
"""

import re

from fingerprint.errors import ParameterError
from sourceprint.identifiers.codes import expect_check, iso_mod_37_36, passes, quoted, without_separators

__all__ = ["compact", "format_grid", "is_valid", "validate"]

_SHAPE = re.compile(r"A1[A-Z0-9]{16}")


def compact(text: str) -> str:
    """Return the code in capitals, without separators and without the letters GRID before it.

    Examples
    --------
    >>> compact("GRid: a1-2425g-abc1234002-m")
    'A12425GABC1234002M'
    """
    return without_separators(text, "GRID")


def validate(text: str) -> str:
    """Return the compact code.

    Raises
    ------
    ParameterError
        If it does not have the shape of a GRid, or another check character than it must; the message names that.

    Examples
    --------
    >>> validate("A1-2425G-ABC1234002-M")
    'A12425GABC1234002M'
    """
    code = compact(text)
    if not _SHAPE.fullmatch(code):
        raise ParameterError(
            f"GRid {quoted(text)}: must be A1 and sixteen letters and digits, as in A1-2425G-ABC1234002-M"
        )
    expect_check("GRid", text, code[17], iso_mod_37_36(code[:17]), kind="character")
    return code


def is_valid(text: str) -> bool:
    """Return whether `validate` takes the code.

    Examples
    --------
    >>> is_valid("A1-2425G-ABC1234002-M"), is_valid("A1-2425G-ABC1234002-N")
    (True, False)
    """
    return passes(validate, text)


def format_grid(text: str) -> str:
    """Return the code as it is printed.

    Examples
    --------
    >>> format_grid("A12425GABC1234002M")
    'A1-2425G-ABC1234002-M'
    """
    code = validate(text)
    return f"A1-{code[2:7]}-{code[7:17]}-{code[17]}"
