"""Reporting periods, as DDEX writes them: 2026, 2026-Q3, 2026-07, 2026-W31, 2026-07-14, 2026-07-01--2026-07-14."""

import calendar
import re
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from fingerprint.errors import ParameterError

__all__ = ["Period", "months_after", "parse_date"]


def parse_date(text: str, *, what: str = "date") -> date:
    """Return a calendar date written as YYYY-MM-DD.

    Raises
    ------
    ParameterError
        If it is written otherwise, or there is no such day.
    """
    stripped = text.strip()
    try:
        return _day(stripped)
    except ValueError as error:
        raise ParameterError(f"{what} {stripped!r:.40}: {error}") from error


@lru_cache(maxsize=1_024)  # thousands of tracks were generated on the same few days
def _day(text: str) -> date:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError("write YYYY-MM-DD, such as 2026-07-14")
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ValueError("there is no such day") from error


def months_after(day: str, months: int) -> date:
    """Return the same day some months later (YYYY-MM-DD), or the last day of a month that is too short.

    Examples
    --------
    >>> str(months_after("2026-08-31", 6))
    '2027-02-28'
    """
    start = date.fromisoformat(day)
    year, month = divmod(12 * start.year + start.month - 1 + months, 12)
    if year > date.max.year:
        return date.max
    return date(year, month + 1, min(start.day, calendar.monthrange(year, month + 1)[1]))


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """Consecutive days, both ends included.

    Attributes
    ----------
    start, end : date
        First and last day.
    label : str
        As written, in capitals.
    """

    start: date
    end: date
    label: str

    @classmethod
    def parse(cls, text: str) -> "Period":
        """Return the period that a label names.

        Raises
        ------
        ParameterError
            If the label has none of the forms, or the end lies before the start.

        Examples
        --------
        >>> period = Period.parse("2026-Q3")
        >>> str(period.start), str(period.end)
        ('2026-07-01', '2026-09-30')
        """
        label = text.strip().upper()
        try:
            start, end = _ends(label)
        except ValueError as error:
            raise ParameterError(
                f"period {text.strip()!r:.40}: write a year, a quarter, a month, a week, a day or two of them, as in "
                "2026, 2026-Q3, 2026-07, 2026-W31, 2026-07-14, 2026-07-01--2026-07-14"
            ) from error
        if end < start:
            raise ParameterError(f"period {label}: ends before it starts; put the earlier day first")
        return cls(start, end, label)

    def __contains__(self, day: date) -> bool:
        """Return whether a day lies in the period."""
        return self.start <= day <= self.end

    def __str__(self) -> str:
        """Return the label."""
        return self.label


def _ends(label: str) -> tuple[date, date]:
    first, separator, last = label.partition("--")
    if separator:
        return date.fromisoformat(first), date.fromisoformat(last)
    if re.fullmatch(r"[0-9]{4}", label):
        return date(int(label), 1, 1), date(int(label), 12, 31)
    if matched := re.fullmatch(r"([0-9]{4})-Q([1-4])", label):
        year, quarter = int(matched[1]), int(matched[2])
        return date(year, 3 * quarter - 2, 1), date(year, 3 * quarter, calendar.monthrange(year, 3 * quarter)[1])
    if matched := re.fullmatch(r"([0-9]{4})-([0-9]{2})", label):
        year, month = int(matched[1]), int(matched[2])
        return date(year, month, 1), date(year, month, calendar.monthrange(year, month)[1])
    if matched := re.fullmatch(r"([0-9]{4})-W([0-9]{2})", label):
        year, week = int(matched[1]), int(matched[2])
        return date.fromisocalendar(year, week, 1), date.fromisocalendar(year, week, 7)
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", label):
        return date.fromisoformat(label), date.fromisoformat(label)
    raise ValueError(label)
