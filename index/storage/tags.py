"""Tags and excluded ranges of recordings, in the one form that is stored.

A *tag* is a short text that means something to the owner and nothing to the index: a licence, a territory, a label.

An *excluded range* is a part of a recording that never counts, because it is not the owner's: a sample of somebody
else's record, an introduction in the public domain. Ranges are whole milliseconds of the recording, from the first
that is excluded to the first that is not. People write them as `0:00-0:12.5|75-80.25`: seconds, minutes and seconds, or
hours, minutes and seconds.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence

from fingerprint.errors import ParameterError

__all__ = [
    "MOST_MS",
    "Ranges",
    "normalised_ranges",
    "normalised_tags",
    "outside",
    "parse_ranges",
    "parse_tags",
    "ranges_text",
    "stored_tags_fault",
]

Ranges = tuple[tuple[int, int], ...]

MOST_MS = 1 << 40
"""Longest length of a recording, and latest end of a range: 34 years."""

_MAX_TAG = 64  # characters
_TIME = re.compile(r"(?:(?:(\d{1,4}):(?=\d\d:))?(\d{1,4}):(?=\d\d(?!\d)))?(\d{1,7})(?:\.(\d{1,3}))?", re.ASCII)


def normalised_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Return tags sorted, each once, in composed characters.

    Raises
    ------
    ParameterError
        If one is no text of 1 to 64 printable characters, holds `|` or `,`, or starts or ends with a space.

    Examples
    --------
    >>> normalised_tags(["sync", "label-7", "sync"])
    ('label-7', 'sync')
    """
    if isinstance(tags, str):
        raise ParameterError(f"tags {tags!r:.80}: must be a sequence of texts")
    return tuple(sorted({_checked_tag(tag) for tag in tags}))


def parse_tags(text: str) -> tuple[str, ...]:
    """Return the tags of a cell, `a|b`; errors as `normalised_tags`.

    Examples
    --------
    >>> parse_tags("sync | label-7")
    ('label-7', 'sync')
    """
    return normalised_tags(tag.strip() for tag in text.split("|") if tag.strip())


def normalised_ranges(ranges: Iterable[Sequence[int]], duration_ms: int = 0) -> Ranges:
    """Return ranges in order, those that touch or overlap as one, none beyond the end of the recording.

    Parameters
    ----------
    ranges : iterable of (int, int)
        Start and end, in milliseconds.
    duration_ms : int
        Length of the recording; 0 if it is not known.

    Raises
    ------
    ParameterError
        If one is no pair of whole numbers from 0 to `MOST_MS`, does not end after it starts, or starts after the
        recording ended.

    Examples
    --------
    >>> normalised_ranges([(75_000, 80_250), (0, 9_000), (8_000, 12_500)], 78_000)
    ((0, 12500), (75000, 78000))
    """
    merged: list[tuple[int, int]] = []
    for start, end in sorted(_checked_range(pair, duration_ms) for pair in ranges):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return tuple(merged)


def parse_ranges(text: str) -> Ranges:
    """Return the ranges that a text names, separated by `|`.

    Raises
    ------
    ParameterError
        If it is no such text; says which part is wrong.

    Examples
    --------
    >>> parse_ranges("0:00-0:12.5|75-80.25|1:00:00-1:00:01")
    ((0, 12500), (75000, 80250), (3600000, 3601000))
    """
    return normalised_ranges(_parsed_range(part.strip()) for part in text.split("|") if part.strip())


def ranges_text(ranges: Ranges) -> str:
    """Return ranges as `parse_ranges` reads them.

    Examples
    --------
    >>> ranges_text(((0, 12_500), (75_000, 80_250)))
    '0:00-0:12.5|1:15-1:20.25'
    """
    return "|".join(f"{_time_text(start)}-{_time_text(end)}" for start, end in ranges)


