"""Fields of forms that several pages have: a last day, a limit."""

from collections.abc import Mapping
from datetime import UTC, datetime

from fingerprint.errors import ParameterError
from sourceprint.royalties.periods import parse_date
from sourceprint.service.console.visitors import field_of

__all__ = ["end_of", "limit"]

_MOST_DIGITS = 10


def end_of(sent: Mapping[str, list[str]], name: str, *, now: datetime) -> datetime | None:
    """Return the moment at which a day begins in UTC, in the future; None where the field is empty.

    Raises
    ------
    ParameterError
        If it is no day, or not in the future.
    """
    text = field_of(sent, name).strip()
    if not text:
        return None
    end = datetime.combine(parse_date(text, what=name), datetime.min.time(), UTC)
    if end <= now:
        raise ParameterError(f"{name} {text}: is not in the future")
    return end


def limit(sent: Mapping[str, list[str]], name: str) -> int | None:
    """Return a whole number; None where the field is empty.

    Raises
    ------
    ParameterError
        If it is no whole number.
    """
    text = field_of(sent, name).strip()
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > _MOST_DIGITS:
        raise ParameterError(f"{name} {text!r:.40}: write a whole number, or leave it empty")
    return int(text)
