"""Check digits and characters: from the body of a code to the character that must end it.

ISO 7064 MOD 11-2 (ISNI) and MOD 37,36 (DPID, GRid) and the GS1 sum (UPC, EAN) are those of python-stdnum; the two sums
of the societies of authors (ISWC and IPI base numbers; IPI name numbers) are written here.

What goes unnoticed, of one wrong digit or two neighbours transposed:

===========  ==========================================================================================================
MOD 11-2     nothing
MOD 37,36    no wrong character; of transpositions, hardly any
GS1          no wrong digit; neighbours that differ by 5
weighted     digits wrong by 5 under an even weight, by an even number under weight 5; of transpositions, only that of
             the last digit with the check digit, where they differ by 5
MOD 101      where the sum is 0 instead of 1 or the other way round: both have the check digits 00
===========  ==========================================================================================================
"""

from stdnum import ean
from stdnum.iso7064 import mod_11_2, mod_37_36

__all__ = ["gs1", "iso_mod_11_2", "iso_mod_37_36", "mod_101", "weighted"]


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
