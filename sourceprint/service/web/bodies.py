"""JSON bodies: unknown fields are refused, and so are numbers and truth values in another guise."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Strict

__all__ = ["Body", "Truth", "Whole"]

Truth = Annotated[bool, Strict()]
"""A truth value, not a word for one."""

Whole = Annotated[int, Strict()]
"""A whole number, not a text or truth value."""


class Body(BaseModel):
    """A JSON body of a request."""

    model_config = ConfigDict(extra="forbid")
