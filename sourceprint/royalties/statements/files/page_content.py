"""Compare a page with the one of its statement where another version of the program wrote it: by content, not bytes.

A later version may word a page otherwise, and add columns and remarks. All of an earlier one must be there:

* tables in the same order, with the same rows; each cell begins alike, and has nothing that the later one lacks;
  columns may be missing, from all rows of a table alike;
* facts (`<dd>`) and the text of pictures, in the same order;
* outside of these, headings and sentences may differ, but no word with a digit may be new.

So a figure, a name or a row that was altered, added or taken out is found. A sentence without figures is not compared:
the checksums and the signature cover it.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import combinations

from fingerprint.errors import printable
from sourceprint.royalties.deals.volumes import numbered_usages

__all__ = ["difference", "writer_of"]

_WRITER = re.compile(r'<dd id="program">Sourceprint ([^<]{1,60})</dd>')
_EARLIER_WORDS = {"by nobody: it proves no author": "Not signed: this statement does not show who issued it."}
_EARLIER_COUNT = re.compile(r"\b([0-9]+) usages after ([0-9]+)\b")  # with tiers: now by their numbers in the count
_VOID = frozenset({"br", "meta", "link", "path", "rect", "img", "hr", "input"})

Cell = tuple[str, ...]
"""The pieces of text in a cell."""


def writer_of(page: str) -> str:
    """Return the version of the program that says that it wrote a page; "" where none does."""
    found = _WRITER.search(page)
    return found[1] if found else ""


def difference(page: str, wanted: str) -> str:
    """Return the first thing in a page that the page of the statement does not have, in words; "" where there is none.

    Parameters
    ----------
    page : str
        As an earlier version wrote it.
    wanted : str
        As this version writes it.
    """
    ours, theirs = _content(wanted), _content(page)
    if len(ours.tables) != len(theirs.tables):
        return f"has {len(theirs.tables)} tables, the page of the statement has {len(ours.tables)}"
    for number, (one, other) in enumerate(zip(ours.tables, theirs.tables, strict=True), start=1):
        if words := _of_table(one, other):
            return f"table {number}, {words}"
    for what, one_list, other_list in (
        ("facts", ours.facts, theirs.facts),
        ("picture", ours.pictures, theirs.pictures),
    ):
        if (extra := _first_extra(other_list, one_list)) is not None:
            return f"{what}: {_shown(extra)} is not in the page of the statement"
    figures = Counter(word for word in ours.words if _has_digit(word))
    figures.subtract(word for word in theirs.words if _has_digit(word))
    extra = next((word for word in theirs.words if figures[word] < 0), None)
    return "" if extra is None else f"text: {_shown(extra)} is not in the page of the statement"


def _of_table(ours: list[list[Cell]], theirs: list[list[Cell]]) -> str:
    if len(ours) != len(theirs):
        return f"has {len(theirs)} rows, the page of the statement has {len(ours)}"
    by_width: dict[int, list[int]] = {}  # rows that span columns are alike among themselves
    for at, row in enumerate(ours):
        by_width.setdefault(len(row), []).append(at)
    for width, rows in sorted(by_width.items()):
        found = len(theirs[rows[0]])
        if odd := [at for at in rows if len(theirs[at]) != found or found > width]:
            return f"row {odd[0] + 1}: has {len(theirs[odd[0]])} cells, the page of the statement has {width}"
        pairs = [(at + 1, ours[at], theirs[at]) for at in rows if at]  # the first are the headings, which are words
        words = [_rows_differ(pairs, left_out) for left_out in combinations(range(width), width - found)]
        if all(words):
            return words[0]
    return ""


def _rows_differ(pairs: Sequence[tuple[int, list[Cell], list[Cell]]], left_out: tuple[int, ...]) -> str:
    for number, row, other in pairs:
        kept = [cell for at, cell in enumerate(row) if at not in left_out]
        for cell, found in zip(kept, other, strict=True):
            if found[:1] != cell[:1] or _first_extra(found, cell) is not None:
                return f"row {number}: is {_shown(' '.join(found))}, the statement has {_shown(' '.join(cell))}"
    return ""


def _first_extra(found: Sequence[str], wanted: Sequence[str]) -> str | None:
    """Return the first of some texts that is not among others, which come in the same order; None where all are."""
    rest = iter(wanted)
    return next((one for one in found if one not in rest), None)


def _present_words(text: str) -> str:
    """Return a fact or cell of an earlier version as this version words it.

    Examples
    --------
    >>> _present_words("500 usages after 700 in 2026-07-01 to 2026-09-30")
    'usages 701 to 1200 in 2026-07-01 to 2026-09-30'
    """
    text = _EARLIER_COUNT.sub(lambda found: numbered_usages(int(found[2]), int(found[1])), text)
    return _EARLIER_WORDS.get(text, text)


def _has_digit(word: str) -> bool:
    return any(letter.isdigit() for letter in word)


def _shown(text: str) -> str:
    return f"{printable(text)!r:.80}"


@dataclass(slots=True)
class _Content:
    """The content of a page: tables as rows of cells, facts, texts of pictures, and the words of all else."""

    tables: list[list[list[Cell]]] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)


class _Reader(HTMLParser):
    """Gathers the content; tables may be inside cells of others, and are tables of their own."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.content = _Content()
        self._open: list[str] = []
        self._rows: list[list[list[list[str]]]] = []  # of the tables that are open
        self._numbers: list[int] = []  # theirs
        self._is_program = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _VOID:
            return
        self._open.append(tag)
        self._is_program = tag == "dd" and ("id", "program") in attrs
        if tag == "table":
            self._rows.append([])
            self._numbers.append(len(self.content.tables))
            self.content.tables.append([])
        elif tag == "tr" and self._rows:
            self._rows[-1].append([])
        elif tag in ("td", "th") and self._rows and self._rows[-1]:
            self._rows[-1][-1].append([])

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Pass over an element without content."""

    def handle_endtag(self, tag: str) -> None:
        if tag not in self._open:
            return
        while self._open.pop() != tag:
            pass
        if tag == "table" and self._rows:
            rows = self._rows.pop()
            self.content.tables[self._numbers.pop()] = [[tuple(cell) for cell in row] for row in rows]

    def handle_data(self, data: str) -> None:
        text = _present_words(" ".join(data.split()))
        if not text or "style" in self._open or self._is_program:
            return
        place = next((one for one in reversed(self._open) if one in ("svg", "td", "th", "dd", "table")), "")
        if place in ("td", "th") and self._rows and self._rows[-1] and self._rows[-1][-1]:
            self._rows[-1][-1][-1].append(text)
        elif place == "svg":
            self.content.pictures.append(text)
        elif place == "dd":
            self.content.facts.append(text)
        else:
            self.content.words += text.split()


def _content(page: str) -> _Content:
    reader = _Reader()
    reader.feed(page)
    reader.close()
    return reader.content
