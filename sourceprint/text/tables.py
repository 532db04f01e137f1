"""Tables, counts, times, sizes and confidences as text, each written one way everywhere."""

import itertools
import textwrap
import unicodedata
from collections.abc import Iterable, Sequence
from decimal import ROUND_FLOOR, Decimal

from fingerprint.errors import printable

__all__ = [
    "clock",
    "columns",
    "confidence_text",
    "counted",
    "exact_clock",
    "grouped",
    "listed",
    "shortened",
    "size_text",
    "table",
    "wrapped",
]

_MOST_LISTED = 10
_LONGEST_LISTED = 60
_NAME_WIDTH = 49  # the token of a blind index is not cut: only whole can it be revealed
_LONGEST_LINE = 110  # of text: longer ones are hard to read


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of cells as lines with aligned columns, two spaces between them.

    Examples
    --------
    >>> print(table([("id", "length"), ("a", "0:01.0")]))
    id  length
    a   0:01.0
    """
    widths = [max(columns(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell + " " * (width - columns(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def counted(n: int, noun: str, *, groups: bool = False) -> str:
    """Return a number and its noun; with `groups`, the number as `grouped` writes it.

    Examples
    --------
    >>> counted(1, "recording"), counted(0, "recording"), counted(2, "match"), counted(2, "entry"), counted(2, "day")
    ('1 recording', '0 recordings', '2 matches', '2 entries', '2 days')
    >>> counted(12000, "file", groups=True)
    '12 000 files'
    """
    number = grouped(n) if groups else str(n)
    if n != 1 and noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{number} {noun[:-1]}ies"
    return f"{number} {noun}{'' if n == 1 else 'es' if noun.endswith('ch') else 's'}"


def grouped(n: int) -> str:
    """Return a whole number in groups of three digits.

    Examples
    --------
    >>> grouped(1234567)
    '1 234 567'
    """
    return f"{n:,}".replace(",", " ")


def first_of(texts: Sequence[str], most: int) -> str:
    """Return the first of some texts, as part of a sentence, and how many more there are.

    Examples
    --------
    >>> first_of(["a", "b", "c"], 2), first_of(["a"], 2)
    ('a, b and 1 more', 'a')
    """
    shown = ", ".join(texts[:most])
    return f"{shown} and {len(texts) - most} more" if len(texts) > most else shown


def listed(names: Iterable[str], *, most: int = _MOST_LISTED, quoted: bool = False) -> str:
    """Return a user's words as part of a sentence: the first names, each cut to 60 characters, and how many more.

    Parameters
    ----------
    names : iterable of str
        From outside; those without a character to be seen are counted only.
    most : int
        Names that are shown.
    quoted : bool
        Whether in quotation marks.

    Examples
    --------
    >>> listed(["Title", "", " ", "ISRC"]), listed([]), listed(map(str, range(12)), most=2)
    ('Title, ISRC and 2 empty', 'none', '0, 1 and 10 more')
    """
    given = [printable(name).strip() for name in names]
    seen = [name for name in given if name]
    shown = [f"{name!r:.{_LONGEST_LISTED}}" if quoted else f"{name:.{_LONGEST_LISTED}}" for name in seen[:most]]
    n_more, n_empty = len(seen) - len(shown), len(given) - len(seen)
    rest = [text for n, text in ((n_more, f"{n_more} more"), (n_empty, f"{n_empty} empty")) if n]
    return " and ".join([part for part in (", ".join(shown), *rest) if part]) or "none"


def clock(seconds: float) -> str:
    """Return a time as minutes and seconds, or hours.

    Examples
    --------
    >>> clock(61.25), clock(59.96), clock(3600)
    ('1:01.2', '1:00.0', '1:00:00.0')
    """
    tenths = round(seconds * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    start = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{start}:{rest // 10:02d}.{rest % 10}"


def exact_clock(milliseconds: int) -> str:
    """Return a time as minutes, seconds and milliseconds, as money is stated by.

    Examples
    --------
    >>> exact_clock(200_000), exact_clock(3_600_007)
    ('3:20.000', '60:00.007')
    """
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes}:{rest // 1000:02d}.{rest % 1000:03d}"


def size_text(n_bytes: float) -> str:
    """Return a size in decimal units.

    Examples
    --------
    >>> size_text(512), size_text(2_345_678)
    ('512 B', '2.3 MB')
    """
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= factor:
            return f"{n_bytes / factor:.1f} {unit}"
    return f"{n_bytes:.0f} B"


def confidence_text(confidence: float) -> str:
    """Return a confidence as results state it, with eight decimals at most, never rounded up.

    Examples
    --------
    >>> confidence_text(0.99999999), confidence_text(0.9999), confidence_text(0.9999999999)
    ('0.99999999', '0.9999', '0.99999999')
    """
    exact = Decimal(repr(float(confidence))).quantize(Decimal("0.00000001"), ROUND_FLOOR)
    return repr(float(exact))


def columns(text: str) -> int:
    """Return the columns a terminal uses: two for wide characters, none for marks that combine.

    Examples
    --------
    >>> columns("e\u0301"), columns("\u97f3")
    (1, 2)
    """
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def shortened(text: str, width: int = _NAME_WIDTH) -> str:
    """Return a name, cut where it would push a line off the screen; wide characters count for two.

    Examples
    --------
    >>> shortened("x" * 50), shortened("\u97f3" * 25) == "\u97f3" * 23 + "..."
    ('xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...', True)
    """
    most = min(width, _NAME_WIDTH)
    if columns(text) <= most:
        return text
    reached = itertools.accumulate(map(columns, text))
    return text[: sum(n_columns <= most - 3 for n_columns in reached)] + "..."


def wrapped(start: str, text: str, width: int) -> list[str]:
    """Return text after `start`, wrapped into lines that begin below its end; none is longer than 110."""
    wrapper = textwrap.TextWrapper(min(width, _LONGEST_LINE), start, " " * len(start))
    wrapper.break_long_words = wrapper.break_on_hyphens = False
    return wrapper.wrap(text)
