"""All that is wrong with a document in TOML at once, each fault with the line where it stands.

The reader of a document notes each fault with its place: keys from the top, and numbers in lists from 0. Lines come
from the text (`lines_of`), as the parser of the standard library keeps none. A fault whose own key is not there, as it
is missing, stands at the table that it belongs to.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from fingerprint.errors import ParameterError

__all__ = ["Faults", "Place", "lines_of"]

Place = tuple[str | int, ...]
"""Keys and numbers that lead to a value."""

T = TypeVar("T")

_KEY = r"""(?:"[^"\n]*"|'[^'\n]*'|[A-Za-z0-9_-]+)"""
_KEYS = rf"{_KEY}(?:[ \t]*\.[ \t]*{_KEY})*"
_TABLE = re.compile(rf"[ \t]*(\[\[?)[ \t]*({_KEYS})[ \t]*\]\]?[ \t\r]*(?:#.*)?")
_VALUE = re.compile(rf"[ \t]*({_KEYS})[ \t]*=")
_LONG_TEXT = re.compile(r'"""|' + "'''")


class Faults:
    r"""Faults of a document, in the order of its lines; those without a line go first.

    Parameters
    ----------
    lines : mapping of place to int
        As `lines_of` returns it; empty where there is no text.

    Examples
    --------
    >>> faults = Faults(lines_of('name = "a"\nsize = 0\n'))
    >>> faults.note("size is 0; write a number above 0", "size")
    >>> faults.note("colour is missing", "colour")
    >>> list(faults)
    ['colour is missing', 'size is 0; write a number above 0 (line 2)']
    """

    def __init__(self, lines: Mapping[Place, int]) -> None:
        self._lines = lines
        self._told: list[tuple[int, str]] = []
        self._places: list[Place] = []

    def __iter__(self) -> Iterator[str]:
        """Return an iterator over sentences."""
        return (sentence for _, sentence in sorted(self._told, key=lambda told: told[0]))

    def note(self, sentence: str, *place: str | int) -> None:
        """Note a fault at a place."""
        known = (self._lines.get(place[:n]) for n in range(len(place), 0, -1))
        line = next((line for line in known if line is not None), None)
        self._places.append(place)
        self._told.append((0, sentence) if line is None else (line, f"{sentence} (line {line})"))

    def of(self, read: Callable[[], T], *place: str | int) -> T | None:
        """Return the value read at a place; None, and a fault noted, if that raises ParameterError."""
        try:
            return read()
        except ParameterError as error:
            self.note(str(error), *place)
            return None

    def any_at(self, *place: str | int) -> bool:
        """Return whether a fault was noted at a place, or inside it."""
        return any(known[: len(place)] == place for known in self._places)

    def refuse(self) -> None:
        """Raise a ParameterError with a line for each fault, if there is any."""
        if self._told:
            raise ParameterError("\n".join(self))


def lines_of(text: str) -> dict[Place, int]:
    r"""Return the line, from 1, of every table and key that a text in TOML has on a line of its own.

    Parameters
    ----------
    text : str
        TOML that can be parsed.

    Examples
    --------
    >>> lines_of('a = 1\n[[b]]\n[[b]]\nc.d = [\n"x"]')
    {('a',): 1, ('b',): 2, ('b', 0): 2, ('b', 1): 3, ('b', 1, 'c', 'd'): 4}
    """
    lines: dict[Place, int] = {}
    counts: dict[Place, int] = {}
    table: Place = ()
    is_inside = False  # of a text of several lines
    for number, line in enumerate(text.split("\n"), 1):
        if not is_inside:
            if (head := _TABLE.fullmatch(line)) is not None:
                table = _within(_names(head[2]), counts)
                if head[1] == "[[":
                    lines.setdefault(table, number)
                    counts[table] = counts.get(table, 0) + 1
                    table = (*table, counts[table] - 1)
                lines.setdefault(table, number)
            elif (value := _VALUE.match(line)) is not None:
                lines.setdefault((*table, *_names(value[1])), number)
        is_inside ^= len(_LONG_TEXT.findall(line)) % 2 == 1
    return lines


def _names(keys: str) -> tuple[str, ...]:
    return tuple(key.strip("\"'") for key in re.findall(_KEY, keys))


def _within(names: tuple[str, ...], counts: Mapping[Place, int]) -> Place:
    """Return the place of a table: a table inside a list of tables is inside the last one so far."""
    place: Place = ()
    for position, name in enumerate(names):
        place = (*place, name)
        if place in counts and position < len(names) - 1:
            place = (*place, counts[place] - 1)
    return place
