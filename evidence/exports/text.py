"""Text from outside, fit for files that other programs read.

File names may hold bytes that are no UTF-8 (Python keeps them as lone surrogates), and names and titles may hold line
breaks, tabs, commands to a terminal, and marks that turn the direction of writing.
"""

import re

__all__ = ["one_line", "well_formed"]

_SURROGATES = re.compile("[\ud800-\udfff]")
# Control characters, line and paragraph separators, marks that turn the direction of writing, lone surrogates. Unlike
# str.isprintable, ideographic spaces and joiners pass: titles in many scripts are made of them.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def well_formed(text: str) -> str:
    r"""Return text that can be written as UTF-8: what was no UTF-8 in a file name is escaped, the rest as it is.

    Examples
    --------
    >>> print(well_formed("caf\udce9.wav"))
    caf\udce9.wav
    """
    return _SURROGATES.sub(_escaped, text)


def one_line(text: str) -> str:
    r"""Return text that stays one cell of one line: line breaks, tabs and all else that could get out are escaped.

    Examples
    --------
    >>> print(one_line("two\tcells\r\n夏　祭り"))
    two\tcells\r\n夏　祭り
    """
    return _UNSAFE.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")
