"""Hints: the one of some names of which another may be a slip of the hand.

A hint that misleads is worse than none. So it is given only where few letters differ for the length of the name, and no
number does: `mix 3` is no slip of `mix 4`.
"""

import difflib
import re
from collections.abc import Iterable

__all__ = ["is_slip", "nearest"]

_CUTOFF = 0.6  # of difflib, which finds candidates much faster than edits are counted
_CANDIDATES = 5
_LETTERS_PER_EDIT = 4


def nearest(name: str, names: Iterable[str]) -> str:
    """Return the name of which another is most likely a slip; "" if none is near.

    Examples
    --------
    >>> nearest("titel", ["title", "artist"]), nearest("vocals", ["no_vocals"]), nearest("colour", ["scope", "works"])
    ('title', 'no_vocals', '')
    """
    alike = difflib.get_close_matches(name, names, n=_CANDIDATES, cutoff=_CUTOFF)
    return next((one for one in alike if is_slip(name, one)), "")


def is_slip(name: str, other: str) -> bool:
    """Return whether a name differs from another by few edits for its length, or lacks whole words of it; case aside.

    Examples
    --------
    >>> is_slip("Ome", "One"), is_slip("T1", "T2"), is_slip("gen-12", "gen-1")
    (True, False, False)
    """
    one, two = name.casefold(), other.casefold()
    if re.findall(r"[0-9]+", one) != re.findall(r"[0-9]+", two):
        return False
    words = set(re.split(r"[\W_]+", one))
    if words <= set(re.split(r"[\W_]+", two)) and any(len(word) > 2 for word in words):
        return True
    return _edits(one, two) <= max(1, len(one) // _LETTERS_PER_EDIT)


def _edits(one: str, two: str) -> int:
    """Return how many letters are added, missing, different, or exchanged with the next (optimal string alignment)."""
    before, row = list[int](), list(range(len(two) + 1))
    for at, letter in enumerate(one, 1):
        earlier, before, row = before, row, [at]
        for to, wanted in enumerate(two, 1):
            best = min(before[to] + 1, row[to - 1] + 1, before[to - 1] + (letter != wanted))
            if at > 1 and to > 1 and letter == two[to - 2] and one[at - 2] == wanted:
                best = min(best, earlier[to - 2] + 1)
            row.append(best)
    return row[-1]
