"""ISRC, the code of one sound recording (ISO 3901): country-like prefix, registrant, year, number.

It has no check digit, so a wrong one can only be told by its shape; and as the first two letters carry no meaning (QM,
QZ and others are in use), any two are taken. Nothing is corrected: a letter O where a digit belongs is refused, and the
message says so. A code that is refused can be mended, a wrong one that is taken pays the wrong people.
"""

import re

from fingerprint.errors import ParameterError

__all__ = ["compact", "format_isrc", "is_valid", "validate"]

_SHAPE = re.compile(r"[A-Z]{2}[A-Z0-9]{3}[0-9]{7}")
_SEPARATORS = str.maketrans("", "", " .-\u2010\u2011\u2012\u2013")


def compact(text: str) -> str:
    """Return the code in capitals, without separators and without the letters ISRC before it.

    Examples
    --------
    >>> compact("ISRC aa-6q7-20-00047")
    'AA6Q72000047'
    """
    code = text.strip().upper().translate(_SEPARATORS)
    return code[4:] if code.startswith("ISRC") else code


def validate(text: str) -> str:
    """Return the compact code.

    Raises
    ------
    ParameterError
        If it does not have the shape of an ISRC; the message says where it fails.

    Examples
    --------
    >>> validate("US-RC1-76-07839")
    'USRC17607839'
    """
    code = compact(text)
    if _SHAPE.fullmatch(code):
        return code
    if len(code) != 12:
        reason = f"has {len(code)} characters, must have 12, as in US-RC1-76-07839"
    elif not re.fullmatch(r"[A-Z]{2}", code[:2]):
        reason = f"starts with {code[:2]!r}, must start with two letters from A to Z"
    elif not re.fullmatch(r"[A-Z0-9]{3}", code[2:5]):
        reason = f"has {code[2:5]!r} as registrant, must be letters from A to Z and digits"
    else:
        reason = f"ends with {code[5:]!r}, must end with seven digits"
        if re.fullmatch(r"[0-9OI]{7}", code[5:]):
            reason += "; a letter O or I stands where a 0 or 1 may be meant"
    raise ParameterError(f"ISRC {text.strip()!r:.80} {reason}")


def is_valid(text: str) -> bool:
    """Return whether `validate` takes the code.

    Examples
    --------
    >>> is_valid("USRC17607839"), is_valid("USRC1760783O")
    (True, False)
    """
    try:
        validate(text)
    except ParameterError:
        return False
    return True


def format_isrc(text: str) -> str:
    """Return the code as it is printed.

    Examples
    --------
    >>> format_isrc("AA6Q72000047")
    'ISRC AA-6Q7-20-00047'
    """
    code = validate(text)
    return f"ISRC {code[:2]}-{code[2:5]}-{code[5:7]}-{code[7:]}"
