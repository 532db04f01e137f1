"""JSON bodies: unknown fields are refused, and so are numbers and truth values in another guise."""

from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, Strict

__all__ = ["Body", "Count", "Moment", "Truth", "whole"]

Truth = Annotated[bool, Strict()]
"""A truth value, not a word for one."""


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def whole(least: int, most: int) -> Any:
    """Return the annotation of a whole number, not a text or truth value; JSON may write it as 24.0."""
    return Annotated[int, Strict(), Field(ge=least, le=most), BeforeValidator(_whole)]


Count: Any = whole(1, 2**31 - 1)
"""How many, at least one."""


def _text(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("must be a text, as in 2026-12-31T00:00:00Z")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_text)]
"""A moment with its time zone, as RFC 3339 writes it."""


class Body(BaseModel):
    """A JSON body of a request."""

    model_config = ConfigDict(extra="forbid")
