"""Shapes of texts in requests: each checked here, with a message in words, and described in OpenAPI as a pattern.

A text that fits its pattern is refused only where a pattern cannot say more, as with a day that no calendar has. Such
shapes have a `format` besides.
"""

import re
from collections.abc import Callable, Iterable
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from fingerprint.errors import ParameterError
from index.storage.tags import normalised_tags
from sourceprint.royalties.periods import Period, parse_date
from sourceprint.royalties.territories import COUNTRIES, WORLDWIDE

__all__ = [
    "Country",
    "Currency",
    "Day",
    "ExcludedRange",
    "FilterWord",
    "Isrc",
    "Line",
    "PeriodText",
    "PolicyName",
    "TagText",
    "Words",
    "one_of",
    "shape",
]

_YEAR = "(?!0000)[0-9]{4}"
_MONTH = "(?:0[1-9]|1[0-2])"
_DAY = f"{_YEAR}-{_MONTH}-(?:0[1-9]|[12][0-9]|3[01])"
_TIME = "(?:[0-9]{1,4}:[0-5][0-9]:[0-5][0-9]|[0-9]{1,4}:[0-5][0-9]|[0-9]{1,7})(?:\\.[0-9]{1,3})?"
_WORD = r"[^\s|,\x00-\x1f\x7f-\x9f](?:[^\t-\r|,\x00-\x1f\x7f-\x9f]{0,62}[^\s|,\x00-\x1f\x7f-\x9f])?"


def shape(pattern: str, words: str, *, check: Callable[[str], object] | None = None, format_: str = "") -> Any:
    """Return the annotation of a text that has a shape.

    Parameters
    ----------
    pattern : str
        Regular expression, in the syntax that Python and ECMA 262 share.
    words : str
        The shape in words, for the message: "must be ...".
    check : callable, optional
        Raises ParameterError for a text that fits the pattern and is none all the same.
    format_ : str
        Name of the shape in OpenAPI, where there is such a check.
    """
    fitting = re.compile(pattern)

    def checked(value: str) -> str:
        if not fitting.fullmatch(value):
            raise ValueError(f"{value!r:.80}: must be {words}")
        if check is not None:
            try:
                check(value)
            except ParameterError as error:
                raise ValueError(str(error)) from None
        return value

    described: dict[str, Any] = {"pattern": pattern} | ({"format": format_} if format_ else {})
    return Annotated[str, AfterValidator(checked), Field(json_schema_extra=described)]


def one_of(words: Iterable[str]) -> Any:
    """Return the annotation of a text that is one of some words."""
    known = sorted(words)
    return shape(f"^(?:{'|'.join(map(re.escape, known))})$", f"one of {', '.join(known)}")


Line = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]*$")]
"""A text of one line."""

Words: Any = shape(
    r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
    "words on one line, without control characters",
)
"""A text of one line that is not blank."""

Country: Any = shape(f"^(?:{'|'.join(sorted(COUNTRIES))}|{WORLDWIDE})$", f"a country code, as DE, or {WORLDWIDE}")
"""A territory."""

Currency: Any = shape("^[A-Z]{3}$", "a currency code of ISO 4217, as EUR")
"""A currency code."""

Day: Any = shape(f"^{_DAY}$", "a day, as 2026-07-14", check=parse_date, format_="date")
"""A day of the calendar."""

Isrc: Any = shape("^[A-Z]{2}-?[A-Z0-9]{3}-?[0-9]{2}-?[0-9]{5}$", "an ISRC, as US-RC1-76-07839")
"""An ISRC, with its hyphens or without."""

PolicyName: Any = shape("^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$", "a name of up to 64 letters, digits, _ and -")
"""Name of a policy, which is the name of its file."""

PeriodText: Any = shape(
    f"^(?:{_YEAR}(?:-Q[1-4]|-W(?:0[1-9]|[1-4][0-9]|5[0-3])|-{_MONTH})?|{_DAY}(?:--{_DAY})?)$",
    "a period, as 2026, 2026-Q3, 2026-07, 2026-W31, 2026-07-14 or 2026-07-01--2026-07-14",
    check=Period.parse,
    format_="reporting-period",
)
"""A reporting period."""

TagText: Any = shape(
    f"^{_WORD}$",
    "a tag of 1 to 64 characters, without | , and control characters, without space at its ends",
    check=lambda text: normalised_tags([text]),
    format_="recording-tag",
)
"""A tag of recordings."""


def _check_word(word: str) -> None:
    if word.startswith("tag:"):
        normalised_tags([word.removeprefix("tag:")])


FilterWord: Any = shape(
    rf"^(?:id:[^\x00]+|tag:{_WORD})$",
    "id:ID or tag:TAG; a filter of the service names no file",
    check=_check_word,
    format_="recording-filter",
)
"""A word of a filter of recordings."""

ExcludedRange: Any = shape(
    f"^{_TIME}-{_TIME}$",
    "START-END, each in seconds, m:ss or h:mm:ss, as 1:00-1:20",
)
"""A part of a recording that never counts."""