def stored_tags_fault(tags: object, excluded: object) -> str:
    """Return the fault of tags and ranges that were read, or ""; as they are used, without making them anew.

    Examples
    --------
    >>> stored_tags_fault(["sync"], [[0, 9_000]]), stored_tags_fault(["sync"], [[9_000, 0]])
    ('', 'excluded ranges')
    """
    if not isinstance(tags, list) or not all(type(tag) is str for tag in tags):
        return "tags"
    if not isinstance(excluded, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in excluded):
        return "excluded ranges"
    is_sound = all(type(a) is int and type(b) is int and 0 <= a < b <= MOST_MS for a, b in excluded)
    return "" if is_sound else "excluded ranges"


def outside(start_seconds: float, end_seconds: float, ranges: Ranges) -> list[tuple[float, float]]:
    """Return the parts of a span of time that lie in no range, in order.

    Examples
    --------
    >>> outside(1.0, 9.0, ((0, 2_000), (4_000, 5_000)))
    [(2.0, 4.0), (5.0, 9.0)]
    """
    parts = []
    for range_start, range_end in ranges:
        if start_seconds < min(end_seconds, range_start / 1000):
            parts.append((start_seconds, min(end_seconds, range_start / 1000)))
        start_seconds = max(start_seconds, range_end / 1000)
    if start_seconds < end_seconds:
        parts.append((start_seconds, end_seconds))
    return parts


def _checked_tag(tag: str) -> str:
    fits = isinstance(tag, str) and 1 <= len(tag) <= _MAX_TAG and tag.isprintable() and tag == tag.strip()
    if not fits or set(tag) & set("|,"):
        raise ParameterError(
            f"tag {tag!r:.80}: must be 1 to {_MAX_TAG} printable characters without | and , and no space at its ends"
        )
    return unicodedata.normalize("NFC", tag)


def _checked_range(pair: Sequence[int], duration_ms: int) -> tuple[int, int]:
    sound = isinstance(pair, Sequence) and len(pair) == 2 and all(type(part) is int and part >= 0 for part in pair)
    if not sound:
        raise ParameterError(f"excluded range {pair!r:.80}: must be start and end in whole milliseconds from 0")
    start, end = pair
    if max(start, end) > MOST_MS:
        raise ParameterError(f"excluded range {pair!r:.80}: must end by {MOST_MS} ms")
    name = ranges_text(((start, end),))
    if end <= start:
        raise ParameterError(f"excluded range {name}: must end after it starts")
    if 0 < duration_ms <= start:
        raise ParameterError(
            f"excluded range {name}: starts after the recording has ended, at {_time_text(duration_ms)}; "
            "give times within it"
        )
    return start, min(end, duration_ms) if duration_ms > 0 else end


def _parsed_range(text: str) -> tuple[int, int]:
    times = [_TIME.fullmatch(part.strip()) for part in text.split("-")]
    if len(times) != 2 or times[0] is None or times[1] is None:
        raise ParameterError(
            f"excluded range {text!r:.80}: must be START-END, each in seconds, m:ss or h:mm:ss, as in 75-80.25 or "
            "0:00-0:12.5"
        )
    start, end = (_ms(time) for time in times if time is not None)
    if end <= start:
        raise ParameterError(f"excluded range {text!r:.80}: must end after it starts")
    return start, end


def _ms(time: re.Match[str]) -> int:
    hours, minutes, seconds, fraction = time.groups()
    for unit, value, of in (("minutes", minutes, hours), ("seconds", seconds, minutes)):
        if of is not None and int(value) >= 60:
            raise ParameterError(f"time {time.group()!r}: has {value} {unit}, at most 59 are possible")
    whole = (int(hours or 0) * 60 + int(minutes or 0)) * 60 + int(seconds)
    return whole * 1000 + int((fraction or "").ljust(3, "0"))


def _time_text(ms: int) -> str:
    minutes, rest = divmod(ms, 60_000)
    hours, minutes = divmod(minutes, 60)
    start = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    fraction = f".{rest % 1000:03d}".rstrip("0").rstrip(".")
    return f"{start}:{rest // 1000:02d}{fraction}"
