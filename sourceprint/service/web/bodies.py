"""JSON bodies: unknown fields are refused, and so are numbers and truth values in another guise."""

from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Strict

__all__ = ["Body", "Moment", "Truth", "Whole"]

Truth = Annotated[bool, Strict()]
"""A truth value, not a word for one."""

Whole = Annotated[int, Strict()]
"""A whole number, not a text or truth value."""


def _text(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("must be a text, as in 2026-12-31T00:00:00Z")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_text)]
"""A moment with its time zone, as RFC 3339 writes it."""


class Body(BaseModel):
    """A JSON body of a request."""

    model_config = ConfigDict(extra="forbid")
