"""DPID, the identifier of a party that sends or receives DDEX messages: PADPIDA, ten digits, a check character.

The check character (ISO 7064 MOD 37,36, over all eighteen) finds every wrong character. Yet identifiers that fail it
are in use, and messages addressed to them arrive: so `validate` tests the shape alone, and `warning` names the fault of
the check character.
"""

import re

from fingerprint.errors import ParameterError
from sourceprint.identifiers.codes import iso_mod_37_36, passes, quoted, without_separators

__all__ = ["compact", "format_dpid", "is_valid", "validate", "warning"]

_SHAPE = re.compile(r"PADPIDA[0-9]{10}[0-9A-Z]")


def compact(text: str) -> str:
    """Return the code in capitals, without separators and without the letters DPID before it.

    Examples
    --------
    >>> compact("PA-DPIDA-2013020802-I")
    'PADPIDA2013020802I'
    """
    return without_separators(text, "DPID")


def validate(text: str) -> str:
    """Return the compact code; its check character is not tested.

    Raises
    ------
    ParameterError
        If it does not have the shape of a DPID.

    Examples
    --------
    >>> validate("PADPIDA2013020802I")
    'PADPIDA2013020802I'
    """
    code = compact(text)
    if not _SHAPE.fullmatch(code):
        raise ParameterError(
            f"DPID {quoted(text)}: must be PADPIDA, ten digits and a check character, as in PADPIDA2013020802I"
        )
    return code


def warning(text: str) -> str:
    """Return the fault of the check character of a DPID, as a sentence, or "".

    Raises
    ------
    ParameterError
        If it does not have the shape of a DPID.

    Examples
    --------
    >>> warning("PADPIDA2013020802I")
    ''
    >>> warning("PADPIDA2013020802J")
    "DPID 'PADPIDA2013020802J': the check character should be I; taken as it is: compare the code with its source"
    """
    code = validate(text)
    expected = iso_mod_37_36(code[:17])
    if code[17] == expected:
        return ""
    return (
        f"DPID {quoted(text)}: the check character should be {expected}; taken as it is: "
        "compare the code with its source"
    )


def is_valid(text: str) -> bool:
    """Return whether `validate` takes the code.

    Examples
    --------
    >>> is_valid("PADPIDA2013020802J"), is_valid("PADPIDA2013")
    (True, False)
    """
    return passes(validate, text)


def format_dpid(text: str) -> str:
    """Return the code as it is printed.

    Examples
    --------
    >>> format_dpid("PADPIDA2013020802I")
    'PA-DPIDA-2013020802-I'
    """
    code = validate(text)
    return f"PA-DPIDA-{code[7:17]}-{code[17]}"
