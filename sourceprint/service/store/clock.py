"""The time as the service takes it: one function that tests replace, one form of text that sorts."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias

__all__ = ["Clock", "system_clock", "time_text"]

Clock: TypeAlias = Callable[[], datetime]
"""Returns the present, with a time zone."""


def system_clock() -> datetime:
    """Return the present in UTC."""
    return datetime.now(UTC)


def time_text(moment: datetime) -> str:
    """Return a moment in UTC to the millisecond; texts sort as the moments do.

    Examples
    --------
    >>> time_text(datetime(2026, 12, 2, 10, 0, 0, 999_999, tzinfo=UTC))
    '2026-12-02T10:00:00.999Z'
    """
    try:
        utc = moment.astimezone(UTC)
    except OverflowError:  # the first or last day of all, in a zone that is ahead or behind
        utc = moment.replace(tzinfo=UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"
